"""Pure: what a freeze Job remembers of those before it, which the infrastructure failed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from frazil_operator import names
from frazil_operator.observed import Object
from frazil_operator.plan.pods import Fault

FIRST_PAUSE: Final = 30.0  # seconds until a Job that failed is made again; doubled each time
LONGEST_PAUSE: Final = 480.0


@dataclass(frozen=True, slots=True)
class Setbacks:
    """How many Jobs failed in a row, and what the last one said."""

    times: int = 0
    reason: str = ""
    message: str = ""

    @classmethod
    def of(cls, job: Object) -> Setbacks:
        """What a Job remembers."""
        written = (job["metadata"].get("annotations") or {}).get(names.SETBACKS)
        return cls(**json.loads(written)) if written else NONE

    def another(self, fault: Fault) -> Setbacks:
        """What the next Job shall remember, now that this one failed as well."""
        return Setbacks(self.times + 1, fault.reason, fault.message)

    @property
    def annotations(self) -> dict[str, str]:
        """How a Job remembers it."""
        return {names.SETBACKS: json.dumps(asdict(self), sort_keys=True)} if self.times else {}

    @property
    def pause(self) -> float:
        """Seconds from the last failure to the next Job."""
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.times - 1, 30))


NONE: Final = Setbacks()
