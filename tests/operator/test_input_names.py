"""What a spec says of inputs that the frozen model does not have."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.toy import Toy, model

INPUTS = {"photo": "string", "x": "float32"}
ALLOW = {"fetch": {"allow": ["s3://photos"]}}


def serving(inputs: dict[str, str], **said: Any) -> Toy:
    toy = Toy(model(inputs=said), inputs=inputs)
    toy.settle()
    return toy


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param(
            "foto",
            "spec.inputs.foto.fetch: 'foto' is no input of the model; it has photo, x",
            id="a name that is no input's",
        ),
        pytest.param(
            "x",
            "spec.inputs.x.fetch: the input is float32, but URIs stand for images or strings: "
            "give it an image, or take the fetch away",
            id="an input of numbers",
        ),
    ],
)
def test_a_fetch_of_no_use_is_told_while_the_model_serves(name: str, message: str) -> None:
    toy = serving(INPUTS, **{name: ALLOW})
    assert toy.conditions()["Ready"] == "False InvalidRequest"
    assert toy.conditions()["Stalled"] == "True InvalidRequest"
    assert toy.conditions()["Available"] == "True Serving"
    assert toy.message("Ready") == message


def test_each_is_told() -> None:
    said = serving(INPUTS, b=ALLOW, a=ALLOW).message("Ready").split("; ")
    assert [text.partition(":")[0] for text in said if text.startswith("spec.")] == [
        "spec.inputs.a.fetch",
        "spec.inputs.b.fetch",
    ]


def test_once_it_is_corrected_the_model_is_ready_without_another_freeze() -> None:
    toy = serving(INPUTS, foto=ALLOW)
    toy.change(inputs={"photo": ALLOW})
    toy.settle()
    assert toy.conditions()["Ready"] == "True Ready"
    assert toy.story().count("FreezeStarted") == 1


def test_it_is_told_as_soon_as_it_is_said_and_the_pods_stay() -> None:
    toy = serving(INPUTS, photo=ALLOW)
    pods = list(toy.pods)
    toy.change(inputs={"photo": ALLOW, "foto": ALLOW})
    toy.settle()
    assert toy.conditions()["Ready"] == "False InvalidRequest"
    assert toy.pods == pods


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        pytest.param(INPUTS, {"photo": ALLOW}, id="an input of strings or images"),
        pytest.param({}, {"foto": ALLOW}, id="a model whose inputs nobody has told"),
    ],
)
def test_nothing_else_is_told(inputs: dict[str, str], said: dict[str, Any]) -> None:
    assert serving(inputs, **said).conditions()["Ready"] == "True Ready"
