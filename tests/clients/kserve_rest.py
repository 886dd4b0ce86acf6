"""KServe's client over HTTP, in both protocols: ``kserve_rest.py HOST:PORT``."""

import asyncio
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

URL = f"http://{sys.argv[1]}"
X = np.float32([[1, 2], [3, 4]])


def request(*, binary: bool) -> InferRequest:
    sent = InferInput("x", [2, 2], "FP32")
    sent.set_data_from_numpy(X, binary_data=binary)
    parameters = {"binary_data_output": binary}
    return InferRequest("digits", [sent], request_id="7", parameters=parameters)


async def version_1() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v1", timeout=20))
    assert await client.is_server_live(URL)
    assert await client.is_model_ready(URL, "digits")
    answer = await client.infer(URL, {"instances": X.tolist()}, model_name="digits")
    assert answer == {"predictions": (X * 2).tolist()}
    await client.close()


async def version_2() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=20))
    assert await client.is_server_live(URL)
    assert await client.is_server_ready(URL)
    assert await client.is_model_ready(URL, "digits")
    for binary in (True, False):
        answer = await client.infer(URL, request(binary=binary), model_name="digits")
        assert answer.id == "7"
        assert np.array_equal(answer.outputs[0].as_numpy(), X * 2)
    try:
        await client.infer(URL, request(binary=True), model_name="cats")
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == 404
    else:
        raise AssertionError("a model that is not there has answered")
    await client.close()


async def main() -> None:
    await version_1()
    await version_2()


asyncio.run(main())
