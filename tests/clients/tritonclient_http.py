"""NVIDIA's client over HTTP: ``tritonclient_http.py HOST:PORT``."""

import sys
from functools import partial

import numpy as np
from tritonclient import http
from tritonclient.utils import InferenceServerException

client = http.InferenceServerClient(sys.argv[1])
X = np.float32([[1, 2], [3, 4]])


def tensor(name: str, array: np.ndarray, datatype: str, *, binary: bool = True) -> http.InferInput:
    sent = http.InferInput(name, list(array.shape), datatype)
    sent.set_data_from_numpy(array, binary_data=binary)
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
assert client.get_server_metadata()["name"] == "frazil"
metadata = client.get_model_metadata("digits")
assert metadata["versions"] == ["3"]
assert metadata["inputs"][0]["datatype"] == "FP32"
assert client.get_model_config("digits")["input"][0]["dims"] == [-1, 2]
assert client.get_inference_statistics("digits")["model_stats"][0]["version"] == "3"
assert client.get_model_repository_index()[0]["state"] == "READY"

inputs = [tensor("x", X, "FP32")]
infer = partial(client.infer, "digits", inputs)
result = infer(request_id="7", model_version="3", priority=1, timeout=20_000_000)
assert np.array_equal(result.as_numpy("y"), X * 2)
assert result.get_response()["id"] == "7"
for binary_in in (True, False):
    for binary_out in (True, False):
        result = client.infer(
            "digits",
            [tensor("x", X, "FP32", binary=binary_in)],
            outputs=[http.InferRequestedOutput("y", binary_data=binary_out)],
        )
        assert np.array_equal(result.as_numpy("y"), X * 2)
for algorithm in ("gzip", "deflate"):
    result = infer(
        request_compression_algorithm=algorithm, response_compression_algorithm=algorithm
    )
    assert np.array_equal(result.as_numpy("y"), X * 2)

texts = np.array([b"", b"\xff", "ä".encode()], object)
result = client.infer(
    "digits", [tensor("text", texts, "BYTES")], parameters={"signature_name": "text"}
)
assert result.as_numpy("same").tolist() == texts.tolist()

assert "400" in refused(client.infer, "digits", [tensor("z", X, "FP32")])
assert "404" in refused(client.infer, "cats", inputs)
assert "each request stands alone" in refused(infer, sequence_id=1, sequence_start=True)
assert "501" in refused(client.load_model, "digits")
assert "501" in refused(client.unload_model, "digits")
assert "501" in refused(client.register_system_shared_memory, "a", "b", 8)
shared = http.InferInput("x", [2, 2], "FP32")
shared.set_shared_memory("a", 16)
assert "no memory is shared" in refused(client.infer, "digits", [shared])
