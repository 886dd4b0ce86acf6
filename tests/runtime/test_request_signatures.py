"""What clients are told that an image input takes."""

from __future__ import annotations

from frazil_runtime.manifest import Image, Signature, Tensor
from frazil_runtime.request_signatures import request_signature

PHOTO = Tensor("photo", "x:0", "float32", (-1, 6, 4, 3), (1, 6, 4, 3))
OTHER = Tensor("other", "y:0", "float32", (-1, 2))
SIGNATURE = Signature((PHOTO, OTHER), (Tensor("scores", "z:0", "float32", (-1, 10)),))
IMAGES = {"photo": Image("preprocess.pb", "in:0", "out:0", "float32", (6, 4, 3))}


def test_an_image_input_takes_strings_one_a_row() -> None:
    photo, other = request_signature(SIGNATURE, IMAGES).inputs
    assert (photo.name, photo.dtype, photo.shape, photo.minimum) == ("photo", "string", (-1,), (1,))
    assert other == OTHER


def test_all_else_stays() -> None:
    changed = request_signature(SIGNATURE, IMAGES)
    assert (changed.outputs, changed.method) == (SIGNATURE.outputs, SIGNATURE.method)
    assert request_signature(SIGNATURE, {}) == SIGNATURE


def test_an_input_that_is_sent_prepared_is_the_models_own() -> None:
    assert request_signature(SIGNATURE, IMAGES, prepared={"photo"}) == SIGNATURE


def test_a_fixed_number_of_rows_stays_fixed() -> None:
    fixed = Signature((Tensor("photo", "x:0", "float32", (8, 6, 4, 3)),), ())
    assert request_signature(fixed, IMAGES).inputs[0].shape == (8,)


def test_an_input_of_any_shape_takes_any_number_of_rows() -> None:
    free = Signature((Tensor("photo", "x:0", "float32", None),), ())
    assert request_signature(free, IMAGES).inputs[0].shape == (-1,)
