"""Images through NVIDIA's clients: ``… HTTP GRPC JPEG URI MEANS``.

The model ``photos`` has one input, ``photo``, and answers with the mean of each channel.
"""

import json
import sys
from pathlib import Path

import numpy as np
from tritonclient import grpc, http
from tritonclient.utils import InferenceServerException

HTTP, GRPC, FILE, URI = sys.argv[1:5]
MEANS = np.float32(json.loads(sys.argv[5]))
JPEG = Path(FILE).read_bytes()
PREPARED = np.tile(MEANS, (2, 6, 4, 1)).astype(np.float32)
AS_URI = {"content_type": "uri"}


def strings(*texts: bytes) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def near(answer: np.ndarray, rows: int) -> None:
    assert answer.shape == (rows, 3), answer.shape
    assert np.abs(answer - MEANS).max() <= 2, answer


def refused(call: object, *arguments: object, **options: object) -> str:
    try:
        call(*arguments, **options)
    except InferenceServerException as error:
        return f"{error.status()} {error.message()}"
    raise AssertionError(f"{call} was not refused")


def triton(client: object, kind: object, **binary: bool) -> None:
    def tensor(array: np.ndarray, datatype: str) -> list:
        sent = kind.InferInput("photo", list(array.shape), datatype)
        sent.set_data_from_numpy(array, **binary)
        return [sent]

    images = tensor(strings(JPEG, JPEG), "BYTES")
    uris = tensor(strings(URI.encode()), "BYTES")
    near(client.infer("photos", images).as_numpy("y"), 2)
    near(client.infer("photos", uris, parameters=AS_URI).as_numpy("y"), 1)
    near(client.infer("photos", tensor(PREPARED, "FP32")).as_numpy("y"), 2)
    assert "must be marked as one" in refused(client.infer, "photos", uris)
    other = tensor(strings(URI.replace("/open/", "/secret/").encode()), "BYTES")
    assert "no prefix" in refused(client.infer, "photos", other, parameters=AS_URI)
    wrong = tensor(PREPARED.astype(np.uint8), "UINT8")
    assert "strings that are images" in refused(client.infer, "photos", wrong)


over_http = http.InferenceServerClient(HTTP, network_timeout=60)
over_grpc = grpc.InferenceServerClient(GRPC)
triton(over_http, http, binary_data=True)
triton(over_grpc, grpc)
told = over_http.get_model_metadata("photos")["inputs"][0]
assert (told["datatype"], told["shape"]) == ("BYTES", [-1])
assert told["parameters"]["prepared"] == "FP32 [-1, 6, 4, 3]"
assert over_grpc.get_model_metadata("photos").inputs[0].datatype == "BYTES"
