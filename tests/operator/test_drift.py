"""When an object must be applied, and what a status patch says."""

from __future__ import annotations

from typing import Any

import pytest

from frazil_operator.drift import differs, merge_patch, stamped

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("desired", "live"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="the API server fills in a default"),
        pytest.param({"cpu": "0.5"}, {"cpu": "500m"}, id="a quantity is written in another way"),
        pytest.param({"memory": "1Gi"}, {"memory": "1024Mi"}, id="binary suffixes are factors"),
        pytest.param({"disk": "1.5k"}, {"disk": "1500"}, id="decimal suffixes are factors"),
        pytest.param({"cpu": 1}, {"cpu": "1"}, id="a quantity is written as a number"),
        pytest.param({"labels": {}}, {}, id="an empty map is left out"),
        pytest.param({"args": [], "host": False}, {}, id="what is empty is left out"),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "B"}, {"name": "A", "value": "1"}]},
            id="somebody adds an item to a list",
        ),
        pytest.param({"args": ("x",)}, {"args": ["x"]}, id="a tuple is a list"),
    ],
)
def test_nothing_is_applied_where(desired: Json, live: Json) -> None:
    assert not differs(desired, live)


@pytest.mark.parametrize(
    ("desired", "live"),
    [
        pytest.param({"a": 1}, {"a": 2}, id="a value was changed"),
        pytest.param({"a": 1}, {}, id="a field was removed"),
        pytest.param({"cpu": "500m"}, {"cpu": "5"}, id="a quantity was changed"),
        pytest.param({"image": "a:1"}, {"image": "a:2"}, id="a text was changed"),
        pytest.param({"replicas": 0}, {"replicas": 1}, id="zero is wanted and one is there"),
        pytest.param({"suspend": False}, {"suspend": True}, id="false is wanted, true is there"),
        pytest.param({"env": [{"name": "A"}]}, {"env": [{"name": "B"}]}, id="an item is missing"),
    ],
)
def test_it_is_applied_where(desired: Json, live: Json) -> None:
    assert differs(desired, live)


def test_what_is_no_longer_wanted_shows_in_the_hash() -> None:
    before = stamped({"metadata": {"name": "a"}, "spec": {"selector": {"a": "1", "b": "2"}}})
    after = stamped({"metadata": {"name": "a"}, "spec": {"selector": {"a": "1"}}})
    assert differs(after, before)
    assert not differs(after, after)


@pytest.mark.parametrize(
    ("live", "desired", "patch"),
    [
        pytest.param({"a": 1}, {"a": 1}, {}, id="equal: nothing"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 2}, id="changed: the new value"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {"b": None}, id="gone: null"),
        pytest.param({"a": 1}, {"a": None}, {"a": None}, id="null is absent"),
        pytest.param({}, {"a": None}, {}, id="null is no news where it is absent"),
        pytest.param(
            {"stable": {"revision": "1", "replicas": 1}},
            {"stable": {"revision": "2", "replicas": 1}},
            {"stable": {"revision": "2"}},
            id="inside a map only what differs",
        ),
        pytest.param(
            {"conditions": [{"type": "A"}, {"type": "B"}]},
            {"conditions": [{"type": "A"}]},
            {"conditions": [{"type": "A"}]},
            id="a list is replaced",
        ),
    ],
)
def test_the_status_patch_is(live: Json, desired: Json, patch: Json) -> None:
    assert merge_patch(live, desired) == patch
