"""How long the steps between ``kubectl apply`` and a ready pod take, and what a pod holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from bench.cluster import Object, audit
from bench.moments import OPERATOR, stamp
from bench.stage import Stage

pytestmark = pytest.mark.e2e
Figure = Callable[[str, str], None]
JOBS = "system:serviceaccount:kube-system:job-controller"


@pytest.fixture(scope="module")
def pod(scene: Stage) -> str:
    """A serving pod of a second revision: its image and libraries are in the page cache."""
    scene.deploy("digits", 0)
    scene.deploy("digits", 1)
    stable = scene.cluster.get("modeldeployment", "digits")
    assert stable is not None
    revision = stable["status"]["stable"]["revision"]
    pods = scene.cluster.find("pods", f"frazil.dev/revision={revision}")
    return str(pods[0]["metadata"]["name"])


def test_a_pod_is_ready_soon_after_its_container_starts(
    scene: Stage, pod: str, figure: Figure
) -> None:
    log = scene.cluster.kubectl("logs", pod, "--timestamps")
    line = next(line for line in log.splitlines() if re.search(r"\bready\b", line))
    warm = datetime.fromisoformat(line.split()[0]).timestamp()
    seconds = float(number(r"(\d+\.\d+) ?s", line))
    told = min(
        stamp(event)
        for event in requests(scene, "pods", pod, "status")
        if event["user"]["username"].startswith("system:node:") and stamp(event) >= warm
    )
    took = told - (warm - seconds)
    figure("container start → Ready", f"{took:.2f} s, of them {seconds:.2f} s until warm")
    assert seconds < 60


def test_a_pod_holds_little_private_memory(scene: Stage, pod: str, figure: Figure) -> None:
    status = scene.cluster.kubectl("exec", pod, "--", "cat", "/proc/1/status")
    kilobytes = int(number(r"RssAnon:\s+(\d+) kB", status))
    figure("private memory", f"{kilobytes / 1000:.0f} MB RssAnon")
    assert kilobytes < 100_000


def test_a_pod_allocates_with_the_malloc_of_its_image(scene: Stage, pod: str) -> None:
    assert "libjemalloc" in scene.cluster.kubectl("exec", pod, "--", "cat", "/proc/1/maps")


def test_the_operator_reacts_at_once(scene: Stage, pod: str, figure: Figure) -> None:
    applied = stamp(next(requests(scene, "modeldeployments", "digits")))
    job = next(
        event
        for event in requests(scene, "jobs")
        if event["user"]["username"] == OPERATOR and event["verb"] in ("create", "patch")
    )
    name = job["objectRef"]["name"]
    deployment = next(
        event
        for event in requests(scene, "deployments")
        if event["user"]["username"] == OPERATOR and event["verb"] in ("create", "patch")
    )
    done = max(
        stamp(event)
        for event in requests(scene, "jobs", name, "status")
        if event["user"]["username"] == JOBS and stamp(event) < stamp(deployment)
    )
    figure("apply → Job created", f"{stamp(job) - applied:.2f} s")
    figure("Job done → Deployment created", f"{stamp(deployment) - done:.2f} s")
    assert applied < stamp(job) < done < stamp(deployment)


def number(pattern: str, text: str) -> str:
    """The first group of the first match."""
    found = re.search(pattern, text)
    assert found is not None, f"{pattern} is not in {text!r}"
    return found[1]


def requests(
    scene: Stage, resource: str, name: str = "", subresource: str = ""
) -> Iterator[Object]:
    """The writes to one kind of object of this namespace that the API server carried out."""
    for event in audit():
        reference = event.get("objectRef", {})
        found = reference.get("resource"), reference.get("subresource", "")
        if found != (resource, subresource) or event["verb"] in ("get", "list", "watch"):
            continue
        if reference.get("namespace") != scene.cluster.namespace:
            continue
        if name in ("", reference.get("name")) and event["responseStatus"]["code"] < 300:
            yield event
