"""Requests that have come, without a connection, and what they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from frazil_runtime.errors import InferenceError
from frazil_runtime.transport.exchanges import Answer, Begin, Exchange
from frazil_runtime.transport.limits import Limits

LIMITS: Final = Limits(bytes=2**20)
NONE: Final[Mapping[str, str]] = {}


class Admits(Protocol):
    """An application, or the handler of one path."""

    def admit(self, exchange: Exchange) -> Begin: ...


class Asked(Exchange):
    """A request whose body has come; its length is told, unless it comes in chunks."""

    __slots__ = ("is_ready",)

    def __init__(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NONE
    ) -> None:
        fields = {name.encode(): value.encode() for name, value in headers.items()}
        if b"transfer-encoding" not in fields:
            fields[b"content-length"] = str(len(body)).encode()
        self.is_ready = asyncio.Event()
        super().__init__(method, path, fields, LIMITS, self.is_ready.set)
        self.take(body)
        self.whole = True

    def come_to(self, app: Admits) -> bool:
        """Be let in and begun, as by a connection; whether it was let in."""
        try:
            begin = app.admit(self)
            if self.answer is None:
                self.check_size()
                self.begun = True
                begin()
        except InferenceError as error:
            self.refuse(error)
        except Exception as error:
            self.fail(error)
        return self.begun

    async def answered(self) -> Answer:
        """What a connection would send."""
        await self.is_ready.wait()
        assert self.answer is not None
        return self.answer


async def answered(
    app: Admits, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NONE
) -> Answer:
    """What a connection would send."""
    asked = Asked(method, path, body, headers)
    asked.come_to(app)
    return await asked.answered()
