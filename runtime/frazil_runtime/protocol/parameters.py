"""The Open Inference Protocol's free-form parameters that mean something here.

Names and units as of Triton's extensions (schedule policy, binary tensors), and MLServer's
``content_type``; any other is ignored, unless it asks for what cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from frazil_runtime.errors import Code, InferenceError, invalid

_SEQUENCE: Final = (
    "sequences are not kept, each request stands alone: send what the model needs of the past as "
    "an input"
)
_SHARED: Final = (
    "no memory is shared with clients: send tensors in the request, best as binary data"
)
_REFUSED: Final = {
    "sequence_id": _SEQUENCE,
    "sequence_start": _SEQUENCE,
    "sequence_end": _SEQUENCE,
    "shared_memory_region": _SHARED,
    "shared_memory_offset": _SHARED,
    "shared_memory_byte_size": _SHARED,
    "classification": "classes are not ranked here: take the scores and rank them yourself",
}
_NAMES: Final[dict[type, str]] = {str: "text", int: "a whole number", bool: "true or false"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Those of a request: ``timeout`` in seconds; ``signature`` is empty for the default one.

    ``content_type`` is of the inputs that have none of their own.
    """

    signature: str = ""
    priority: int = 0
    timeout: float | None = None
    binary: bool = False  # whether outputs that do not say are wanted as binary data
    content_type: str = ""


def read(sent: Mapping[str, Any]) -> Parameters:
    """A request's parameters; null is as good as absent, and so is 0, as in Triton."""
    if not sent:
        return Parameters()
    refuse(sent)
    microseconds = _whole(sent, "timeout")
    return Parameters(
        signature=_of(sent, "signature_name", str, ""),
        priority=_whole(sent, "priority"),
        timeout=microseconds / 1e6 if microseconds else None,
        binary=_of(sent, "binary_data_output", bool, False),
        content_type=content_type(sent),
    )


def content_type(sent: Mapping[str, Any], default: str = "") -> str:
    """Of a request or an input: what its strings stand for, see ``contents``.

    What is no text is ignored, like the content types that are not known here.
    """
    value = sent.get("content_type")
    return value if isinstance(value, str) and value else default


def binary_size(sent: Mapping[str, Any]) -> int | None:
    """Of an input: how many bytes of binary data are its own; None where its data is JSON."""
    refuse(sent)
    return None if sent.get("binary_data_size") is None else _whole(sent, "binary_data_size")


def wants_binary(sent: Mapping[str, Any], default: bool) -> bool:
    """Of an output: whether it is wanted as binary data."""
    refuse(sent)
    return _of(sent, "binary_data", bool, default)


def refuse(sent: Mapping[str, Any]) -> None:
    """UNIMPLEMENTED where a parameter asks for what cannot be had."""
    for name in _REFUSED.keys() & sent.keys():
        if sent[name]:
            raise InferenceError(Code.UNIMPLEMENTED, f'parameter "{name}": {_REFUSED[name]}')


def _whole(sent: Mapping[str, Any], name: str) -> int:
    value = _of(sent, name, int, 0)
    if not 0 <= value < 2**63:
        raise invalid(f'parameter "{name}" must be from 0 to {2**63 - 1}, got {value}')
    return value


def _of(sent: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    value = sent.get(name)
    if value is None:
        return default
    if type(value) is not kind:
        raise invalid(f'parameter "{name}" must be {_NAMES[kind]}')
    return value
