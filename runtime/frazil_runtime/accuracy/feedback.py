"""PURE. Feedback as clients send it."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from frazil_runtime.accuracy.verdicts import Outcome, RefusedError


class Feedback(NamedTuple):
    """The labels of one prediction: of all its rows, or of ``rows``. Nothing of them is checked."""

    prediction_id: str
    labels: list[Any]
    rows: list[Any] | None


def read(body: bytes | bytearray) -> Feedback:
    """Read ``{"prediction_id", "labels": […], "rows"?: […]}``; RefusedError where it is not that.

    Its texts repeat nothing of the body. What a label is must be told apart here, true from 1 and
    1 from 1.0, so this is no document of ``protocol.documents``, in which lists become arrays.
    """
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"the body is no JSON: {error.msg} at offset {error.pos}") from None
    if type(record) is not dict:
        raise _malformed('the body must be {"prediction_id": text, "labels": [label, …]}')
    text, labels, rows = (record.get(name) for name in ("prediction_id", "labels", "rows"))
    if type(text) is not str:
        raise _malformed('"prediction_id" must be the text that came with the prediction')
    if type(labels) is not list or not (rows is None or type(rows) is list):
        raise RefusedError(Outcome.MISLABELLED, '"labels" must be a list, and "rows", if sent, too')
    return Feedback(text, labels, rows)


def _malformed(message: str) -> RefusedError:
    return RefusedError(Outcome.MALFORMED, message)
