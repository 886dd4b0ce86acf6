"""Where others isolate a model's pods, the operator is let in; elsewhere nothing is in the way."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.toy import Toy, model

from frazil_operator import names
from frazil_operator.isolation import Isolation
from frazil_operator.observed import Key
from frazil_operator.store import Store

KEY = Key("demo", "digits")


def policy(
    selector: dict[str, Any] | None = None, name: str = "deny", **spec: Any
) -> dict[str, Any]:
    metadata = {"namespace": "demo", "name": name, "uid": name, "resourceVersion": "5"}
    return {
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {"podSelector": selector or {}} | spec,
    }


def labelled(**labels: str) -> dict[str, Any]:
    return {"matchLabels": {key.replace("_", "/"): value for key, value in labels.items()}}


def expressed(operator: str, *values: str, key: str = names.SERVING) -> dict[str, Any]:
    said = {"key": key, "operator": operator} | ({"values": list(values)} if values else {})
    return {"matchExpressions": [said]}


SELECTORS: dict[str, tuple[dict[str, Any], bool]] = {
    "all pods of the namespace": (policy(), True),
    "this model's pods": (policy(labelled(**{"frazil.dev_serving": "digits"})), True),
    "another model's": (policy(labelled(**{"frazil.dev_serving": "faces"})), False),
    "a label that serving pods have not": (policy(labelled(tier="web")), False),
    "all that serve": (policy(expressed("Exists")), True),
    "all that do not serve": (policy(expressed("DoesNotExist")), False),
    "one of several models": (policy(expressed("In", "faces", "digits")), True),
    "one of several others": (policy(expressed("In", "faces")), False),
    "all but one": (policy(expressed("NotIn", "digits")), False),
    "all but another": (policy(expressed("NotIn", "faces")), True),
    "all without a label, and these have none": (policy(expressed("NotIn", "a", key="b")), True),
    "a word that nobody knows": (policy(expressed("Near", "digits")), False),
    "of what goes out alone": (policy(policyTypes=["Egress"]), False),
    "of what comes in and goes out": (policy(policyTypes=["Egress", "Ingress"]), True),
}


@pytest.fixture
def isolation() -> Isolation:
    store = Store()
    body = model()
    body["metadata"]["resourceVersion"] = "1"
    store.observe(body)
    return Isolation(store)


@pytest.mark.parametrize(("body", "isolated"), SELECTORS.values(), ids=SELECTORS)
def test_whom_a_policy_isolates(isolation: Isolation, body: dict[str, Any], isolated: bool) -> None:
    assert isolation.observe(body) == {KEY}
    assert isolation.isolated(KEY) is isolated


def test_a_policy_is_about_its_own_namespace(isolation: Isolation) -> None:
    body = policy()
    body["metadata"]["namespace"] = "elsewhere"
    assert isolation.observe(body) == set()
    assert not isolation.isolated(KEY)


def test_a_policy_that_is_gone_isolates_nobody(isolation: Isolation) -> None:
    isolation.observe(policy())
    assert isolation.observe(policy(), deleted=True) == {KEY}
    assert not isolation.isolated(KEY)


def test_a_list_replaces_all(isolation: Isolation) -> None:
    isolation.observe(policy())
    assert isolation.replace("NetworkPolicy", [], "9") == {KEY}
    assert not isolation.isolated(KEY)
    isolation.replace("NetworkPolicy", [policy()], "10")
    assert isolation.isolated(KEY)


def own(kind: str = names.KIND) -> dict[str, Any]:
    body = policy(labelled(**{"frazil.dev_serving": "digits"}), "digits-load")
    owner = {"kind": kind, "name": "digits", "uid": "model-1", "controller": True}
    body["metadata"] |= {"labels": {names.MODEL: "digits"}, "ownerReferences": [owner]}
    return body


def test_the_operators_own_does_not_count(isolation: Isolation) -> None:
    isolation.observe(own())
    assert not isolation.isolated(KEY)


def test_one_that_only_bears_the_label_does(isolation: Isolation) -> None:
    isolation.observe(own("Deployment"))
    assert isolation.isolated(KEY)


@pytest.fixture
def toy() -> Toy:
    toy = Toy(model())
    toy.settle()
    return toy


def test_while_nobody_isolates_the_pods_there_is_no_policy(toy: Toy) -> None:
    assert toy.kind("NetworkPolicy") == []


def test_where_somebody_does_the_operator_alone_is_let_in_and_to_one_port(toy: Toy) -> None:
    toy.isolated = True
    toy.settle()
    (body,) = toy.kind("NetworkPolicy")
    assert body["spec"]["podSelector"] == labelled(**{"frazil.dev_serving": "digits"})
    (rule,) = body["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == [8081]
    (peer,) = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "frazil"}
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "operator"}


def test_it_goes_with_the_last_of_the_others(toy: Toy) -> None:
    toy.isolated = True
    toy.settle()
    toy.isolated = False
    toy.settle()
    assert toy.kind("NetworkPolicy") == []
