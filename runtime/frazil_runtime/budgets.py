"""The memory that a policy gives to queue and caches, and how much of it there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from frazil_runtime.contract import MIB, Policy
from frazil_runtime.logs import log


class Budgets:
    """Hands each policy on, with no more memory in it than there is room for.

    All of them together take at most half of the ``room``: the other half is for what requests take
    beside their own bytes, and for what nobody has thought of. None: there is room for everything.
    ``input_caches`` is how many models keep inputs: each of them keeps its own.
    """

    def __init__(self, follow: Callable[[Policy], None], policy: Policy) -> None:
        self.input_caches = 0
        self.asked = self.granted = policy
        self._room: int | None = None
        self._follow = follow

    def follow(self, policy: Policy) -> None:
        """Hand this one on."""
        self.asked = policy
        self.granted = clipped(policy, self._room, self.input_caches)
        self._follow(self.granted)
        if self._room is not None and self.granted != policy:
            log.warning("%s", _told(policy, self.granted, self._room, self.input_caches))

    def settle(self, room: int | None) -> None:
        """Everything is loaded, and so many bytes are left."""
        self._room = room
        self.follow(self.asked)


def clipped(policy: Policy, room: int | None, input_caches: int) -> Policy:
    """The policy with its budgets lowered, all in one proportion, to half of ``room`` bytes."""
    asked = _sum(policy, input_caches)
    if room is None or asked <= room // 2:
        return policy
    part = room // 2 / asked
    return replace(
        policy,
        max_bytes=int(policy.max_bytes * part),
        input_cache_bytes=int(policy.input_cache_bytes * part),
        output_cache_bytes=int(policy.output_cache_bytes * part),
    )


def _sum(policy: Policy, input_caches: int) -> int:
    """Bytes of what will be used: a cache that is off takes nothing."""
    outputs = policy.output_cache_bytes if policy.caches_outputs else 0
    return policy.max_bytes + outputs + policy.input_cache_bytes * input_caches


def _told(asked: Policy, granted: Policy, room: int, input_caches: int) -> str:
    return (
        f"queue and caches have {_sum(granted, input_caches) // MIB} MiB, not the "
        f"{_sum(asked, input_caches) // MIB} MiB of the policy: half of the {room // MIB} MiB that "
        "the model leaves of the memory limit. Raise the memory in spec.serving.resources, or "
        "lower maxBytes in spec.queue and spec.cache"
    )
