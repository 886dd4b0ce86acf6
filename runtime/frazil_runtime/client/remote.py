"""A server that is asked by people: its models, their signatures, one prediction at a time."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import numpy.typing as npt
import orjson

from frazil_runtime import dtypes
from frazil_runtime.client import records
from frazil_runtime.manifest import Signature, Tensor

Array = npt.NDArray[Any]

TIMEOUT: Final = 60.0  # seconds
_JSON: Final = {"Content-Type": "application/json"}
_BY_PROTO: Final = {dtype.proto: dtype for dtype in dtypes.DTYPES}


class ServerError(Exception):
    """The server cannot be asked, or answered with an error; the message says which."""


class Server:
    """The HTTP port at a URL: ``http://host:port``, or ``host:port``; a path is left out."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerError(f"{url!r} is no URL of a server: it is http://HOST:PORT")
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        try:
            self.port = parts.port or (443 if self.tls else 80)
        except ValueError as error:
            raise ServerError(f"{url!r}: {error}") from error

    @property
    def url(self) -> str:
        """Without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def model(self, name: str | None) -> str:
        """``name``, or that of the only model there is."""
        if name:
            return name
        known = self._ask("GET", "/v2/models").get("models")
        if not (isinstance(known, list) and len(known) == 1):
            raise ServerError(f"name one of its models with --model: {known or 'it tells none'}")
        return str(known[0])

    def signature(self, model: str, name: str | None) -> Signature:
        """The model's signature of that name, or its default one.

        No names of the graph's own. The Open Inference Protocol shows the default signature only,
        so the others are read as TensorFlow Serving has them.
        """
        try:
            if not name:
                return _of_open_inference(self._ask("GET", f"/v2/models/{quote(model)}"))
            found = self._ask("GET", f"/v1/models/{quote(model)}/metadata")
            signatures = found["metadata"]["signature_def"]["signature_def"]
            if name in signatures:
                return _of_tf_serving(signatures[name])
        except (KeyError, TypeError, ValueError) as error:
            raise ServerError(f"{self.url} describes {model} in no way known: {error!r}") from error
        raise ServerError(f"{model} has no signature {name}; it has {', '.join(signatures)}")

    def infer(
        self, model: str, inputs: Mapping[str, Array], signature: str | None
    ) -> dict[str, Array]:
        """The outputs by name."""
        body = records.request(inputs, signature)
        try:
            return records.outputs(self._ask("POST", infer_path(model), body))
        except records.AnswerError as error:
            raise ServerError(f"{self.url}: {error}") from error

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, _JSON if body else {})
            answer = connection.getresponse()
            return _checked(f"{method} {self.url}{path}", answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            text = str(error) or type(error).__name__
            raise ServerError(f"{self.url} cannot be asked: {text}") from error
        finally:
            connection.close()


def infer_path(model: str) -> str:
    """Where a model is asked."""
    return f"/v2/models/{quote(model)}/infer"


def _checked(asked: str, status: int, text: bytes) -> Any:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        answer = None
    if status != 200:
        said = answer.get("error") if isinstance(answer, dict) else None
        reason = said or http.client.responses.get(status, "an error without a text")
        raise ServerError(f"{asked}: {status}: {reason}")
    if not isinstance(answer, dict):
        raise ServerError(f"{asked}: the answer is no JSON object")
    return answer


def _of_open_inference(model: Mapping[str, Any]) -> Signature:
    def tensors(kind: str) -> tuple[Tensor, ...]:
        return tuple(
            Tensor(t["name"], "", _by_datatype(t["datatype"]), tuple(map(int, t["shape"])))
            for t in model[kind]
        )

    return Signature(tensors("inputs"), tensors("outputs"))


def _by_datatype(name: str) -> str:
    known = dtypes.BY_OIP.get(name)
    return known.name if known else name.lower()


def _of_tf_serving(signature: Mapping[str, Any]) -> Signature:
    def tensors(kind: str) -> tuple[Tensor, ...]:
        return tuple(
            Tensor(name, "", _BY_PROTO[info["dtype"]].name, _sizes(info["tensor_shape"]))
            for name, info in signature[kind].items()
        )

    return Signature(tensors("inputs"), tensors("outputs"))


def _sizes(shape: Mapping[str, Any]) -> tuple[int, ...] | None:
    if shape.get("unknown_rank"):
        return None
    return tuple(int(dimension["size"]) for dimension in shape.get("dim", ()))
