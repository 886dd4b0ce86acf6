"""Manifests and an engine of numpy functions, for tests of what is around the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt

from frazil_runtime.errors import InferenceError
from frazil_runtime.lifecycle import ModelInfo
from frazil_runtime.manifest import Manifest, Signature, Tensor
from frazil_runtime.requests import InferRequest, InferResponse
from frazil_runtime.validation import check_inputs, check_outputs, find_signature

Array = npt.NDArray[Any]
Function = Callable[[Mapping[str, Array]], dict[str, Array]]


def tensor(name: str, dtype: str = "float32", shape: tuple[int, ...] | None = (-1, 2)) -> Tensor:
    return Tensor(name, f"{name}:0", dtype, shape)


def manifest(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...] = ()) -> Manifest:
    """A model of one signature, ``serving_default``."""
    return Manifest({"serving_default": Signature(inputs, outputs)}, "serving_default", {})


def model(of: Manifest) -> ModelInfo:
    return ModelInfo("digits", "3", "digits-7c9f", of)


class NumpyEngine:
    """Checks as the engine does, and computes with a function of numpy arrays."""

    def __init__(self, of: Manifest, function: Function) -> None:
        self._manifest = of
        self._function = function

    def start(
        self, request: InferRequest, done: Callable[[InferResponse | InferenceError], object]
    ) -> Callable[[], object]:
        done(self._compute(request))
        return lambda: None

    async def infer(self, request: InferRequest) -> InferResponse:
        return self._compute(request)

    def _compute(self, request: InferRequest) -> InferResponse:
        signature = find_signature(self._manifest, request.signature)
        check_inputs(signature, request.inputs)
        outputs = self._function(request.inputs)
        return InferResponse(
            {name: outputs[name] for name in check_outputs(signature, request.outputs)}
        )
