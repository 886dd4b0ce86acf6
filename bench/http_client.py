"""A plain HTTP client of one model, for the load: the standard library's."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

import numpy as np

from bench.answer import TIMEOUT_SECONDS, Answer


class HttpClient:
    """One connection to the model: new for each request, or kept while the server lets.

    ``url`` is the model's predict URL, ``rows`` are its inputs, one request each, ``mode`` is
    ``new`` or ``keepalive``.
    """

    def __init__(self, url: str, rows: np.ndarray, mode: str) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self._bodies = [json.dumps({"instances": [row.tolist()]}).encode() for row in rows]
        self._mode = mode
        self._connection: http.client.HTTPConnection | None = None
        self._opened = 0.0

    def ask(self, row: int) -> Answer:
        """Send one request and wait for its answer; what goes wrong is in the answer."""
        answer = Answer(self._mode, row, opened=0.0, sent=time.time())
        try:
            connection = self._connect()
            answer.opened = self._opened
            headers = {"Content-Type": "application/json"}
            connection.request("POST", self._path, self._bodies[row], headers)
            response = connection.getresponse()
            text = response.read()
            answer.status = response.status
            answer.revision = response.getheader("X-Frazil-Revision", "")
            if response.status == 200:
                answer.outputs = json.loads(text)["predictions"][0]
            else:
                answer.error = text.decode(errors="replace")[:200]
            if self._mode == "new" or response.will_close:
                self.close()
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            answer.error = f"{type(error).__name__}: {error}"
            self.close()
        answer.done = time.time()
        return answer

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._opened = time.time()
            self._connection = http.client.HTTPConnection(
                self._host, self._port, timeout=TIMEOUT_SECONDS
            )
            self._connection.connect()
        return self._connection
