"""Pid 1 of the cluster as the host sees it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process, told from a later one with the same number by when it started."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The living process with this number."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The name in parentheses may itself hold spaces and parentheses: count after the last.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    @classmethod
    def child_of(cls, pid: int) -> Process | None:
        """The first child of a process."""
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return cls.of(int(children[0])) if children else None

    @classmethod
    def load(cls, file: Path) -> Process | None:
        """The process that was saved, if it still lives and is ours to know of."""
        try:
            saved = cls(**json.loads(file.read_text()))
        except (FileNotFoundError, PermissionError, ValueError, TypeError):
            return None
        return saved if cls.of(saved.pid) == saved else None

    def save(self, file: Path) -> None:
        """Remember the process."""
        file.write_text(json.dumps(asdict(self)))
