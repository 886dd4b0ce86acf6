"""`frazil top` on the real cluster: live figures through the API server, or what statuses tell."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from bench.cluster import SYSTEM, Object, devcluster
from bench.stage import Stage

pytestmark = pytest.mark.e2e

SECONDS = 120.0  # after which a look that never comes fails the test


@pytest.fixture(scope="module")
def model(scene: Stage) -> Object:
    return scene.deploy("watched", 0)


@contextmanager
def watching(scene: Stage, kubectl: str, *options: str) -> Iterator[Iterator[Any]]:
    """`frazil top`: each look, as it is shown to machines."""
    where = (f"--namespace={scene.cluster.namespace}", f"--kubectl={kubectl}", "--json")
    environ = os.environ | {"KUBECONFIG": devcluster("kubeconfig").strip()}
    command = [sys.executable, "-m", "frazil_runtime", "top", *where, *options]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as top:
        assert top.stdout is not None
        watchdog = Timer(SECONDS, top.kill)
        watchdog.start()
        try:
            yield map(json.loads, top.stdout)
        finally:
            watchdog.cancel()
            top.terminate()


def kubectl_of(user: str, folder: Path) -> str:
    """A kubectl of somebody else."""
    real = shlex.quote(devcluster("tool", "kubectl").strip())
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\nexec {real} --as={user} "$@"\n')
    program.chmod(0o755)
    return str(program)


def test_live_figures_are_shown_while_there_is_load(scene: Stage, model: Object) -> None:
    kubectl = devcluster("tool", "kubectl").strip()
    with scene.load("watched", "--rate=30"), watching(scene, kubectl) as looks:
        for seen in looks:
            (row,) = seen["models"]
            if row["requests_per_second"] and row["latency_p99_seconds"]:
                break
        else:
            pytest.fail("no look shows an answered request")
    assert seen["note"] == ""
    assert (row["name"], row["status"]) == ("watched", "Ready")
    assert (row["ready"], row["desired"]) == (1, 1)
    assert row["revision"] == model["status"]["stable"]["revision"]
    assert row["latency_p99_seconds"] < 30


def test_who_may_only_view_models_sees_what_their_statuses_tell(
    scene: Stage, model: Object, tmp_path: Path
) -> None:
    scene.cluster.kubectl("create", "rolebinding", "viewer", "--clusterrole=view", "--user=viewer")
    with watching(scene, kubectl_of("viewer", tmp_path), "--once") as looks:
        (seen,) = looks
    assert seen["note"].startswith("No live figures, only what the statuses tell: ")
    assert "forbidden" in seen["note"]
    (row,) = seen["models"]
    assert (row["ready"], row["desired"]) == (1, 1)
    assert row["queue"] is not None
    assert row["requests_per_second"] is None


def test_the_documented_role_is_enough(scene: Stage, model: Object, tmp_path: Path) -> None:
    """What docs/operations.md grants, to somebody who may view models in their own namespace."""
    user, system = f"top-{scene.cluster.namespace}", f"--namespace={SYSTEM}"
    scene.cluster.kubectl("create", "rolebinding", user, "--clusterrole=view", f"--user={user}")
    grant = ("--verb=get", "--resource=services/proxy", "--resource-name=frazil-operator:http")
    scene.cluster.kubectl(system, "create", "role", user, *grant)
    scene.cluster.kubectl(system, "create", "rolebinding", user, f"--role={user}", f"--user={user}")
    options = ("--once", f"--operator-namespace={SYSTEM}")
    try:
        with watching(scene, kubectl_of(user, tmp_path), *options) as looks:
            (seen,) = looks
        assert seen["note"] == ""
    finally:
        scene.cluster.kubectl(system, "delete", "role,rolebinding", user)
