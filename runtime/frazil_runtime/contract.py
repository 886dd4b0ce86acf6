"""What the operator and the runtime agree on: ports, environment, paths, exit codes, results.

The one module of this package that the operator imports. Standard library only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from enum import IntEnum
from itertools import accumulate, takewhile
from typing import Any, Final

HTTP_PORT: Final = 8080
ADMIN_PORT: Final = 8081

LIVE_PATH: Final = "/healthz"
READY_PATH: Final = "/readyz"
METRICS_PATH: Final = "/metrics"

REVISION_HEADER: Final = "X-Frazil-Revision"

# What a serving pod is told. The store's settings (FRAZIL_STORE_*) come from a Secret, never from
# the checkpoint's AWS_*: the two are different accounts, often of different providers.
ENV_MODEL_NAME: Final = "FRAZIL_MODEL_NAME"
ENV_REVISION: Final = "FRAZIL_REVISION"
ENV_VERSION: Final = (
    "FRAZIL_VERSION"  # TensorFlow Serving's version: the ControllerRevision's number
)
ENV_ARTIFACT: Final = "FRAZIL_ARTIFACT"  # sha256-<hex>, looked up below the store's prefix
ENV_CACHE_DIR: Final = "FRAZIL_CACHE_DIR"  # where artifacts are kept on disk
ENV_DRAIN_SECONDS: Final = "FRAZIL_DRAIN_SECONDS"
ENV_CPU_REQUEST: Final = "FRAZIL_CPU_REQUEST"  # millicores; the slots where there is no CPU limit

ENV_STORE_URL: Final = "FRAZIL_STORE_URL"  # s3://bucket[/prefix], gs://…, az://…, file:///…
ENV_STORE_PREFIX: Final = "FRAZIL_STORE_PREFIX"  # <cluster>/<namespace>
ENV_STORE_ENDPOINT: Final = "FRAZIL_STORE_ENDPOINT"
ENV_STORE_REGION: Final = "FRAZIL_STORE_REGION"
ENV_STORE_ACCESS_KEY_ID: Final = "FRAZIL_STORE_ACCESS_KEY_ID"
ENV_STORE_SECRET_ACCESS_KEY: Final = "FRAZIL_STORE_SECRET_ACCESS_KEY"

# What the freeze Job's three containers are told.
ENV_FREEZE_REQUEST: Final = "FRAZIL_FREEZE_REQUEST"  # FreezeRequest as JSON
ENV_FREEZER_VERSION: Final = "FRAZIL_FREEZER_VERSION"  # the image's digest: part of the index's key
ENV_WORK_DIR: Final = "FRAZIL_WORK_DIR"  # the emptyDir the three share
ENV_PVC_ROOT: Final = "FRAZIL_PVC_ROOT"  # pvc://claim/path is read at <root>/claim/path
ENV_TERMINATION_LOG: Final = "FRAZIL_TERMINATION_LOG"  # where it is not TERMINATION_LOG
STAGES: Final = ("fetch", "convert", "publish")
FETCHED: Final = "fetched"  # folder of the work directory that fetch alone writes
CONVERTED: Final = "converted"  # likewise, of convert

TERMINATION_LOG: Final = "/dev/termination-log"
TERMINATION_LIMIT: Final = 4096  # bytes; the kubelet cuts what is longer

MANIFEST: Final = "manifest.json"
GRAPH: Final = "frozen_graph.pb"
WARMUP: Final = "warmup.npz"


class Exit(IntEnum):
    """Exit codes of the freezer and of ``frazil serve``.

    From 10 on the user must act: a retry would end the same way. RETRY is the infrastructure's
    fault: the store cannot be reached, a disk is full.
    """

    OK = 0
    RETRY = 1
    SOURCE_NOT_FOUND = 10
    SOURCE_FORBIDDEN = 11
    INVALID_CHECKPOINT = 12
    TENSOR_NOT_FOUND = 13
    UNSUPPORTED_MODEL = 14
    MODEL_TOO_LARGE = 15
    DIGEST_MISMATCH = 16
    PROOF_FAILED = 17
    INVALID_REQUEST = 18
    INVALID_ARTIFACT = 19  # of serve: damaged, missing, or of a graph that does not run here

    @property
    def reason(self) -> str:
        """The CamelCase word a condition shows: ``SOURCE_NOT_FOUND`` → ``SourceNotFound``."""
        return self.name.title().replace("_", "")


USER_ERRORS: Final = tuple(code for code in Exit if code >= 10)


@dataclass(frozen=True, slots=True)
class FreezeResult:
    """What the publish container says of its work, or the failed container of its failure.

    ``artifact`` is ``sha256-<hex>``; ``checkpoint`` is ``sha256:<hex>`` over the source's files;
    sizes are bytes. Exactly one of ``artifact`` and ``reason`` is set.
    """

    artifact: str = ""
    checkpoint: str = ""
    checkpoint_bytes: int = 0
    artifact_bytes: int = 0
    reused: bool = False  # found in the index: nothing was converted
    reason: str = ""
    message: str = ""

    def to_json(self) -> str:
        """One line below ``TERMINATION_LIMIT`` bytes; a long message is cut in the middle."""
        record = {key: value for key, value in asdict(self).items() if value}
        # A path's name may be none that UTF-8 can write.
        message = self.message.encode(errors="replace").decode()
        room = TERMINATION_LIMIT - _json_bytes(record | {"message": ""})
        if _json_bytes(message) > room:
            half = room // 2 - 8
            head, tail = _fitting(message, half), _fitting(message[::-1], half)
            message = f"{message[:head]} … {message[len(message) - tail :]}"
        if message:
            record["message"] = message
        return json.dumps(record, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> FreezeResult | None:
        """The result in a termination message; None where there is none that can be read."""
        try:
            record = json.loads(text)
        except ValueError:
            return None
        if not isinstance(record, dict) or not ({"artifact", "reason"} & record.keys()):
            return None
        known: dict[str, Any] = {f.name: record[f.name] for f in fields(cls) if f.name in record}
        return cls(**known)


def _json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def _fitting(text: str, limit: int) -> int:
    """How many of the first characters are at most ``limit`` bytes of JSON."""
    sizes = accumulate(_json_bytes(character) - 2 for character in text)
    return sum(1 for _ in takewhile(lambda size: size <= limit, sizes))


def artifact_path(artifact: str) -> str:
    """Where an artifact lies below the store's URL and prefix: ``artifacts/sha256-<hex>``."""
    return f"artifacts/{artifact}"


def index_path(key: str) -> str:
    """Where the index says which artifact a freeze made: ``index/<hex>``."""
    return f"index/{key}"
