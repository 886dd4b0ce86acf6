"""The gRPC protocols' messages: as the .proto files say, and beside TensorFlow's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol import messages

PROTOS = Path(messages.__file__).parents[1] / "protos"


def test_the_descriptors_are_what_the_files_say(tmp_path: Path) -> None:
    """Else: make protos"""
    written = tmp_path / "descriptors.binpb"
    compiler = [sys.executable, "-m", "grpc_tools.protoc", "--proto_path=.", "--include_imports"]
    files = sorted(path.name for path in PROTOS.glob("*.proto"))
    subprocess.run([*compiler, f"--descriptor_set_out={written}", *files], cwd=PROTOS, check=True)
    assert (PROTOS / "descriptors.binpb").read_bytes() == written.read_bytes()


def test_a_message_is_read_and_written() -> None:
    kind = messages.message_class("inference.ModelReadyRequest")
    assert messages.parse(kind, kind(name="a").SerializeToString()).name == "a"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x0a\xff", id="a length beyond the end"),
        pytest.param(b"\x0a\x01\xff", id="text that is not UTF-8"),
        pytest.param(b"{}", id="JSON"),
    ],
)
def test_bytes_that_are_no_message(data: bytes) -> None:
    kind = messages.message_class("inference.ModelReadyRequest")
    with pytest.raises(InferenceError) as raised:
        messages.parse(kind, data)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert (
        str(raised.value) == f"the request's {len(data)} bytes are no inference.ModelReadyRequest"
    )


@pytest.mark.tensorflow
def test_tensorflow_has_messages_of_the_same_names() -> None:
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    ours = messages.message_class("tensorflow.TensorProto")
    assert ours.DESCRIPTOR.full_name == TensorProto.DESCRIPTOR.full_name
    assert ours is not TensorProto
