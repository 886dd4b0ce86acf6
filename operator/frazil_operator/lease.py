"""One operator at a time: the Lease it holds while it acts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from frazil_operator.cluster import ApiError, Cluster
from frazil_operator.observed import Object
from frazil_operator.resources import LEASES

NAME: Final = "frazil-operator"
_log = logging.getLogger(__name__)
_TROUBLE: Final = (ApiError, TimeoutError, aiohttp.ClientError, OSError)


class LeaseLostError(Exception):
    """Another operator may act by now: this one must end."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Seconds since the last renewal: the next one comes after ``renewal``; a holder that could
    not renew gives up after ``deadline``, and after ``duration`` another may take over. Who has to
    try again does so every ``retry``."""

    duration: float = 15.0
    deadline: float = 10.0
    renewal: float = 5.0
    retry: float = 2.0


class Lease:
    """The Lease of one namespace, as client-go's leader election uses it.

    Who waits trusts no other machine's clock: a Lease has run out when it has not *changed* for
    its duration. One whose holder let it go, or is called as we are (a container restarted in its
    pod), is free at once.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        identity: str,
        periods: Periods = Periods(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._identity = identity
        self._periods = periods
        self._clock = clock
        self._seen: tuple[str, float] = ("", 0.0)  # resourceVersion, when it was first seen

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait until the Lease is ours; let it go at the end, so that the next one starts at once.

        ``keep`` has to run meanwhile.
        """
        _log.info("%s waits for the lease %s/%s", self._identity, self._namespace, NAME)
        try:
            await self._insist()
            _log.info("%s holds the lease", self._identity)
            yield
        finally:
            await self._release()

    async def keep(self) -> None:
        """Renew it for ever; raises LeaseLostError when that has failed for too long."""
        while True:
            try:
                async with asyncio.timeout(self._periods.deadline):
                    await asyncio.sleep(self._periods.renewal)
                    await self._insist()
            except TimeoutError:
                raise LeaseLostError(
                    f"could not be renewed in {self._periods.deadline:g} s"
                ) from None

    async def _insist(self) -> None:
        while True:
            if await self._attempt():
                return
            await asyncio.sleep(self._periods.retry)

    async def _release(self) -> None:
        try:
            live = await self._get()
            if live is not None and live["spec"].get("holderIdentity") == self._identity:
                body = {**live, "spec": {**live["spec"], "holderIdentity": ""}}
                await self._cluster.replace(LEASES, body)
        except _TROUBLE as error:
            _log.warning("the lease could not be released and has to run out: %s", error)

    async def _attempt(self) -> bool:
        """Take or renew it; False where it is another's, or the API server in trouble."""
        try:
            live = await self._get()
            if live is None:
                await self._cluster.create(LEASES, self._body({}))
            elif self._is_free(live):
                await self._cluster.replace(LEASES, self._body(live))
            else:
                return False
        except _TROUBLE as error:
            _log.warning("lease: %s", error)
            return False
        return True

    def _is_free(self, live: Object) -> bool:
        now = asyncio.get_running_loop().time()
        version = live["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, now)
        holder = live["spec"].get("holderIdentity")
        duration = live["spec"].get("leaseDurationSeconds", self._periods.duration)
        return holder in (None, "", self._identity) or now > self._seen[1] + duration

    def _body(self, live: Object) -> dict[str, Any]:
        """The Lease as it is to be; with the version of ``live``, so that only one can win."""
        spec = live.get("spec", {})
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = spec.get("holderIdentity") == self._identity
        taken = {"acquireTime": now, "leaseTransitions": spec.get("leaseTransitions", 0) + 1}
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": live.get("metadata", {"namespace": self._namespace, "name": NAME}),
            "spec": {
                **spec,
                **({} if ours else taken),
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(self._periods.duration),
                "renewTime": now,
            },
        }

    async def _get(self) -> Object | None:
        return await self._cluster.get(LEASES, self._namespace, NAME)
