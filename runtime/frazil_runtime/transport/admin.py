"""The admin port: probes, metrics, policies. It is there before the model and after the drain."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from frazil_runtime.contract import LIVE_PATH, METRICS_PATH, POLICY_PATH, READY_PATH, Policy
from frazil_runtime.errors import InferenceError
from frazil_runtime.lifecycle import Lifecycle, State
from frazil_runtime.metrics import CONTENT_TYPE, Metrics
from frazil_runtime.policies import Policies, is_authorized
from frazil_runtime.transport.bodies import Body, Limits
from frazil_runtime.transport.server import Message, Receive, Send

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
POLICY_LIMITS: Final = Limits(bytes=64 * 1024, seconds=5.0)

# Seconds that a readiness probe is kept waiting while the model warms up, so that the kubelet
# hears of readiness when it happens, not at its next probe. Below the probes' default timeout.
PATIENCE: Final = 0.8


class AdminApp:
    """An ASGI application: probes and metrics to be had, and a policy to be given."""

    def __init__(
        self, lifecycle: Lifecycle, metrics: Metrics, policies: Policies, token_file: Path | None
    ) -> None:
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._policies = policies
        self._token_file = token_file

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request; the body is read where it is a policy."""
        if (scope["method"], scope["path"]) == ("POST", POLICY_PATH):
            status, content_type, body = await self._offer(scope, receive)
        else:
            status, content_type, body = await self._answer(scope["path"])
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str) -> tuple[int, str, bytes]:
        if path == LIVE_PATH:
            return 200, TEXT, b"ok\n"
        if path == READY_PATH:
            return await self._ready()
        if path == METRICS_PATH:
            return 200, CONTENT_TYPE, self._metrics.render()
        if path == POLICY_PATH:
            return 200, JSON, self._policies.policy.to_json().encode()
        paths = " ".join((LIVE_PATH, READY_PATH, METRICS_PATH, POLICY_PATH))
        return 404, TEXT, f"the admin port has {paths}\n".encode()

    async def _offer(self, scope: Message, receive: Receive) -> tuple[int, str, bytes]:
        """Follow the policy that is sent, if the sender may and its number is larger."""
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not is_authorized(authorization, self._token_file):
            return 401, TEXT, b"a policy is taken from who has the token\n"
        try:
            text = await Body(
                dict(scope["headers"]), receive, POLICY_LIMITS, self._lifecycle
            ).read()
            policy = Policy.from_json(text.decode())
        except InferenceError as error:
            return error.code.status, TEXT, f"{error}\n".encode()
        except ValueError as error:
            return 400, TEXT, f"not a policy: {error}\n".encode()
        if not self._policies.offer(policy):
            number = self._policies.policy.number
            return 409, TEXT, f"policy {number} holds: a later one has a larger number\n".encode()
        return 200, JSON, policy.to_json().encode()

    async def _ready(self) -> tuple[int, str, bytes]:
        if self._lifecycle.state in (State.LOADING, State.WARMING):
            await self._lifecycle.wait_ready(PATIENCE)
        status = 200 if self._lifecycle.ready else 503
        return status, TEXT, f"{self._lifecycle.state.value}\n".encode()
