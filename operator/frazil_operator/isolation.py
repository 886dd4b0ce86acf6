"""Pure: whether NetworkPolicies keep others from a model's pods.

A pod takes what some policy allows, and everything while none selects it. So a policy of the
operator's own must come only where another isolates the pods already, and go with that: by itself
it would keep their clients away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from frazil_operator import names
from frazil_operator.objects import controller, key_of, model_of
from frazil_operator.observed import Key, Object
from frazil_operator.plan.parts import common_labels
from frazil_operator.store import Store


class Isolation:
    """NetworkPolicies: those of others are kept here, the operator's own in the store, as all its
    children are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._policies: dict[Key, Object] = {}

    def isolated(self, key: Key) -> bool:
        """Whether somebody else's policy selects a model's pods, for what comes in."""
        pod = serving_labels(key.name)
        return any(
            of.namespace == key.namespace and _applies(policy, pod)
            for of, policy in self._policies.items()
        )

    def models(self) -> list[Key]:
        """All there are."""
        return self._store.models()

    def observe(self, body: Object, *, deleted: bool = False) -> set[Key]:
        """Take in one policy; returns the models that it is news for."""
        if _is_own(body):
            return self._store.observe(body, deleted=deleted)
        key = key_of(body)
        if deleted:
            self._policies.pop(key, None)
        else:
            self._policies[key] = body
        return self._within({key.namespace})

    def replace(self, kind: str, bodies: Iterable[Object], version: str) -> set[Key]:
        """Take in all policies as listed, forget the others; returns whom it is news for."""
        bodies = list(bodies)
        own = [body for body in bodies if _is_own(body)]
        before = self._policies
        self._policies = {key_of(b): b for b in bodies if not _is_own(b)}
        changed = {key.namespace for key in before.keys() | self._policies.keys()}
        return self._store.replace(kind, own, version) | self._within(changed)

    def _within(self, namespaces: set[str]) -> set[Key]:
        return {key for key in self._store.models() if key.namespace in namespaces}


def serving_labels(model: str) -> dict[str, str]:
    """What all serving pods of a model have, of whichever revision."""
    return common_labels(model) | {names.SERVING: model}


def _is_own(policy: Object) -> bool:
    """A label alone proves nothing: whoever bears it would not count."""
    return model_of(policy) is not None and controller(policy).get("kind") == names.KIND


def _applies(policy: Object, pod: Mapping[str, str]) -> bool:
    """Unless it names its types, a policy is about what comes in, at the least."""
    types = policy["spec"].get("policyTypes") or ["Ingress"]
    return "Ingress" in types and _selects(policy["spec"].get("podSelector") or {}, pod)


def _selects(selector: Mapping[str, Any], pod: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    return wanted.items() <= pod.items() and all(_holds(each, pod) for each in expressions)


def _holds(expression: Mapping[str, Any], pod: Mapping[str, str]) -> bool:
    """One of metav1.LabelSelectorRequirement; what has not the label is in no set."""
    value, values = pod.get(expression["key"]), expression.get("values") or ()
    holds = {
        "In": value is not None and value in values,
        "NotIn": value is None or value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return holds.get(expression["operator"], False)
