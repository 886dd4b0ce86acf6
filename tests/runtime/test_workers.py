"""The threads that run sessions."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from frazil_runtime.workers import Workers

# In processes of their own: niceness cannot be taken back, and a thread's death is the process's.
NICENESS = """
import asyncio, os, threading
from frazil_runtime.workers import Workers

def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

async def main():
    os.nice({nice})
    workers, done = Workers(1), asyncio.Future()
    workers.submit(niceness, done.set_result)
    print(niceness(), await asyncio.wait_for(done, 20))
    workers.close()

asyncio.run(main())
"""

DEATH = """
import asyncio, sys
from frazil_runtime import workers
from frazil_runtime.logs import configure

def die(*_):
    raise {error}

async def main():
    {how}
    await asyncio.sleep(20)

configure()
asyncio.run(main())
"""


def python(program: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env=environ, check=False, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("nice", [0, 10, 19])
def test_a_session_thread_gives_way_to_the_event_loop_however_nice_that_is(nice: int) -> None:
    loop, thread = map(int, python(NICENESS.format(nice=nice)).stdout.split())
    assert thread == min(loop + 5, 19)


@pytest.mark.parametrize(
    ("how", "error", "who"),
    [
        pytest.param(
            "workers.Workers(1).submit(die, print)", "ValueError", "a session thread", id="an error"
        ),
        pytest.param(
            "workers.Workers(1).submit(die, print)",
            "SystemExit(0)",
            "a session thread",
            id="an exit",
        ),
        pytest.param(
            "workers._give_way = die; workers.Workers(1)",
            "PermissionError",
            "a session thread",
            id="what happens before any work",
        ),
        pytest.param(
            "workers.Watchdog().watch(0, die); await asyncio.sleep(20)",
            "ValueError",
            "the watchdog",
            id="the watchdog",
        ),
    ],
)
def test_a_thread_that_dies_takes_the_process_along(how: str, error: str, who: str) -> None:
    done = python(DEATH.format(how=how, error=error))
    assert done.returncode == 1
    assert f"{who} died, and so does this process" in done.stderr
    assert error.partition("(")[0] in done.stderr


async def test_the_thread_that_worked_last_goes_first() -> None:
    workers = Workers(3)

    async def run(together: int) -> set[str]:
        """The names of the threads that so many works done at once are done by."""
        barrier = threading.Barrier(together)

        def work() -> str:
            barrier.wait(20)
            return threading.current_thread().name

        futures = [asyncio.get_running_loop().create_future() for _ in range(together)]
        for future in futures:
            workers.submit(work, future.set_result)
        return set(await asyncio.wait_for(asyncio.gather(*futures), 20))

    first = await run(1)
    assert await run(1) == first
    both = await run(2)
    assert first < both
    assert await run(2) == both
    assert await run(1) < both
    assert len(await run(3)) == 3
    assert workers.idle == 3
    workers.close()
