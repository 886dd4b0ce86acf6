"""The first runs of a model, before anybody waits for one; and what they tell of its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import numpy.typing as npt

from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.costs import RUN_SECONDS, gains
from frazil_runtime.errors import ArtifactError, InferenceError
from frazil_runtime.jobs import Hosted
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
) -> dict[str, dict[int, float]]:
    """Run every sample at every size that will be run; seconds by signature and number of rows.

    Kernels are chosen and memory is laid out at a graph's first run, and again at the first of each
    size. ArtifactError where a run fails, or where there is nothing to run: a process that has
    never run its model does not know that it can.
    """
    if not samples:
        raise ArtifactError("there are no warm-up samples: freeze the checkpoint again")
    seconds = {}
    for name, inputs in samples.items():
        try:
            signature = find_signature(hosted.manifest, name)
            seconds[name] = _measure(hosted, name, check_inputs(signature, inputs), sizes, clock)
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
    """Seconds by number of rows, up to the first size that no longer gains anything."""
    if not hosted.manifest.signatures[name].batchable or not all(map(_has_rows, inputs)):
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


def _has_rows(array: Array) -> bool:
    return array.ndim > 0 and len(array) > 0
