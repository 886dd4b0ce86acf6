"""What the operator asks for is what the freezer understands."""

from __future__ import annotations

import json
from dataclasses import fields

from fakes.toy import model

from frazil_operator.api import Model
from frazil_operator.plan.freeze import freeze_request
from frazil_runtime.freeze.request import FreezeRequest

FULL = {
    "uri": "s3://models/digits",
    "format": "Checkpoint",
    "inputs": {"image": "x:0"},
    "outputs": {"probabilities": "y:0"},
    "feeds": {"keep_prob": 1.0, "is_training": False},
    "samples": "s3://models/samples.npz",
    "signature": "classify",
    "tags": ["serve", "gpu"],
    "digest": "sha256:" + 64 * "0",
}


def test_the_fields_are_the_same() -> None:
    asked = freeze_request(Model.parse(model()))
    # `images` is what the command line alone can ask for.
    assert asked.keys() | {"images"} == {field.name for field in fields(FreezeRequest)}


def test_the_defaults_are_the_same() -> None:
    asked = freeze_request(Model.parse(model(checkpoint={"uri": "s3://a/b"})))
    assert FreezeRequest.from_json(json.dumps(asked)) == FreezeRequest("s3://a/b")


def test_everything_arrives() -> None:
    spec = model(checkpoint=FULL, freeze={"optimize": False, "tolerance": 0.01})
    asked = FreezeRequest.from_json(json.dumps(freeze_request(Model.parse(spec))))
    assert asked == FreezeRequest(
        **FULL | {"tags": ("serve", "gpu")}, optimize=False, tolerance=0.01
    )
