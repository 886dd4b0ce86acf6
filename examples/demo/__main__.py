"""``make demo``: from a checkpoint in a bucket to predictions, and on to a better checkpoint."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.bucket import Bucket, bucket
from bench.cluster import ROOT, Cluster, Object, condition, is_false, is_ready, python_inside
from bench.stage import store_image
from bench.traffic import judge, traffic
from examples.demo.digits import Digits, Trained, accuracy, train

NAME = "digits"
MANIFEST = ROOT / "examples" / "digits.yaml"
FIRST, BETTER = ("model.ckpt-3", 3), ("model.ckpt-40", 40)


def main() -> int:
    """Run the demonstration on the devcluster; 1 where a request failed or an answer was wrong."""
    cluster = Cluster("demo")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}
    cluster.apply(namespace)
    digits = Digits.load()
    with tempfile.TemporaryDirectory() as folder, bucket(cluster, store_image()) as models:
        scene = Demo(cluster, models, digits, Path(folder))
        say("A classifier of handwritten digits, trained on this machine")
        first = scene.checkpoint(*FIRST)
        say("kubectl apply -f examples/digits.yaml")
        scene.apply(FIRST[0])
        before = scene.wait()
        scene.compare(first)
        say("A better checkpoint, while clients keep asking")
        better = scene.checkpoint(*BETTER)
        failed = scene.replace(before, first, BETTER[0], better)
        scene.compare(better)
        say("The story, as kubectl describe tells it")
        print("\n".join(f"  {line}" for line in cluster.events(NAME)))
        print("\nmake down takes the cluster away; make demo can be run again.")
    return 1 if failed else 0


class Demo:
    """The steps of the demonstration, each of which prints what it sees."""

    def __init__(self, cluster: Cluster, models: Bucket, digits: Digits, folder: Path) -> None:
        self.cluster, self.models, self.digits, self.folder = cluster, models, digits, folder

    def checkpoint(self, name: str, epochs: int) -> Trained:
        """Train, and put the checkpoint into the bucket."""
        trained = train(
            self.digits, self.folder / name / name, epochs=epochs, progress=progress_bar("training")
        )
        uri = self.models.upload(self.folder / name, NAME)
        print(f"  {uri}/{name}: accuracy {trained.accuracy:.1%} on 450 held-out images")
        return trained

    def apply(self, checkpoint: str) -> None:
        """Apply the example, with the checkpoint that this run is about."""
        text = MANIFEST.read_text().replace(FIRST[0], checkpoint)
        self.cluster.kubectl("apply", "-f", "-", stdin=text)

    def wait(self) -> str:
        """Print each step of the status until the model serves; returns the revision."""
        last = ""
        for live in self.cluster.watch("modeldeployment", NAME, 300):
            line = status_line(live)
            if line and line != last:
                print(f"  {line}")
            last = line
            if is_false()(live):
                raise SystemExit(f"{NAME} needs a hand: {condition(live, 'Ready')['message']}")
            if is_ready(live):
                break
        print(indent(self.cluster.kubectl("get", "modeldeployments")))
        return str(live["status"]["stable"]["revision"])

    def compare(self, trained: Trained) -> None:
        """Send the held-out images through the Service; print both accuracies."""
        images = self.folder / "images.npy"
        np.save(images, self.digits.test_images)
        url = f"{self.cluster.address(NAME)}/v1/models/{NAME}:predict"
        command = python_inside(str(ROOT / "examples" / "demo" / "ask.py"), url, str(images))
        answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        probabilities = np.array(answer["probabilities"])
        over_the_wire = accuracy(probabilities, self.digits.test_labels)
        difference = float(np.abs(probabilities - trained.probabilities).max())
        print(
            f"  accuracy over the wire {over_the_wire:.1%}, of the original {trained.accuracy:.1%}"
        )
        print(f"  largest difference of a probability: {difference:.1e}")
        assert difference < 1e-4, "the service does not answer what the checkpoint answers"

    def replace(self, before: str, old: Trained, checkpoint: str, new: Trained) -> int:
        """Apply another checkpoint under constant load; returns how many requests failed."""
        url = f"{self.cluster.address(NAME)}/v1/models/{NAME}:predict"
        with traffic(url, self.digits.test_images, self.folder) as flow:
            self.apply(checkpoint)
            after = self.wait()
        verdict = judge(flow.answers, {before: old.probabilities, after: new.probabilities})
        print(f"  {verdict}, at {flow.rate:.0f} requests/s")
        return len(verdict.failures)


def status_line(live: Object) -> str:
    """``Reason: message`` of the Ready condition, "" before there is one."""
    ready = condition(live, "Ready")
    return f"{ready['reason']}: {ready['message']}" if ready else ""


def progress_bar(what: str) -> Callable[[int, int], None]:
    """A bar on a terminal, a line at the end elsewhere."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            bar = "█" * (30 * done // total)
            end = "\n" if done == total else ""
            print(f"\r  {what} {bar:<30} {done}/{total}", end=end, file=sys.stderr, flush=True)

    return show


def say(text: str) -> None:
    """A heading."""
    print(f"\n{text}", flush=True)


def indent(text: str) -> str:
    """Two spaces before each line."""
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines())


if __name__ == "__main__":
    sys.exit(main())
