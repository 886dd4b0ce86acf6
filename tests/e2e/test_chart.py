"""The chart: what it renders is what the API server admits, under the strictest Pod Security."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from bench.cluster import ROOT, SYSTEM, Cluster, Object, devcluster

pytestmark = pytest.mark.e2e

CHART = ROOT / "charts" / "frazil"
CRD = "modeldeployments.frazil.dev"
EVERYTHING_SET = {
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "registry"}],
    "cluster": "blue",
    "freeze": {"maxConcurrent": 4},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
    "priorityClassName": "system-cluster-critical",
    "podAnnotations": {"example.com/scrape": "true"},
    "podLabels": {"example.com/team": "ice"},
}
VALUES: dict[str, Object] = {
    "the defaults": {},
    "a bucket of the user's": {"store": {"url": "s3://artifacts/frazil"}},
    "a root Secret of the user's": {"store": {"embedded": {"existingSecret": "mine"}}},
    "a storage class": {"store": {"embedded": {"size": "1Gi", "storageClassName": "local-path"}}},
    "everything about the pods": EVERYTHING_SET,
    "names that look like something else": {
        "cluster": "2024",
        "images": {"runtime": "1", "freezer": "true"},
        "store": {"embedded": {"existingSecret": "123", "storageClassName": "0", "size": "20"}},
    },
}
REFUSED = {
    "a key that is not known": ({"images": {"oprator": "x"}}, "oprator"),
    "an empty image": ({"images": {"runtime": ""}}, "/images/runtime"),
    "a store that is not a bucket": ({"store": {"url": "ftp://artifacts"}}, "/store/url"),
    "no freeze at all": ({"freeze": {"maxConcurrent": 0}}, "/freeze/maxConcurrent"),
    "a pull policy that is none": ({"imagePullPolicy": "Sometimes"}, "/imagePullPolicy"),
}


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster(SYSTEM)


@pytest.fixture(scope="module")
def elsewhere(cluster: Cluster) -> Iterator[Cluster]:
    """A namespace without Frazil: what is installed already allows fewer changes."""
    name = f"chart-{secrets.token_hex(2)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": name, "labels": labels}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield Cluster(name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_helm_lint_has_nothing_to_say() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART)).stdout


@pytest.mark.parametrize("values", VALUES)
def test_the_api_server_accepts_every_object(elsewhere: Cluster, values: str) -> None:
    objects = render(VALUES[values], f"--namespace={elsewhere.namespace}")
    options = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    elsewhere.kubectl("apply", *options, "--filename=-", stdin=yaml.safe_dump_all(objects))


@pytest.mark.parametrize("values", VALUES)
def test_pod_security_restricted_admits_every_pod(elsewhere: Cluster, values: str) -> None:
    for deployment in of_kind("Deployment", render(VALUES[values])):
        pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
        pod["metadata"]["name"] = "candidate"
        pod["spec"].pop("serviceAccountName", None)  # not there: nothing is installed
        elsewhere.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))


@pytest.mark.parametrize("what", REFUSED)
def test_helm_refuses(what: str) -> None:
    values, where = REFUSED[what]
    done = helm("template", "frazil", str(CHART), "--values=-", values=values, check=False)
    assert done.returncode != 0
    assert where.replace("/", ".").strip(".") in done.stderr.replace("/", ".")


def test_with_a_bucket_there_is_no_store_in_the_cluster() -> None:
    objects = render(VALUES["a bucket of the user's"])
    names = {(o["kind"], o["metadata"]["name"]) for o in objects}
    assert not {name for name in names if "store" in name[1]}
    assert {name for kind, name in names if kind == "Secret"} == {"frazil-root"}, "for models' keys"
    (operator,) = of_kind("Deployment", objects)
    environment = operator["spec"]["template"]["spec"]["containers"][0]["env"]
    assert "FRAZIL_OPERATOR_EMBEDDED_STORE" not in {e["name"] for e in environment}


def test_an_upgrade_keeps_the_root_secret(cluster: Cluster) -> None:
    live = cluster.get("secret", "frazil-root")
    (rendered,) = of_kind("Secret", render({}, "--dry-run=server", "--is-upgrade"))
    assert live is not None
    assert rendered["data"] == live["data"]


def test_what_holds_state_survives_the_chart() -> None:
    kept = {
        (o["kind"], o["metadata"]["name"])
        for o in render({})
        if o["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == {
        ("CustomResourceDefinition", CRD),
        ("PersistentVolumeClaim", "frazil-store"),
        ("Secret", "frazil-root"),
    }


def test_a_packaged_chart_carries_the_schema(tmp_path: Path) -> None:
    helm("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.iterdir()
    (packed,) = of_kind("CustomResourceDefinition", render({}, chart=package))
    generated = yaml.safe_load((ROOT / "crds" / "modeldeployments.yaml").read_text())
    assert packed["spec"] == generated["spec"]


@pytest.mark.parametrize(
    ("role", "verb", "granted"),
    [("view", "watch", True), ("view", "create", False), ("edit", "create", True)],
)
def test_the_cluster_s_own_roles_cover_models(
    cluster: Cluster, role: str, verb: str, granted: bool
) -> None:
    live = cluster.get("clusterrole", role)
    assert live is not None
    ours = [r for r in live["rules"] if "modeldeployments" in r.get("resources", [])]
    assert any(verb in rule["verbs"] for rule in ours) is granted


def render(values: Object, *options: str, chart: Path = CHART) -> list[Object]:
    """The objects Helm would install; no hook and no test among them."""
    command = ["template", "frazil", str(chart), f"--namespace={SYSTEM}", "--values=-"]
    command += [f"--kube-version={kubernetes_version()}", *options]
    return list(yaml.safe_load_all(helm(*command, values=values).stdout))


def of_kind(kind: str, objects: list[Object]) -> list[Object]:
    """Those of one kind."""
    return [o for o in objects if o["kind"] == kind]


def helm(
    *arguments: str, values: Object | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the devcluster's Helm; ``values`` goes to its standard input."""
    command = [*helm_command(), *arguments]
    stdin = yaml.safe_dump(values or {})
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done


@cache
def helm_command() -> tuple[str, ...]:
    """Helm, told where the devcluster is."""
    return devcluster("tool", "helm").strip(), f"--kubeconfig={devcluster('kubeconfig').strip()}"


@cache
def kubernetes_version() -> str:
    """The devcluster's: `helm template` knows of no cluster."""
    versions = json.loads(Cluster(SYSTEM).kubectl("version", "--output=json"))
    return str(versions["serverVersion"]["gitVersion"])
