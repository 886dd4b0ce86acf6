"""The threads that run sessions, in a process of its own: niceness cannot be taken back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
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


@pytest.mark.parametrize("nice", [0, 10, 19])
def test_a_session_thread_gives_way_to_the_event_loop_however_nice_that_is(nice: int) -> None:
    program = [sys.executable, "-c", PROGRAM.format(nice=nice)]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(program, env=environ, check=True, capture_output=True, text=True)
    loop, thread = map(int, done.stdout.split())
    assert thread == min(loop + 5, 19)
