"""A user's own bucket inside the cluster, filled from outside through a port-forward."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from bench.cluster import ROOT, SYSTEM, Cluster

MANIFEST = ROOT / "examples" / "demo" / "bucket.yaml"
SECRET = "bucket-credentials"
KEY, PASSWORD = "models", "only-for-this-demonstration"


@dataclass(frozen=True)
class Bucket:
    """One bucket; ``client`` is botocore's S3 client."""

    name: str
    client: Any

    def upload(self, folder: Path, prefix: str) -> str:
        """Put every file below ``folder`` under ``prefix``; returns ``s3://bucket/prefix``."""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            key = f"{prefix}/{path.relative_to(folder)}"
            self.client.put_object(Bucket=self.name, Key=key, Body=path.read_bytes())
        return f"s3://{self.name}/{prefix}"

    def delete(self, prefix: str) -> None:
        """Take away every object under ``prefix``."""
        listing = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        for entry in listing.get("Contents", []):
            self.client.delete_object(Bucket=self.name, Key=entry["Key"])


@contextmanager
def bucket(cluster: Cluster, image: str, name: str = "models") -> Iterator[Bucket]:
    """Start the S3 server in the cluster's namespace and open a bucket in it."""
    cluster.kubectl("apply", "-f", "-", stdin=MANIFEST.read_text().replace("STORE_IMAGE", image))
    cluster.kubectl("rollout", "status", "deployment/bucket", "--timeout=120s")
    with s3_client(cluster, "service/bucket", KEY, PASSWORD) as client:
        if name not in {entry["Name"] for entry in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=name)
        yield Bucket(name, client)


@contextmanager
def artifacts(namespace: str) -> Iterator[Bucket]:
    """The bucket in Frazil's embedded store where a namespace's artifacts lie, for its owner."""
    system = Cluster(SYSTEM)
    root = system.get("secret", "frazil-root")
    assert root is not None, "the chart is not installed: run `make install`"
    key, password = (
        base64.b64decode(root["data"][field]).decode()
        for field in ("accessKeyId", "secretAccessKey")
    )
    with s3_client(system, "service/frazil-store", key, password) as client:
        yield Bucket(f"frazil-{namespace}", client)


@contextmanager
def s3_client(cluster: Cluster, service: str, key: str, password: str) -> Iterator[Any]:
    """botocore's S3 client for a server inside the cluster."""
    with port_forward(cluster, service, 7070) as port:
        client = botocore.session.get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=key,
            aws_secret_access_key=password,
            config=Config(s3={"addressing_style": "path"}),
        )
        yield client
        client.close()


@contextmanager
def port_forward(cluster: Cluster, target: str, port: int) -> Iterator[int]:
    """A local port that leads to ``target``'s ``port``."""
    command = cluster.command("port-forward", target, f":{port}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if found is None:
                raise ConnectionError(f"no port-forward to {target}: {line!r}")
            yield int(found[1])
        finally:
            process.terminate()
