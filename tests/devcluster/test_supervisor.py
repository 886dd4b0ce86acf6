"""Pid 1: the order of a start, and what an end means. No process is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from devkube.config import Cluster
from devkube.supervisor import Failure, Supervisor
from devkube.units import Unit, units

PARTS = [
    Unit("store", ("store",), probe="tcp://store:1"),
    Unit("server", ("server",), after=("store",)),
    Unit("load", ("load",), after=("store",), task=True),
    Unit("client", ("client",), after=("server", "load")),
]


class Machine:
    """Starts nothing; remembers what should have been, with its place in line as its pid."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.supervisor = Supervisor(PARTS, self._spawn, lambda _: None)

    def _spawn(self, unit: Unit) -> int:
        self.started.append(unit.name)
        return self.pid(unit.name)

    def pid(self, name: str) -> int:
        return [unit.name for unit in PARTS].index(name) + 100

    def advance(self, *, up: bool = True) -> None:
        self.supervisor.advance(lambda _: up)


def test_a_start_in_order() -> None:
    machine = Machine()
    machine.advance(up=False)
    assert machine.started == ["store"]  # Until it answers, nobody follows.
    machine.advance(up=False)
    assert machine.started == ["store"]
    machine.advance()
    assert machine.started == ["store", "server", "load"]
    machine.advance()
    assert "client" not in machine.started  # The task has not ended yet.
    assert not machine.supervisor.settled
    machine.supervisor.buried(machine.pid("load"), 0)
    machine.advance()
    assert machine.started[-1] == "client"
    assert machine.supervisor.settled


def test_an_orphan_is_buried_without_a_word() -> None:
    machine = Machine()
    machine.advance()
    machine.supervisor.buried(7, 1)


@pytest.mark.parametrize(("name", "status"), [("store", 0), ("store", 1), ("load", 1)])
def test_the_end_of_a_daemon_or_a_failed_task_is_the_end_of_all(name: str, status: int) -> None:
    machine = Machine()
    machine.advance()
    machine.advance()
    with pytest.raises(Failure, match=f"{name} ended with status {status}: see {name}.log"):
        machine.supervisor.buried(machine.pid(name), status)


def test_the_clusters_parts_can_all_be_started(cluster: Cluster) -> None:
    started: set[str] = set()
    waiting = units(cluster)
    while waiting:
        able = [unit for unit in waiting if started.issuperset(unit.after)]
        assert able, f"these wait for one another or for nobody: {[u.name for u in waiting]}"
        started |= {unit.name for unit in able}
        waiting = [unit for unit in waiting if unit.name not in started]


def test_every_path_of_a_part_lies_in_the_state_folder(cluster: Cluster) -> None:
    for unit in units(cluster):
        for word in unit.argv[1:]:
            path = word.partition("=")[2]
            if path.startswith("/") and not path.startswith("/run/"):
                assert Path(path).is_relative_to(cluster.state), (unit.name, word)
