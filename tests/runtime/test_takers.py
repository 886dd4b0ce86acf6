"""Which inputs take URIs, and who hears of it where one does not."""

from __future__ import annotations

import logging

import pytest

from frazil_runtime.contract import Policy
from frazil_runtime.manifest import Image, Manifest, Signature, Tensor
from frazil_runtime.request_signatures import dtypes_as_requested
from frazil_runtime.takers import takers, warn

PHOTOS = Manifest(
    {
        "serving_default": Signature(
            (
                Tensor("photo", "p:0", "float32", (-1, 2, 1, 3)),
                Tensor("text", "t:0", "string", (-1,)),
                Tensor("x", "x:0", "float32", (-1,)),
            ),
            (),
        ),
        "other": Signature((Tensor("y", "y:0", "int64", (-1,)),), ()),
    },
    "serving_default",
    {},
    images={"photo": Image("p.pb", "i:0", "r:0", "float32", (2, 1, 3))},
)
NUMBERS = Manifest({"s": Signature((Tensor("x", "x:0", "float32", (-1,)),), ())}, "s", {})


def test_strings_and_what_is_made_of_images_take_uris() -> None:
    assert takers(PHOTOS) == {"photo", "text"}
    assert takers(NUMBERS) == set()


def test_dtypes_are_those_that_clients_see() -> None:
    dtypes = {"photo": "string", "text": "string", "x": "float32", "y": "int64"}
    assert dtypes_as_requested(PHOTOS) == dtypes


@pytest.mark.parametrize(
    ("manifest", "names", "lines"),
    [
        pytest.param(PHOTOS, ["photo", "text"], [], id="names that take URIs"),
        pytest.param(NUMBERS, [], [], id="nothing"),
        pytest.param(
            PHOTOS,
            ["foto", "photo"],
            [
                "spec.inputs.foto.fetch allows nothing: "
                "URIs stand for images or strings, which the inputs photo, text take"
            ],
            id="a name that is no input's",
        ),
        pytest.param(
            NUMBERS,
            ["x"],
            [
                "spec.inputs.x.fetch allows nothing: "
                "URIs stand for images or strings, which the inputs (none of this model) take"
            ],
            id="a model of numbers",
        ),
    ],
)
def test_a_policy_for_what_takes_none_is_in_the_log(
    caplog: pytest.LogCaptureFixture, manifest: Manifest, names: list[str], lines: list[str]
) -> None:
    with caplog.at_level(logging.WARNING, "frazil"):
        warn(manifest, Policy(allow=dict.fromkeys(names, ("s3://photos",))))
    assert caplog.messages == lines
