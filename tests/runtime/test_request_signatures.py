"""What clients are told that an image input takes."""

from __future__ import annotations

from frazil_runtime.manifest import Image, Signature, Tensor
from frazil_runtime.request_signatures import or_images, remarks, request_signature, sent_as

PHOTO = Tensor("photo", "x:0", "float32", (-1, 6, 4, 3), (1, 6, 4, 3))
OTHER = Tensor("other", "y:0", "float32", (-1, 2))
SIGNATURE = Signature((PHOTO, OTHER), (Tensor("scores", "z:0", "float32", (-1, 10)),))
IMAGES = {"photo": Image("preprocess.pb", "in:0", "out:0", "float32", (6, 4, 3))}


def test_an_image_input_is_told_as_strings_one_a_row() -> None:
    photo, other = request_signature(SIGNATURE, IMAGES).inputs
    assert (photo.name, photo.dtype, photo.shape, photo.minimum) == ("photo", "string", (-1,), (1,))
    assert other == OTHER


def test_all_else_stays() -> None:
    changed = request_signature(SIGNATURE, IMAGES)
    assert (changed.outputs, changed.method) == (SIGNATURE.outputs, SIGNATURE.method)
    assert request_signature(SIGNATURE, {}) == SIGNATURE


def test_strings_are_images_and_all_else_is_the_models_own_tensor() -> None:
    photo, other = request_signature(SIGNATURE, IMAGES).inputs
    assert sent_as(photo, strings=True) is photo
    assert sent_as(photo, strings=False) == PHOTO
    assert sent_as(other, strings=True) is sent_as(other, strings=False) is other


def test_only_of_an_image_input_there_is_more_to_say() -> None:
    photo, other = request_signature(SIGNATURE, IMAGES).inputs
    assert remarks(photo) == {"images": "JPEG, PNG", "prepared": "FP32 [-1, 6, 4, 3]"}
    assert remarks(other) == {}
    assert or_images(photo)
    assert not or_images(other)


def test_a_fixed_number_of_rows_stays_fixed() -> None:
    fixed = Signature((Tensor("photo", "x:0", "float32", (8, 6, 4, 3)),), ())
    assert request_signature(fixed, IMAGES).inputs[0].shape == (8,)


def test_an_input_of_any_shape_takes_any_number_of_rows() -> None:
    free = Signature((Tensor("photo", "x:0", "float32", None),), ())
    (photo,) = request_signature(free, IMAGES).inputs
    assert photo.shape == (-1,)
    assert remarks(photo)["prepared"] == "FP32 [-1]"
