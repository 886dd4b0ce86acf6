"""The devcluster as the benchmarks, the demo and the end-to-end tests use it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEVCLUSTER = ROOT / "devcluster" / "devcluster"
SYSTEM = "frazil-system"

Object = dict[str, Any]


def devcluster(*arguments: str) -> str:
    """What ``devcluster ARGUMENTS`` prints; its own words are in the error where it fails."""
    return _output([str(DEVCLUSTER), *arguments])


@dataclass(frozen=True)
class Cluster:
    """One namespace of the running devcluster, through kubectl."""

    namespace: str

    @cached_property
    def _kubectl(self) -> list[str]:
        return [
            devcluster("tool", "kubectl").strip(),
            f"--kubeconfig={devcluster('kubeconfig').strip()}",
            f"--namespace={self.namespace}",
        ]

    def command(self, *arguments: str) -> list[str]:
        """The command line of ``kubectl ARGUMENTS`` in this namespace."""
        return [*self._kubectl, *arguments]

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl prints; CalledProcessError carries what it says when it fails."""
        return _output(self.command(*arguments), stdin=stdin)

    def apply(self, *objects: Object) -> None:
        """Apply server-side, as a GitOps tool would."""
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)

    def get(self, kind: str, name: str) -> Object | None:
        """The live object, or None."""
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text else None

    def find(self, kind: str, selector: str = "") -> list[Object]:
        """The live objects of one kind."""
        text = self.kubectl("get", kind, "-o", "json", f"--selector={selector}")
        items: list[Object] = json.loads(text)["items"]
        return items

    def watch(
        self, kind: str, name: str, seconds: float, *, events: bool = False
    ) -> Iterator[Object]:
        """The object as it is, then each time it changes; TimeoutError after ``seconds``.

        With ``events`` each document is the watch's own ``{"type", "object"}``.
        """
        limit = f"--request-timeout={int(seconds)}s"
        command = self.command("get", kind, name, "-o", "json", "--watch", limit)
        if events:
            command.append("--output-watch-events")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield from _documents(process.stdout)
            finally:
                process.terminate()
        raise TimeoutError(f"{kind}/{name}: not within {seconds:.0f} s")

    def until(
        self, kind: str, name: str, wanted: Callable[[Object], bool], seconds: float = 180
    ) -> Object:
        """Wait for the object to be as wanted; TimeoutError says how it was last."""
        last: Object = {}
        try:
            for last in self.watch(kind, name, seconds):
                if wanted(last):
                    return last
        except TimeoutError as error:
            status = json.dumps(last.get("status"), indent=1)
            raise TimeoutError(f"{error}\nlast status: {status}") from None
        raise AssertionError("a watch ends with TimeoutError")

    def until_pods(
        self, selector: str, wanted: Callable[[list[Object]], bool], seconds: float = 120
    ) -> None:
        """Wait for the pods of a selector to be as wanted; TimeoutError after ``seconds``."""
        known = {pod["metadata"]["name"]: pod for pod in self.find("pods", selector)}
        if wanted(list(known.values())):
            return
        for event in self.watch("pods", f"--selector={selector}", seconds, events=True):
            pod = event["object"]
            known[pod["metadata"]["name"]] = pod
            if event["type"] == "DELETED":
                del known[pod["metadata"]["name"]]
            if wanted(list(known.values())):
                return

    def create_raw(self, path: str, body: Object) -> None:
        """POST to a path of the API that kubectl has no verb for."""
        self.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))

    def ready(self, name: str, seconds: float = 180) -> Object:
        """Wait until what the model's spec asks for serves."""
        return self.until("modeldeployment", name, is_ready, seconds)

    def address(self, service: str) -> str:
        """``http://CLUSTER-IP`` of a Service: reachable inside the cluster's network alone."""
        live = self.get("service", service)
        assert live is not None, f"no Service {service}"
        return f"http://{live['spec']['clusterIP']}"

    def events(self, name: str) -> list[str]:
        """The story of one model, as ``Reason: message``, oldest first."""
        events = [e for e in self.find("events") if _about(e) == ("ModelDeployment", name)]
        events.sort(key=lambda e: e.get("eventTime") or e.get("lastTimestamp") or "")
        return [f"{e['reason']}: {e['message']}" for e in events]


def _about(event: Object) -> tuple[str, str]:
    return event["involvedObject"]["kind"], event["involvedObject"]["name"]


def inside(*command: str) -> list[str]:
    """The command line that runs ``command`` on this file system in the cluster's network."""
    return [str(DEVCLUSTER), "netns", "--", *command]


def python_inside(*arguments: str) -> list[str]:
    """The command line that runs this Python in the cluster's network."""
    return inside(sys.executable, *arguments)


def condition(model: Object, kind: str) -> Mapping[str, Any]:
    """One condition of a model, {} where it has none or it speaks of an older generation."""
    generation = model["metadata"]["generation"]
    conditions = model.get("status", {}).get("conditions", [])
    return next(
        (c for c in conditions if c["type"] == kind and c["observedGeneration"] == generation), {}
    )


def is_ready(model: Object) -> bool:
    """Whether what the spec asks for serves, as the status says."""
    return condition(model, "Ready").get("status") == "True"


def is_false(reason: str = "") -> Callable[[Object], bool]:
    """Whether a person must act, and for ``reason`` where one is given."""

    def check(model: Object) -> bool:
        ready = condition(model, "Ready")
        return ready.get("status") == "False" and reason in ("", ready.get("reason"))

    return check


def audit(since: datetime | None = None) -> Iterator[Object]:
    """The API server's audit log, oldest first, from an instant on."""
    start = (since or datetime.min.replace(tzinfo=UTC)).isoformat()
    with Path(devcluster("audit-log").strip()).open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                event: Object = json.loads(line)
                if event["requestReceivedTimestamp"] >= start[:26]:
                    yield event


def _documents(stream: Any) -> Iterator[Object]:
    """kubectl's watch prints objects indented and events on a line each."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.startswith(("}", '{"')):
            yield json.loads("".join(lines))
            lines.clear()


def _output(command: list[str], stdin: str = "") -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        error.add_note(done.stderr)
        raise error
    return done.stdout
