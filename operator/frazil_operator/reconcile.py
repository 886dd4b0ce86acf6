"""Look at one model: gather, decide, act. All deciding is done by the plan."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from frazil_operator import names
from frazil_operator.cluster import ApiError, Cluster, NamespaceEndsError, TakenError
from frazil_operator.drift import differs, merge_patch, stamped
from frazil_operator.events import event_object
from frazil_operator.gateway import GatewayError
from frazil_operator.objects import (
    is_controlled_by,
    key_of,
    may_have_pods,
    needs_accounts,
    needs_keys,
)
from frazil_operator.observed import Key, Measured, Object, Observed, Plan, Scaling
from frazil_operator.resources import EVENTS, PODS, resource_of
from frazil_operator.settings import Settings
from frazil_operator.store import Store

Planner = Callable[[Observed, Settings], Plan]
Keys = Callable[[Object], Awaitable[None]]  # makes the Secret with the keys of a model
Accounts = Callable[[str], Awaitable[None]]  # makes what a namespace needs in the embedded store

_log = logging.getLogger(__name__)
# What the API server will not take however often it is asked: the user is told.
_REFUSALS: Final = (400, 403, 422)


class Reconciler:
    """``await reconciler(key)`` brings one model nearer to its spec.

    It returns in how many seconds to look again, or None. What it raises means that it must be
    done again from the start, which is always safe: nothing is remembered between two looks but
    what the API server holds.
    """

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        plan: Planner,
        settings: Settings,
        *,
        accounts: Accounts | None = None,
        keys: Keys | None = None,
        scaling: Callable[[Key], Scaling | None] = lambda key: None,
        measured: Callable[[Key], Measured | None] = lambda key: None,
        isolated: Callable[[Key], bool] = lambda key: False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._plan = plan
        self._settings = settings
        self._accounts = accounts
        self._keys = keys
        self._scaling = scaling
        self._measured = measured
        self._isolated = isolated
        self._clock = clock

    async def __call__(self, key: Key) -> float | None:
        """Gather, plan, act."""
        model = self._store.model(key)
        if model is None:
            return None
        try:
            return await self._reconcile(model)
        except NamespaceEndsError:
            return None  # the model is next to go

    async def _reconcile(self, model: Object) -> float | None:
        observed = await self._gather(model)
        plan = self._plan(observed, self._settings)
        foreign = await self._foreign(model, plan)
        if foreign:
            observed = dataclasses.replace(observed, foreign=foreign)
            plan = self._plan(observed, self._settings)
        try:
            changed = await self._apply(observed, plan)
        except NamespaceEndsError:
            raise
        except ApiError as error:
            if error.status in _REFUSALS or isinstance(error, TakenError):
                await self._explain(dataclasses.replace(observed, refused=error.message))
            raise
        except GatewayError as error:
            await self._explain(dataclasses.replace(observed, store_error=str(error)))
            raise
        await self._delete(plan)
        await self._tell(model, plan)
        # What was changed is looked at again at once: the next step need not wait for the watch.
        return 0.0 if changed else plan.requeue_after

    async def _gather(self, model: Object) -> Observed:
        key = key_of(model)
        children = self._store.children(key)
        pods: list[Object] = []
        if any(map(may_have_pods, children)):
            pods, _ = await self._cluster.list(PODS, key.namespace, f"{names.MODEL}={key.name}")
        now, places = self._clock(), self._settings.max_concurrent_freezes
        return Observed(
            model=model,
            now=now,
            children=children,
            pods=tuple(pods),
            running_freezes=self._store.running_freezes(),
            freezes_ahead=self._store.freezes_ahead(key, places, now),
            scaling=self._scaling(key),
            measured=self._measured(key),
            isolated=self._isolated(key),
        )

    async def _foreign(self, model: Object, plan: Plan) -> tuple[Object, ...]:
        """What bears the name of a child that is to be made, and is somebody else's."""
        foreign = []
        for desired in plan.apply:
            if self._live(model, desired) is None:
                found = await self._find(desired)
                if found is not None and not is_controlled_by(found, model):
                    foreign.append(found)
        return tuple(foreign)

    async def _find(self, desired: Object) -> Object | None:
        """The live object of that name; one of ours that was not known is known from here on."""
        namespace, name = key_of(desired)
        found = await self._cluster.get(resource_of(desired), namespace, name)
        if found is not None:
            self._store.observe(found)
        return found

    async def _apply(self, observed: Observed, plan: Plan) -> bool:
        """Apply what differs, in order; returns whether that changed anything.

        The Jobs come last, as in the plan: they alone need the store, and while it is away all
        else goes on.
        """
        taken = {(body["kind"], key_of(body)) for body in observed.foreign}
        wanted = [body for body in plan.apply if (body["kind"], key_of(body)) not in taken]
        changed = False
        if self._keys is not None and needs_keys(wanted, observed):
            await self._keys(observed.model)
        for desired in wanted:
            if desired["kind"] != "Job":
                changed |= await self._apply_one(observed.model, desired)
        if self._accounts is not None and needs_accounts(wanted, observed):
            await self._accounts(key_of(observed.model).namespace)
        for desired in wanted:
            if desired["kind"] == "Job":
                changed |= await self._apply_one(observed.model, desired)
        return changed

    async def _apply_one(self, model: Object, desired: Object) -> bool:
        """Apply one child. A new one without force, and a known one by its UID: whatever came to
        bear the name since it was looked at is not taken over, but answered with a conflict."""
        live, desired = self._live(model, desired), stamped(desired)
        if live is not None and not differs(desired, live):
            return False
        if live is not None:
            uid = {"uid": live["metadata"]["uid"]}
            desired = {**desired, "metadata": {**desired["metadata"], **uid}}
        applied = await self._cluster.apply(desired, force=live is not None)
        _log.info("%s/%s: applied %s %s", *key_of(model), desired["kind"], key_of(desired).name)
        self._store.observe(applied)
        before = live["metadata"]["resourceVersion"] if live is not None else ""
        return bool(applied["metadata"]["resourceVersion"] != before)

    async def _delete(self, plan: Plan) -> None:
        for ref in plan.delete:
            await self._cluster.delete(ref)
            _log.info("%s: deleted %s %s", ref.namespace, ref.kind, ref.name)

    async def _explain(self, observed: Observed) -> None:
        """Tell what was in the way of a plan."""
        await self._tell(observed.model, self._plan(observed, self._settings))

    async def _tell(self, model: Object, plan: Plan) -> None:
        """Status, if it differs, then the events of the transition that it shows."""
        patch = merge_patch(model.get("status") or {}, plan.status)
        if patch:
            self._store.observe(await self._cluster.patch_status(model, patch))
        for event in plan.events:
            await self._cluster.create(EVENTS, event_object(model, event, self._clock()))

    def _live(self, model: Object, desired: Object) -> Object | None:
        """The live child that is to become ``desired``, None where there is none of ours."""
        for child in self._store.children(key_of(model)):
            same = child["kind"] == desired["kind"] and key_of(child) == key_of(desired)
            if same and is_controlled_by(child, model):
                return child
        return None
