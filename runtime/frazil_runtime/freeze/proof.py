"""Proves a frozen graph against its original, and notes what running it showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.framework.errors import OpError

from frazil_runtime.contract import Exit
from frazil_runtime.freeze import samples, verify
from frazil_runtime.freeze.evidence import Evidence, gather
from frazil_runtime.freeze.graph import Frozen
from frazil_runtime.freeze.graphdef import has_random
from frazil_runtime.freeze.optimise import PASSES, keep_equal, optimise
from frazil_runtime.freeze.original import Original
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.runner import Arrays, Runner, reason
from frazil_runtime.freeze.shapes import with_minimum
from frazil_runtime.manifest import Signature

Expected = Mapping[str, Sequence[verify.Answer]]


@dataclass(frozen=True, slots=True)
class Proved:
    """A frozen graph that answers as its original, its signatures with what runs showed.

    ``warmup`` holds, by signature, one request that was answered.
    """

    frozen: Frozen
    warmup: Mapping[str, Arrays]


def prove(
    original: Original,
    frozen: Frozen,
    given: Mapping[str, Sequence[Arrays]],
    request: FreezeRequest,
) -> Proved:
    """Optimise as far as it stays equal, then prove what is left; ``given`` are real samples.

    Raises FreezeError (PROOF_FAILED) where no sample is accepted, or an answer differs by more
    than ``request.tolerance``.
    """
    trial = optimise(frozen, PASSES if request.optimize else ())
    evidence = _gather(trial, given, original.vocabulary())
    expected = {
        name: verify.answers(
            name, partial(original.run, signature), evidence[name].samples, evidence[name].reason
        )
        for name, signature in frozen.signatures.items()
    }

    def problem(candidate: Frozen) -> str | None:
        return _problem(candidate, expected, request.tolerance)

    final, different = trial, problem(trial)
    if different and request.optimize:
        final = keep_equal(frozen, lambda graph: problem(graph) is None)
        different = problem(final)
    if different:
        raise FreezeError(
            Exit.PROOF_FAILED,
            f"the frozen graph answers differently from the original: {different}. "
            "Raise `tolerance` if that is acceptable, or set `optimize: false`",
        )
    return _measure(final, expected, evidence, request.tolerance)


def _gather(
    frozen: Frozen, given: Mapping[str, Sequence[Arrays]], vocabulary: Sequence[bytes]
) -> dict[str, Evidence]:
    with _runner(frozen) as runner:
        return {
            name: gather(runner, signature, given.get(name, ()), vocabulary)
            for name, signature in frozen.signatures.items()
        }


def _problem(frozen: Frozen, expected: Expected, tolerance: float) -> str | None:
    try:
        with _runner(frozen) as runner:
            for name, signature in frozen.signatures.items():
                call = partial(runner.run, signature)
                different = verify.disagreement(call, expected[name], tolerance)
                if different:
                    return f"signature {name!r}, {different}"
    except (OpError, ValueError) as error:
        return f"it does not load: {reason(error)}"
    return None


def _measure(
    frozen: Frozen, expected: Expected, evidence: Mapping[str, Evidence], tolerance: float
) -> Proved:
    signatures: dict[str, Signature] = {}
    warmup: dict[str, Arrays] = {}
    with _runner(frozen) as runner:
        for name, signature in frozen.signatures.items():
            call, seen = partial(runner.run, signature), expected[name]
            batchable = verify.batchable(signature, call, seen, tolerance)
            outputs = [tensor.tensor for tensor in signature.outputs]
            signatures[name] = replace(
                signature,
                inputs=tuple(with_minimum(t, evidence[name].sizes) for t in signature.inputs),
                batchable=batchable,
                # Random numbers may agree by chance, or only on these samples: both are asked.
                deterministic=verify.deterministic(call, seen)
                and not has_random(frozen.graph, outputs),
            )
            warmup[name] = samples.first_row(signature, seen[0].inputs, batchable)
    return Proved(replace(frozen, signatures=signatures), warmup)


def _runner(frozen: Frozen) -> Runner:
    """A session over the graph as it will be read from the artifact: from its bytes."""
    graph = GraphDef.FromString(frozen.graph.SerializeToString(deterministic=True))
    return Runner.of(graph, frozen.initialization, frozen.assets)
