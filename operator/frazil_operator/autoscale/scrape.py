"""Asks every serving pod for its load: a busy one each second, a quiet one is left to tell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from frazil_operator.autoscale.pods import Pod
from frazil_operator.observed import Key
from frazil_runtime.contract import ADMIN_PORT
from frazil_runtime.contract.load import LOAD_BYTES, LOAD_PATH, PREFER_HEADER, Load

PERIOD: Final = 1.0  # seconds between two looks at a pod
ASK_SECONDS: Final = 2.0  # that an answer may take, besides what it was allowed to wait
HANG_SECONDS: Final = 25  # that a quiet pod may wait with its answer
ASKING: Final = 50  # sockets to pods that are to answer at once,
HANGING: Final = 140  # and to those that need not
LAST_PAUSE: Final = 30.0  # seconds, between looks at a pod that does not answer
QUIET: Final = 0.1  # of its capacity: who has less to do is quiet

_log = logging.getLogger(__name__)
_UNKNOWN: Final = Load(queued=1)  # of a pod that was not asked yet: it is to answer at once
_ERRORS: Final = (aiohttp.ClientError, TimeoutError, ValueError, OSError)


class Scraper:
    """``loads`` has what each pod has told last, by model and UID: None where it did not answer
    when it was asked last. A pod that has not been asked yet is not there."""

    def __init__(self, client: aiohttp.ClientSession, port: int = ADMIN_PORT) -> None:
        self.loads: dict[Key, dict[str, Load | None]] = {}
        self._client = client
        self._port = port
        self._following: dict[Key, dict[str, asyncio.Task[None]]] = {}
        self._asking = asyncio.Semaphore(ASKING)
        self._hanging = asyncio.Semaphore(HANGING)
        self._quiet = 0  # pods that have been left to tell, or wait to be

    def follow(self, key: Key, pods: Mapping[str, Pod]) -> None:
        """From now on these are the model's pods, by UID."""
        following = self._following.setdefault(key, {})
        loads = self.loads.setdefault(key, {})
        for uid in [uid for uid in following if uid not in pods]:
            following.pop(uid).cancel()
            loads.pop(uid, None)
        for uid in pods.keys() - following.keys():
            work = self._follow(loads, uid, pods[uid].address)
            following[uid] = asyncio.create_task(work)
        if not following:
            del self._following[key], self.loads[key]

    def close(self) -> None:
        """Ask nobody any more."""
        for key in list(self._following):
            self.follow(key, {})

    async def _follow(self, loads: dict[str, Load | None], uid: str, address: str) -> None:
        """Ask one pod again and again."""
        clock, failures, load = asyncio.get_running_loop().time, 0, _UNKNOWN
        while True:
            began = clock()
            try:
                loads[uid] = load = await self._look(address, load)
            except _ERRORS as error:
                if not failures:
                    _log.info("%s tells no load: %s: %s", address, type(error).__name__, error)
                failures += 1
                loads[uid], load = None, _UNKNOWN
                await asyncio.sleep(pause(failures))
                continue
            failures = 0
            await asyncio.sleep(max(0.0, began + PERIOD - clock()))

    async def _look(self, address: str, before: Load) -> Load:
        if not is_quiet(before):
            async with self._asking:
                return await self._ask(address, 0)
        self._quiet += 1
        try:
            async with self._hanging:
                return await self._ask(address, hang_seconds(self._quiet))
        finally:
            self._quiet -= 1

    async def _ask(self, address: str, wait: int) -> Load:
        host = f"[{address}]" if ":" in address else address
        async with self._client.get(
            f"http://{host}:{self._port}{LOAD_PATH}",
            headers={PREFER_HEADER: f"wait={wait}"} if wait else None,
            timeout=aiohttp.ClientTimeout(total=ASK_SECONDS + wait, connect=ASK_SECONDS),
            allow_redirects=False,
        ) as response:
            if response.status != 200:
                raise ValueError(f"HTTP status {response.status}")
            return Load.from_json(await _short(response.content))


def is_quiet(load: Load) -> bool:
    """Whether a pod has next to nothing to do: it will tell when something has to wait."""
    return not load.queued and load.demand_short <= QUIET * (load.capacity or load.slots)


def hang_seconds(quiet: int) -> int:
    """How long each of so many quiet pods may wait with its answer: where there are more than
    sockets they take turns, and none has to wait much longer for its turn than HANG_SECONDS."""
    return max(1, min(HANG_SECONDS, HANG_SECONDS * HANGING // max(1, quiet)))


def pause(failures: int) -> float:
    """Seconds until a pod is asked again that has not answered so often in a row."""
    return min(LAST_PAUSE, PERIOD * 2.0 ** min(failures - 1, 10))


async def _short(content: aiohttp.StreamReader) -> bytes:
    """All of it; ValueError where that is more than any load takes."""
    body = b""
    while chunk := await content.read(LOAD_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > LOAD_BYTES:
            raise ValueError(f"more than {LOAD_BYTES} bytes")
    return body


@asynccontextmanager
async def scraping(port: int = ADMIN_PORT) -> AsyncIterator[Scraper]:
    """A scraper with a client of its own: one connection a question, so that no more are open than
    questions; no cookies, no decompression."""
    connector = aiohttp.TCPConnector(limit=ASKING + HANGING, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as client:
        scraper = Scraper(client, port)
        try:
            yield scraper
        finally:
            scraper.close()
