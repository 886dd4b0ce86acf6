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
from frazil_runtime.contract import ADMIN_PORT, POLICY_PATH
from frazil_runtime.contract.accuracy import ACCURACY_PATH, TALLY_BYTES, Tally
from frazil_runtime.contract.load import LOAD_BYTES, LOAD_PATH, PREFER_HEADER, Load

PERIOD: Final = 1.0  # seconds between two looks at a pod
ASK_SECONDS: Final = 2.0  # that an answer may take, besides what it was allowed to wait
HANG_SECONDS: Final = 25  # that a quiet pod may wait with its answer
ASKING: Final = 50  # sockets to pods that are to answer at once,
HANGING: Final = 140  # and to those that need not
NEWS_FAILURES: Final = 4  # in a row, after which a pod has not only just started or ended
LAST_PAUSE: Final = 30.0  # seconds, between looks at a pod that does not answer
QUIET: Final = 0.1  # of its capacity: who has less to do is quiet

_log = logging.getLogger(__name__)
_UNKNOWN: Final = Load(queued=1)  # of a pod that was not asked yet: it is to answer at once
ERRORS: Final = (aiohttp.ClientError, TimeoutError, ValueError, OSError)


class Scraper:
    """``loads`` has what each pod has told last, by model and UID: None where it did not answer
    when it was asked last. A pod that has not been asked yet is not there. ``tallies`` has likewise
    what each has counted of labels, where there were any."""

    def __init__(self, client: aiohttp.ClientSession, port: int = ADMIN_PORT) -> None:
        self.loads: dict[Key, dict[str, Load | None]] = {}
        self.tallies: dict[Key, dict[str, Tally]] = {}
        self._client = client
        self._port = port
        self._following: dict[Key, dict[str, tuple[str, asyncio.Task[None]]]] = {}
        self._asking = asyncio.Semaphore(ASKING)
        self._hanging = asyncio.Semaphore(HANGING)
        self._quiet = 0  # pods that have been left to tell, or wait to be

    def follow(self, key: Key, pods: Mapping[str, Pod]) -> None:
        """From now on these are the model's pods, by UID; one may have got another address."""
        following = self._following.setdefault(key, {})
        loads, tallies = self.loads.setdefault(key, {}), self.tallies.setdefault(key, {})
        addresses = {uid: pod.address for uid, pod in pods.items()}
        for uid, (address, task) in list(following.items()):
            if addresses.get(uid) != address:
                task.cancel()
                del following[uid]
                loads.pop(uid, None)
                tallies.pop(uid, None)
        for uid in addresses.keys() - following.keys():
            work = self._follow(loads, tallies, uid, addresses[uid])
            following[uid] = addresses[uid], asyncio.create_task(work)
        if not following:
            del self._following[key], self.loads[key], self.tallies[key]

    def close(self) -> None:
        """Ask nobody any more."""
        for key in list(self._following):
            self.follow(key, {})

    async def _follow(
        self,
        loads: dict[str, Load | None],
        tallies: dict[str, Tally],
        uid: str,
        address: str,
    ) -> None:
        """Ask one pod again and again."""
        clock, failures, load, counted = asyncio.get_running_loop().time, 0, _UNKNOWN, 0
        while True:
            began = clock()
            try:
                loads[uid] = load = await self._look(address, load)
            except ERRORS as error:
                failures += 1
                if failures == NEWS_FAILURES:
                    _log.info("%s tells no load: %s: %s", address, type(error).__name__, error)
                loads[uid], load = None, _UNKNOWN
                await asyncio.sleep(pause(failures))
                continue
            failures = 0
            if load.feedback != counted:
                counted = await self._count(tallies, uid, address, counted, load.feedback)
            await asyncio.sleep(max(0.0, began + PERIOD - clock()))

    async def _count(
        self, tallies: dict[str, Tally], uid: str, address: str, before: int, feedback: int
    ) -> int:
        """Ask what has come of feedback; up to which one that is known. Who does not say tells its
        load all the same, and is asked again."""
        try:
            async with self._asking:
                text = await self._get(address, ACCURACY_PATH, TALLY_BYTES)
            tallies[uid] = Tally.from_json(text)
        except ERRORS as error:
            _log.info("%s tells no accuracy: %s: %s", address, type(error).__name__, error)
            return before
        return feedback

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

    async def give_policy(self, address: str, token: str, text: str) -> None:
        """Send a policy to one pod; one of ERRORS where that does not follow it, or a later one."""
        async with self._client.post(
            self._url(address, POLICY_PATH),
            data=text.encode(),
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=ASK_SECONDS),
            allow_redirects=False,
        ) as response:
            if response.status not in (200, 409):  # 409: it follows a later one
                raise ValueError(f"HTTP status {response.status}")

    def _url(self, address: str, path: str) -> str:
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self._port}{path}"

    async def _ask(self, address: str, wait: int) -> Load:
        return Load.from_json(await self._get(address, LOAD_PATH, LOAD_BYTES, wait))

    async def _get(self, address: str, path: str, most: int, wait: int = 0) -> bytes:
        """At most so many bytes of a pod's admin port; ValueError where there is no such answer."""
        async with self._client.get(
            self._url(address, path),
            headers={PREFER_HEADER: f"wait={wait}"} if wait else None,
            timeout=aiohttp.ClientTimeout(total=ASK_SECONDS + wait, connect=ASK_SECONDS),
            allow_redirects=False,
        ) as response:
            if response.status != 200:
                raise ValueError(f"HTTP status {response.status}")
            return await _short(response.content, most)


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


async def _short(content: aiohttp.StreamReader, most: int) -> bytes:
    """All of it; ValueError where that is more than ``most`` bytes."""
    body = b""
    while chunk := await content.read(most + 1 - len(body)):
        body += chunk
        if len(body) > most:
            raise ValueError(f"more than {most} bytes")
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
