"""The output cache: whole results by everything that shaped them. Knows no clock and no loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from frazil_runtime import texts
from frazil_runtime.lru import ByteLRU

Array = npt.NDArray[Any]

OVERHEAD: Final = 512  # bytes that an entry takes besides its arrays: key, list, array headers
_OBJECT_OVERHEAD: Final = 64  # of one string


class OutputCache:
    """Outputs in fetch order by key. A new epoch drops all; nothing of an older one comes in."""

    def __init__(self) -> None:
        self.on = False
        self.epoch = 0
        self.entries: ByteLRU[list[Array]] = ByteLRU(0)

    def set(self, *, on: bool, epoch: int, max_bytes: int) -> None:
        """Follow a policy."""
        if epoch != self.epoch or not on:
            self.entries.drop_all()
        self.on, self.epoch = on, epoch
        self.entries.resize(max_bytes)

    def get(self, key: bytes) -> list[Array] | None:
        """The outputs, or None."""
        return self.entries.get(key)

    def put(self, key: bytes, outputs: list[Array], epoch: int) -> None:
        """Keep the outputs of a run that began in ``epoch``, unless that is over."""
        if self.on and epoch == self.epoch:
            # A view keeps the whole batch alive that it is of.
            own = [array if array.base is None else _copy(array) for array in outputs]
            self.entries.put(key, own, OVERHEAD + sum(map(size_of, own)))


def scope_of(
    model: str, artifact: str, signature: str, tensors: Iterable[tuple[str, Array]]
) -> bytes:
    """What all requests have in common whose inputs, by name, have these dtypes and shapes.

    Every field is of known length, or says how long it is: different scopes are different texts,
    and none is the beginning of another.
    """
    fields = [model, artifact, signature]
    for name, array in tensors:
        fields += [name, array.dtype.name, str(array.shape)]
    text = "".join([f"{len(field)}:{field}" for field in fields])
    return f"{len(fields)};{text}".encode()


def key_of(scope: bytes, epoch: int, inputs: Sequence[Array]) -> bytes:
    """BLAKE3 over the scope, the epoch, and each input's bytes.

    The scope says how many bytes each input has, but for strings: they say so themselves, after the
    scope has said how many there are.
    """
    hasher = blake3(b"%d;%s" % (epoch, scope))
    for array in inputs:
        if array.dtype.hasobject:
            for some in texts.slices(array):
                hasher.update("".join([f"{len(text)}," for text in some]).encode())
            for some in texts.slices(array):
                hasher.update(b"".join(some))
        else:
            hasher.update(_bytes(array))
    return hasher.digest()


def _bytes(array: Array) -> memoryview:
    if array.flags.c_contiguous and array.size and array.dtype.kind != "V":
        return array.data.cast("B")
    # What is empty cannot be cast, and bfloat16 has no buffer.
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def size_of(array: Array) -> int:
    """Bytes in memory; of strings, with what Python adds to each."""
    if array.dtype.hasobject:
        added = (sum(map(len, some)) + _OBJECT_OVERHEAD * len(some) for some in texts.slices(array))
        return array.nbytes + sum(added)
    return array.nbytes


def _copy(array: Array) -> Array:
    own = array.copy()
    own.flags.writeable = False
    return own
