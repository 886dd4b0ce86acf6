"""PURE. Prediction ids: what was predicted, by whom, of what and when, signed.

An id is base64url of: a head (see ``_HEAD``), the revision's name, the predicted values, and 16
bytes of BLAKE3 in keyed mode over all of that. Whoever has the key scores an id, and keeps nothing
of it until then. It is signed, not hidden: clients may read what they were answered anyway.
"""

from __future__ import annotations

import binascii
import hmac
import struct
from typing import Final, NamedTuple

from blake3 import blake3

from frazil_runtime.accuracy.predicted import Predicted

LONGEST: Final = 4096  # characters of an id: any that is made is shorter
NONCE_BYTES: Final = 8
INPUT_BYTES: Final = 8  # of the hash of what was asked

_VERSION: Final = 1
# version, rules' digest, nonce, seconds since the epoch, hash of the inputs; of the predicted
# values kind, width and rows; bytes of the revision's name
_HEAD: Final = struct.Struct("<B4s8sI8scBHB")
_TAG: Final = 16
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_+/", b"+/  ")  # the other alphabet's letters are none


class Sealed(NamedTuple):
    """What an id holds: ``time`` in whole seconds since the epoch, ``nonce`` like no other's."""

    rules: bytes
    nonce: bytes
    time: int
    input: bytes
    revision: str
    predicted: Predicted


class MalformedError(ValueError):
    """No id at all, or one of a version that is not known here."""


class ForgedError(ValueError):
    """An id that nobody has signed who has the key of this model."""


def key_for(secret: bytes, model: str) -> bytes:
    """The key of one model's ids: those of another one that shares the secret do not pass."""
    return blake3(model.encode(), key=secret).digest()


def seal(key: bytes, sealed: Sealed) -> bytes:
    """The id, as ASCII. The revision's name has at most 255 bytes of UTF-8."""
    rules, nonce, time, hashed, revision, (kind, width, rows, data) = sealed
    name = revision.encode()
    head = _HEAD.pack(
        *(_VERSION, rules, nonce, time, hashed[:INPUT_BYTES]),
        *(kind.encode(), width, rows, len(name)),
    )
    body = b"".join((head, name, data))
    signed = body + blake3(body, key=key).digest(length=_TAG)
    return binascii.b2a_base64(signed, newline=False).rstrip(b"=").translate(_TO_URL)


def unseal(key: bytes, text: str) -> Sealed:
    """What an id holds; MalformedError or ForgedError. Nothing of it is believed unsigned."""
    signed = _decoded(text)
    if len(signed) < _HEAD.size + _TAG or signed[0] != _VERSION:
        raise MalformedError("not a prediction id")
    body, tag = signed[:-_TAG], signed[-_TAG:]
    if not hmac.compare_digest(blake3(body, key=key).digest(length=_TAG), tag):
        raise ForgedError("not signed with this model's key")
    _, rules, nonce, time, hashed, kind, width, rows, length = _HEAD.unpack_from(body)
    at = _HEAD.size + length
    revision = body[_HEAD.size : at].decode()
    predicted = Predicted(kind.decode(), width, rows, body[at:])
    return Sealed(rules, nonce, time, hashed, revision, predicted)


def _decoded(text: str) -> bytes:
    if not text.isascii() or len(text) > LONGEST:
        raise MalformedError("not a prediction id")
    data = text.encode().translate(_FROM_URL)
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
    except binascii.Error:
        raise MalformedError("not a prediction id") from None
