"""The output cache: whole results by everything that shaped them. Knows no clock and no loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from frazil_runtime.lru import ByteLRU
from frazil_runtime.manifest import Signature

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


def key_of(scope: bytes, epoch: int, signature: Signature, inputs: Sequence[Array]) -> bytes:
    """BLAKE3 over the model (``scope``), the epoch, and each input's name, dtype, shape and bytes.

    Every field is of known length, or says how long it is: different requests hash different
    texts.
    """
    hasher = blake3(b"%d:%s%d;" % (len(scope), scope, epoch))
    for tensor, array in zip(signature.inputs, inputs, strict=True):
        head = f"{len(tensor.name)}:{tensor.name}{tensor.dtype};{array.shape};"
        hasher.update(head.encode())
        if array.dtype == object:
            texts = array.ravel().tolist()
            hasher.update(",".join([str(len(text)) for text in texts]).encode())
            hasher.update(b";" + b"".join(texts))
        else:
            hasher.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return hasher.digest()


def size_of(array: Array) -> int:
    """Bytes in memory; of strings, with what Python adds to each."""
    if array.dtype == object:
        return array.nbytes + sum(len(text) + _OBJECT_OVERHEAD for text in array.ravel().tolist())
    return array.nbytes


def _copy(array: Array) -> Array:
    own = array.copy()
    own.flags.writeable = False
    return own
