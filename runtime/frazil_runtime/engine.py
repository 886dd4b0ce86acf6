"""The one seam between protocols and the model: ``infer(request)``. Knows no transport."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy.typing as npt

from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.manifest import Manifest
from frazil_runtime.validation import check_inputs, check_outputs, find_signature

Array = npt.NDArray[Any]

# TF_Code (tsl/c/tsl_status.h) of a failed run: gRPC's numbers.
_CODES: Final = {code.number: code for code in Code}


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One request in the model's own terms.

    ``inputs`` maps the signature's input names to arrays of the manifest's dtypes; strings are
    object arrays of ``bytes``. ``outputs`` selects from the signature's outputs; empty means all.
    ``timeout`` is in how many seconds the client will be gone (None: it waits), ``priority`` the
    Triton protocol's (0: the default, 1: the highest), ``stored`` False where the output cache is
    neither to be read nor written.
    """

    signature: str
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...] = ()
    timeout: float | None = None
    priority: int = 0
    stored: bool = True


@dataclass(frozen=True, slots=True)
class InferResponse:
    """The outputs by name, in the order asked for, else in the manifest's. Arrays are read-only.

    ``cache`` is what the output cache had to do with it: ``hit``, ``miss`` or ``off``.
    """

    outputs: dict[str, Array]
    cache: str = "off"


class Runs(Protocol):
    """What the engine needs of a session."""

    def run(self, signature: str, inputs: Sequence[Array]) -> list[Array]:
        """Run one signature: inputs and outputs in the manifest's order."""


class Engine:
    """Checks a request against the manifest and runs it off the event loop.

    One run at a time, in order of arrival, on a thread of its own.
    """

    def __init__(self, manifest: Manifest, session: Runs) -> None:
        self._manifest = manifest
        self._session = session
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="session")
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """Requests taken and not yet answered: waiting or running."""
        return self._in_flight

    async def infer(self, request: InferRequest) -> InferResponse:
        """Run one request; InferenceError says what is wrong with it or with its run.

        A caller that is cancelled leaves the line; a run that has begun ends by itself, and its
        result is dropped.
        """
        signature = find_signature(self._manifest, request.signature)
        wanted = check_outputs(signature, request.outputs)
        inputs = check_inputs(signature, request.inputs)
        self._in_flight += 1
        try:
            outputs = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._session.run, request.signature, inputs
            )
        except TensorFlowError as error:
            raise InferenceError(_CODES.get(error.code, Code.INTERNAL), str(error)) from error
        except MemoryError as error:
            raise InferenceError(Code.RESOURCE_EXHAUSTED, str(error)) from error
        finally:
            self._in_flight -= 1
        named = dict(zip((tensor.name for tensor in signature.outputs), outputs, strict=True))
        return InferResponse({name: named[name] for name in wanted})

    def close(self) -> None:
        """Finish what has begun, start nothing more."""
        self._thread.shutdown(cancel_futures=True)
