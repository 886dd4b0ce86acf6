"""KServe's client over gRPC: ``kserve_grpc.py HOST:PORT``."""

import asyncio
import sys

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

X = np.float32([[1, 2], [3, 4]])


def request(*, binary: bool, model: str = "digits") -> InferRequest:
    sent = InferInput("x", [2, 2], "FP32")
    sent.set_data_from_numpy(X, binary_data=binary)
    return InferRequest(model, [sent], request_id="7")


async def main() -> None:
    async with InferenceGRPCClient(sys.argv[1], timeout=20) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("digits")
        for binary in (True, False):
            answer = await client.infer(request(binary=binary))
            assert answer.id == "7"
            assert answer.model_version == "3"
            assert np.array_equal(answer.outputs[0].as_numpy(), X * 2)
        flat = InferRequest("digits", [InferInput("x", [2, 2], "FP32", X.ravel().tolist())])
        answer = await client.infer(flat)
        assert np.array_equal(answer.outputs[0].as_numpy(), X * 2)
        try:
            await client.infer(request(binary=True, model="cats"))
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.NOT_FOUND
        else:
            raise AssertionError("a model that is not there has answered")


asyncio.run(main())
