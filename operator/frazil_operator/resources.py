"""The kinds of objects the operator deals with, and where the API server keeps them."""

from __future__ import annotations

from typing import Final, NamedTuple

from frazil_operator import names
from frazil_operator.observed import Object


class Resource(NamedTuple):
    """One kind and its place in the API."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL's path of the collection, of one object, or of a part of it."""
        root = "/apis" if "/" in self.api_version else "/api"
        parts = [root, self.api_version]
        if namespace:
            parts += ["namespaces", namespace]
        return "/".join([*parts, self.plural, *filter(None, (name, subresource))])


MODELS: Final = Resource(names.API_VERSION, names.KIND, "modeldeployments")
JOBS: Final = Resource("batch/v1", "Job", "jobs")
REVISIONS: Final = Resource("apps/v1", "ControllerRevision", "controllerrevisions")
DEPLOYMENTS: Final = Resource("apps/v1", "Deployment", "deployments")
SERVICES: Final = Resource("v1", "Service", "services")
BUDGETS: Final = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORKPOLICIES: Final = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
CONFIGMAPS: Final = Resource("v1", "ConfigMap", "configmaps")
PODS: Final = Resource("v1", "Pod", "pods")
EVENTS: Final = Resource("v1", "Event", "events")
SECRETS: Final = Resource("v1", "Secret", "secrets")
LEASES: Final = Resource("coordination.k8s.io/v1", "Lease", "leases")

CHILDREN: Final = (JOBS, REVISIONS, DEPLOYMENTS, SERVICES, BUDGETS, CONFIGMAPS)
WATCHED: Final = (MODELS, *CHILDREN)
_BY_KIND: Final = {resource.kind: resource for resource in (*CHILDREN, NETWORKPOLICIES, SECRETS)}


def resource_of(body: Object) -> Resource:
    """The place of an object the operator applies; KeyError for a kind it does not make."""
    return _BY_KIND[body["kind"]]
