"""What the running cluster must be able to do, asked of the cluster itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

Manifest = dict[str, object]
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def output(*argv: str | Path, stdin: str | None = None) -> str:
    """A program's stdout; what it said is shown when it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what the cluster does in its own time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)


class Kubectl:
    """kubectl in one namespace."""

    def __init__(self, script: Path, namespace: str) -> None:
        tool = output(script, "tool", "kubectl").strip()
        kubeconfig = output(script, "kubeconfig").strip()
        self.argv = [tool, "--kubeconfig", kubeconfig, "--namespace", namespace]
        self.namespace = namespace

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        return output(*self.argv, *words, stdin=stdin)

    def apply(self, *manifests: Manifest) -> None:
        bundle = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self("apply", "-f", "-", stdin=json.dumps(bundle))

    def reaches(self, name: str, phase: str) -> None:
        """Wait for a pod's phase; a pod that has failed will not get there."""

        def reached() -> bool:
            now = self("get", "pod", name, "-o", "jsonpath={.status.phase}")
            assert phase == "Failed" or now != "Failed", self("get", "pod", name, "-o", "yaml")
            return now == phase

        eventually(reached)

    def fails(self, *words: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [*self.argv, *words], input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture(scope="module", autouse=True)
def running(script: Path) -> None:
    """A clear word instead of twenty failures."""
    if subprocess.run([script, "status"], capture_output=True, check=False).returncode:
        pytest.fail("the cluster is not running: start it with `devcluster/devcluster up`")


@pytest.fixture(scope="module")
def image(script: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A busybox of our own, pushed: every pod here is pulled by digest."""
    folder = tmp_path_factory.mktemp("image")
    shutil.copy("/bin/busybox", folder / "busybox")
    (folder / "Dockerfile").write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n"
    )
    name = "localhost/devcluster-test/busybox:1"
    output("buildah", "bud", "--quiet", "--isolation", "chroot", "--tag", name, folder)
    printed = output(script, "push", name)
    output("buildah", "rmi", name)
    assert printed.count("\n") == 1
    return printed.strip()


@pytest.fixture(scope="module")
def kubectl(script: Path) -> Iterator[Kubectl]:
    """A namespace of this test run's own."""
    kubectl = Kubectl(script, f"devcluster-test-{time.time_ns() // 1_000_000}")
    kubectl("create", "namespace", kubectl.namespace)
    kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
    yield kubectl
    kubectl("delete", "namespace", kubectl.namespace, "--wait=false")


def pod(name: str, image: str, script: str, **more: object) -> Manifest:
    """A pod that runs a line of shell, as nobody in particular."""
    container: Manifest = {
        "name": "main",
        "image": image,
        "command": ["/bin/sh", "-c", script],
        "securityContext": RESTRICTED,
        **more,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
        },
    }


@pytest.fixture(scope="module")
def web(kubectl: Kubectl, image: str) -> str:
    """A small web server behind a Service."""
    serve = "mkdir /tmp/www && cd /tmp/www && echo hello > index.html && echo serving && "
    server = pod("web", image, f"{serve} exec busybox httpd -f -p 8080")
    server["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]  # type: ignore[index]
    server["spec"]["containers"][0]["volumeMounts"] = [  # type: ignore[index]
        {"name": "tmp", "mountPath": "/tmp"}
    ]
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    kubectl.apply(server, service)
    kubectl.reaches("web", "Running")
    kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    return "web"


def test_up_on_a_running_cluster_changes_nothing(script: Path) -> None:
    before = output(script, "netns", "--", "readlink", "/proc/self/ns/net")
    assert output(script, "up") == output(script, "kubeconfig")
    assert output(script, "netns", "--", "readlink", "/proc/self/ns/net") == before


def test_it_is_the_kubernetes_it_says(kubectl: Kubectl) -> None:
    version = json.loads(kubectl("version", "-o", "json"))["serverVersion"]
    assert re.match(r"v1\.34\.", version["gitVersion"])


def test_logs(kubectl: Kubectl, web: str) -> None:
    assert kubectl("logs", web) == "serving\n"


def test_exec(kubectl: Kubectl, web: str) -> None:
    assert "uid=65532" in kubectl("exec", web, "--", "/bin/busybox", "id")


def test_port_forward(kubectl: Kubectl, web: str) -> None:
    argv = [*kubectl.argv, "port-forward", f"service/{web}", ":80"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout is not None
        port = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
        assert port
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/", timeout=10) as answer:
            assert answer.read() == b"hello\n"
        forward.kill()


def test_a_pod_reaches_a_service_by_name(kubectl: Kubectl, web: str, image: str) -> None:
    ask = f"until busybox timeout 5 busybox wget -qO- http://{web}/; do busybox sleep 1; done"
    kubectl.apply(pod("client", image, ask))
    kubectl.reaches("client", "Succeeded")
    assert kubectl("logs", "client") == "hello\n"


def test_a_pod_reaches_itself_through_its_own_service(kubectl: Kubectl, web: str) -> None:
    address = kubectl("get", "service", web, "-o", "jsonpath={.spec.clusterIP}")
    ask = ["busybox", "timeout", "5", "busybox", "wget", "-qO-", f"http://{address}/"]
    assert kubectl("exec", web, "--", *ask) == "hello\n"


def test_a_program_of_the_host_reaches_a_service(script: Path, kubectl: Kubectl, web: str) -> None:
    address = kubectl("get", "service", web, "-o", "jsonpath={.spec.clusterIP}")
    fetch = f"import urllib.request as u; print(u.urlopen('http://{address}/').read())"
    assert output(script, "netns", "--", sys.executable, "-c", fetch) == "b'hello\\n'\n"


def claim(name: str, mode: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "1Mi"}}},
    }


def with_claim(manifest: Manifest, name: str) -> Manifest:
    spec = manifest["spec"]
    assert isinstance(spec, dict)
    spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]
    spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return manifest


def test_what_one_pod_writes_to_a_claim_another_reads(kubectl: Kubectl, image: str) -> None:
    writer = with_claim(pod("rwo-writer", image, "echo kept > /data/file"), "rwo")
    kubectl.apply(claim("rwo", "ReadWriteOnce"), writer)
    kubectl.reaches("rwo-writer", "Succeeded")
    kubectl("delete", "pod", "rwo-writer")
    kubectl.apply(with_claim(pod("rwo-reader", image, "busybox cat /data/file"), "rwo"))
    kubectl.reaches("rwo-reader", "Succeeded")
    assert kubectl("logs", "rwo-reader") == "kept\n"


def test_two_pods_write_to_one_claim_at_once(kubectl: Kubectl, image: str) -> None:
    meet = "> /data/{me}; until [ -e /data/{other} ]; do busybox sleep 0.1; done"
    pair = [("rwx-a", "rwx-b"), ("rwx-b", "rwx-a")]
    pods = [pod(me, image, meet.format(me=me, other=other)) for me, other in pair]
    kubectl.apply(claim("rwx", "ReadWriteMany"), *(with_claim(each, "rwx") for each in pods))
    for me, _ in pair:
        kubectl.reaches(me, "Succeeded")


def test_a_privileged_pod_is_refused_where_the_namespace_says_so(
    kubectl: Kubectl, image: str
) -> None:
    kubectl(
        "label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted"
    )
    try:
        privileged = pod("privileged", image, "true", securityContext={"privileged": True})
        said = kubectl.fails("create", "-f", "-", stdin=json.dumps(privileged))
        kubectl.apply(pod("modest", image, "true"))
    finally:
        kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce-")
    assert 'violates PodSecurity "restricted' in said


def test_an_image_is_pulled_by_its_digest(kubectl: Kubectl, web: str, image: str) -> None:
    status = "jsonpath={.status.containerStatuses[0].imageID}"
    assert kubectl("get", "pod", web, "-o", status) == image


def test_an_image_that_is_not_there_is_an_error_of_the_pod(kubectl: Kubectl, image: str) -> None:
    absent = image.partition("@")[0] + "@sha256:" + "0" * 64
    kubectl.apply(pod("absent", absent, "true"))
    reason = "jsonpath={.status.containerStatuses[0].state.waiting.reason}"
    eventually(
        lambda: (
            kubectl("get", "pod", "absent", "-o", reason) in {"ErrImagePull", "ImagePullBackOff"}
        )
    )


def test_a_cpu_limit_is_a_quota(kubectl: Kubectl, image: str) -> None:
    read = "cd /sys/fs/cgroup; busybox cat cpu/cpu.cfs_quota_us 2>/dev/null || busybox cat cpu.max"
    limits = {"limits": {"cpu": "500m", "memory": "32Mi"}}
    kubectl.apply(pod("quota", image, read, resources=limits))
    kubectl.reaches("quota", "Succeeded")
    assert kubectl("logs", "quota").split()[0] == "50000"


def test_who_takes_more_memory_than_the_limit_is_killed(kubectl: Kubectl, image: str) -> None:
    # `tail` of endless input without a line's end keeps all of it.
    eat = "busybox tail /dev/zero"
    limits = {"limits": {"memory": "16Mi"}}
    kubectl.apply(pod("eater", image, eat, resources=limits))
    reason = "jsonpath={.status.containerStatuses[0].state.terminated.reason}"
    eventually(lambda: kubectl("get", "pod", "eater", "-o", reason) == "OOMKilled")


def test_the_audit_log_names_who_did_what(script: Path, kubectl: Kubectl) -> None:
    account = f"system:serviceaccount:{kubectl.namespace}:default"
    said = kubectl.fails("get", "secrets", f"--as={account}")
    assert "forbidden" in said
    log = Path(output(script, "audit-log").strip())
    events = [json.loads(line) for line in log.read_text().splitlines()]
    refused = [
        event
        for event in events
        if event.get("impersonatedUser", {}).get("username") == account
        and event["responseStatus"]["code"] == 403
        and event["objectRef"]["resource"] == "secrets"
    ]
    assert refused
