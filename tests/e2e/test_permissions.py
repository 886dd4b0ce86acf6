"""The operator is granted what it uses and uses what it is granted; it runs last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.cluster import SYSTEM, Cluster, Object
from bench.moments import operator_requests

pytestmark = pytest.mark.e2e

Rule = tuple[str, str, str]  # API group, resource[/subresource], verb


@pytest.fixture(scope="module")
def used() -> list[Object]:
    return list(operator_requests())


def test_the_operator_was_never_refused(used: list[Object]) -> None:
    # An admission refusal (a quota, a namespace on its way out) is none of RBAC's.
    refused = {rule for event in used if _forbidden(event) for rule in _rules(event)}
    assert refused == set()


def test_the_operator_used_every_rule_it_is_granted(used: list[Object]) -> None:
    assert set(_granted()) - {rule for event in used for rule in _rules(event)} == set()


def _forbidden(event: Object) -> bool:
    return event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"


def _rules(event: Object) -> Iterator[Rule]:
    """The rules a request needed: a server-side apply of what was not there creates it, too."""
    reference = event.get("objectRef", {})
    resource = reference.get("resource", "")
    if reference.get("subresource"):
        resource += f"/{reference['subresource']}"
    yield reference.get("apiGroup", ""), resource, event["verb"]
    if event["verb"] == "patch" and event.get("responseStatus", {}).get("code") == 201:
        yield reference.get("apiGroup", ""), resource, "create"


def _granted() -> Iterator[Rule]:
    """Every (group, resource, verb) of the operator's own roles."""
    cluster = Cluster(SYSTEM)
    selector = "app.kubernetes.io/component=operator"
    for kind in ("clusterroles", "roles"):
        for role in cluster.find(kind, selector):
            for rule in role["rules"]:
                for group in rule.get("apiGroups", []):
                    for resource in rule.get("resources", []):
                        for verb in rule["verbs"]:
                            yield group, resource, verb
