"""Images through KServe's client over gRPC: ``… HTTP GRPC JPEG URI MEANS``.

The model ``photos`` has one input, ``photo``, and answers with the mean of each channel.
"""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

FILE, URI = sys.argv[3:5]
MEANS = np.float32(json.loads(sys.argv[5]))
AS_URI = {"content_type": "uri"}


def string(text: bytes) -> np.ndarray:
    array = np.empty(1, object)
    array[0] = text
    return array


SENT = {
    "an image": ("BYTES", string(Path(FILE).read_bytes()), {}, {}),
    "a URI, marked": ("BYTES", string(URI.encode()), AS_URI, {}),
    "a URI, the whole request marked": ("BYTES", string(URI.encode()), {}, AS_URI),
    "the prepared tensor": ("FP32", np.tile(MEANS, (1, 6, 4, 1)).astype(np.float32), {}, {}),
}


async def main() -> None:
    async with InferenceGRPCClient(sys.argv[2], timeout=60) as client:
        for what, (datatype, array, own, of_request) in SENT.items():
            sent = InferInput("photo", list(array.shape), datatype, parameters=dict(own))
            sent.set_data_from_numpy(array, binary_data=True)
            answer = await client.infer(InferRequest("photos", [sent], parameters=of_request))
            found = answer.outputs[0].as_numpy()
            assert found.shape == (1, 3), what
            assert np.abs(found - MEANS).max() <= 2, (what, found)


asyncio.run(main())
