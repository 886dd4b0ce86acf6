"""PURE. Inputs that clients may give as images: what a user says of them, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, NoReturn

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.manifest import Signature, Tensor

MAX_SIDE: Final = 8192  # pixels of the prepared image
CHANNELS: Final = (1, 3)
# Where a pixel's number has a meaning: no bool, no string, no complex number.
DTYPES: Final = (
    *("float16", "bfloat16", "float32", "float64"),
    *("uint8", "int8", "uint16", "int16", "int32", "int64"),
)


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """``(pixel - mean) · scale / std``, for pixels from 0 to 255, of [height, width, channels].

    ``channels`` is 1 (grey) or 3 (red, green, blue). ``mean`` and ``std`` have one number a
    channel; ``mean`` is in pixels, ``std`` in what ``scale`` made of them.
    """

    height: int
    width: int
    channels: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one prepared image."""
        return self.height, self.width, self.channels

    @property
    def factor(self) -> tuple[float, ...]:
        """What ``pixel - mean`` is multiplied by, a channel."""
        return tuple(self.scale / std for std in self.std)

    @classmethod
    def read(cls, name: str, record: Mapping[str, Any]) -> ImageSpec:
        """``{height, width, channels, scale?, mean?, std?}`` of the input ``name``.

        ``mean`` and ``std`` may be one number for all channels, or a list of it. FreezeError
        (INVALID_REQUEST) says which field is wrong.
        """
        known = [field.name for field in fields(cls)]
        for field in record:
            if field not in known:
                _refuse(name, f"has no field {field!r}; it has {', '.join(known)}")
        height, width = (_side(name, record, field) for field in ("height", "width"))
        channels = record.get("channels")
        if type(channels) is not int or channels not in CHANNELS:
            _refuse(name, f"channels must be 1 (grey) or 3 (RGB), not {channels!r}")
        (scale,) = _numbers(name, record, "scale", 1, 1.0)
        mean = _numbers(name, record, "mean", channels, 0.0)
        std = _numbers(name, record, "std", channels, 1.0)
        if scale == 0 or min(std) <= 0:
            _refuse(name, "scale must not be 0, and std must be larger than 0")
        return cls(height, width, channels, scale, mean, std)


def read(request: FreezeRequest) -> dict[str, ImageSpec]:
    """The request's images by the input's name; FreezeError (INVALID_REQUEST)."""
    return {name: ImageSpec.read(name, record) for name, record in sorted(request.images.items())}


def dtype_of(name: str, spec: ImageSpec, signatures: Mapping[str, Signature]) -> str:
    """The dtype of the input ``name``, the same in each of the signatures that have it.

    FreezeError (INVALID_REQUEST) where none has it, or it cannot hold rows of ``spec``'s images.
    """
    found = [t for s in signatures.values() for t in s.inputs if t.name == name]
    if not found:
        known = sorted({tensor.name for s in signatures.values() for tensor in s.inputs})
        _refuse(name, f"is no input of the model; it has {', '.join(known) or 'none'}")
    for tensor in found:
        _check_fit(tensor, spec)
    dtypes = sorted({tensor.dtype for tensor in found})
    if len(dtypes) > 1:
        _refuse(name, f"is {' here and '.join(dtypes)} there: its signatures need other names")
    return dtypes[0]


def _check_fit(tensor: Tensor, spec: ImageSpec) -> None:
    if tensor.dtype not in DTYPES:
        _refuse(tensor.name, f"is {tensor.dtype} in the model, which cannot hold pixels")
    if tensor.shape is None:
        return
    wanted = (-1, *spec.shape)
    if len(tensor.shape) != 4 or any(
        have not in (-1, want) for have, want in zip(tensor.shape[1:], wanted[1:], strict=True)
    ):
        _refuse(
            tensor.name,
            f"makes rows of {list(spec.shape)}, but the model's input has the shape "
            f"{list(tensor.shape)}: [rows, height, width, channels] is needed, -1 is any size",
        )


def _side(name: str, record: Mapping[str, Any], field: str) -> int:
    value = record.get(field)
    if type(value) is not int or not 1 <= value <= MAX_SIDE:
        _refuse(name, f"{field} must be a whole number from 1 to {MAX_SIDE}, not {value!r}")
    return value


def _numbers(
    name: str, record: Mapping[str, Any], field: str, count: int, default: float
) -> tuple[float, ...]:
    """``count`` numbers: as many were given, or one for all (bare or in a list), or none."""
    value = record.get(field, default)
    given = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(given) == 1:
        given *= count
    finite = all(type(number) in (int, float) and math.isfinite(number) for number in given)
    if not finite or len(given) != count:
        _refuse(name, f"{field} must be a number, or a list of one for each channel, not {value!r}")
    return tuple(map(float, given))


def _refuse(name: str, what: str) -> NoReturn:
    raise FreezeError(Exit.INVALID_REQUEST, f"the image input {name!r}: {what}")
