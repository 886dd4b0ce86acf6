"""The forms in which requests come: what holds for all of one form is found out once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt

from frazil_runtime import texts
from frazil_runtime.cache import scope_of
from frazil_runtime.costs import Kind
from frazil_runtime.jobs import Hosted, kind_of
from frazil_runtime.manifest import Signature
from frazil_runtime.validation import check_arrays, find_signature

Array = npt.NDArray[Any]

FORMS: Final = 256  # kept; what clients send decides how many there are

_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A signature, and its inputs' dtypes and shapes, which are right.

    ``rows`` is 0 where they may not be run with others, ``kind`` what their cost depends on
    besides; ``scope`` begins their key in the output cache. There are so many ``strings``, each of
    which must be looked at each time.
    """

    signature: Signature
    kind: Kind
    rows: int
    scope: bytes
    strings: int


class Forms:
    """Those of one model. The one that was not used for longest goes first."""

    def __init__(self, hosted: Hosted) -> None:
        self._hosted = hosted
        self._digest = hosted.manifest.digest
        self._known: OrderedDict[_Key, Form] = OrderedDict()

    def find(self, name: str, sent: Mapping[str, Array]) -> tuple[Form, list[Array]]:
        """The form of a request, and its inputs in feed order; InferenceError where it is wrong.

        What strings hold is not looked at.
        """
        inputs = list(sent.values())
        key = (name, *sent, *[(array.dtype, array.shape) for array in inputs])
        form = self._known.get(key)
        if form is not None:
            self._known.move_to_end(key)
            return form, inputs
        signature = find_signature(self._hosted.manifest, name)
        inputs = check_arrays(signature, sent)
        form = self._form(name, signature, inputs)
        if tuple(sent) == signature.input_names:
            self._known[key] = form
            if len(self._known) > FORMS:
                self._known.popitem(last=False)
        return form, inputs

    def _form(self, name: str, signature: Signature, inputs: list[Array]) -> Form:
        kind, rows = kind_of(self._hosted, name, inputs)
        tensors = zip(signature.input_names, inputs, strict=True)
        scope = scope_of(self._hosted.name, self._digest, name, tensors)
        return Form(signature, kind, rows, scope, texts.count(inputs))
