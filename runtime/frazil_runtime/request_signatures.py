"""PURE. A signature as clients see it: an image input takes encoded images, or its own tensor.

Which of the two a client sends is told by the type alone. Strings are images, whatever is in them;
all else is the prepared tensor, and must be the model's own dtype and shape. No input whose rows
are made of images is of strings itself, so the two cannot be taken for each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from frazil_runtime import dtypes
from frazil_runtime.manifest import Image, Manifest, Signature, Tensor


@dataclass(frozen=True, slots=True)
class ImageInput(Tensor):
    """Strings of shape [rows], one encoded image each; or ``prepared``, the model's own input."""

    prepared: Tensor = field(kw_only=True)


def sent_as(tensor: Tensor, *, strings: bool) -> Tensor:
    """What a client means that sends ``tensor`` as strings, or as anything else."""
    return tensor if strings or not isinstance(tensor, ImageInput) else tensor.prepared


def or_images(tensor: Tensor) -> str:
    """What an error adds to the type that it expected of ``tensor``."""
    return ", or strings that are images" if isinstance(tensor, ImageInput) else ""


def remarks(tensor: Tensor) -> dict[str, str]:
    """What a description of ``tensor`` says besides its type: in which other form it may be sent.

    Types and shapes as the Open Inference Protocol has them.
    """
    if not isinstance(tensor, ImageInput):
        return {}
    datatype, shape = dtypes.BY_NAME[tensor.prepared.dtype].oip, tensor.prepared.shape
    free = (-1,)
    return {"images": "JPEG, PNG", "prepared": f"{datatype} {list(shape or free)}"}


def request_signature(signature: Signature, images: Mapping[str, Image]) -> Signature:
    """``signature`` with each input of ``images``, the manifest's, as an ``ImageInput``.

    For codecs and metadata; ``Inputs.resolve`` takes either form.
    """
    return replace(
        signature,
        inputs=tuple(
            _image_input(tensor) if tensor.name in images else tensor for tensor in signature.inputs
        ),
    )


def as_requested(manifest: Manifest) -> Manifest:
    """The manifest as clients see it."""
    if not manifest.images:
        return manifest
    signatures = {
        name: request_signature(signature, manifest.images)
        for name, signature in manifest.signatures.items()
    }
    return replace(manifest, signatures=signatures)


def as_prepared(manifest: Manifest) -> dict[str, Signature]:
    """Of a manifest as clients see it, the signatures that take images, each as clients may call
    it, too: with the prepared tensors. Empty where none takes any."""
    prepared = {
        name: replace(s, inputs=tuple(sent_as(tensor, strings=False) for tensor in s.inputs))
        for name, s in manifest.signatures.items()
    }
    return {name: s for name, s in prepared.items() if s != manifest.signatures[name]}


def dtypes_as_requested(manifest: Manifest) -> dict[str, str]:
    """The dtype of each input by its name, in whichever signature; ``string`` where in any, and so
    of each that takes images: URIs may stand for those."""
    tensors = [t for s in as_requested(manifest).signatures.values() for t in s.inputs]
    found = {tensor.name: tensor.dtype for tensor in tensors}
    return found | {tensor.name: "string" for tensor in tensors if tensor.dtype == "string"}


def _image_input(tensor: Tensor) -> ImageInput:
    rows = tensor.shape[0] if tensor.shape else -1
    minimum = tensor.minimum[:1] if tensor.minimum else None
    return ImageInput(tensor.name, tensor.tensor, "string", (rows,), minimum, prepared=tensor)
