"""Pods are asked for their load over real sockets: good ones, slow ones, and liars."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest
from aiohttp import web

from frazil_operator.autoscale import scrape
from frazil_operator.autoscale.pods import Pod
from frazil_operator.autoscale.scrape import Scraper, hang_seconds, pause, scraping
from frazil_operator.observed import Key
from frazil_runtime.contract.accuracy import ACCURACY_PATH, Tally
from frazil_runtime.contract.load import LOAD_PATH, PREFER_HEADER, Load

pytestmark = pytest.mark.integration

KEY: Final = Key("vision", "digits")
GOOD, BAD = "127.0.0.2", "127.0.0.3"  # every pod has its own address, and all the same port
BUSY = Load(queued=3, running=1, demand_short=1.0)
Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """Pods that answer as they are told; ``asked`` has each question's wish to wait."""

    def __init__(self) -> None:
        self.answers: dict[str, Answers] = {}
        self.asked: dict[str, list[str | None]] = {}
        self.accuracy: Answers = tells(Load())
        self.asked_accuracy = 0
        self.port = 0
        self._news = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        self.asked.setdefault(host, []).append(request.headers.get(PREFER_HEADER))
        self._news.set()
        return await self.answers[host](request)

    async def count(self, request: web.Request) -> web.StreamResponse:
        self.asked_accuracy += 1
        self._news.set()
        return await self.accuracy(request)

    async def until(self, wanted: Callable[[], object]) -> None:
        """Wait for a question, or what it leads to, to be as wanted."""
        async with asyncio.timeout(20):
            while not wanted():
                self._news.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self._news.wait()
                except TimeoutError:
                    continue


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get(LOAD_PATH, site.answer)
    app.router.add_get(ACCURACY_PATH, site.count)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        first = web.TCPSite(runner, GOOD, 0)
        await first.start()
        site.port = runner.addresses[0][1]
        await web.TCPSite(runner, BAD, site.port).start()
        yield site
    finally:
        await runner.cleanup()


@pytest.fixture
async def scraper(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scraper]:
    monkeypatch.setattr(scrape, "PERIOD", 0.01)
    monkeypatch.setattr(scrape, "ASK_SECONDS", 0.5)
    async with scraping(site.port) as scraper:
        yield scraper


def tells(load: Load) -> Answers:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=load.to_json())

    return answer


def says(text: str, **options: Any) -> Answers:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, **options)

    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def floods(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(100):
        await response.write(b" " * 2**20)
    return response


async def trickles(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def breaks_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"queued": 1}')
    assert request.transport is not None
    request.transport.close()
    return response


async def redirects(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(f"http://{GOOD}{LOAD_PATH}")


async def bombs(_: web.Request) -> web.StreamResponse:
    body = gzip.compress(b" " * 2**20 + b"{}")
    return web.Response(body=body, headers={"Content-Encoding": "gzip"})


BAD_PODS: dict[str, Answers] = {
    "it hangs": hangs,
    "it trickles": trickles,
    "it returns 100 MB": floods,
    "it breaks off": breaks_off,
    "it is out of order": says("{}", status=500),
    "it sends elsewhere": redirects,
    "it says nothing": says(""),
    "it says what is no load": says("<html>"),
    "a negative queue": says('{"queued": -1}'),
    "no number": says('{"demand_short": NaN}'),
    "10⁹ requests": says('{"queued": 1000000000}'),
    "a load that is compressed": bombs,
}


@pytest.mark.parametrize("bad", BAD_PODS.values(), ids=BAD_PODS)
async def test_a_pod_that_lies_or_hangs_is_silent_and_harms_no_other(
    site: Site, scraper: Scraper, bad: Answers
) -> None:
    site.answers = {GOOD: tells(BUSY), BAD: bad}
    scraper.follow(KEY, {"good": Pod(GOOD, serves=True), "bad": Pod(BAD, serves=True)})
    await site.until(lambda: scraper.loads[KEY].keys() == {"good", "bad"})
    assert scraper.loads[KEY] == {"good": BUSY, "bad": None}
    site.answers[BAD] = tells(BUSY)
    await site.until(lambda: scraper.loads[KEY]["bad"] == BUSY)


async def test_nobody_is_there(site: Site, scraper: Scraper) -> None:
    scraper.follow(KEY, {"gone": Pod("127.0.0.9", serves=True)})
    await site.until(lambda: "gone" in scraper.loads[KEY])
    assert scraper.loads[KEY] == {"gone": None}


async def test_a_busy_pod_is_asked_again_and_a_quiet_one_left_to_tell(
    site: Site, scraper: Scraper
) -> None:
    site.answers = {GOOD: tells(BUSY)}
    scraper.follow(KEY, {"a": Pod(GOOD, serves=True)})
    await site.until(lambda: len(site.asked.get(GOOD, [])) > 3)
    assert set(site.asked[GOOD]) == {None}
    site.answers = {GOOD: tells(Load())}
    await site.until(lambda: scraper.loads[KEY]["a"] == Load())
    before = len(site.asked[GOOD])
    await site.until(lambda: len(site.asked[GOOD]) > before)
    assert site.asked[GOOD][-1] == "wait=25"


async def test_a_pod_that_gets_another_address_is_asked_there(site: Site, scraper: Scraper) -> None:
    other = Load(queued=7)
    site.answers = {GOOD: tells(BUSY), BAD: tells(other)}
    scraper.follow(KEY, {"a": Pod(GOOD, serves=True)})
    await site.until(lambda: scraper.loads[KEY].get("a") == BUSY)
    scraper.follow(KEY, {"a": Pod(BAD, serves=True)})
    await site.until(lambda: scraper.loads[KEY].get("a") == other)


@pytest.mark.parametrize(
    "bad", [hangs, floods, says("{"), says('{"model": 1}')], ids=["hangs", "floods", "{", "lies"]
)
async def test_who_tells_no_accuracy_tells_its_load_all_the_same(
    site: Site, scraper: Scraper, bad: Answers
) -> None:
    labelled = Load(queued=3, feedback=5)
    site.answers = {GOOD: tells(labelled)}
    site.accuracy = bad
    scraper.follow(KEY, {"a": Pod(GOOD, serves=True)})
    await site.until(lambda: site.asked_accuracy > 1)
    assert scraper.loads[KEY] == {"a": labelled}
    assert scraper.tallies[KEY] == {}
    tally = Tally("digits", "r1")
    site.accuracy = says(tally.to_json())
    await site.until(lambda: scraper.tallies[KEY])
    assert scraper.tallies[KEY] == {"a": tally}


async def test_a_pod_that_is_gone_is_asked_no_more(site: Site, scraper: Scraper) -> None:
    site.answers = {GOOD: tells(BUSY), BAD: tells(BUSY)}
    scraper.follow(KEY, {"a": Pod(GOOD, serves=True), "b": Pod(BAD, serves=True)})
    await site.until(lambda: len(scraper.loads[KEY]) == 2)
    scraper.follow(KEY, {"a": Pod(GOOD, serves=True)})
    assert scraper.loads[KEY] == {"a": BUSY}
    scraper.follow(KEY, {})
    assert scraper.loads == {}


def test_where_there_are_more_quiet_pods_than_sockets_they_take_turns() -> None:
    assert [hang_seconds(pods) for pods in (1, 140, 280, 3000, 10**6)] == [25, 25, 12, 1, 1]


def test_who_does_not_answer_is_asked_less_often() -> None:
    assert [pause(failures) for failures in (1, 2, 3, 5, 6, 100)] == [1, 2, 4, 16, 30, 30]
