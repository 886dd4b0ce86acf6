"""A new version of Frazil restarts no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from bench.cluster import ROOT, SYSTEM, Cluster, devcluster, is_ready
from bench.stage import Stage

pytestmark = pytest.mark.e2e
Figure = Callable[[str, str], None]

CRD = "modeldeployments.frazil.dev"


@pytest.fixture
def upgraded() -> Iterator[Callable[[], None]]:
    """Upgrades to a chart with another runtime image and a schema with another default."""
    cluster = Cluster(SYSTEM)
    operator = cluster.get("deployment", "frazil-operator")
    assert operator is not None
    environ = operator["spec"]["template"]["spec"]["containers"][0]["env"]
    image = next(e["value"] for e in environ if e["name"] == "FRAZIL_OPERATOR_RUNTIME_IMAGE")
    newer = image.replace("@sha256:", "-next@sha256:")

    def upgrade() -> None:
        helm("--set", f"images.runtime={newer}")
        add_a_default(cluster)
        cluster.kubectl("rollout", "status", "deployment", "frazil-operator", "--timeout=120s")

    yield upgrade
    helm("--set", f"images.runtime={image}")


def test_an_upgrade_restarts_no_pod(
    scene: Stage, upgraded: Callable[[], None], figure: Figure
) -> None:
    scene.deploy("first", 0)
    scene.deploy("second", 1, replicas=2)
    before = pods(scene)
    with scene.load("second") as flow:
        upgraded()
        for name in ("first", "second"):
            scene.cluster.kubectl("annotate", "modeldeployment", name, "example.com/poke=1")
            scene.cluster.until("modeldeployment", name, is_ready)
    after = pods(scene)
    figure("upgrade of the chart", f"{len(before - after)} of {len(before)} pods restarted")
    assert after == before
    assert scene.judge(flow).failures == ()


def helm(*options: str) -> None:
    """Upgrade the installed chart, its other values kept."""
    import subprocess

    command = [devcluster("tool", "helm").strip(), "upgrade", "frazil", str(ROOT / "charts/frazil")]
    command += ["--namespace", SYSTEM, "--reuse-values", "--wait", *options]
    command += ["--kubeconfig", devcluster("kubeconfig").strip()]
    subprocess.run(command, check=True, capture_output=True)


def add_a_default(cluster: Cluster) -> None:
    """Give the schema a field of a later version, with a default, as an upgrade would."""
    field = {"type": "string", "default": "Auto"}
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/serving/properties"
    patch = [{"op": "add", "path": f"{path}/laterField", "value": field}]
    cluster.kubectl("patch", "crd", CRD, "--type=json", "-p", json.dumps(patch))


def pods(scene: Stage) -> set[tuple[str, str, int]]:
    """Name, UID and restarts of every serving pod."""
    return {
        (
            pod["metadata"]["name"],
            pod["metadata"]["uid"],
            sum(c["restartCount"] for c in pod["status"]["containerStatuses"]),
        )
        for pod in scene.cluster.find("pods", "frazil.dev/serving")
    }
