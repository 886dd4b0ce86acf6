"""Feedback over HTTP: who may send it is asked before anything of it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from frazil_runtime.accuracy.verdicts import Verdict
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.models import Scores
from frazil_runtime.protocol import documents
from frazil_runtime.transport.exchanges import (
    JSON,
    SHORT_BYTES,
    Answer,
    Begin,
    Exchange,
    nothing,
)

_CHALLENGE: Final = (b"www-authenticate", b"Bearer")


class TakesFeedback:
    """The handler of one model's feedback."""

    def __init__(self, scores: Scores | None) -> None:
        self._scores = scores

    def admit(self, exchange: Exchange) -> Begin:
        """Whoever may send it, if it is short."""
        scores = self._scores
        if scores is None:
            text = "accuracy is not measured here, and no prediction ids are given out"
            raise InferenceError(Code.FAILED_PRECONDITION, text)
        try:
            scores.check_sender(exchange.headers.get(b"authorization", b"").decode("latin-1"))
        except InferenceError as error:
            answer = Answer(error.code.status, documents.error(str(error)), (JSON, _CHALLENGE))
            exchange.respond(answer, error.code.name)
            return nothing
        exchange.limits = replace(exchange.limits, bytes=SHORT_BYTES)
        return lambda: exchange.respond(_answer(scores.take(exchange.body)))


def _answer(verdict: Verdict) -> Answer:
    record: dict[str, object] = {"scored": verdict.scored}
    if verdict.reason:
        record["reason"] = verdict.reason
    return Answer.of_record(record)
