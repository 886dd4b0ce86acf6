"""The smallest sizes that a model accepts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes import published as models

pytestmark = pytest.mark.tensorflow


def _images(directory: Path, function: Callable[..., Any], *kernel: int) -> Path:
    spec = tf.TensorSpec([None, None, None, 3], tf.float32, "x")
    return models.module(directory, function, spec, w=models.weights(*kernel))


def valid_convolution(directory: Path) -> Path:
    return _images(
        directory,
        lambda x, w: {"y": tf.reduce_mean(tf.nn.conv2d(x, w, 1, "VALID"), [1, 2])},
        *(5, 3, 3, 2),
    )


def dilated_convolution(directory: Path) -> Path:
    return _images(
        directory,
        lambda x, w: {"y": tf.nn.conv2d(x, w, 1, "VALID", dilations=2)},
        *(3, 3, 3, 2),
    )


def two_convolutions(directory: Path) -> Path:
    return _images(
        directory,
        lambda x, w: {
            "y": tf.nn.conv2d(tf.nn.conv2d(x, w, 2, "VALID"), w, 1, "VALID"),
        },
        *(3, 3, 3, 3),
    )


def same_convolution(directory: Path) -> Path:
    return _images(directory, lambda x, w: {"y": tf.nn.conv2d(x, w, 1, "SAME")}, *(5, 5, 3, 2))


def pooled(directory: Path) -> Path:
    return _images(
        directory, lambda x, w: {"y": tf.nn.max_pool2d(x, 4, 4, "VALID") * w}, *(1, 1, 1, 3)
    )


def pooled_by_overlapping_windows(directory: Path) -> Path:
    def twice(x: Any, w: Any) -> Any:
        once = tf.nn.max_pool2d(x, 3, 1, "VALID") * w
        return {"y": tf.nn.avg_pool2d(once, [1, 2, 3, 1], 1, "VALID")}

    return _images(directory, twice, *(1, 1, 1, 3))


def declared_too_free(directory: Path) -> Path:
    spec = tf.TensorSpec([None, None], tf.float32, "x")
    return models.module(directory, lambda x, w: {"y": x @ w}, spec, w=models.weights(30, 2))


def groups_of_four(directory: Path) -> Path:
    spec = tf.TensorSpec([None], tf.float32, "x")
    return models.module(
        directory,
        lambda x, w: {"y": tf.reshape(x, [-1, 4]) * w},
        spec,
        w=np.float32(2),
    )


def keras_convolution(directory: Path) -> Path:
    layers = [
        tf.keras.Input([None, None, 3]),
        tf.keras.layers.Conv2D(2, 5),
        tf.keras.layers.GlobalAveragePooling2D(),
    ]
    tf.keras.Sequential(layers).save(directory / "model.keras")
    return directory / "model.keras"


@pytest.mark.parametrize(
    ("builder", "minimum"),
    [
        pytest.param(valid_convolution, (1, 5, 3, 3), id="the kernel's size"),
        pytest.param(dilated_convolution, (1, 5, 5, 3), id="the dilated kernel's size"),
        pytest.param(
            two_convolutions, (1, 7, 7, 3), id="what the second kernel needs of the first"
        ),
        pytest.param(same_convolution, (1, 1, 1, 3), id="padding makes up for the kernel"),
        pytest.param(keras_convolution, (1, 5, 5, 3), id="a kernel behind two signatures"),
        pytest.param(pooled, (1, 4, 4, 3), id="the pooling window's size"),
        pytest.param(
            pooled_by_overlapping_windows,
            (1, 4, 5, 3),
            id="what the second window needs of the first",
        ),
        pytest.param(declared_too_free, (1, 30), id="the rows of the weights"),
        pytest.param(groups_of_four, (4,), id="a leading dimension that is no number of rows"),
    ],
)
def test_the_smallest_sizes_are_found_by_running(
    builder: Any, minimum: tuple[int, ...], frozen: Callable[..., Any]
) -> None:
    (x,) = frozen(builder).manifest.signatures["serving_default"].inputs
    assert x.minimum == minimum


def test_sizes_that_only_real_samples_have(frozen: Callable[..., Any], tmp_path: Path) -> None:
    """Two free dimensions that must differ are not found by trying one size for both."""

    def matrices(directory: Path) -> Path:
        spec = tf.TensorSpec([None, None, None], tf.float32, "x")
        return models.module(
            directory,
            lambda x, w: {"y": tf.einsum("nij,ij->n", x, w)},
            spec,
            w=models.weights(3, 4),
        )

    path = tmp_path / "samples.npz"
    np.savez(path, x=np.ones((2, 3, 4), np.float32))
    (x,) = frozen(matrices, samples=path).manifest.signatures["serving_default"].inputs
    assert x.minimum == (1, 3, 4)
