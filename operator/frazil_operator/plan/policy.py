"""Pure: the policy of a model's serving pods, and the ConfigMap that they read it from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from frazil_operator import names
from frazil_operator.api import Model
from frazil_operator.api_accuracy import Accuracy
from frazil_operator.corev1 import bytes_of
from frazil_operator.observed import Measured, Object
from frazil_operator.plan.parts import child
from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import AccuracyRules, Metric

FILE = "policy.json"


def config_map(
    model: Model, live: Object | None, now: datetime, measured: Measured | None = None
) -> dict[str, Any]:
    """What the pods shall follow; ``live`` is what they follow now, None where there is none. Until
    the accuracy was looked at, they go on caching as they do; where none is asked for, there is
    none to cache by."""
    told = text_of(live)
    caching, epoch = (measured.caching, measured.epoch) if measured else _caching(told)
    caching &= model.spec.accuracy is not None or model.spec.evaluation is not None
    wished = replace(policy(model), caching=caching, epoch=epoch)
    text = replace(wished, number=_number(wished, told, now)).to_json()
    identity = names.Child("v1", "ConfigMap", names.policy(model.name))
    return child(model, identity, {"data": {FILE: text}})


def text_of(live: Object | None) -> str:
    """The policy in a live ConfigMap, as JSON; "" where there is none."""
    return str(((live or {}).get("data") or {}).get(FILE, ""))


@lru_cache(maxsize=4096)  # of every model it is asked for every moment
def number_of(text: str) -> int:
    """The policy's number; 0 where the text is none."""
    try:
        return Policy.from_json(text).number
    except ValueError:
        return 0


def policy(model: Model) -> Policy:
    """What the spec says, without a number."""
    queue, cache = model.spec.queue, model.spec.cache
    return Policy(
        order=queue.order,
        aging_seconds=queue.aging_seconds,
        max_wait_seconds=queue.max_wait_seconds,
        max_bytes=bytes_of(queue.max_bytes),
        max_request_bytes=bytes_of(queue.max_request_bytes),
        input_cache_bytes=bytes_of(cache.inputs.max_bytes),
        output_cache_mode=cache.outputs.mode,
        output_cache_bytes=bytes_of(cache.outputs.max_bytes),
        accuracy=accuracy_rules(model.spec.accuracy),
        allow={
            name: tuple(said.fetch.allow)
            for name, said in sorted(model.spec.inputs.items())
            if said.fetch and said.fetch.allow
        },
    )


def accuracy_rules(said: Accuracy | None) -> AccuracyRules:
    """How answers are held against labels; not at all where nothing is said."""
    if said is None:
        return AccuracyRules()
    return AccuracyRules(
        enabled=True,
        output=said.output or "",
        metric=Metric(said.metric),
        k=said.k,
        threshold=said.threshold,
        max_label_age_seconds=said.max_label_age_seconds,
    )


def memory(model: Model, measured: Measured) -> dict[str, Any]:
    """What the operator remembers of the model's accuracy."""
    identity = names.Child("v1", "ConfigMap", names.accuracy(model.name))
    return child(model, identity, {"data": dict(measured.memory)})


def _caching(told: str) -> tuple[bool, int]:
    """Whether pods were told to cache, and in which epoch."""
    try:
        before = Policy.from_json(told)
    except ValueError:
        return False, 0
    return before.caching, before.epoch


def _number(wished: Policy, told: str, now: datetime) -> int:
    """The number told while the contents are equal; else one that is larger than any before.

    The time sees to that where the ConfigMap was deleted or altered: pods pass over a policy whose
    number is not larger than that of the one they follow.
    """
    second = int(now.timestamp())
    try:
        there = Policy.from_json(told).number
    except ValueError:
        return second
    same = replace(wished, number=there).to_json() == told
    return there if same else max(there + 1, second)
