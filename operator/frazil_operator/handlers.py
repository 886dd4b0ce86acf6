"""What kopf does for the operator: it logs in and watches the models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kopf

from frazil_operator import names
from frazil_operator.observed import Key
from frazil_operator.resources import MODELS
from frazil_operator.store import Store

_PREFIX = "operator.frazil.dev"


def registry(store: Store, add: Callable[[Key], None]) -> kopf.OperatorRegistry:
    """The handlers: observe, enqueue."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**of: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_kubeconfig(**of) or kopf.login_with_service_account(**of)

    @kopf.on.event(names.GROUP, names.VERSION, MODELS.plural, registry=handlers)
    async def model_seen(type: str | None, event: kopf.RawEvent, **_: Any) -> None:  # noqa: A002 - kopf's name for it
        for key in store.observe(dict(event["object"]), deleted=type == "DELETED"):
            add(key)

    return handlers


def settings() -> kopf.OperatorSettings:
    """kopf's settings. It writes nothing: the prefixes are ours only in case it ever did."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.process.ultimate_exiting_timeout = None  # the kubelet's grace period is enough
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    chosen.watching.connect_timeout = 10
    chosen.watching.server_timeout = 300
    chosen.persistence.finalizer = f"{_PREFIX}/unused"
    chosen.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=_PREFIX)
    chosen.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=_PREFIX)
    return chosen
