"""The freeze Job's three containers, in a row over one folder: fetch, convert, publish."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from frazil_runtime import contract
from frazil_runtime.artifacts import is_artifact_name, published
from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.freeze import evaluating, index
from frazil_runtime.freeze.evaluating import Evaluating, Evaluator
from frazil_runtime.freeze.freezing import Converter, Freezing, tensorflow
from frazil_runtime.freeze.outcome import store_failures
from frazil_runtime.freeze.progress import Progress
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.scoring import EvaluationError
from frazil_runtime.freeze.work import Work
from frazil_runtime.objects import forget_source, open_frazil_store
from frazil_runtime.request_signatures import dtypes_as_requested

if TYPE_CHECKING:
    from obstore.store import ObjectStore


def run(
    stage: str,
    environ: MutableMapping[str, str],
    progress: Progress,
    converter: Converter = tensorflow,
    *,
    evaluator: Evaluator = evaluating.tensorflow,
) -> FreezeResult | None:
    """Do one container's work; ``publish`` has the Job's result.

    ``environ`` is read as contract says; ``fetch`` drops the source's credentials from it. What
    the index has, or what the request names, is not converted but only evaluated, and that but
    once. Raises FreezeError, UnavailableError and whatever else goes wrong.
    """
    work = Work(Path(environ[contract.ENV_WORK_DIR]))
    freezing = Freezing(_request(environ), work, environ, progress, converter)
    wanted = freezing.request.evaluation
    asked = Evaluating(wanted, work, environ, progress, evaluator) if wanted else None
    if stage == "fetch":
        _fetch(freezing, asked, environ)
        return None
    known = FreezeResult.from_json(work.result.read_text()) if work.result.exists() else None
    if known and (asked is None or known.evaluation):
        return known if stage == "publish" else None
    if stage == "convert":
        _convert(freezing, asked, known)
        return None
    return _publish(freezing, asked, known)


def _fetch(freezing: Freezing, asked: Evaluating | None, environ: MutableMapping[str, str]) -> None:
    """What lies at the source, and then what the store knows of it."""
    named = freezing.request.artifact
    key = "" if named else freezing.fetch().index
    if asked:
        asked.fetch()
    forget_source(environ)
    with store_failures():
        store = open_frazil_store(environ)
        known = _named(store, named) if named else index.look_up(store, key)
        if not known:
            return
        if asked and (earlier := asked.earlier(store, contract.artifact_path(known.artifact))):
            freezing.progress("evaluated before, on the same rows")
            known = replace(known, evaluation=earlier)
        elif asked:
            asked.download(store, known.artifact)
    freezing.progress(f"frozen before as {known.artifact}: there is nothing to convert")
    freezing.work.result.write_text(replace(known, reused=True).to_json())


def _named(store: ObjectStore, artifact: str) -> FreezeResult:
    """An artifact that is only to be evaluated. Raises EvaluationError and obstore's errors."""
    manifest = published(store, artifact) if is_artifact_name(artifact) else None
    if manifest is None:
        raise EvaluationError(
            f"{artifact} is to be evaluated, but the store does not have it any more: freeze the "
            "checkpoint again with the annotation frazil.dev/refreeze"
        )
    return FreezeResult(artifact, inputs=dtypes_as_requested(manifest))


def _convert(freezing: Freezing, asked: Evaluating | None, known: FreezeResult | None) -> None:
    """Freeze what is not known, evaluate what is asked for."""
    if known is None:
        freezing.convert()
    if asked:
        asked.evaluate(freezing.work.known / known.artifact if known else freezing.work.artifact)


def _publish(
    freezing: Freezing, asked: Evaluating | None, known: FreezeResult | None
) -> FreezeResult:
    """The artifact before its evaluation: a dataset that does not fit costs no second freeze."""
    with store_failures():
        store = open_frazil_store(freezing.environ)
    result = known or freezing.publish(store)
    if asked is None:
        return result
    with store_failures():
        found = asked.publish(store, contract.artifact_path(result.artifact))
    return replace(result, evaluation=found)


def _request(environ: Mapping[str, str]) -> FreezeRequest:
    try:
        return FreezeRequest.from_json(environ[contract.ENV_FREEZE_REQUEST])
    except ValueError as error:
        raise FreezeError(
            Exit.INVALID_REQUEST, f"{contract.ENV_FREEZE_REQUEST} is not JSON: {error}"
        ) from error
