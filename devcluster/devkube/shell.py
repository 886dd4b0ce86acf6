"""Running other programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from devkube.problem import Problem


def say(text: str) -> None:
    """Tell the user how it goes. Not on stdout: that holds only what scripts read."""
    print(text, file=sys.stderr, flush=True)


def run(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """Run a program and return its stdout; a failure shows what it said."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise Problem(f"`{' '.join(words)}` ended with status {done.returncode}:\n{said}")
    return done.stdout


def show(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
    """Run a program whose output the user should see while it runs."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, env=env, stdout=sys.stderr, check=False)
    if done.returncode:
        raise Problem(f"`{' '.join(words)}` ended with status {done.returncode}; see above.")


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Whether a program ends with status 0; its output is nobody's business."""
    words = [str(word) for word in argv]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
