"""httptools' parser, deaf to clients who would rather speak another protocol."""

from __future__ import annotations

from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser


class Hears(Protocol):
    """Who has the parser's callbacks, and keeps the head that is being read."""

    url: bytes
    headers: list[tuple[bytes, bytes]]  # names in lower case


class Parser(HttpRequestParser):
    """Reads a request with ``Upgrade`` as if it had none, as RFC 9110 (7.8) allows.

    Java's HttpClient asks for HTTP/2 so, and any body may follow. httptools takes that body for the
    other protocol, and whatever comes next for a request: so the head is parsed again without what
    asks, and then the body. Callbacks that find ``should_upgrade`` true are of the first time: they
    are to do nothing.
    """

    def __init__(self, receiver: Hears) -> None:
        self._receiver = receiver
        self.restart()

    def feed_data(self, data: memoryview) -> None:  # type: ignore[override]  # all that it is given
        """Parse what has come. HttpParserError where it is no HTTP, or asks for a tunnel."""
        while data:
            try:
                super().feed_data(data)
                return
            except HttpParserUpgrade as upgrade:
                head, data = self._head(), data[upgrade.args[0] :]
            self.restart()
            super().feed_data(head)

    def restart(self) -> None:
        """Expect a request, whatever there was."""
        super().__init__(self._receiver)
        # What follows a connection's last request is ignored, and no error.
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def _head(self) -> bytes:
        """The head that has just been parsed, without what asks for another protocol."""
        if self.get_method() == b"CONNECT":
            raise HttpParserError("CONNECT asks for a tunnel")
        version = self.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.get_method(), self._receiver.url, version)]
        lines += [
            b"%s: %s" % header for header in self._receiver.headers if header[0] != b"upgrade"
        ]
        return b"\r\n".join((*lines, b"", b""))
