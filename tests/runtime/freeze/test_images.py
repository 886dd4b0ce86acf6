"""An input that is declared as an image: the graph that makes it of a JPEG or PNG."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.s3 import Bucket
from PIL import Image

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.cli import image
from frazil_runtime.freeze.images import ImageSpec, dtype_of
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.objects import open_input_bucket

SIZE = {"height": 4, "width": 5, "channels": 3}


@pytest.mark.parametrize(
    ("record", "mean", "factor"),
    [
        pytest.param({}, (0, 0, 0), (1, 1, 1), id="pixels as they are"),
        pytest.param({"scale": 0.5, "mean": 2}, (2, 2, 2), (0.5, 0.5, 0.5), id="one for all"),
        pytest.param({"mean": [2], "std": [4]}, (2, 2, 2), (0.25,) * 3, id="a list of one for all"),
        pytest.param(
            {"mean": [1, 2, 3], "std": [1, 2, 4]}, (1, 2, 3), (1, 0.5, 0.25), id="one a channel"
        ),
    ],
)
def test_what_a_pixel_becomes(
    record: dict[str, Any], mean: tuple[float, ...], factor: tuple[float, ...]
) -> None:
    spec = ImageSpec.read("x", SIZE | record)
    assert (spec.shape, spec.mean, spec.factor) == ((4, 5, 3), mean, factor)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        pytest.param({"hight": 4}, "no field 'hight'", id="a field that is none"),
        pytest.param({"height": None}, "height must be", id="no height"),
        pytest.param({"width": 0}, "width must be", id="no width at all"),
        pytest.param({"width": 10**6}, "width must be", id="a width beyond reason"),
        pytest.param({"width": True}, "width must be", id="a width that is a bool"),
        pytest.param({"channels": 4}, "channels must be", id="alpha as a channel"),
        pytest.param({"channels": "3"}, "channels must be", id="channels as text"),
        pytest.param({"scale": 0}, "scale must not be 0", id="nothing left of it"),
        pytest.param({"scale": float("nan")}, "scale must be", id="a scale that is no number"),
        pytest.param({"scale": [1, 1]}, "scale must be", id="several scales"),
        pytest.param({"mean": [1, 2]}, "mean must be", id="fewer means than channels"),
        pytest.param({"std": 0}, "std must be larger", id="a division by 0"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_by_its_field(
    record: dict[str, Any], said: str
) -> None:
    with pytest.raises(FreezeError, match=f"'x': .*{said}") as refused:
        ImageSpec.read("x", SIZE | record)
    assert refused.value.exit is Exit.INVALID_REQUEST


def _signatures(*tensors: tuple[str, tuple[int, ...] | None]) -> dict[str, Signature]:
    return {
        f"s{number}": Signature((Tensor("x", "x:0", dtype, shape),), ())
        for number, (dtype, shape) in enumerate(tensors)
    }


@pytest.mark.parametrize(
    ("tensors", "dtype"),
    [
        pytest.param([("float32", (-1, 4, 5, 3))], "float32", id="the same shape"),
        pytest.param([("uint8", (-1, -1, -1, 3))], "uint8", id="any height and width"),
        pytest.param([("float16", None)], "float16", id="any shape"),
        pytest.param([("float32", (8, 4, 5, 3))] * 2, "float32", id="two signatures, 8 rows"),
    ],
)
def test_it_has_the_dtype_of_the_inputs_it_fits(
    tensors: Sequence[tuple[str, tuple[int, ...]]], dtype: str
) -> None:
    assert dtype_of("x", ImageSpec.read("x", SIZE), _signatures(*tensors)) == dtype


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        pytest.param([], "is no input", id="no such input"),
        pytest.param([("string", (-1,))], "cannot hold pixels", id="an input of strings"),
        pytest.param([("float32", (-1, 5, 4, 3))], r"\[-1, 5, 4, 3\]", id="width and height"),
        pytest.param([("float32", (4, 5, 3))], "rows", id="an input without rows"),
        pytest.param(
            [("float32", (-1, 4, 5, 3)), ("uint8", None)], "float32 here and uint8", id="two dtypes"
        ),
    ],
)
def test_an_input_that_it_does_not_fit_is_refused(
    tensors: Sequence[tuple[str, tuple[int, ...]]], said: str
) -> None:
    with pytest.raises(FreezeError, match=said):
        dtype_of("x", ImageSpec.read("x", SIZE), _signatures(*tensors))


@pytest.mark.parametrize(
    ("text", "record"),
    [
        pytest.param("x=8x9x3", {"height": 8, "width": 9, "channels": 3}, id="a size"),
        pytest.param(
            "x=8x9x1,scale=0.5,mean=1e2",
            {"height": 8, "width": 9, "channels": 1, "scale": 0.5, "mean": 100},
            id="numbers",
        ),
        pytest.param(
            "x=8x9x3,std=1:2:3",
            {"height": 8, "width": 9, "channels": 3, "std": [1, 2, 3]},
            id="a number a channel",
        ),
    ],
)
def test_the_command_line_says_it(text: str, record: dict[str, Any]) -> None:
    assert image(text) == ("x", record)


@pytest.mark.parametrize("text", ["x", "x=8x9", "x=8x9x3,mean", "x=axbxc", "x=8x9x3,mean=a:b"])
def test_the_command_line_refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="name=heightxwidthxchannels"):
        image(text)


def test_a_request_with_images_comes_back_as_it_was() -> None:
    request = FreezeRequest("s3://m/m", images={"x": {**SIZE, "mean": [1.0, 2.0, 3.0]}})
    assert FreezeRequest.from_json(request.to_json()) == request


# What follows freezes a small model of images.

FACTOR = {"scale": 1 / 127.5, "mean": 127.5}
Freeze = Callable[..., Any]


def mean_color(directory: Path) -> Path:
    """A SavedModel: float32 [n, 12, 10, 3] → the mean of each channel."""
    import tensorflow as tf

    module = tf.Module()
    shape = tf.TensorSpec([None, 12, 10, 3], tf.float32, "image")
    module.run = tf.function(lambda image: {"mean": tf.reduce_mean(image, [1, 2])}, [shape])
    tf.saved_model.save(module, str(directory), module.run)
    return directory


def any_bytes(directory: Path) -> Path:
    """A SavedModel: uint8 [n, h, w, c] → itself."""
    import tensorflow as tf

    module = tf.Module()
    shape = tf.TensorSpec([None, None, None, None], tf.uint8, "image")
    module.run = tf.function(lambda image: {"same": tf.identity(image)}, [shape])
    tf.saved_model.save(module, str(directory), module.run)
    return directory


def rows(artifact: Any, *images: bytes) -> list[np.ndarray]:
    """What a session over the artifact's second graph makes of ``images``."""
    from tensorflow.core.framework.graph_pb2 import GraphDef

    from frazil_runtime.freeze.runner import Runner

    described = artifact.manifest.images["image"]
    graph = GraphDef.FromString((artifact.directory / described.file).read_bytes())
    with Runner.of(graph, (), {}) as runner:
        return [runner.session.run(described.fetch, {described.feed: each}) for each in images]


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def jpeg(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return file.getvalue()


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="module")
def artifact(frozen: Freeze) -> Any:
    return frozen(mean_color, images={"image": {"height": 12, "width": 10, "channels": 3} | FACTOR})


@pytest.mark.tensorflow
def test_the_manifest_says_what_makes_the_input(artifact: Any) -> None:
    manifest = Manifest.from_json((artifact.directory / "manifest.json").read_bytes())
    assert manifest == artifact.manifest
    described = manifest.images["image"]
    assert (described.dtype, described.shape) == ("float32", (12, 10, 3))
    assert described.file in manifest.files


@pytest.mark.tensorflow
def test_an_image_of_the_size_becomes_its_pixels(artifact: Any) -> None:
    image = pixels(12, 10, 3)
    (row,) = rows(artifact, png(image))
    np.testing.assert_allclose(row, image / 127.5 - 1, atol=1e-6)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("encoded", "kind"),
    [
        pytest.param(jpeg(pixels(12, 10, 3), subsampling=0), "RGB", id="a JPEG"),
        pytest.param(jpeg(pixels(12, 10, 3)), "RGB", id="a JPEG with halved colours"),
        pytest.param(jpeg(pixels(12, 10, 3), progressive=True), "RGB", id="a progressive JPEG"),
        pytest.param(jpeg(pixels(12, 10)), "RGB", id="a grey JPEG"),
        pytest.param(png(pixels(12, 10)), "RGB", id="a grey PNG"),
        pytest.param(png(pixels(12, 10, 4)), "RGBA", id="a PNG whose alpha is dropped"),
    ],
)
def test_it_decodes_as_another_library_does(artifact: Any, encoded: bytes, kind: str) -> None:
    expected = np.array(Image.open(io.BytesIO(encoded)).convert(kind))[..., :3]
    (row,) = rows(artifact, encoded)
    np.testing.assert_allclose((row + 1) * 127.5, expected, atol=1e-3)


@pytest.mark.tensorflow
def test_an_image_of_twice_the_size_is_sampled_between_its_pixels(artifact: Any) -> None:
    image = pixels(24, 20, 3)
    (row,) = rows(artifact, png(image))
    quads = image.reshape(12, 2, 10, 2, 3).mean((1, 3))
    np.testing.assert_allclose((row + 1) * 127.5, quads, atol=1e-3)


@pytest.mark.tensorflow
def test_integers_are_rounded_and_kept_in_their_range(frozen: Freeze) -> None:
    spec = {"height": 1, "width": 4, "channels": 1, "scale": 1.5}
    made = frozen(any_bytes, images={"image": spec})
    (row,) = rows(made, png(np.array([[0, 3, 101, 255]], np.uint8)))
    assert row.dtype == np.uint8
    assert row.ravel().tolist() == [0, 4, 152, 255]  # 4.5 is rounded to the even number


@pytest.mark.tensorflow
def test_the_model_itself_is_what_it_is_without_images(artifact: Any, frozen: Freeze) -> None:
    plain = frozen(mean_color)
    assert plain.manifest.images == {}
    assert b"images" not in plain.manifest.to_json()
    graph = "frozen_graph.pb"
    assert (plain.directory / graph).read_bytes() == (artifact.directory / graph).read_bytes()


@pytest.mark.tensorflow
def test_equal_requests_make_equal_bytes(artifact: Any, tmp_path: Path) -> None:
    from frazil_runtime.freeze.convert import convert

    images = {"image": {"height": 12, "width": 10, "channels": 3} | FACTOR}
    request = FreezeRequest("file:///elsewhere", images=images)
    assert convert(artifact.source, request, tmp_path, lambda _: None).digest == (
        artifact.manifest.digest
    )


@pytest.mark.tensorflow
def test_an_input_that_is_none_is_refused_with_those_there_are(frozen: Freeze) -> None:
    with pytest.raises(FreezeError, match="'photo': is no input of the model; it has image"):
        frozen(mean_color, images={"photo": SIZE})


@pytest.mark.tensorflow
def test_a_graph_that_computes_anything_else_is_no_proof() -> None:
    from frazil_runtime.freeze import image_proof

    spec = ImageSpec.read("x", SIZE)
    samples = image_proof.samples(spec, "float32")
    right = {sample.image: sample.row.astype(np.float32) for sample in samples}
    assert image_proof.disagreement(right.__getitem__, samples) is None
    assert "differ by up to" in str(
        image_proof.disagreement(lambda image: right[image] + np.float32(0.01), samples)
    )
    turns = iter(range(1000))
    assert "run twice" in str(
        image_proof.disagreement(
            lambda image: right[image] + np.float32(next(turns) * 1e-4), samples
        )
    )


@pytest.mark.tensorflow
@pytest.mark.integration
async def test_a_photo_in_a_bucket_is_answered_as_the_models_input(
    artifact: Any, bucket: Bucket
) -> None:
    """From the freezer to the model's answer: fetched, decoded, normalised, run."""
    from frazil_runtime.inputs import open_inputs
    from frazil_runtime.session import Session
    from frazil_runtime.uris import Allowed, Uri

    photo = png(pixels(24, 20, 3))
    open_input_bucket(bucket.folder.name, bucket.environ).put("open/photo.png", photo)
    sent = np.array([photo, Uri(f"{bucket.url}/open/photo.png")], object)
    allow = {"image": Allowed.parse([f"{bucket.url}/open"])}
    inputs = open_inputs(
        *(artifact.directory, artifact.manifest, allow, bucket.environ),
        cache_bytes=10**6,
        threads=2,
    )
    session = Session(artifact.directory, artifact.manifest)
    try:
        resolved = await inputs.resolve({"image": sent})
        (means,) = session.run("serving_default", [resolved["image"]])
    finally:
        session.close()
        await inputs.close()
    expected = pixels(24, 20, 3).mean((0, 1)) / 127.5 - 1
    np.testing.assert_allclose(means, [expected, expected], atol=1e-5)
    assert inputs.cache.bytes > 0
