"""The proof of the preprocessing: generated images, and what each must become, by numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from frazil_runtime.dtypes import BY_NAME
from frazil_runtime.freeze.images import ImageSpec
from frazil_runtime.freeze.verify import difference

Array = npt.NDArray[Any]
Call = Callable[[bytes], Array]

# Of the whole range: float32 places a pixel a little beside where float64 does.
_PRECISION: Final = 1e-5
# What a number of half precision is rounded to, relative to it.
_STEPS: Final = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclass(frozen=True, slots=True)
class Sample:
    """An encoded image, and its row in float64, before it is rounded to the input's dtype."""

    kind: str
    image: bytes
    row: Array
    dtype: np.dtype[Any]
    tolerance: float


def samples(spec: ImageSpec, dtype: str) -> list[Sample]:
    """JPEGs and PNGs of every kind, in sizes beside the target's, the same ones every time."""
    tolerance = 255 * max(map(abs, spec.factor)) * _PRECISION
    return [
        Sample(
            kind, image, _normalised(_resized(pixels, spec), spec), BY_NAME[dtype].numpy, tolerance
        )
        for kind, image, pixels in _encoded(spec)
    ]


def disagreement(call: Call, expected: Sequence[Sample]) -> str | None:
    """The first sample that becomes something else, or not the same twice, in words."""
    for sample in expected:
        first, second = call(sample.image), call(sample.image)
        if different := _difference(sample, first):
            return f"{sample.kind}: {different}"
        if different := difference(first, second, 0):
            return f"{sample.kind}, run twice: {different}"
    return None


def _difference(sample: Sample, row: Array) -> str | None:
    if (row.dtype, row.shape) != (sample.dtype, sample.row.shape):
        return f"{row.dtype}{[*row.shape]} instead of {sample.dtype}{[*sample.row.shape]}"
    expected = sample.row
    allowed = sample.tolerance + np.abs(expected) * _STEPS.get(sample.dtype.name, 0.0)
    if sample.dtype.kind in "iu":
        limits = np.iinfo(sample.dtype)
        expected = np.clip(expected, limits.min, limits.max)
        allowed += 0.5  # what rounding takes; which way it goes in the middle does not matter
    distance = np.abs(row.astype(np.float64) - expected)
    if np.all(distance <= allowed):  # not so where one is NaN
        return None
    return f"values differ by up to {np.max(distance):.3g}"


def _encoded(spec: ImageSpec) -> Iterator[tuple[str, bytes, Array]]:
    """Kind, encoded image, and its pixels as [height, width, spec.channels]."""
    random = np.random.default_rng(0)
    sizes = [(spec.height, spec.width), (1, 1), (7, 13), (61, 40)]
    for height, width in sizes:
        for channels in (1, 2, 3, 4):
            pixels = _picture(random, height, width, channels)
            kind = f"{width}x{height} of {channels} channels"
            image = tf.io.encode_png(pixels).numpy()
            yield f"PNG {kind}", image, tf.io.decode_png(image, spec.channels).numpy()
            if channels in (1, 3):
                image = tf.io.encode_jpeg(pixels, quality=85, progressive=height == 7).numpy()
                yield f"JPEG {kind}", image, _decoded_jpeg(image, spec)
    deep = random.integers(0, 2**16, (5, 6, 1), np.uint16)
    image = tf.io.encode_png(deep).numpy()
    yield "PNG of 16 bits", image, np.repeat(deep >> 8, spec.channels, axis=2).astype(np.uint8)


def _decoded_jpeg(image: bytes, spec: ImageSpec) -> Array:
    decoded: Array = tf.io.decode_jpeg(image, spec.channels, dct_method="INTEGER_ACCURATE").numpy()
    return decoded


def _picture(random: np.random.Generator, height: int, width: int, channels: int) -> Array:
    """Slopes with noise on them: every pixel differs from its neighbours, as in a photograph."""
    rows, columns = np.mgrid[0:height, 0:width]
    slope = 200 * (rows / height + columns / width)[..., np.newaxis] / 2
    noise = random.integers(0, 56, (height, width, channels))
    picture: Array = (slope + noise).astype(np.uint8)
    return picture


def _resized(pixels: Array, spec: ImageSpec) -> Array:
    """Bilinear: a pixel is a point in the middle of its square, and edges go on outwards."""
    wide: Array = pixels.astype(np.float64)
    for axis, size in enumerate((spec.height, spec.width)):
        old = wide.shape[axis]
        at = (np.arange(size) + 0.5) * old / size - 0.5
        low = np.floor(at).astype(int)
        weight = np.expand_dims(at - low, [1, 2] if axis == 0 else [0, 2])
        before, after = (wide.take(np.clip(low + i, 0, old - 1), axis) for i in (0, 1))
        wide = before + (after - before) * weight
    return wide


def _normalised(pixels: Array, spec: ImageSpec) -> Array:
    row: Array = (pixels - np.array(spec.mean)) * spec.scale / np.array(spec.std)
    return row
