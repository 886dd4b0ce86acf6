"""What the API server writes into its audit log."""

from __future__ import annotations

_SYSTEM_USERS = [
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kube-proxy",
]


def policy() -> dict[str, object]:
    """The first rule that matches decides. One event a request, when it is answered.

    Only reads and leases of the system's own components are left out: they are most of the
    traffic and prove nothing. Their writes stay: "who deleted this pod?" has an answer.
    """
    quiet_verbs = ["get", "list", "watch"]
    leases = [{"group": "coordination.k8s.io", "resources": ["leases"]}]
    ours = [{"group": "frazil.dev", "resources": ["modeldeployments", "modeldeployments/*"]}]
    groups = ["system:nodes", "system:serviceaccounts:kube-system"]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "users": _SYSTEM_USERS, "verbs": quiet_verbs},
            {"level": "None", "userGroups": groups, "verbs": quiet_verbs},
            {"level": "None", "users": _SYSTEM_USERS, "resources": leases},
            {"level": "None", "userGroups": groups, "resources": leases},
            # A watch is answered when it ends, which may be never: its start is told too.
            {"level": "Metadata", "verbs": ["watch"]},
            # With the body, so that a test can read which status was written when.
            {"level": "Request", "resources": ours, "omitStages": ["ResponseStarted"]},
            {"level": "Metadata", "omitStages": ["ResponseStarted"]},
        ],
    }
