"""What the operator asks for is what the freezer understands."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from fakes.toy import model

from frazil_operator.api import Model
from frazil_operator.plan.freeze import freeze_request
from frazil_runtime.contract.evaluation import Evaluation
from frazil_runtime.freeze import images
from frazil_runtime.freeze.images import ImageSpec
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
    assert asked.keys() == {field.name for field in fields(FreezeRequest)}


def test_the_defaults_are_the_same() -> None:
    asked = freeze_request(Model.parse(model(checkpoint={"uri": "s3://a/b"})))
    assert FreezeRequest.from_json(json.dumps(asked)) == FreezeRequest("s3://a/b")


def test_everything_arrives() -> None:
    image = {"height": 8, "width": 9, "channels": 1, "mean": [127.5], "std": [2]}
    inputs = {"photo": {"image": image}, "text": {"fetch": {"allow": ["s3://texts"]}}}
    evaluation = {"dataset": "s3://a/b", "metric": "TopK", "output": "y", "k": 3, "minimum": 0.8}
    freeze = {"optimize": False, "tolerance": 0.01}
    spec = model(checkpoint=FULL, freeze=freeze, inputs=inputs, evaluation=evaluation)
    asked = FreezeRequest.from_json(json.dumps(freeze_request(Model.parse(spec), "sha256-0")))
    assert asked == FreezeRequest(
        **FULL | {"tags": ("serve", "gpu")},
        optimize=False,
        tolerance=0.01,
        images={"photo": image | {"scale": 1.0}},
        evaluation=Evaluation("s3://a/b", "TopK", "y", 3),
        artifact="sha256-0",
    )


@pytest.mark.parametrize(
    ("image", "spec"),
    [
        pytest.param(
            {"height": 8, "width": 9},
            ImageSpec(8, 9, 3, 1.0, (0.0,) * 3, (1.0,) * 3),
            id="the defaults, one number for three channels",
        ),
        pytest.param(
            {"height": 8, "width": 9, "scale": 0.5, "mean": [1, 2, 3], "std": [4]},
            ImageSpec(8, 9, 3, 0.5, (1.0, 2.0, 3.0), (4.0,) * 3),
            id="one number a channel",
        ),
        pytest.param(
            {"height": 8, "width": 9, "channels": 1, "mean": [7]},
            ImageSpec(8, 9, 1, 1.0, (7.0,), (1.0,)),
            id="grey",
        ),
    ],
)
def test_an_image_is_what_the_spec_says(image: dict[str, Any], spec: ImageSpec) -> None:
    asked = freeze_request(Model.parse(model(inputs={"x": {"image": image}})))
    assert images.read(FreezeRequest.from_json(json.dumps(asked))) == {"x": spec}
