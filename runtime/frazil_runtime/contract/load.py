"""How much a serving pod has to do: what it answers at its admin port's LOAD_PATH."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

LOAD_PATH: Final = "/load"
# `Prefer: wait=SECONDS` (RFC 7240): the answer may come so much later, and comes as soon as a
# request has to wait.
PREFER_HEADER: Final = "Prefer"
LONGEST_WAIT: Final = 30  # seconds
LOAD_BYTES: Final = 4096  # the document has less

SHORT_SECONDS: Final = 6  # the two spans of time that arrivals are averaged over
LONG_SECONDS: Final = 60

_LIMIT: Final = 1e6  # of any figure: what is more is no measurement
_GROWING: Final = frozenset({"requests", "hits", "feedback", "policy"})


@dataclass(frozen=True, slots=True)
class Load:
    """One process's load, by its own clock alone.

    ``queued`` requests wait, ``running`` are being run; ``queued_seconds`` is the session time that
    all of them are expected to take yet, ``wait_seconds`` what the last in line waits.

    ``demand_short`` and ``demand_long`` are the session seconds a second that arrivals of the last
    SHORT_SECONDS and LONG_SECONDS cost, the refused ones included; what the output cache answered,
    or what joined a run under way, costs nothing. ``saved_long`` is what those would have cost.
    ``variance_short`` is by how much chance alone moves ``demand_short``, squared, if requests come
    independently of each other; 0 is unknown.

    ``slots`` runs go on at a time; ``capacity`` is the session seconds a second that were worked
    off while something waited, 0 until that was seen. ``requests`` were answered so far, ``hits``
    of them from the output cache, and ``feedback`` came about them. ``policy`` is the number of the
    one that holds.

    ``requests_per_second`` and ``hits_per_second`` are those of about the last SHORT_SECONDS;
    ``latency_p99`` is in how many seconds 99 % were answered of all that had an answer in the last
    LONG_SECONDS, the refused ones included; 0 where there were none.
    """

    queued: int = 0
    running: int = 0
    queued_seconds: float = 0.0
    wait_seconds: float = 0.0
    demand_short: float = 0.0
    demand_long: float = 0.0
    saved_long: float = 0.0
    slots: int = 1
    capacity: float = 0.0
    requests: int = 0
    hits: int = 0
    feedback: int = 0
    policy: int = 0
    requests_per_second: float = 0.0
    hits_per_second: float = 0.0
    latency_p99: float = 0.0
    variance_short: float = 0.0

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Load:
        """What ``to_json`` wrote; ValueError says what is wrong with what somebody else did.

        What is left out has its default, and what only a later version knows is passed over.
        """
        try:
            record = json.loads(text)
        except RecursionError as error:
            raise ValueError("too deep") from error
        if not isinstance(record, dict):
            raise ValueError("not an object")
        default = cls()
        known = {f.name: record[f.name] for f in fields(cls) if f.name in record}
        return cls(
            **{name: _figure(name, got, getattr(default, name)) for name, got in known.items()}
        )


def _figure(name: str, sent: object, default: object) -> Any:
    """A figure of its default's type; counters and numbers that only grow have a later limit."""
    kind = type(default)
    limit = 2**63 if name in _GROWING else _LIMIT
    fits = type(sent) is kind or (kind is float and type(sent) is int)
    if not (fits and isinstance(sent, int | float) and 0 <= sent <= limit):
        wanted = f"a {kind.__name__} from 0 to {limit:g}"
        raise ValueError(f"{name} must be {wanted}, not {_shown(sent)}")
    return float(sent) if kind is float else sent


def _shown(sent: object) -> str:
    if isinstance(sent, float) and not math.isfinite(sent):
        return str(sent)
    return str(sent)[:32] if isinstance(sent, int | float) else type(sent).__name__
