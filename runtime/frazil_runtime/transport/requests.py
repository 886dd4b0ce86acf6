"""One HTTP request and its one answer."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.protocol import documents
from frazil_runtime.transport.bodies import Body
from frazil_runtime.transport.server import Send

JSON: Final = (b"content-type", b"application/json")
CLOSE: Final = (b"connection", b"close")

Headers = tuple[tuple[bytes, bytes], ...]


class Request(NamedTuple):
    """What was asked; the body is still to be read."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]  # names in lower case
    body: Body


class Answer(NamedTuple):
    """A response with all its body."""

    status: int
    body: bytes = b""
    headers: Headers = (JSON,)

    @classmethod
    def of_record(cls, record: object, status: int = 200) -> Answer:
        """A value as JSON."""
        return cls(status, documents.write(record))

    @classmethod
    def of_error(cls, error: InferenceError) -> Answer:
        """The code's status, ``{"error": text}``, and what may help: when to come again, or how."""
        headers: Headers = (JSON,)
        if error.retry_after is not None:
            seconds = max(1, math.ceil(error.retry_after))
            headers = (JSON, (b"retry-after", str(seconds).encode()))
        elif error.code is Code.UNSUPPORTED_ENCODING:
            headers = (JSON, (b"accept-encoding", b"gzip, deflate"))
        return cls(error.code.status, documents.error(str(error)), headers)


Handler = Callable[[Request], Awaitable[Answer]]
Methods = Mapping[str, Handler]


def constant(answer: Answer) -> Handler:
    """Who gives the same answer always."""

    async def handler(_: Request) -> Answer:
        return answer

    return handler


async def respond(request: Request, answer: Answer, headers: Headers, send: Send) -> None:
    """Send an answer, with further ``headers``.

    Where the request's body has not been read to its end, the connection ends with the answer, but
    only after what still comes was read: closing over unread data would take the answer along.
    """
    early = not request.body.ended
    if early and CLOSE not in headers:
        headers = (*headers, CLOSE)
    length = (b"content-length", str(len(answer.body)).encode())
    all_headers = (*answer.headers, length, *headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": all_headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": early})
    if early:
        await request.body.discard()
        await send({"type": "http.response.body"})
