"""Load beside a test: started before, stopped after, and every answer judged."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.answer import Answer
from bench.cluster import ROOT, python_inside

TOLERANCE = 1e-4


@dataclass
class Traffic:
    """One load; its answers are there once it has ended."""

    process: subprocess.Popen[bytes]
    answers: list[Answer] = field(default_factory=list)

    def finish(self) -> None:
        """Wait for a load that was given ``--seconds`` to end by itself."""
        self.process.wait()

    @property
    def rate(self) -> float:
        """Requests a second over the whole load, all modes together."""
        sent = [answer.sent for answer in self.answers]
        return len(sent) / max(1e-9, max(sent) - min(sent)) if sent else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many requests each mode sent, and one sentence for each that failed."""

    requests: Mapping[str, int]
    failures: tuple[str, ...]
    revisions: Mapping[str, int]

    def __str__(self) -> str:
        modes = ", ".join(f"{count} {mode}" for mode, count in sorted(self.requests.items()))
        return f"{len(self.failures)} failed of {sum(self.requests.values())} ({modes})"


@contextmanager
def traffic(url: str, rows: np.ndarray, folder: Path, *options: str) -> Iterator[Traffic]:
    """Send ``rows`` (float32, one input each) to a predict URL for as long as the block runs.

    The block begins once every connection was answered: what it disturbs is disturbed under load.
    ``options`` are the generator's own (``--rate``, ``--mode``, ``--threads``).
    """
    inputs, answers = folder / "rows.npy", folder / "answers.jsonl"
    np.save(inputs, rows)
    answers.unlink(missing_ok=True)
    command = python_inside("-m", "bench.load", url, str(inputs), str(answers), *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        result = Traffic(process)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n", "the load has not begun"
            yield result
        finally:
            process.terminate()
    lines = answers.read_text(encoding="utf-8").splitlines()
    result.answers += [Answer(**json.loads(line)) for line in lines]


def judge(answers: list[Answer], references: Mapping[str, np.ndarray]) -> Verdict:
    """Judge each answer by the rule: 200, with the outputs of the revision that it names.

    ``references`` maps a revision to its original graph's answers, float32 (rows, classes).
    """
    failures = [f for answer in answers if (f := _failure(answer, references))]
    return Verdict(
        requests=Counter(answer.mode for answer in answers),
        failures=tuple(failures),
        revisions=Counter(answer.revision for answer in answers if answer.status == 200),
    )


def stale(answers: list[Answer], rollouts: Sequence[tuple[str, float]]) -> list[Answer]:
    """Answers of an old revision on connections opened after a later one had the traffic.

    ``rollouts`` names each revision in order with the instant from which it alone may answer,
    in seconds since the epoch.
    """
    turn = {revision: i for i, (revision, _) in enumerate(rollouts)}
    return [
        answer
        for answer in answers
        if any(
            answer.opened > since and turn.get(answer.revision, -1) < i
            for i, (_, since) in enumerate(rollouts)
            if answer.status == 200
        )
    ]


def _failure(answer: Answer, references: Mapping[str, np.ndarray]) -> str:
    if answer.status != 200:
        return f"{answer.mode} at {answer.sent:.3f}: {answer.status} {answer.error}"
    if answer.revision not in references:
        return f"{answer.mode} at {answer.sent:.3f}: unknown revision {answer.revision!r}"
    expected = references[answer.revision][answer.row]
    if not np.allclose(answer.outputs, expected, rtol=TOLERANCE, atol=TOLERANCE):
        return f"{answer.mode} at {answer.sent:.3f}: not what {answer.revision} answers"
    return ""
