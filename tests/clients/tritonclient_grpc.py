"""NVIDIA's client over gRPC: ``tritonclient_grpc.py HOST:PORT``."""

import sys
from functools import partial
from queue import Queue

import numpy as np
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

client = grpc.InferenceServerClient(sys.argv[1])
X = np.float32([[1, 2], [3, 4]])


def tensor(name: str, array: np.ndarray, datatype: str) -> grpc.InferInput:
    sent = grpc.InferInput(name, list(array.shape), datatype)
    sent.set_data_from_numpy(array)
    return sent


def refused(call: object, *arguments: object, **options: object) -> str:
    try:
        call(*arguments, **options)
    except InferenceServerException as error:
        return f"{error.status()} {error.message()}"
    raise AssertionError(f"{call} was not refused")


assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready("digits")
assert client.is_model_ready("digits", "3")
assert not client.is_model_ready("cats")
assert client.get_server_metadata().name == "frazil"
metadata = client.get_model_metadata("digits")
assert metadata.versions == ["3"]
assert metadata.inputs[0].datatype == "FP32"
assert client.get_model_config("digits").config.input[0].dims == [-1, 2]
assert client.get_inference_statistics("digits").model_stats[0].version == "3"
assert client.get_model_repository_index().models[0].state == "READY"

inputs = [tensor("x", X, "FP32")]
infer = partial(client.infer, "digits", inputs)
result = infer(
    request_id="7",
    model_version="3",
    outputs=[grpc.InferRequestedOutput("y")],
    priority=1,
    timeout=20_000_000,
    client_timeout=20,
)
assert np.array_equal(result.as_numpy("y"), X * 2)
assert result.get_response().id == "7"
for algorithm in ("gzip", "deflate"):
    assert np.array_equal(infer(compression_algorithm=algorithm).as_numpy("y"), X * 2)

texts = np.array([b"", b"\xff", "ä".encode()], object)
result = client.infer(
    "digits", [tensor("text", texts, "BYTES")], parameters={"signature_name": "text"}
)
assert result.as_numpy("same").tolist() == texts.tolist()

answers: Queue = Queue()
client.async_infer("digits", inputs, callback=lambda result, error: answers.put((result, error)))
result, error = answers.get(timeout=20)
assert error is None
assert np.array_equal(result.as_numpy("y"), X * 2)

assert "INVALID_ARGUMENT" in refused(client.infer, "digits", [tensor("z", X, "FP32")])
assert "NOT_FOUND" in refused(client.infer, "cats", inputs)
assert "each request stands alone" in refused(infer, sequence_id=1, sequence_start=True)
assert "create or delete a ModelDeployment" in refused(client.load_model, "digits")
assert "create or delete a ModelDeployment" in refused(client.unload_model, "digits")
assert "send tensors" in refused(client.register_system_shared_memory, "a", "b", 8)
shared = grpc.InferInput("x", [2, 2], "FP32")
shared.set_shared_memory("a", 16)
assert "no memory is shared" in refused(client.infer, "digits", [shared])
