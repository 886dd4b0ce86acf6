"""What `frazil freeze` and `frazil freeze-stage` do, once their arguments are read."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace

from frazil_runtime import contract
from frazil_runtime.contract import FreezeResult
from frazil_runtime.contract.evaluation import Evaluation
from frazil_runtime.freeze import local, stages
from frazil_runtime.freeze.evaluating import told
from frazil_runtime.freeze.outcome import UnavailableError, failed
from frazil_runtime.freeze.progress import say
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.manifest import Tensor
from frazil_runtime.transfer import size


def freeze(arguments: argparse.Namespace) -> int:
    """Run `frazil freeze`; returns an Exit."""
    request = replace(requested(arguments), evaluation=_evaluation(arguments))

    def work() -> None:
        frozen = local.freeze(request, arguments.output, os.environ, say)
        sys.stdout.write(summary(frozen))
        if request.evaluation and frozen.result.evaluation:
            sys.stdout.write(f"{told(request.evaluation, frozen.result.evaluation)}\n")

    return _guarded(work, lambda _: None)


def requested(arguments: argparse.Namespace) -> FreezeRequest:
    """What the arguments of `frazil freeze` ask for."""
    return FreezeRequest(
        uri=arguments.uri,
        format=arguments.format,
        inputs=arguments.inputs,
        outputs=arguments.outputs,
        feeds=dict(arguments.feed),
        samples=arguments.samples,
        signature=arguments.signature,
        images=dict(arguments.image),
        tags=tuple(arguments.tag or FreezeRequest("").tags),
        optimize=arguments.optimize,
        tolerance=arguments.tolerance,
    )


def _evaluation(arguments: argparse.Namespace) -> Evaluation | None:
    if not arguments.evaluate:
        return None
    return Evaluation(arguments.evaluate, arguments.metric, arguments.scored_output, k=arguments.k)


def stage(arguments: argparse.Namespace) -> int:
    """Run one container of the freeze Job; returns an Exit."""

    def work() -> None:
        if result := stages.run(arguments.stage, os.environ, say):
            _terminate_with(result)

    return _guarded(work, _terminate_with)


def summary(frozen: local.Frozen) -> str:
    """What was made, and how it is called."""
    result, manifest = frozen.result, frozen.manifest
    how = "frozen before, nothing was converted" if result.reused else "frozen and proved"
    lines = [
        f"{result.artifact} ({how})",
        f"{size(result.artifact_bytes)} in {frozen.place}",
    ]
    for name, signature in manifest.signatures.items():
        default = " (default)" if name == manifest.default_signature else ""
        lines.append(f"signature {name}{default}")
        lines += _tensors("in", signature.inputs) + _tensors("out", signature.outputs)
    return "\n".join(lines) + "\n"


def _tensors(direction: str, tensors: Sequence[Tensor]) -> list[str]:
    return [
        f"  {direction:<3} {t.name}: {t.dtype} {'of any shape' if t.shape is None else [*t.shape]}"
        for t in tensors
    ]


def _guarded(work: Callable[[], None], tell: Callable[[FreezeResult], None]) -> int:
    """Run ``work``; what goes wrong becomes an exit code, a line on stderr, and is told."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow greets
    try:
        work()
    except Exception as error:
        # Every end has a code and a message, or the operator could only guess.
        if not isinstance(error, FreezeError | UnavailableError):
            traceback.print_exc()
        code, result = failed(error)
        say(f"{result.reason}: {result.message}")
        tell(result)
        return int(code)
    return 0


def _terminate_with(result: FreezeResult) -> None:
    path = os.environ.get(contract.ENV_TERMINATION_LOG, contract.TERMINATION_LOG)
    with open(path, "w", encoding="utf-8") as log:
        log.write(result.to_json())
