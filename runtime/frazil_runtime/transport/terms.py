"""What a connection of HTTP is granted: time, and room for a head."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# kube-proxy balances connections, not requests: without an end, the first pod keeps its clients
# for ever. The spread keeps clients that came together from leaving together.
LIFETIME: Final = 30.0
SPREAD: Final = 0.2

# Seconds an idle connection is kept. Longer than the pools of common clients and proxies (60 s):
# the side that closes first must not be the one that cannot know whether a request is on its way.
KEEP_ALIVE: Final = 75.0
HEAD_SECONDS: Final = 10.0  # for a request's line and headers, from the connection's start on
# Of a head, or of what is in a body besides its contents. Beyond the read in which it begins: what
# else has come with it is another request's.
HEAD_BYTES: Final = 64 * 1024
STALL_SECONDS: Final = 30.0  # in which a client must take something of an answer that waits for it


def lifetime() -> float:
    """Seconds until a new connection is old: 30 ± 20 %."""
    return LIFETIME * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Terms:
    """What a connection is granted, in seconds, by ``clock``."""

    clock: Callable[[], float] = time.monotonic
    lifetime: Callable[[], float] = lifetime
    head_seconds: float = HEAD_SECONDS
    stall_seconds: float = STALL_SECONDS
    keep_alive_seconds: float = KEEP_ALIVE
