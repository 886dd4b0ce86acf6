"""The freeze Job's three containers, in a row over one folder: fetch, convert, publish."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path

from frazil_runtime import contract
from frazil_runtime.contract import Exit, FreezeResult
from frazil_runtime.freeze import index
from frazil_runtime.freeze.freezing import Converter, Freezing, tensorflow
from frazil_runtime.freeze.outcome import store_failures
from frazil_runtime.freeze.progress import Progress
from frazil_runtime.freeze.request import FreezeError, FreezeRequest
from frazil_runtime.freeze.work import Work
from frazil_runtime.objects import forget_source, open_frazil_store


def run(
    stage: str,
    environ: MutableMapping[str, str],
    progress: Progress,
    converter: Converter = tensorflow,
) -> FreezeResult | None:
    """Do one container's work; ``publish`` has the Job's result.

    ``environ`` is read as contract says; ``fetch`` drops the source's credentials from it. What
    the index has is only passed on by the later stages. Raises FreezeError, UnavailableError and
    whatever else goes wrong.
    """
    work = Work(Path(environ[contract.ENV_WORK_DIR]))
    freezing = Freezing(_request(environ), work, environ, progress, converter)
    if stage == "fetch":
        _fetch(freezing, environ)
    elif work.result.exists():
        return FreezeResult.from_json(work.result.read_text()) if stage == "publish" else None
    elif stage == "convert":
        freezing.convert()
    else:
        with store_failures():
            store = open_frazil_store(environ)
        return freezing.publish(store)
    return None


def _fetch(freezing: Freezing, environ: MutableMapping[str, str]) -> None:
    record = freezing.fetch()
    forget_source(environ)
    with store_failures():
        known = index.look_up(open_frazil_store(environ), record.index)
    if known:
        freezing.progress(f"frozen before as {known.artifact}: there is nothing to convert")
        freezing.work.result.write_text(replace(known, reused=True).to_json())


def _request(environ: Mapping[str, str]) -> FreezeRequest:
    try:
        return FreezeRequest.from_json(environ[contract.ENV_FREEZE_REQUEST])
    except ValueError as error:
        raise FreezeError(
            Exit.INVALID_REQUEST, f"{contract.ENV_FREEZE_REQUEST} is not JSON: {error}"
        ) from error
