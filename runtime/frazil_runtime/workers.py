"""The threads that run sessions: one a slot, and one that ends what does not end by itself."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Final

from frazil_runtime.logs import log

NICE: Final = 5  # above the event loop's, which goes first: it accepts, answers probes, refuses
LOOK_SECONDS: Final = 0.25

Work = Callable[[], Any]
Done = Callable[[Any], object]
Inbox = SimpleQueue[tuple[Work, Done] | None]


class Workers:
    """As many threads as slots. Work is handed over and its result comes back on the event loop.

    The thread that worked last goes first: its memory is nearest.
    """

    def __init__(self, slots: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._all: list[Inbox] = [SimpleQueue() for _ in range(slots)]
        self._idle = list(self._all)
        self._threads = [
            threading.Thread(target=self._run, args=(inbox,), name=f"session-{n}", daemon=True)
            for n, inbox in enumerate(self._all)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def idle(self) -> int:
        """How many more runs can begin now."""
        return len(self._idle)

    def submit(self, work: Work, done: Done) -> None:
        """Occupy a slot with ``work``, which must not raise; ``done`` gets its result."""
        self._idle.pop().put((work, done))

    def close(self) -> None:
        """Finish what has begun; nothing may be submitted any more."""
        for inbox in self._all:
            inbox.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, inbox: Inbox) -> None:
        with _ends_the_process("a session thread"):
            _give_way(NICE)
            while (task := inbox.get()) is not None:
                work, done = task
                result = work()
                if self._loop.is_closed():  # nobody is left who could be told
                    return
                self._loop.call_soon_threadsafe(self._finish, inbox, done, result)
                del task, work, done, result  # or they would be kept for as long as it idles

    def _finish(self, inbox: Inbox, done: Done, result: Any) -> None:
        self._idle.append(inbox)
        done(result)


class Watchdog:
    """A thread of its own: the event loop may be the one that hangs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watched: dict[object, tuple[float, Callable[[], object]]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def watch(self, seconds: float, end: Callable[[], object]) -> object:
        """Call ``end`` once, on the watchdog's thread, unless ``forget`` is told before of what
        this returns."""
        token = object()
        self._watched[token] = (self._clock() + seconds, end)
        return token

    def forget(self, token: object) -> None:
        """What was watched has ended."""
        self._watched.pop(token, None)

    def close(self) -> None:
        """Watch no more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with _ends_the_process("the watchdog"):
            while not self._stopped.wait(LOOK_SECONDS):
                now = self._clock()
                # A copy is made in one go, whatever the other threads do.
                for token, (limit, end) in self._watched.copy().items():
                    if now >= limit and self._watched.pop(token, None) is not None:
                        end()


@contextmanager
def _ends_the_process(who: str) -> Iterator[None]:
    """Without its threads a process would hang: it ends, and whoever started it starts another."""
    try:
        yield
    except BaseException:
        log.critical("%s died, and so does this process", who, exc_info=True)
        os._exit(1)


def _give_way(by: int) -> None:
    """Let the others go before this thread. One that was nicer already may not become less so."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + by)
