"""``warmup.npz``: one real request per signature, as plain arrays. Needs numpy alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Samples = Mapping[str, Mapping[str, Array]]

# A member is `<signature>/<input>`, both quoted, followed by one of these where npy cannot hold the
# dtype: a string tensor is a joined blob with offsets, since pickle would run code when it is read.
_BLOB, _OFFSETS, _SHAPE, _BFLOAT16 = ":blob", ":offsets", ":shape", ":bfloat16"


def dump(samples: Samples) -> bytes:
    """The npz of ``{signature: {input: array}}``; equal samples are equal bytes.

    Strings are object arrays of ``bytes``.
    """
    members: dict[str, Array] = {}
    for signature in sorted(samples):
        # Keeps a signature without inputs: it is run as well.
        members[f"{quote(signature, safe='')}/"] = np.empty(0, np.uint8)
        for name in sorted(samples[signature]):
            key = f"{quote(signature, safe='')}/{quote(name, safe='')}"
            members.update(_members(key, np.asarray(samples[signature][name])))
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **members)
    return file.getvalue()


def load(data: bytes) -> dict[str, dict[str, Array]]:
    """What ``dump`` wrote. Raises ValueError where ``data`` is no such file."""
    samples: dict[str, dict[str, Array]] = {}
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise ValueError("the warm-up requests are not an npz")
    with np.load(io.BytesIO(data), allow_pickle=False) as members:
        for member in members.files:
            if member.endswith((_OFFSETS, _SHAPE)):
                continue
            key = member.removesuffix(_BLOB).removesuffix(_BFLOAT16)
            signature, _, name = key.partition("/")
            inputs = samples.setdefault(unquote(signature), {})
            if name:
                inputs[unquote(name)] = _array(members, key, member)
    return samples


def _members(key: str, array: Array) -> Iterator[tuple[str, Array]]:
    if array.dtype == object:
        texts = [bytes(text) for text in array.ravel()]
        lengths = [len(text) for text in texts]
        yield key + _BLOB, np.frombuffer(b"".join(texts), np.uint8)
        yield key + _OFFSETS, np.cumsum([0, *lengths], dtype=np.int64)
        yield key + _SHAPE, np.array(array.shape, np.int64)
    elif array.dtype == ml_dtypes.bfloat16:
        yield key + _BFLOAT16, array.view(np.uint16)
    else:
        yield key, array


def _array(members: Mapping[str, Array], key: str, member: str) -> Array:
    array = members[member]
    if member.endswith(_BFLOAT16):
        return array.view(ml_dtypes.bfloat16)
    if not member.endswith(_BLOB):
        return array
    blob, offsets = array.tobytes(), members[key + _OFFSETS].tolist()
    texts = np.empty(len(offsets) - 1, object)
    texts[:] = [blob[start:end] for start, end in pairwise(offsets)]
    return texts.reshape(members[key + _SHAPE].tolist())
