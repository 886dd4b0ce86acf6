"""Fetches over HTTPS, from the public internet alone.

A name is looked up here, every address it has is checked, and the connection goes to a checked
address: a name that resolves to something else a moment later changes nothing. Redirects, proxies
from the environment and compressed bodies are refused.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from frazil_runtime.addresses import is_public
from frazil_runtime.errors import Code
from frazil_runtime.fetch import Budget, Fetched, FetchError, collect
from frazil_runtime.uris import Location

Resolve = Callable[[str], Awaitable[list[str]]]  # a host's addresses; OSError
_CHUNK: Final = 1 << 16  # bytes
_OK, _NOT_MODIFIED = 200, 304
# What asks for another try; every other refusal asks for another URI.
_FOR_NOW: Final = (408, 425, 429, *range(500, 600))


async def resolve(host: str) -> list[str]:
    """The host's addresses, by the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class HttpsSource:
    """fetch.Source for ``https``. To be made where an event loop runs."""

    def __init__(
        self,
        lookup: Resolve = resolve,
        allowed: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``allowed`` says of an address whether it may be connected to.

        ``tls`` is the system's authorities where it is None.
        """
        connector = aiohttp.TCPConnector(
            resolver=_Checked(lookup, allowed),
            use_dns_cache=False,
            ssl=tls or ssl.create_default_context(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "frazil"},
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),  # fetch.Fetcher has the one clock
            trust_env=False,
        )

    async def get(self, location: Location, etag: str, budget: Budget) -> Fetched | None:
        """As fetch.Source says; If-None-Match carries ``etag``."""
        _require_name(location)
        headers = {"If-None-Match": etag} if etag else {}
        try:
            async with self._session.get(
                _url(location), headers=headers, allow_redirects=False
            ) as answer:
                if etag and answer.status == _NOT_MODIFIED:
                    return None
                _check(location, answer)
                chunks = answer.content.iter_chunked(_CHUNK)
                announced = answer.content_length or 0
                body = await collect(chunks, announced, location.place, budget)
                return Fetched(body, answer.headers.get("ETag", ""))
        except (aiohttp.ClientError, ValueError) as error:
            raise _unreachable(location, error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


class _Checked(AbstractResolver):
    """Looks a name up and gives its addresses on only if each of them may be connected to."""

    def __init__(self, lookup: Resolve, allowed: Callable[[str], bool]) -> None:
        self._lookup, self._allowed = lookup, allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = list(dict.fromkeys(await self._lookup(host)))
        if not all(map(self._allowed, addresses)):
            raise FetchError(
                Code.INVALID_ARGUMENT,
                f"https://{host} leads to a private or reserved address, which is never connected "
                "to: put the data into a bucket, or where the internet reaches it",
            )
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """There is nothing to let go of."""


def _require_name(location: Location) -> None:
    """uris.parse reads no address as a host, and here none would be looked up or checked."""
    try:
        ip_address(location.host)
    except ValueError:
        return
    what = f"{location.place} is an address, which is never connected to: name a host"
    raise FetchError(Code.INVALID_ARGUMENT, what)


def _url(location: Location) -> URL:
    return URL.build(
        scheme="https",
        host=location.host,
        port=location.port,
        path=location.path,
        query_string=location.query,
        encoded=True,
    )


def _check(location: Location, answer: aiohttp.ClientResponse) -> None:
    place, status = location.place, answer.status
    if 300 <= status < 400:
        what = f"{place} redirects, which is not followed: name the place it leads to"
        raise FetchError(Code.INVALID_ARGUMENT, what)
    if status in _FOR_NOW:
        raise FetchError(Code.UNAVAILABLE, f"{place} answers {status}: try again later")
    if status != _OK:
        what = f"{place} answers {status} instead of 200: check that the URI is right and public"
        raise FetchError(Code.INVALID_ARGUMENT, what)
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        what = f"{place} sends it compressed, which was not asked for: store it as it is"
        raise FetchError(Code.INVALID_ARGUMENT, what)


def _unreachable(location: Location, error: Exception) -> FetchError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            why = "its certificate is not trusted"
        case aiohttp.ClientConnectorDNSError():
            why = "its name does not resolve"
        case aiohttp.ClientConnectorError():
            why = "it cannot be connected to"
        case aiohttp.ClientPayloadError():
            why = "its answer ended early"
        case _:
            why = "its answer is not understood"
    return FetchError(Code.UNAVAILABLE, f"{location.place} cannot be read: {why}")
