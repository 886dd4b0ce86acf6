"""Memory for queue and caches: what the policy says, as far as there is room."""

from __future__ import annotations

import logging

import pytest

from frazil_runtime.budgets import Budgets, clipped
from frazil_runtime.contract import MIB, Policy

OFF = Policy(max_bytes=400, input_cache_bytes=200, output_cache_bytes=200)
ON = Policy(
    max_bytes=400, input_cache_bytes=200, output_cache_bytes=200, output_cache_mode="Always"
)

GRANTED: dict[str, tuple[Policy, int | None, int, tuple[int, int, int]]] = {
    "without a limit there is room for all": (OFF, None, 1, (400, 200, 200)),
    "half of the room is enough": (OFF, 1200, 1, (400, 200, 200)),
    "half of the room is not enough: all have less": (OFF, 600, 1, (200, 100, 100)),
    "each model keeps its own inputs": (OFF, 800, 2, (200, 100, 100)),
    "no model keeps inputs: only the queue counts": (OFF, 800, 0, (400, 200, 200)),
    "outputs count while they are kept": (ON, 800, 1, (200, 100, 100)),
    "there is no room at all": (OFF, 0, 1, (0, 0, 0)),
}


@pytest.mark.parametrize(("policy", "room", "caches", "granted"), GRANTED.values(), ids=GRANTED)
def test_what_is_granted(
    policy: Policy, room: int | None, caches: int, granted: tuple[int, int, int]
) -> None:
    got = clipped(policy, room, caches)
    assert (got.max_bytes, got.input_cache_bytes, got.output_cache_bytes) == granted
    assert got.max_request_bytes == policy.max_request_bytes


def test_a_policy_that_comes_later_has_no_more_room_than_the_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    followed: list[Policy] = []
    first = Policy(number=1, max_bytes=100 * MIB)
    budgets = Budgets(followed.append, first)
    with caplog.at_level(logging.INFO, "frazil"):
        budgets.follow(first)
        assert followed == [first], "nothing is loaded yet: nobody knows"
        budgets.settle(300 * MIB)
        assert followed[1:] == [first]
        assert not caplog.messages
        budgets.follow(Policy(number=2, max_bytes=400 * MIB))
    assert (followed[2].number, followed[2].max_bytes) == (2, 150 * MIB)
    assert budgets.asked.max_bytes == 400 * MIB
    (said,) = caplog.messages
    assert said.startswith("queue and caches have 150 MiB, not the 400 MiB of the policy")
    assert "Raise the memory in spec.serving.resources" in said
