"""Images of requests become rows of a model's input, through the C API."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import artifacts
from PIL import Image as Picture

from frazil_runtime.errors import ArtifactError, Code, InferenceError
from frazil_runtime.manifest import Image, Manifest
from frazil_runtime.preprocess import Preprocessor

pytestmark = pytest.mark.tensorflow

Encode = Callable[..., bytes]


def encoded(kind: str, pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, kind)
    return file.getvalue()


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A photo of float32 [6, 4, 3], doubled, and a mask of uint8 [2, 2, 1]."""
    from frazil_runtime.freeze.image_graph import FILE, preprocessing
    from frazil_runtime.freeze.images import ImageSpec
    from frazil_runtime.manifest import Signature, Tensor

    inputs = (
        Tensor("photo", "x:0", "float32", (-1, 6, 4, 3)),
        Tensor("mask", "y:0", "uint8", (-1, 2, 2, 1)),
    )
    signatures = {"run": Signature(inputs, ())}
    specs = {
        "photo": ImageSpec.read("photo", {"height": 6, "width": 4, "channels": 3, "scale": 2}),
        "mask": ImageSpec.read("mask", {"height": 2, "width": 2, "channels": 1}),
    }
    made = preprocessing(specs, signatures)
    assert made
    directory = tmp_path_factory.mktemp("artifact")
    files = {FILE: made.graph.SerializeToString()}
    manifest = artifacts.write_artifact(directory, artifacts.digits, artifacts.DIGITS, files=files)
    return directory, replace(manifest, images=made.images)


@pytest.fixture(scope="module")
def preprocessor(artifact: tuple[Path, Manifest]) -> Iterator[Preprocessor]:
    made = Preprocessor(*artifact, max_pixels=10_000)
    yield made
    made.close()


def test_each_image_is_a_row(preprocessor: Preprocessor) -> None:
    images = [pixels(6, 4, 3), 255 - pixels(6, 4, 3), np.zeros((9, 9), np.uint8)]
    rows = preprocessor.prepare("photo", [encoded("PNG", image) for image in images])
    assert (rows.dtype, rows.shape) == (np.float32, (3, 6, 4, 3))
    np.testing.assert_array_equal(rows[0], images[0] * 2.0)
    np.testing.assert_array_equal(rows[1], images[1] * 2.0)
    np.testing.assert_array_equal(rows[2], 0)


def test_each_input_has_a_graph_of_its_own(preprocessor: Preprocessor) -> None:
    mask = pixels(2, 2)
    rows = preprocessor.prepare("mask", [encoded("PNG", mask)])
    assert (rows.dtype, rows[0, ..., 0].tolist()) == (np.uint8, mask.tolist())


def test_no_images_are_no_rows(preprocessor: Preprocessor) -> None:
    assert preprocessor.prepare("photo", []).shape == (0, 6, 4, 3)


def test_a_jpeg_decodes_as_another_library_does(preprocessor: Preprocessor) -> None:
    image = encoded("JPEG", pixels(6, 4, 3))
    (row,) = preprocessor.prepare("photo", [image])
    np.testing.assert_array_equal(row / 2, np.array(Picture.open(io.BytesIO(image))))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        pytest.param(b"no image", "is no image; a JPEG or a PNG is needed", id="no image"),
        pytest.param(encoded("GIF", pixels(2, 2)), "is a GIF", id="a GIF"),
        pytest.param(encoded("PNG", pixels(101, 100)), "the most is 10000", id="a large one"),
        pytest.param(encoded("PNG", pixels(50, 50))[:200], "PNG that cannot be", id="half a PNG"),
        pytest.param(
            encoded("JPEG", pixels(50, 50))[:-99], "JPEG that cannot be", id="half a JPEG"
        ),
    ],
)
def test_an_image_that_is_refused_is_named_by_input_and_row(
    preprocessor: Preprocessor, image: bytes, said: str
) -> None:
    good = encoded("PNG", pixels(2, 2))
    with pytest.raises(InferenceError, match=f'input "photo", row 1 .*{said}') as refused:
        preprocessor.prepare("photo", [good, image])
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert preprocessor.prepare("photo", [good]).shape == (1, 6, 4, 3)


def test_many_threads_may_prepare_at_once(preprocessor: Preprocessor) -> None:
    images = [np.full((6, 4, 3), value, np.uint8) for value in range(40)]
    with ThreadPoolExecutor(4) as threads:
        rows = threads.map(lambda i: preprocessor.prepare("photo", [encoded("PNG", i)]), images)
        assert [int(row[0, 0, 0, 0]) for row in rows] == [2 * value for value in range(40)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"file": "other.pb"}, "no file of the artifact", id="a file that is none"),
        pytest.param({"feed": "other:0"}, "no operation other", id="a tensor that is none"),
        pytest.param({"dtype": "uint8"}, "is float32 in the graph", id="another dtype"),
        pytest.param({"shape": (6, 5, 3)}, "preprocessing of images fails", id="another shape"),
    ],
)
def test_a_manifest_that_does_not_fit_the_graph_is_refused(
    artifact: tuple[Path, Manifest], change: dict[str, Any], said: str
) -> None:
    directory, manifest = artifact
    images: dict[str, Image] = {"photo": replace(manifest.images["photo"], **change)}
    with pytest.raises(ArtifactError, match=said):
        Preprocessor(directory, replace(manifest, images=images))


def test_after_the_end_it_says_so(artifact: tuple[Path, Manifest]) -> None:
    made = Preprocessor(*artifact)
    made.close()
    with pytest.raises(InferenceError) as refused:
        made.prepare("photo", [encoded("PNG", pixels(2, 2))])
    assert refused.value.code is Code.UNAVAILABLE
