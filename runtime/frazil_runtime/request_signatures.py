"""PURE. A signature as clients see it: an image input takes encoded images, as strings."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from frazil_runtime.manifest import Image, Manifest, Signature, Tensor


def request_signature(
    signature: Signature, images: Mapping[str, Image], prepared: Container[str] = ()
) -> Signature:
    """``signature`` with each input of ``images`` as strings of shape [rows], one image each.

    For codecs and metadata; ``images`` are the manifest's. The inputs in ``prepared`` stay what the
    model takes: a client may send the tensor itself, and a codec that sees it do so (numbers, a
    datatype that is not BYTES) names them here. ``Inputs.resolve`` takes either.
    """
    return replace(
        signature,
        inputs=tuple(
            _strings(tensor) if tensor.name in images and tensor.name not in prepared else tensor
            for tensor in signature.inputs
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


def _strings(tensor: Tensor) -> Tensor:
    rows = tensor.shape[0] if tensor.shape else -1
    minimum = tensor.minimum[:1] if tensor.minimum else None
    return replace(tensor, dtype="string", shape=(rows,), minimum=minimum)
