"""One line for each thing that happens, on stderr, with the time it happened."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Final

log: Final = logging.getLogger("frazil")


def configure() -> None:
    """Write Frazil's lines from INFO on, everybody else's from WARNING on."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s")
    formatter.datefmt = "%Y-%m-%dT%H:%M:%S"
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(logging.INFO)


def process_age() -> float:
    """Seconds since the kernel started this process, to 10 ms: the interpreter's start counts."""
    # proc(5): the 22nd field is starttime in ticks since boot; the 2nd may hold spaces.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    ticks_per_second = 100  # USER_HZ, of every architecture Linux runs on today
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / ticks_per_second
