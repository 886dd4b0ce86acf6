"""The operator's own configuration, from its environment."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the chart tells the operator.

    ``runtime_image`` and ``freezer_image`` are what *new* revisions and Jobs are rendered with;
    what exists keeps the image it was made with. ``store_endpoint`` is set for the embedded store
    alone: then the operator makes an account and a bucket for each namespace.

    ``identity`` names this operator in the Lease. A container restarted in its pod keeps the pod's
    host name, so it takes its own Lease up again at once instead of waiting until it runs out.
    """

    namespace: str  # where the operator itself runs: the Lease's place
    runtime_image: str
    freezer_image: str
    cluster: str = "default"  # the first part of every path in the store
    max_concurrent_freezes: int = 2
    embedded_store: bool = False
    store_endpoint: str = ""  # of the embedded store
    store_root_access_key: str = ""
    store_root_secret_key: str = ""
    root_key: str = ""  # what per-namespace accounts are derived from (HKDF)
    image_pull_policy: str = "IfNotPresent"
    identity: str = "frazil-operator"
    port: int = 8080  # /healthz and /metrics
    relist_seconds: float = 600.0
    fault_after_writes: int = 0
    """A test hook: the process kills itself (SIGKILL) right after so many successful writes to the
    API server, the Lease's left out. 0: never."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read FRAZIL_OPERATOR_*; KeyError names what is missing."""

        def text(name: str, default: str = "") -> str:
            return environ.get(f"FRAZIL_OPERATOR_{name}", default)

        return cls(
            namespace=environ["FRAZIL_OPERATOR_NAMESPACE"],
            runtime_image=environ["FRAZIL_OPERATOR_RUNTIME_IMAGE"],
            freezer_image=environ["FRAZIL_OPERATOR_FREEZER_IMAGE"],
            cluster=text("CLUSTER", "default"),
            max_concurrent_freezes=int(text("MAX_CONCURRENT_FREEZES", "2")),
            embedded_store=text("EMBEDDED_STORE") == "true",
            store_endpoint=text("STORE_ENDPOINT"),
            store_root_access_key=text("STORE_ROOT_ACCESS_KEY"),
            store_root_secret_key=text("STORE_ROOT_SECRET_KEY"),
            root_key=text("ROOT_KEY"),
            image_pull_policy=text("IMAGE_PULL_POLICY", "IfNotPresent"),
            identity=text("IDENTITY") or socket.gethostname(),
            port=int(text("PORT", "8080")),
            relist_seconds=float(text("RELIST_SECONDS", "600")),
            fault_after_writes=int(text("FAULT_AFTER_WRITES", "0")),
        )
