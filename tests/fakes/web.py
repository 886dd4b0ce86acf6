"""A real web server over a folder, on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Web:
    """Serves folders; each has a port of its own, until the block ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def over(self, folder: Path, query: str = "", length: bool = True) -> str:
        """The URL of a server over ``folder``.

        With ``query`` it answers only who asks with that one; without ``length`` it does not say
        how long a file is.
        """
        return self._stack.enter_context(_serving(folder, query, length))


@contextmanager
def web() -> Iterator[Web]:
    """Web servers for the block's length."""
    with ExitStack() as stack:
        yield Web(stack)


@contextmanager
def _serving(folder: Path, query: str, length: bool) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        def send_head(self) -> object:
            if urlsplit(self.path).query != query:
                self.send_error(403)
                return None
            return super().send_head()

        def send_header(self, keyword: str, value: str) -> None:
            if length or keyword != "Content-Length":
                super().send_header(keyword, value)

        def log_request(self, *_: object) -> None:
            pass

        log_error = log_request

    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
