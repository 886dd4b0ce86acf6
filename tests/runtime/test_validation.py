"""What is refused before TensorFlow sees it, and in which words."""

from __future__ import annotations

import numpy as np
import pytest

from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.validation import check_inputs, check_outputs, check_shape, find_signature

IMAGE = Tensor("image", "x:0", "float32", (-1, 28, 28), (1, 28, 28))
TEXT = Tensor("text", "t:0", "string", None)
SIGNATURE = Signature((IMAGE, TEXT), (Tensor("scores", "y:0", "float32", (-1, 10)),))
GOOD = {"image": np.zeros((2, 28, 28), np.float32), "text": np.array([b"a"], object)}


def test_inputs_come_back_in_the_manifests_order() -> None:
    image, text = check_inputs(SIGNATURE, dict(reversed(GOOD.items())))
    assert image is GOOD["image"]
    assert text is GOOD["text"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"picture": GOOD["image"]},
            'input "picture" is not in the signature; it has image, text',
            id="an unknown name",
        ),
        pytest.param(
            {"image": np.zeros((2, 28, 28))},
            'input "image" must be float32, got float64',
            id="another dtype",
        ),
        pytest.param(
            {"image": np.zeros((28, 28), np.float32)},
            'input "image" must have shape [-1, 28, 28], got [28, 28]: 2 dimensions instead of 3',
            id="another rank",
        ),
        pytest.param(
            {"image": np.zeros((1, 28, 27), np.float32)},
            'input "image" must have shape [-1, 28, 28], got [1, 28, 27]: '
            "dimension 2 is 27 instead of 28",
            id="another size",
        ),
        pytest.param(
            {"image": np.zeros((0, 28, 28), np.float32)},
            'input "image" must have shape [-1, 28, 28], got [0, 28, 28]: '
            "dimension 0 is 0, the least is 1",
            id="less than the graph's smallest size",
        ),
        pytest.param(
            {"text": np.array(["a"], object)},
            'input "text" must hold bytes, got str',
            id="text that is not bytes",
        ),
    ],
)
def test_an_input_is_refused_for(changes: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InferenceError) as caught:
        check_inputs(SIGNATURE, GOOD | changes)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert str(caught.value) == message


def test_a_missing_input_is_named() -> None:
    with pytest.raises(
        InferenceError, match='input "text" is missing; the signature has image, text'
    ):
        check_inputs(SIGNATURE, {"image": GOOD["image"]})


@pytest.mark.parametrize(
    ("shape", "misfit"),
    [
        pytest.param((-1,), "a dimension is negative", id="a negative dimension"),
        pytest.param((2**62, 4), "too many elements", id="a product over 64 bits"),
        pytest.param((2**32, 2**32), "too many elements", id="a product that wraps around to 0"),
        pytest.param((0, 2**62, 4), "too many elements", id="a product that is 0 in the end"),
        pytest.param((2**60,), "too many elements", id="elements whose bytes are over 64 bits"),
        pytest.param((1,) * 255, "more than 64 dimensions", id="a rank that it aborts at"),
    ],
)
def test_tensorflow_never_sees(shape: tuple[int, ...], misfit: str) -> None:
    with pytest.raises(InferenceError) as caught:
        check_shape(TEXT, shape)
    expected = f'input "text" must have shape […], got {list(shape)}: {misfit}'
    assert str(caught.value) == expected


def test_a_free_rank_takes_scalars_and_no_rows() -> None:
    check_shape(TEXT, ())
    check_shape(TEXT, (0, 3))


def test_outputs_are_selected_from_those_there_are() -> None:
    assert check_outputs(SIGNATURE, ()) == ("scores",)
    assert check_outputs(SIGNATURE, ("scores",)) == ("scores",)
    with pytest.raises(InferenceError, match='output "y" is not in the signature; it has scores'):
        check_outputs(SIGNATURE, ("y",))


def test_an_unknown_signature_is_answered_with_those_there_are() -> None:
    manifest = Manifest({"predict": SIGNATURE, "classify": SIGNATURE}, "predict", {})
    assert find_signature(manifest, "predict") is SIGNATURE
    with pytest.raises(
        InferenceError,
        match='Serving signature key "serve" not found; the model has classify, predict',
    ):
        find_signature(manifest, "serve")
