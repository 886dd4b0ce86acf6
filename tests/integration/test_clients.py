"""Stock clients, as their users install them: they work unmodified.

Each is a script in tests/clients, run by the Python of ``.clients`` (``make setup``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from fakes.grpc import grpc_site
from fakes.http import http_site
from fakes.models import NumpyEngine, model, tensor

from frazil_runtime.manifest import Manifest, Signature

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".clients/bin/python"
SCRIPTS = ROOT / "tests/clients"
SECONDS = 240

EXAMPLES = (tensor("inputs", "string", (-1,)),)
MODEL = model(
    Manifest(
        {
            "serving_default": Signature((tensor("x"),), (tensor("y"),)),
            "text": Signature(
                (tensor("text", "string", (-1,)),), (tensor("same", "string", (-1,)),)
            ),
            "classify": Signature(EXAMPLES, (tensor("classes", "string"), tensor("scores"))),
            "regress": Signature(EXAMPLES, (tensor("outputs"),)),
        },
        "serving_default",
        {},
    )
)


def compute(inputs: Any) -> dict[str, Any]:
    """Twice the numbers, the same texts; of examples, how long each is."""
    if "x" in inputs:
        return {"y": inputs["x"] * 2}
    if "text" in inputs:
        return {"same": inputs["text"]}
    sizes = np.float32([[len(text)] for text in inputs["inputs"]])
    labels = np.array([[b"size"]] * len(sizes), object)
    return {"classes": labels, "scores": sizes, "outputs": sizes}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ports() -> AsyncIterator[dict[str, int]]:
    engine = NumpyEngine(MODEL.manifest, compute)
    async with http_site(engine, MODEL) as http, grpc_site(engine, MODEL) as grpc:
        yield {"http": http.port, "grpc": grpc.port}


async def run(script: str, port: int) -> None:
    assert PYTHON.exists(), "the clients are not installed: run `make setup`"
    process = await asyncio.create_subprocess_exec(
        *(PYTHON, SCRIPTS / script, f"127.0.0.1:{port}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode()


@pytest.mark.parametrize(
    ("script", "port"),
    [
        ("tritonclient_grpc.py", "grpc"),
        ("tritonclient_http.py", "http"),
        ("tensorflow_serving_api.py", "grpc"),
        ("kserve_grpc.py", "grpc"),
        ("kserve_rest.py", "http"),
    ],
)
async def test_a_stock_client(ports: dict[str, int], script: str, port: str) -> None:
    await run(script, ports[port])
