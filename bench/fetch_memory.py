"""Peak memory of fetching an artifact, over what the process had before: `python -m` prints it.

A fresh process fetches from a real S3 server on loopback; its VmHWM (proc(5)) counts all memory,
mapped files included, and the high-water mark is reset before the fetch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from frazil_runtime import contract
from frazil_runtime.manifest import File, Manifest
from frazil_runtime.objects import open_frazil_store
from frazil_runtime.transfer import describe
from tests.fakes.buckets import Bucket
from tests.fakes.s3 import server

_FETCH = """
import json, os, pathlib, re, sys
from frazil_runtime import artifacts
def kilobytes(field):
    return int(re.search(field + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = kilobytes("VmRSS")
artifacts.open_artifact(sys.argv[1], os.environ, pathlib.Path(sys.argv[2]))
print(json.dumps([before, kilobytes("VmHWM")]))
"""


def measure(bucket: Bucket, megabytes: int) -> float:
    """Publish an artifact of one random file of ``megabytes``, fetch it; MB over the baseline."""
    with tempfile.TemporaryDirectory() as scratch:
        name = _publish(bucket, Path(scratch), megabytes)
        command = [sys.executable, "-c", _FETCH, name, f"{scratch}/cache"]
        environ = os.environ | bucket.store_environ
        done = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE)
    before, peak = json.loads(done.stdout)
    return float(peak - before) / 1024


def _publish(bucket: Bucket, scratch: Path, megabytes: int) -> str:
    graph = scratch / contract.GRAPH
    with graph.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1 << 20))
    files: dict[str, File] = {contract.GRAPH: describe(graph)}
    manifest = Manifest({}, "serving_default", files)
    store = open_frazil_store(bucket.store_environ)
    folder = contract.artifact_path(manifest.digest)
    store.put(f"{folder}/{contract.GRAPH}", graph)
    store.put(f"{folder}/{contract.MANIFEST}", manifest.to_json())
    return manifest.digest


def main() -> None:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=128)
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as running:
        peak = measure(running.bucket(), megabytes)
    print(f"peak memory of fetching {megabytes} MB over baseline: {peak:.1f} MB")


if __name__ == "__main__":
    main()
