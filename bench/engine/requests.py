"""PURE. The requests that are sent, as they go over the wire: without end, and no two alike.

What differs is the first number, so that nothing but ``zipf`` and ``again`` can be answered from a
cache; a ``seed`` is the first of these numbers. ``small`` is asked in TensorFlow Serving's JSON,
``image`` in the Open Inference Protocol's binary form.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np
import orjson

from bench.engine.models import SHAPES

IMAGES: Final = 1000  # different ones, in `zipf`
EXPONENT: Final = 1.1
LARGE: Final = 32  # rows
SHARE_OF_LARGE: Final = 0.1
_DRAWN: Final = 4096  # at once
_HALF: Final = 0x3F00_0000  # the bits of 0.5 as float32; each next number is another float


def body_of_rows(model: str, rows: int) -> bytes:
    """A v1 predict body."""
    return orjson.dumps({"instances": _values(model, rows).round(6).tolist()})


def small(rows: int, seed: int) -> Iterator[bytes]:
    """``rows`` rows of the small model, JSON."""
    text = body_of_rows("small", rows)
    rest = text[text.index(b",") :]
    for number in itertools.count(seed):
        body = b'{"instances":[[0.%08d%s' % (number % 10**8, rest)
        yield post("/v1/models/small:predict", body)


def image(rows: int, seed: int) -> Iterator[bytes]:
    """``rows`` images, binary."""
    make = _image_maker(rows)
    return (make(number) for number in itertools.count(seed))


def zipf(seed: int) -> Iterator[bytes]:
    """One of IMAGES images, the nth of them in proportion to n to the power of -EXPONENT."""
    make, draw = _image_maker(1), np.random.default_rng(seed)
    chances = np.arange(1, IMAGES + 1) ** -EXPONENT
    chances /= chances.sum()
    while True:
        yield from map(make, draw.choice(IMAGES, _DRAWN, p=chances).tolist())


def again(seed: int) -> Iterator[bytes]:
    """One image, always the same."""
    return itertools.repeat(_image_maker(1)(seed))


def mix(seed: int) -> Iterator[bytes]:
    """One image, or LARGE images at a SHARE_OF_LARGE."""
    one, many, draw = image(1, seed), image(LARGE, seed), np.random.default_rng(seed)
    while True:
        for large in (draw.random(_DRAWN) < SHARE_OF_LARGE).tolist():
            yield next(many if large else one)


KINDS: Final[Mapping[str, Callable[[int], Iterator[bytes]]]] = {
    "1 row": partial(small, 1),
    "32 rows": partial(small, 32),
    "1 image": partial(image, 1),
    "32 images": partial(image, LARGE),
    "mix": mix,
    "zipf": zipf,
    "again": again,
}


def _values(model: str, rows: int) -> np.ndarray:
    shape = (rows, *SHAPES[model])
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32) / np.float32(255)


def _image_maker(rows: int) -> Callable[[int], bytes]:
    values = _values("image", rows)
    sent = {"name": "x", "shape": values.shape, "datatype": "FP32"}
    document = {
        "inputs": [sent | {"parameters": {"binary_data_size": values.nbytes}}],
        "parameters": {"binary_data_output": True},
    }
    text = orjson.dumps(document)
    length = f"Inference-Header-Content-Length: {len(text)}"
    whole = post("/v2/models/image/infer", text + values.tobytes(), length)
    begin, rest = whole[: -values.nbytes], whole[-values.nbytes + 4 :]
    return lambda number: begin + struct.pack("<I", _HALF + number) + rest


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
