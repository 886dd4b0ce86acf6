"""Where samples come from: the user's npz, recorded requests, or the signature's own specs."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes import published as models

from frazil_runtime import warmup
from frazil_runtime.contract import Exit
from frazil_runtime.freeze import samples, strings
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.manifest import Signature, Tensor

pytestmark = pytest.mark.tensorflow

PREDICT = Signature(
    inputs=(Tensor("x", "x:0", "float32", (-1, 2)), Tensor("name", "n:0", "string", (-1,))),
    outputs=(),
)


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path / "samples.npz", **arrays)
    return path / "samples.npz"


def test_arrays_are_named_as_the_inputs(tmp_path: Path) -> None:
    path = npz(tmp_path, x=np.ones((2, 2)), name=np.array(["é", "b"]))
    (batch,) = samples.from_npz(path, {"predict": PREDICT})["predict"]
    assert (batch["x"].dtype, batch["x"].shape) == (np.float32, (2, 2))
    assert batch["name"].tolist() == ["é".encode(), b"b"]


def test_a_signature_may_have_arrays_of_its_own(tmp_path: Path) -> None:
    arrays = {"x": np.zeros((1, 2)), "b/x": np.ones((1, 2))}
    only_x = Signature(inputs=PREDICT.inputs[:1], outputs=())
    found = samples.from_npz(npz(tmp_path, **arrays), {"a": only_x, "b": only_x})
    assert (found["a"][0]["x"].max(), found["b"][0]["x"].max()) == (0, 1)


def test_many_rows_are_taken_in_batches(tmp_path: Path) -> None:
    path = npz(tmp_path, x=np.zeros((1000, 2)), name=np.full(1000, b"a"))
    batches = samples.from_npz(path, {"predict": PREDICT})["predict"]
    assert [len(batch["x"]) for batch in batches] == [32] * 8


def test_nothing_is_read_but_the_rows_that_are_looked_at(tmp_path: Path) -> None:
    """Of arrays of half a gigabyte each, in a file of less than one megabyte."""
    path = tmp_path / "samples.npz"
    rows = np.zeros((1 << 18, 2), np.float32)
    header = io.BytesIO()
    npy = {"descr": "<f4", "fortran_order": False, "shape": (1 << 26, 2)}
    np.lib.format.write_array_header_1_0(header, npy)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name in ("x.npy", "unused.npy"):
            with file.open(name, "w") as member:
                member.write(header.getvalue())
                for _ in range(1 << 8):
                    member.write(rows)
    only_x = Signature(inputs=PREDICT.inputs[:1], outputs=())
    tracemalloc.start()
    (first, *others) = samples.from_npz(path, {"predict": only_x})["predict"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(first["x"]), len(others)) == (32, 7)
    assert peak < 1 << 20


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_the_same_in_either_order_of_the_file(tmp_path: Path, order: Any) -> None:
    x = np.arange(600.0).reshape(300, 2)
    path = npz(tmp_path, x=np.asarray(x, order=order), name=np.full(300, b"a"))
    batches = samples.from_npz(path, {"predict": PREDICT})["predict"]
    assert np.concatenate([batch["x"] for batch in batches]).tolist() == x[:256].tolist()


def test_inputs_of_unlike_lengths_are_taken_whole(tmp_path: Path) -> None:
    path = npz(tmp_path, x=np.zeros((300, 2)), name=np.full(400, b"a"))
    (batch,) = samples.from_npz(path, {"predict": PREDICT})["predict"]
    assert (len(batch["x"]), len(batch["name"])) == (300, 400)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        pytest.param({"x": np.ones((1, 2))}, "'predict' takes x, name", id="a missing input"),
        pytest.param(
            {"image": np.ones((1, 2))}, "has the arrays image, which are", id="other names"
        ),
        pytest.param(
            {"x": np.ones((1, 3)), "name": np.array(["a"])}, "has the shape [1, 3]", id="a shape"
        ),
        pytest.param(
            {"x": np.array([["a", "b"]]), "name": np.array(["a"])}, "is <U1", id="texts for numbers"
        ),
    ],
)
def test_arrays_that_do_not_fit(arrays: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(FreezeError) as caught:
        samples.from_npz(npz(tmp_path, **arrays), {"predict": PREDICT})
    assert caught.value.exit is Exit.INVALID_REQUEST
    assert says in str(caught.value)


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones((2, 2)))
    return buffer.getvalue()


def _pickle() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([{}], object), name=np.array(["a"]))
    return buffer.getvalue()


def _cut() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("x.npy", _npy()[:-8])
        file.writestr("name.npy", _npy()[:20])
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"not a zip file", id="some text"),
        pytest.param(b"", id="nothing"),
        pytest.param(_npy(), id="one array alone: an .npy"),
        pytest.param(_pickle(), id="Python objects"),
        pytest.param(_cut(), id="arrays that end early"),
    ],
)
def test_what_is_no_npz(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "samples.npz").write_bytes(data)
    with pytest.raises(FreezeError, match=r"not an npz .* numpy\.savez") as caught:
        samples.from_npz(tmp_path / "samples.npz", {"predict": PREDICT})
    assert caught.value.exit is Exit.INVALID_REQUEST


def test_generated_samples_are_the_same_every_time() -> None:
    made = [samples.generated(PREDICT, {}, strings.words, rows=3) for _ in range(2)]
    assert made[0]["x"].shape == (3, 2)
    for name in ("x", "name"):
        assert made[0][name].tolist() == made[1][name].tolist()


def _message(number: int, *parts: bytes) -> bytes:
    """A length-delimited protobuf field."""
    data = b"".join(parts)
    length = len(data)
    varint = b""
    while length > 127:
        varint, length = varint + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + varint + bytes([length]) + data


def _predict_log(signature: bytes, name: bytes, array: Any) -> bytes:
    proto = tf.make_tensor_proto(array).SerializeToString()
    spec = _message(1, _message(1, b"model"), _message(3, signature))
    inputs = _message(2, _message(1, name), _message(2, proto))
    return _message(6, _message(1, spec, inputs))


def recorded(directory: Path) -> Path:
    source = models.mixed_signatures(directory)
    (source / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(source / "assets.extra/tf_serving_warmup_requests")) as writer:
        row = np.full((1, 4), 7, np.float32)
        writer.write(_predict_log(b"", b"x", row))
        writer.write(_predict_log(b"unknown", b"x", row))
        writer.write(_message(2, b""))  # a ClassifyLog
        writer.write(struct.pack("<I", 1))
    return source


def test_recorded_requests_are_the_samples_of_their_signature(
    frozen: Callable[..., Any],
) -> None:
    artifact = frozen(recorded)
    kept = warmup.load((artifact.directory / "warmup.npz").read_bytes())
    assert kept["serving_default"]["x"].tolist() == [[7, 7, 7, 7]]
    assert kept["total"]["x"].max() < 1


@pytest.mark.parametrize("builder", [models.table_tf1, models.table_tf2], ids=["TF1", "TF2"])
def test_generated_texts_are_of_the_vocabulary(builder: Any, frozen: Callable[..., Any]) -> None:
    kept = warmup.load((frozen(builder).directory / "warmup.npz").read_bytes())
    assert kept["serving_default"]["tokens"][0] in (b"cold", b"ice", b"water")
