"""A request in the model's own terms, and on its way to its response."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from frazil_runtime.errors import InferenceError
from frazil_runtime.flights import Waiter
from frazil_runtime.forms import Form
from frazil_runtime.jobs import Result
from frazil_runtime.manifest import Signature
from frazil_runtime.statistics import Statistics

Array = npt.NDArray[Any]
Body = bytes | bytearray  # of a request; nobody writes to it


@dataclass(slots=True)  # frozen, each would take a microsecond more
class InferRequest:
    """One request in the model's own terms.

    ``inputs`` maps the signature's input names to arrays of the manifest's dtypes; strings are
    object arrays of ``bytes``. ``outputs`` selects from the signature's outputs; empty means all.
    ``timeout`` is in how many seconds the client will be gone (None: it waits), ``priority`` the
    Triton protocol's (0: the default, 1: the highest), ``stored`` False where the output cache is
    neither to be read nor written, ``lone`` True where no other client is there.
    """

    signature: str
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...] = ()
    timeout: float | None = None
    priority: int = 0
    stored: bool = True
    lone: bool = False


class Stamp(NamedTuple):
    """The id of one prediction, in ASCII; empty where there is none, and why was it ``omitted``."""

    id: str
    omitted: str = ""


class Stamps(Protocol):
    """Who gives answers their ids."""

    def stamp(self, signature: Signature, outputs: Sequence[Array], inputs: bytes) -> Stamp:
        """The id of an answer, of which ``outputs`` has all, in the signature's order."""


@dataclass(slots=True)
class InferResponse:
    """The outputs by name, in the order asked for, else in the manifest's. Arrays are read-only.

    ``cache`` is what the output cache had to do with it: ``hit``, ``miss`` or ``off``. ``stamp`` is
    None where accuracy is not measured.
    """

    outputs: dict[str, Array]
    cache: str = "off"
    stamp: Stamp | None = None


Done = Callable[[InferResponse | InferenceError], object]


class Asked(Waiter):
    """A request on its way to its answer; what a check has found of it, it has not at first.

    ``key`` is the hash of what it asks, once that is known: where its answer may be cached, or gets
    an id from ``stamps``.
    """

    __slots__ = (
        *("began", "cache", "done", "form", "inputs", "key", "request", "sent", "size"),
        *("stamps", "statistics", "wanted"),
    )

    form: Form
    inputs: list[Array]  # in feed order
    wanted: tuple[str, ...]
    size: int

    def __init__(
        self,
        request: InferRequest,
        done: Done,
        statistics: Statistics,
        stamps: Stamps | None = None,
    ) -> None:
        super().__init__()
        self.began = perf_counter()
        self.request, self.done, self.statistics = request, done, statistics
        self.stamps = stamps
        self.sent = request.inputs
        self.key: bytes | None = None
        self.cache = "off"

    @property
    def time_left(self) -> float | None:
        """Seconds until the client will be gone; None: it waits."""
        timeout = self.request.timeout
        return None if timeout is None else timeout - (perf_counter() - self.began)

    def take(self, result: Result) -> None:
        """Here is its answer."""
        seconds = perf_counter() - self.began
        if isinstance(result, InferenceError):
            self.statistics.failed.add(seconds)
            self.done(result)
            return
        self.statistics.requests.add(seconds)
        names = self.form.signature.output_names
        outputs = dict(zip(names, result, strict=True))
        if self.wanted is not names:
            outputs = {name: outputs[name] for name in self.wanted}
        response = InferResponse(outputs, self.cache)
        if self.stamps is not None and self.key is not None:
            response.stamp = self.stamps.stamp(self.form.signature, result, self.key)
        self.done(response)
