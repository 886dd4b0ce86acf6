"""Fetching over real sockets: from an HTTPS server and an S3 server of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fakes.https import HOST, HttpsServer, certificate, https_server
from fakes.s3 import Bucket

from frazil_runtime.errors import Code
from frazil_runtime.fetch import Budget, Fetched, Fetcher, FetchError, Later, open_fetcher
from frazil_runtime.fetch_https import HttpsSource
from frazil_runtime.fetch_s3 import S3Source
from frazil_runtime.objects import open_input_bucket
from frazil_runtime.uris import Location, parse

pytestmark = pytest.mark.integration

Tls = tuple[ssl.SSLContext, ssl.SSLContext]
Get = Callable[..., Any]
Make = Callable[..., HttpsSource]
LARGE = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return certificate(tmp_path_factory.mktemp("tls"))


async def photos(request: web.Request) -> web.StreamResponse:
    """A small site."""
    body = {"/a.jpg": b"a photo", "/large": LARGE}.get(request.path)
    if body is None:
        return web.Response(status=404)
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304)
    return web.Response(body=body, headers={"ETag": etag})


@pytest.fixture
async def server(tls: Tls) -> AsyncIterator[HttpsServer]:
    async with https_server(tls[0], photos) as running:
        yield running


async def loopback(host: str) -> list[str]:
    """The only address of every name."""
    return ["127.0.0.1"]


@pytest.fixture
async def https(tls: Tls) -> AsyncIterator[Make]:
    """Makes sources that trust the server's certificate."""
    made = []

    def make(*lookup_and_allowed: Any) -> HttpsSource:
        made.append(HttpsSource(*lookup_and_allowed, tls=tls[1]))
        return made[-1]

    yield make
    for source in made:
        await source.close()


@pytest.fixture
async def get(https: Make) -> Get:
    """Fetches a URI, loopback being public."""
    source = https(loopback, lambda address: address == "127.0.0.1")
    fetcher = Fetcher({"https": source}, seconds=30)

    async def call(uri: str, etag: str = "", limit: int = 2**21) -> Fetched | None:
        return await fetcher.fetch(parse(uri), Budget(limit), etag)

    return call


async def test_what_lies_there_comes_with_its_etag(server: HttpsServer, get: Get) -> None:
    got = await get(server.url("/a.jpg"))
    assert got.body == b"a photo"
    assert got.etag.startswith('"')


async def test_what_has_not_changed_is_not_sent_again(server: HttpsServer, get: Get) -> None:
    got = await get(server.url("/a.jpg"))
    assert await get(server.url("/a.jpg"), got.etag) is None
    assert (await get(server.url("/large"), got.etag)).body == LARGE


async def test_the_uri_arrives_as_it_was_sent(server: HttpsServer, get: Get) -> None:
    with pytest.raises(FetchError):
        await get(server.url("/a%20b/%C3%A9+?sign=a%2Fb&x"))
    (request,) = server.requests
    assert request.raw_path == "/a%20b/%C3%A9+?sign=a%2Fb&x"
    assert request.headers["Host"] == f"{HOST}:{server.port}"


async def test_a_source_is_opened_when_it_is_first_asked_and_only_once(
    server: HttpsServer, https: Make
) -> None:
    opened: list[HttpsSource] = []

    def make() -> HttpsSource:
        opened.append(https(loopback, lambda address: True))
        return opened[-1]

    later = Later(lambda: make)
    await later.close()
    assert not opened
    uri = parse(server.url("/a.jpg"))
    got = await asyncio.gather(*(later.get(uri, "", Budget(2**20)) for _ in range(3)))
    assert [each.body for each in got if each] == [b"a photo"] * 3
    assert len(opened) == 1
    await later.close()


async def test_every_scheme_that_may_be_allowed_has_a_source() -> None:
    fetcher = open_fetcher({})
    for uri in ("https://127.0.0.1.invalid/a", "s3://bucket/"):
        with pytest.raises(FetchError):
            await fetcher.fetch(parse(uri), Budget(1))
    await fetcher.close()


def _response(**options: Any) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(**options)

    return answer


async def _unannounced(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(LARGE)
    await response.write(LARGE)
    return response


async def _cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"a beginning")
    assert request.transport
    request.transport.close()
    return response


async def _no_http(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.write(b"220 mail.example ESMTP\r\n")
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        pytest.param(
            _response(status=302, headers={"Location": "https://169.254.169.254/"}),
            Code.INVALID_ARGUMENT,
            "redirects, which is not followed",
            id="a redirect",
        ),
        pytest.param(_response(status=404), Code.INVALID_ARGUMENT, "answers 404", id="nothing"),
        pytest.param(_response(status=206), Code.INVALID_ARGUMENT, "answers 206", id="a part"),
        pytest.param(
            _response(status=304), Code.INVALID_ARGUMENT, "redirects", id="unchanged, unasked"
        ),
        pytest.param(_response(status=503), Code.UNAVAILABLE, "answers 503", id="a bad moment"),
        pytest.param(_response(status=429), Code.UNAVAILABLE, "answers 429", id="too many"),
        pytest.param(
            _response(body=b"x", headers={"Content-Encoding": "gzip"}),
            Code.INVALID_ARGUMENT,
            "compressed",
            id="a body that was compressed unasked",
        ),
        pytest.param(
            _response(body=LARGE), Code.PAYLOAD_TOO_LARGE, "more bytes", id="too large a body"
        ),
        pytest.param(
            _unannounced, Code.PAYLOAD_TOO_LARGE, "more bytes", id="too large a body unannounced"
        ),
        pytest.param(_cut_off, Code.UNAVAILABLE, "ended early", id="half a body"),
        pytest.param(_no_http, Code.UNAVAILABLE, "not understood", id="another protocol"),
    ],
)
async def test_an_answer_that_is_refused(
    server: HttpsServer, get: Get, answer: Any, code: Code, said: str
) -> None:
    server.answer = answer
    with pytest.raises(FetchError, match=said) as refused:
        await get(server.url("/a.jpg?signature=secret"), limit=2**20 - 1)
    assert refused.value.code is code
    assert HOST in str(refused.value)
    assert "secret" not in str(refused.value)
    assert len(server.requests) == 1


async def test_a_server_that_never_finishes_is_left(https: Make, server: HttpsServer) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"a beginning")
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return response

    server.answer = answer
    source = https(loopback, lambda address: True)
    fetcher = Fetcher({"https": source}, seconds=0.2)
    with pytest.raises(FetchError, match=r"did not send it within 0\.2 s") as refused:
        await fetcher.fetch(parse(server.url("/a.jpg")), Budget(1000))
    assert refused.value.code is Code.UNAVAILABLE
    assert asked.is_set()
    await asyncio.wait_for(left.wait(), 30)  # its connection was closed


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(["127.0.0.1"], id="this host"),
        pytest.param(["169.254.169.254"], id="the metadata service"),
        pytest.param(["93.184.216.34", "10.0.0.1"], id="a public address and a private one"),
        pytest.param(["::ffff:127.0.0.1"], id="this host, mapped"),
    ],
)
async def test_a_name_that_leads_inside_is_not_connected_to(
    https: Make, server: HttpsServer, addresses: list[str]
) -> None:
    async def lookup(host: str) -> list[str]:
        return addresses

    source = https(lookup)
    with pytest.raises(FetchError, match="never connected to") as refused:
        await source.get(parse(server.url("/a.jpg")), "", Budget(1000))
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert server.requests == []


async def test_the_address_that_was_checked_is_the_one_connected_to(
    https: Make, server: HttpsServer
) -> None:
    names = []

    async def lookup(host: str) -> list[str]:
        names.append(host)
        return ["127.0.0.1"] if len(names) == 1 else ["127.0.0.2"]

    source = https(lookup, lambda address: address == "127.0.0.1")
    got = await source.get(parse(server.url("/a.jpg")), "", Budget(1000))
    assert (got and got.body, names) == (b"a photo", [HOST])


async def test_loopback_by_its_own_name_is_refused(https: Make, server: HttpsServer) -> None:
    source = https()
    with pytest.raises(FetchError, match="never connected to"):
        await source.get(parse(server.url("/a.jpg", "localhost")), "", Budget(1000))


async def test_an_address_in_place_of_a_name_is_not_connected_to(
    https: Make, server: HttpsServer
) -> None:
    """uris.parse refuses it before; this is the second lock."""
    source = https()
    with pytest.raises(FetchError, match="never connected to"):
        await source.get(Location("https", "127.0.0.1", server.port, "/a.jpg"), "", Budget(1000))
    assert server.requests == []


async def test_another_hosts_certificate_is_refused(get: Get, server: HttpsServer) -> None:
    with pytest.raises(FetchError, match="certificate is not trusted"):
        await get(server.url("/a.jpg", "other.example"))
    assert server.requests == []


async def test_a_proxy_of_the_environment_is_not_used(
    get: Get, server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert (await get(server.url("/a.jpg"))).body == b"a photo"


async def test_a_name_that_does_not_resolve_is_said_to(https: Make) -> None:
    async def nowhere(host: str) -> list[str]:
        raise OSError("no such name")

    source = https(nowhere)
    with pytest.raises(FetchError, match="does not resolve"):
        await source.get(parse(f"https://{HOST}/"), "", Budget(1000))


async def test_only_so_many_fetches_run_at_once(https: Make, server: HttpsServer) -> None:
    running, most, full, go = 0, 0, asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            full.set()
        await go.wait()
        running -= 1
        return web.Response(body=b"x")

    server.answer = answer
    source = https(loopback, lambda address: True)
    fetcher = Fetcher({"https": source}, seconds=30, at_once=2)
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(fetcher.fetch(parse(server.url("/")), Budget(1000)))
        await full.wait()
        go.set()
    assert (most, len(server.requests)) == (2, 6)


@pytest.fixture
def source(bucket: Bucket) -> S3Source:
    store = open_input_bucket(bucket.folder.name, bucket.environ)
    store.put("a.jpg", b"a photo")
    store.put("large", LARGE)
    return S3Source(bucket.environ)


async def test_an_object_comes_and_is_asked_for_by_its_etag(
    bucket: Bucket, source: S3Source
) -> None:
    location = parse(f"{bucket.url}/a.jpg")
    got = await source.get(location, "", Budget(100))
    assert got
    assert got.body == b"a photo"
    assert await source.get(location, got.etag, Budget(100)) is None
    open_input_bucket(bucket.folder.name, bucket.environ).put("a.jpg", b"another")
    again = await source.get(location, got.etag, Budget(100))
    assert again
    assert again.body == b"another"


async def test_a_key_is_taken_as_it_is(bucket: Bucket, source: S3Source) -> None:
    (bucket.folder / "a%20b é+.jpg").write_bytes(b"odd")
    got = await source.get(Location("s3", bucket.folder.name, 0, "/a%20b é+.jpg"), "", Budget(9))
    assert got
    assert got.body == b"odd"


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        pytest.param("/no.jpg", Code.INVALID_ARGUMENT, "no such object", id="nothing there"),
        pytest.param("/large", Code.PAYLOAD_TOO_LARGE, "more bytes", id="too large an object"),
        pytest.param("/", Code.INVALID_ARGUMENT, "is a bucket", id="a bucket"),
        pytest.param("/a//b", Code.INVALID_ARGUMENT, "refuses", id="a key that obstore refuses"),
    ],
)
async def test_an_object_that_is_refused(
    bucket: Bucket, source: S3Source, path: str, code: Code, said: str
) -> None:
    with pytest.raises(FetchError, match=said) as refused:
        await source.get(parse(f"{bucket.url}{path}"), "", Budget(2**20 - 1))
    assert refused.value.code is code


async def test_without_credentials_nothing_but_the_bucket_is_asked(
    bucket: Bucket, source: S3Source, tmp_path: Path
) -> None:
    """An unsigned request: no look-up of the node's identity, which would take seconds here."""
    unsigned = S3Source({"AWS_ENDPOINT_URL": bucket.environ["AWS_ENDPOINT_URL"]})
    with pytest.raises(FetchError, match="denies access") as refused:
        await unsigned.get(parse(f"{bucket.url}/a.jpg"), "", Budget(100))
    assert "169.254" not in str(refused.value.__cause__)


async def test_a_bucket_out_of_reach_may_be_tried_again() -> None:
    away = S3Source({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    with pytest.raises(FetchError, match="out of reach") as refused:
        await away.get(parse("s3://photos/a.jpg"), "", Budget(100))
    assert refused.value.code is Code.UNAVAILABLE
