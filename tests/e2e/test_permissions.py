"""The operator is granted what it uses and uses what it is granted; it runs last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.cluster import SYSTEM, Cluster, Object
from bench.moments import operator_requests

pytestmark = [pytest.mark.e2e, pytest.mark.order_last]

Rule = tuple[str, str, str]  # API group, resource[/subresource], verb


@pytest.fixture(scope="module")
def used() -> list[Object]:
    return list(operator_requests())


def test_the_operator_was_never_refused(used: list[Object]) -> None:
    refused = {_rule(event) for event in used if event["responseStatus"]["code"] == 403}
    assert refused == set()


def test_the_operator_used_every_rule_it_is_granted(used: list[Object]) -> None:
    assert set(_granted()) - {_rule(event) for event in used} == set()


def _rule(event: Object) -> Rule:
    reference = event.get("objectRef", {})
    resource = reference.get("resource", "")
    if reference.get("subresource"):
        resource += f"/{reference['subresource']}"
    return reference.get("apiGroup", ""), resource, event["verb"]


def _granted() -> Iterator[Rule]:
    """Every (group, resource, verb) of the operator's own roles."""
    cluster = Cluster(SYSTEM)
    selector = "app.kubernetes.io/component=operator"
    for kind in ("clusterroles", "roles"):
        for role in cluster.list(kind, selector):
            for rule in role["rules"]:
                for group in rule.get("apiGroups", []):
                    for resource in rule.get("resources", []):
                        for verb in rule["verbs"]:
                            yield group, resource, verb
