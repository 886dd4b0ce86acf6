"""PURE. URIs that stand for an input's bytes, and which of them a model's owner allows.

One strict grammar: what it does not read is refused, and a request is made of the parts read here,
never of the client's text, so that no second parser can see another host in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

MAX_LENGTH: Final = 2048
HTTPS_PORT: Final = 443

# No userinfo, no fragment. A host ends in a label that has a letter: an IP address in any of its
# spellings (127.1, 0x7f000001, 2130706433) is none.
_HTTPS: Final = re.compile(
    r"https://(?P<host>(?:[a-z0-9-]+\.)*(?!0x)(?=[0-9-]*[a-z])[a-z0-9-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?",
    re.IGNORECASE,
)
_S3: Final = re.compile(r"s3://(?P<host>[A-Za-z0-9._-]+)(?P<path>/.*)?")
_FORBIDDEN: Final = re.compile(r'[\s\\"<>^`{|}]')


class Uri(str):
    """An element of a string array that stands for the bytes which lie there."""

    __slots__ = ()


class UriError(ValueError):
    """A URI is malformed or not allowed. The message never quotes it."""


@dataclass(frozen=True, slots=True)
class Location:
    """A URI in its parts. ``host`` is s3's bucket; ``path`` begins with a slash, as it was sent."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def place(self) -> str:
        """What may be told of it: scheme and host."""
        return f"{self.scheme}://{self.host}"

    @property
    def key(self) -> str:
        """The object's name in its bucket."""
        return self.path.removeprefix("/")

    def covers(self, other: Location) -> bool:
        """Whether ``other`` lies below this one, by whole segments of the path."""
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        return f"{other.path}/".startswith(f"{self.path.rstrip('/')}/")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The prefixes of one input's ``fetch.allow``."""

    prefixes: tuple[Location, ...]

    @classmethod
    def parse(cls, prefixes: Iterable[str]) -> Allowed:
        """Of ``s3://bucket/path`` and ``https://host/path``; ValueError quotes the one it is of."""
        found = []
        for prefix in prefixes:
            try:
                location = parse(prefix)
            except UriError as error:
                raise ValueError(f"the prefix {prefix!r} is {error}") from error
            if location.query:
                raise ValueError(f"the prefix {prefix!r} has a query: allow the path before it")
            found.append(location)
        return cls(tuple(found))

    def __or__(self, other: Allowed) -> Allowed:
        """What either of them allows."""
        return Allowed(self.prefixes + other.prefixes)

    def find(self, uri: str) -> Location:
        """The URI's parts, if a prefix covers it; UriError."""
        location = parse(uri)
        if not any(prefix.covers(location) for prefix in self.prefixes):
            raise UriError(f"at {location.place}, where no prefix in fetch.allow covers it")
        return location


def parse(uri: str) -> Location:
    """The parts of an ``s3://`` or ``https://`` URI; UriError."""
    if len(uri) > MAX_LENGTH:
        raise UriError(f"longer than {MAX_LENGTH} characters")
    if _FORBIDDEN.search(uri) or not uri.isprintable():
        raise UriError("malformed: it holds a character that must be percent-encoded")
    if found := _S3.fullmatch(uri):
        location = Location("s3", found["host"], 0, found["path"] or "/")
    elif uri.isascii() and (found := _HTTPS.fullmatch(uri)):
        port = int(found["port"] or HTTPS_PORT)
        location = Location(
            "https", found["host"].lower(), port, found["path"] or "/", found["query"] or ""
        )
    else:
        raise UriError("neither s3://bucket/key nor https://host/path, without user or fragment")
    _check_path(location.path)
    return location


def _check_path(path: str) -> None:
    """Refuse what is another path to whoever decodes it, once or more often, or walks it."""
    slashes = path.count("/")
    while True:
        segments = {segment.partition(";")[0] for segment in path.split("/")}
        if segments & {".", ".."} or path.count("/") != slashes or "\\" in path:
            raise UriError("malformed: its path holds . or .., or an encoded slash")
        decoded = unquote(path)
        if decoded == path:
            return
        path = decoded
