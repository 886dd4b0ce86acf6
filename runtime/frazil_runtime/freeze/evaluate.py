"""An evaluation: the frozen graph, run over a labelled dataset and scored."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime import contract
from frazil_runtime.contract.evaluation import Evaluated, Evaluation
from frazil_runtime.freeze import dataset_npz, dataset_records
from frazil_runtime.freeze.dataset import FIELD, Rows
from frazil_runtime.freeze.progress import Progress
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.freeze.runner import Runner, reason
from frazil_runtime.freeze.scoring import METRICS, EvaluationError, Metric, added
from frazil_runtime.freeze.sparse import sparse_inputs
from frazil_runtime.manifest import Manifest, Signature

_ZIP: Final = b"PK"
_ROWS: Final = 32  # at once, where the graph's rows do not depend on one another


def evaluate(artifact: Path, rows: Path, wanted: Evaluation, progress: Progress) -> Evaluated:
    """Measure ``wanted`` on the artifact in a directory, over the dataset in the file ``rows``.

    The signature is the artifact's default one. No more than one run's rows are in memory. Raises
    FreezeError, an EvaluationError where dataset and model do not go together; what nobody foresaw
    counts as such, since another try would not fare better: but for OSError and MemoryError.
    """
    try:
        return _evaluate(artifact, rows, wanted)
    except (FreezeError, OSError, MemoryError):
        raise
    except Exception as error:
        progress(traceback.format_exc())
        raise EvaluationError(
            f"the model cannot be evaluated: {type(error).__name__}: {reason(error)}"
        ) from error


def _evaluate(artifact: Path, rows: Path, wanted: Evaluation) -> Evaluated:
    manifest = Manifest.from_json((artifact / contract.MANIFEST).read_bytes())
    signature = manifest.signatures[manifest.default_signature]
    output, metric = _output(signature, wanted.output), _metric(wanted.metric)
    counts: dict[str, float] = {}
    samples = 0
    with _runner(artifact, manifest) as runner:
        for batch in _reader(rows)(rows, signature, _rows_at_once(signature)):
            last = samples + len(batch.labels) - 1
            try:
                answered = _run(runner, signature, batch, output)
                counts = added(counts, metric.count(answered, batch.labels, wanted.k))
            except EvaluationError as error:
                raise EvaluationError(f"samples {samples} to {last} of {FIELD}: {error}") from error
            samples = last + 1
    if not samples:
        raise EvaluationError(f"{FIELD} has no rows")
    return Evaluated(wanted.key, metric.value(counts), samples, counts)


def _run(runner: Runner, signature: Signature, batch: Rows, output: str) -> npt.NDArray[Any]:
    """What the model answers to a batch in ``output``, rows first."""
    try:
        found = runner.run(signature, batch.inputs)[output]
    except (tf.errors.OpError, ValueError) as error:
        raise EvaluationError(f"the model refuses them: {reason(error)}") from error
    if found.shape[:1] != (len(batch.labels),):
        raise EvaluationError(
            f"the output {output!r} has the shape {list(found.shape)} for {len(batch.labels)} "
            "samples: it must have a row for each, or it cannot be scored"
        )
    return found


def _runner(artifact: Path, manifest: Manifest) -> Runner:
    graph = GraphDef.FromString((artifact / contract.GRAPH).read_bytes())
    assets = {asset.tensor: artifact / asset.file for asset in manifest.assets}
    return Runner.of(graph, manifest.initialization, assets)


def _reader(dataset: Path) -> Callable[[Path, Signature, int], Iterator[Rows]]:
    """What reads a dataset: its first bytes tell, for a URI need not end in its kind."""
    with dataset.open("rb") as file:
        return dataset_npz.read if file.read(2) == _ZIP else dataset_records.read


def _metric(name: str) -> Metric:
    if name not in METRICS:
        raise EvaluationError(f"the metric {name!r} is none of {', '.join(METRICS)}")
    return METRICS[name]


def _output(signature: Signature, named: str) -> str:
    names = signature.output_names
    if named in names:
        return named
    if named:
        problem = f"{named!r} is no output of the model"
    elif len(names) == 1:
        return names[0]
    else:
        problem = "the model has several outputs"
    known = ", ".join(sorted(names))
    raise EvaluationError(f"{problem}: name in spec.evaluation.output one of {known}")


def _rows_at_once(signature: Signature) -> int:
    """How many rows a run takes: those of a dataset are fed as rows of every input."""
    shapes = [tensor.shape for tensor in signature.inputs]
    if not shapes or () in shapes or any(sparse_inputs(signature)):
        raise EvaluationError(
            "an evaluation feeds rows, and not all inputs of the model have such: export a "
            "signature whose inputs are dense and have samples in their first dimension"
        )
    fixed = {shape[0] for shape in shapes if shape and shape[0] != -1}
    if fixed <= {1}:
        return _ROWS if signature.batchable and not fixed else 1
    raise EvaluationError(
        f"the model takes exactly {max(fixed)} rows at once: export it with a first dimension of "
        "any size to evaluate it"
    )
