"""What a user is told on a machine that cannot run the cluster."""

from __future__ import annotations

import pytest
from devkube.preconditions import PROGRAMS, Machine, objection, packages

GOOD = Machine(system="Linux", uid=0, missing=(), has_apt=True)


def test_a_machine_that_has_everything_has_no_objection() -> None:
    assert objection(GOOD) is None


def test_what_apt_can_bring_is_no_objection() -> None:
    assert objection(Machine("Linux", 0, ("runc", "ip"), has_apt=True)) is None


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        pytest.param(
            Machine("Darwin", 501, (), has_apt=False), "this is Darwin", id="not on Linux"
        ),
        pytest.param(Machine("Linux", 1000, (), has_apt=True), "Run it with sudo", id="not root"),
        pytest.param(
            Machine("Linux", 0, ("runc",), has_apt=False),
            "install what Debian calls runc",
            id="nothing to install with",
        ),
    ],
)
def test_every_objection_says_what_and_points_elsewhere(machine: Machine, said: str) -> None:
    reason = objection(machine)
    assert reason is not None
    assert said in reason
    assert "helm install" in reason


def test_packages_are_named_once_each() -> None:
    everything = Machine("Linux", 0, tuple(PROGRAMS), has_apt=True)
    assert packages(everything) == sorted(set(PROGRAMS.values()))
