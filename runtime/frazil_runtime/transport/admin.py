"""The admin port: probes, metrics, load, policies. There before the model and after the drain."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from frazil_runtime.contract import LIVE_PATH, METRICS_PATH, POLICY_PATH, READY_PATH, Policy
from frazil_runtime.contract.accuracy import ACCURACY_PATH, Tally
from frazil_runtime.contract.load import LOAD_PATH, LONGEST_WAIT, PREFER_HEADER, Load
from frazil_runtime.lifecycle import Lifecycle, State
from frazil_runtime.metrics import CONTENT_TYPE, Metrics
from frazil_runtime.policies import Policies, is_authorized
from frazil_runtime.requests import Body
from frazil_runtime.transport.exchanges import Answer, Begin, Exchange, nothing
from frazil_runtime.transport.limits import Limits

POLICY_LIMITS: Final = Limits(bytes=64 * 1024, seconds=5.0)

# Seconds that a readiness probe is kept waiting while the model warms up, so that the kubelet
# hears of readiness when it happens, not at its next probe. Below the probes' default timeout.
PATIENCE: Final = 0.8

_WAIT: Final = re.compile(rb"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])", re.IGNORECASE)


class Loads(Protocol):
    """What reads the load."""

    def now(self) -> Load:
        """At once."""

    async def soon(self, seconds: float) -> Load:
        """As soon as a request has to wait; after ``seconds`` at the latest."""


class AdminApp:
    """Probes, metrics and load to be had, and a policy to be given."""

    limits = POLICY_LIMITS
    draining = False  # probes and scrapes go on to the end

    def __init__(
        self,
        lifecycle: Lifecycle,
        metrics: Metrics,
        loads: Loads,
        policies: Policies,
        token_file: Path | None,
    ) -> None:
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._loads = loads
        self._policies = policies
        self._token_file = token_file
        self.tallies: dict[str, Callable[[], Tally]] = {}  # of each model that has been loaded

    def admit(self, exchange: Exchange) -> Begin:
        """A policy only from who may give one; what is asked of anybody else needs no body."""
        if (exchange.method, exchange.path) == ("POST", POLICY_PATH):
            if self._authorized(exchange):
                return lambda: exchange.respond(self._offer(exchange.body))
            exchange.respond(_text(401, "a policy is taken from who has the token\n"))
        elif exchange.path == READY_PATH:
            return lambda: exchange.run(self._ready())
        elif exchange.path == LOAD_PATH:
            return lambda: exchange.run(self._load(_preferred_wait(exchange)))
        else:
            exchange.respond(self._answer(exchange.path))
        return nothing

    def _answer(self, path: str) -> Answer:
        if path == LIVE_PATH:
            return _text(200, "ok\n")
        if path == METRICS_PATH:
            return Answer(200, self._metrics.render(), ((b"content-type", CONTENT_TYPE.encode()),))
        if path == POLICY_PATH:
            return Answer(200, self._policies.policy.to_json().encode())
        if path == ACCURACY_PATH or path.startswith(f"{ACCURACY_PATH}/"):
            return self._accuracy(path[len(ACCURACY_PATH) + 1 :])
        paths = " ".join(
            (LIVE_PATH, READY_PATH, METRICS_PATH, LOAD_PATH, POLICY_PATH, ACCURACY_PATH)
        )
        return _text(404, f"the admin port has {paths}\n")

    def _accuracy(self, name: str) -> Answer:
        """The tally of the model of this name, or of the only one."""
        if self._lifecycle.state in (State.LOADING, State.WARMING):
            return _text(503, f"{self._lifecycle.state.value}\n")
        if not name and len(self.tallies) == 1:
            (name,) = self.tallies
        if name not in self.tallies:
            paths = " ".join(f"{ACCURACY_PATH}/{each}" for each in self.tallies)
            return _text(404, f"the models' accuracies are at {paths}\n")
        return Answer(200, self.tallies[name]().to_json().encode())

    def _authorized(self, exchange: Exchange) -> bool:
        authorization = exchange.headers.get(b"authorization", b"").decode("latin-1")
        return is_authorized(authorization, self._token_file)

    def _offer(self, body: Body) -> Answer:
        """Follow the policy that is sent, if its number is larger."""
        try:
            policy = Policy.from_json(body.decode())
        except ValueError as error:
            return _text(400, f"not a policy: {error}\n")
        if not self._policies.offer(policy):
            number = self._policies.policy.number
            return _text(409, f"policy {number} holds: a later one has a larger number\n")
        return Answer(200, policy.to_json().encode())

    async def _load(self, seconds: int) -> Answer:
        """Now, or a little later if that is as well; whoever drains keeps nobody waiting."""
        wait = seconds if self._lifecycle.ready else 0
        load = await self._loads.soon(wait) if wait else self._loads.now()
        return Answer(200, load.to_json().encode())

    async def _ready(self) -> Answer:
        if self._lifecycle.state in (State.LOADING, State.WARMING):
            await self._lifecycle.wait_ready(PATIENCE)
        return _text(200 if self._lifecycle.ready else 503, f"{self._lifecycle.state.value}\n")


def _text(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), ((b"content-type", b"text/plain; charset=utf-8"),))


def _preferred_wait(exchange: Exchange) -> int:
    """Seconds that the client would rather wait than be answered at once: RFC 7240."""
    found = _WAIT.search(exchange.headers.get(PREFER_HEADER.lower().encode(), b""))
    return min(LONGEST_WAIT, int(found[1])) if found else 0
