"""The first runs of a model, before anybody waits for one; and what they tell of its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import numpy.typing as npt

from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.contract import WARMUP
from frazil_runtime.costs import RUN_SECONDS, Kind, gains
from frazil_runtime.errors import ArtifactError, InferenceError
from frazil_runtime.jobs import Hosted, kind_of
from frazil_runtime.validation import check_inputs, find_signature

Array = npt.NDArray[Any]

TIMED_RUNS: Final = 5
ENOUGH_SECONDS: Final = 0.05  # a run that takes longer is timed once
SHORT_SECONDS: Final = 0.001  # below it, one size that seems to gain nothing may be noise


def warm_up(
    hosted: Hosted,
    samples: Mapping[str, Mapping[str, Array]],
    sizes: Sequence[int],
    clock: Callable[[], float] = perf_counter,
) -> dict[Kind, dict[int, float]]:
    """Run every sample at every size that will be run; seconds by shape class and number of rows.

    Kernels are chosen and memory is laid out at a graph's first run, and again at the first of each
    size. ArtifactError where a run fails, or where there is nothing to run: a process that has
    never run its model does not know that it can.
    """
    if not samples:
        raise ArtifactError(f"{WARMUP} holds no samples: freeze the checkpoint again")
    seconds = {}
    for name, sample in samples.items():
        try:
            inputs = check_inputs(find_signature(hosted.manifest, name), sample)
            kind, rows = kind_of(hosted, name, inputs)
            seconds[kind] = _measure(hosted, name, inputs, sizes if rows else (), clock)
        except (InferenceError, TensorFlowError) as error:
            raise ArtifactError(f'the warm-up of signature "{name}" fails: {error}') from error
    return seconds


def _measure(
    hosted: Hosted,
    name: str,
    inputs: list[Array],
    sizes: Sequence[int],
    clock: Callable[[], float],
) -> dict[int, float]:
    """Seconds by number of rows, up to the first size that no longer gains anything.

    Without ``sizes`` the inputs are no rows, and are run as they are.
    """
    if not sizes:
        return {1: _time(hosted, name, [inputs], clock)}
    row = [array[:1] for array in inputs]
    found: dict[int, float] = {}
    for size in sizes:
        found[size] = _time(hosted, name, [row] * size, clock)
        if size == 1 or found[size] < SHORT_SECONDS:
            continue
        if found[size] > RUN_SECONDS or not gains(found[size // 2], found[size]):
            break
    return found


def _time(
    hosted: Hosted, name: str, pieces: list[list[Array]], clock: Callable[[], float]
) -> float:
    """Seconds of a run that is not the first; the least of a few."""
    found = []
    for _ in range(1 + TIMED_RUNS):
        began = clock()
        hosted.session.run_together(name, pieces)
        found.append(clock() - began)
        if found[-1] > ENOUGH_SECONDS and len(found) > 1:
            break
    return min(found[1:])
