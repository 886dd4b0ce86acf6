"""The pure parts of `frazil top`: a row of each model, and what is drawn of it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from frazil_runtime.client.fleet import COLUMNS, Live, Row, cells, live, rows
from frazil_runtime.client.look import Seen
from frazil_runtime.client.screen import screen, table
from frazil_runtime.client.top import as_json, as_text

STATUS = {
    "pods": "1/2",
    "stable": {"revision": "87cfbdd400"},
    "scaling": {"desired": 2, "queueDepth": 7, "waitSeconds": 0.3},
    "accuracy": {"value": 0.9524},
    "conditions": [
        {"type": "Available", "reason": "Serving"},
        {"type": "Ready", "reason": "Ready"},
    ],
}
FIGURES = {
    "ready_pods": 3.0,
    "desired_pods": 4.0,
    "queue_depth": 12.0,
    "wait_seconds": 0.42,
    "requests_per_second": 50.0,
    "cache_hits_per_second": 20.0,
    "latency_p99_seconds": 0.25,
}
KEY = ("demo", "digits")


def model(status: dict[str, Any] | None, name: str = "digits", namespace: str = "demo") -> Any:
    body: dict[str, Any] = {"metadata": {"namespace": namespace, "name": name}}
    return body if status is None else body | {"status": status}


def row(status: dict[str, Any] | None, figures: Live) -> dict[str, str]:
    """What is shown of one model, by column."""
    (only,) = rows([model(status)], figures)
    return dict(zip(COLUMNS, cells(only), strict=True))


ROWS: dict[str, tuple[dict[str, Any] | None, Live, dict[str, str]]] = {
    "live figures": (
        *(STATUS, {KEY: FIGURES}),
        {"READY": "3/4", "QUEUE": "12", "WAIT": "420 ms", "P99": "250 ms", "REQ/S": "50.0"},
    ),
    "the share of hits": (STATUS, {KEY: FIGURES}, {"HIT%": "40"}),
    "what the status alone tells": (
        *(STATUS, {KEY: FIGURES}),
        {"STATUS": "Ready", "ACCURACY": "0.952", "STEP": "–", "REVISION": "87cfbdd400"},
    ),
    "no live figures": (
        *(STATUS, {}),
        {"READY": "1/2", "QUEUE": "7", "WAIT": "300 ms", "P99": "–", "REQ/S": "–", "HIT%": "–"},
    ),
    "those of another model": (STATUS, {("other", "digits"): FIGURES}, {"QUEUE": "7"}),
    "pods that tell nothing now: no queue of before": (
        *(STATUS, {KEY: {"ready_pods": 1.0, "desired_pods": 2.0, "load_reachable": 0.0}}),
        {"READY": "1/2", "QUEUE": "–", "WAIT": "–", "P99": "–"},
    ),
    "nothing comes": (
        *(STATUS, {KEY: dict.fromkeys(FIGURES, 0.0)}),
        {"READY": "0/0", "QUEUE": "0", "WAIT": "0", "P99": "–", "REQ/S": "0", "HIT%": "–"},
    ),
    "much comes": (STATUS, {KEY: FIGURES | {"requests_per_second": 12345.6}}, {"REQ/S": "12,346"}),
    "a rollout": (
        *(STATUS | {"candidate": {"revision": "f712cc14b8", "step": "1/3"}}, {}),
        {"STEP": "1/3", "REVISION": "f712cc14b8"},
    ),
    "a model that nobody has looked at": (
        *({"observedGeneration": -1}, {}),
        {"READY": "–/–", "STATUS": "–", "QUEUE": "–", "ACCURACY": "–", "REVISION": "–"},
    ),
    "one without a status": (None, {}, {"NAME": "digits", "READY": "–/–"}),
}


@pytest.mark.parametrize(("status", "figures", "expected"), ROWS.values(), ids=ROWS)
def test_a_row(status: dict[str, Any] | None, figures: Live, expected: dict[str, str]) -> None:
    shown = row(status, figures)
    assert {column: shown[column] for column in expected} == expected


def test_rows_are_ordered_by_namespace_and_name() -> None:
    models = [model(None, name, namespace) for namespace in "ba" for name in "yx"]
    assert [(each.namespace, each.name) for each in rows(models, {})] == [
        *(("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")),
    ]


def test_the_operators_metrics_are_read_by_model() -> None:
    text = (
        "# TYPE frazil_operator_queue_depth gauge\n"
        "frazil_operator_queue_depth 3.0\n"
        "# TYPE frazil_model_queue_depth gauge\n"
        'frazil_model_queue_depth{namespace="demo",model="digits"} 12.0\n'
        'frazil_model_queue_depth{namespace="demo",model="other"} 0.0\n'
        "# TYPE frazil_model_requests_total counter\n"
        'frazil_model_requests_total{namespace="demo",model="digits"} 9.0\n'
    )
    assert live(text) == {
        ("demo", "digits"): {"queue_depth": 12, "requests_total": 9},
        ("demo", "other"): {"queue_depth": 0},
    }


def test_what_is_no_metrics_is_an_error() -> None:
    with pytest.raises(ValueError, match="tells no metrics"):
        live("<html>not { it</html>\n")


SEEN = Seen(tuple(rows([model(STATUS)], {KEY: FIGURES})), note="No live figures")


def test_text_has_a_line_for_each_model_and_the_note() -> None:
    assert as_text(SEEN).splitlines() == [
        "NAMESPACE  NAME    READY  STATUS  QUEUE  WAIT    P99     REQ/S  HIT%  ACCURACY  STEP"
        "  REVISION",
        "demo       digits  3/4    Ready   12     420 ms  250 ms  50.0   40    0.952     –"
        "     87cfbdd400",
        "No live figures",
    ]
    assert as_text(Seen()) == "No models"


def test_json_has_the_figures_as_they_are() -> None:
    read = json.loads(as_json(SEEN))
    assert read["note"] == "No live figures"
    assert Row(**read["models"][0]) == SEEN.rows[0]
    assert read["models"][0]["hit_share"] == 0.4


def test_the_screen_shows_what_was_drawn_last() -> None:
    console = Console(file=(file := io.StringIO()), width=120)
    with screen(console) as show:
        show(Seen())
        show(SEEN)
    header, digits, note = file.getvalue().splitlines()
    assert header.split() == list(COLUMNS)
    assert digits.split()[:5] == ["demo", "digits", "3/4", "Ready", "12"]
    assert note == "No live figures"


def test_on_a_narrow_terminal_words_are_shortened_and_figures_are_not() -> None:
    console = Console(file=(file := io.StringIO()), width=80)
    console.print(table(Seen(SEEN.rows)))
    header, digits = file.getvalue().splitlines()
    assert max(len(header), len(digits)) <= 80
    assert {"3/4", "12", "420", "250", "50.0", "40", "0.952"} < set(digits.split())
    assert "…" in digits


def test_a_note_is_not_read_as_markup() -> None:
    console = Console(file=(file := io.StringIO()), width=120)
    console.print(table(Seen(note="pods [bold]x[/nothing]")))
    assert "[bold]x[/nothing]" in file.getvalue()
