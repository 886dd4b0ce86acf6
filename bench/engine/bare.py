"""What a server costs at the least: raw ASGI, and the engine's own session run in the event loop.

No queue, no batches, no cache, no checks, no metrics. `python -m bench.engine.bare NAME ARTIFACT
PORT` speaks as much of both protocols as `bench.engine.requests` does.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import uvicorn

from bench.engine.process import HOST
from frazil_runtime.contract import MANIFEST
from frazil_runtime.manifest import Manifest
from frazil_runtime.session import Session

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_JSON_LENGTH = b"inference-header-content-length"


class Bare:
    """The ASGI application."""

    def __init__(self, artifact: Path) -> None:
        manifest = Manifest.from_json((artifact / MANIFEST).read_bytes())
        self._session = Session(artifact, manifest)
        self._signature = manifest.default_signature

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        parts = [await receive()]
        while parts[-1].get("more_body"):
            parts.append(await receive())
        body = b"".join(part.get("body", b"") for part in parts)
        length = dict(scope["headers"]).get(_JSON_LENGTH)
        answer, headers = self._binary(body, int(length)) if length else self._json(body)
        headers.append((b"content-length", str(len(answer)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _run(self, values: np.ndarray) -> np.ndarray:
        return self._session.run(self._signature, (values,))[0]

    def _json(self, body: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        values = self._run(np.array(orjson.loads(body)["instances"], np.float32))
        answer = orjson.dumps({"predictions": values}, option=orjson.OPT_SERIALIZE_NUMPY)
        return answer, [(b"content-type", b"application/json")]

    def _binary(self, body: bytes, length: int) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        (sent,) = orjson.loads(body[:length])["inputs"]
        values = self._run(np.frombuffer(body, np.float32, offset=length).reshape(sent["shape"]))
        raw = values.tobytes()
        parameters = {"binary_data_size": len(raw)}
        told = {"name": "y", "datatype": "FP32", "shape": values.shape, "parameters": parameters}
        text = orjson.dumps({"outputs": [told]})
        headers = [
            (b"content-type", b"application/octet-stream"),
            (_JSON_LENGTH, str(len(text)).encode()),
        ]
        return text + raw, headers


def main() -> None:
    """Serve until killed."""
    _, artifact, port = sys.argv[1:]
    app = Bare(Path(artifact))
    config = uvicorn.Config(
        app,
        host=HOST,
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
