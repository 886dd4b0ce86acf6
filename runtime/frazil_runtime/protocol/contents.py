"""What the strings of an input stand for, where the parameter ``content_type`` says so.

MLServer's parameter, of an input or of the whole request: ``base64`` (text that stands for bytes)
is MLServer's too, ``uri`` (text that stands for what lies there) is ours. Any other says nothing
here: it is the model that knows what its strings are.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from frazil_runtime.errors import invalid
from frazil_runtime.manifest import Tensor
from frazil_runtime.uris import Uri

Array = npt.NDArray[Any]

BASE64: Final = "base64"
URI: Final = "uri"


def read(tensor: Tensor, array: Array, content_type: str) -> Array:
    """The strings that are meant by ``array``, whose elements are ``bytes`` or ``Uri``.

    An array of anything else comes back as it is. INVALID_ARGUMENT names the input.
    """
    meaning = _MEANINGS.get(content_type)
    if meaning is None or array.dtype != object:
        return array
    meant = np.empty(array.size, object)
    meant[:] = [meaning(tensor, text) for text in array.flat]
    return meant.reshape(array.shape)


def _from_base64(tensor: Tensor, text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f'input "{tensor.name}" is not base64') from None


def _uri(tensor: Tensor, text: bytes | Uri) -> Uri:
    if isinstance(text, Uri):
        return text
    try:
        return Uri(text.decode())
    except UnicodeDecodeError:
        raise invalid(f'input "{tensor.name}" has the content_type "uri", but is no text') from None


_MEANINGS: Final[dict[str, Callable[[Tensor, bytes], bytes | Uri]]] = {
    BASE64: _from_base64,
    URI: _uri,
}
