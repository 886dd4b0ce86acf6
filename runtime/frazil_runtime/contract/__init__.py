"""What the operator and the runtime agree on: ports, environment, paths, exit codes, results.

The one package of the runtime's that the operator imports. Standard library only.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum
from itertools import accumulate, takewhile
from typing import Any, Final

from frazil_runtime.contract.accuracy import AccuracyRules
from frazil_runtime.contract.evaluation import Evaluated

MIB: Final = 2**20
HTTP_PORT: Final = 8080
GRPC_PORT: Final = 9000
ADMIN_PORT: Final = 8081

LIVE_PATH: Final = "/healthz"
READY_PATH: Final = "/readyz"
METRICS_PATH: Final = "/metrics"
POLICY_PATH: Final = "/policy"  # POST a Policy, with the token as bearer

REVISION_HEADER: Final = "X-Frazil-Revision"
CACHE_HEADER: Final = "X-Frazil-Cache"  # hit, miss or off
TIMEOUT_HEADER: Final = "X-Request-Timeout-Ms"  # after which the client will be gone

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
ENV_BATCHING: Final = "FRAZIL_BATCHING"  # Batching as JSON
ENV_POLICY_FILE: Final = "FRAZIL_POLICY_FILE"  # a Policy as JSON; read again when it changes
ENV_TOKEN_FILE: Final = "FRAZIL_TOKEN_FILE"  # who may post a policy; without it nobody may

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

REASON: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"  # of a condition, as metav1 has it
REASON_LIMIT: Final = 1024  # characters

MANIFEST: Final = "manifest.json"
GRAPH: Final = "frozen_graph.pb"
WARMUP: Final = "warmup.npz"


class Exit(IntEnum):
    """Exit codes of the freezer and of ``frazil serve``.

    RETRY is the infrastructure's fault: the store cannot be reached, a disk is full. It is
    sysexits' EX_TEMPFAIL, and not the 1 with which Python ends after an exception that nobody
    expected. With all others the user must act: a retry would end the same way.
    """

    OK = 0
    RETRY = 75
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
    EVALUATION_FAILED = 20  # the dataset does not go with the model, or the artifact is gone

    @property
    def reason(self) -> str:
        """The CamelCase word a condition shows: ``SOURCE_NOT_FOUND`` → ``SourceNotFound``."""
        return self.name.title().replace("_", "")


USER_ERRORS: Final = tuple(code for code in Exit if code not in (Exit.OK, Exit.RETRY))


@dataclass(frozen=True, slots=True)
class FreezeResult:
    """What the publish container says of its work, or the failed container of its failure.

    ``artifact`` is ``sha256-<hex>``; ``checkpoint`` is ``sha256:<hex>`` over the source's files;
    sizes are bytes. Exactly one of ``artifact`` and ``reason`` is set. ``inputs`` has the dtypes of
    the artifact's inputs by name, as clients see them, so ``string`` where an input takes images;
    empty where nobody knows. ``evaluation`` is there where one was asked for.
    """

    artifact: str = ""
    checkpoint: str = ""
    checkpoint_bytes: int = 0
    artifact_bytes: int = 0
    reused: bool = False  # found in the index: nothing was converted
    inputs: Mapping[str, str] = field(default_factory=dict)
    evaluation: Evaluated | None = None
    reason: str = ""
    message: str = ""

    def to_json(self) -> str:
        """One line below ``TERMINATION_LIMIT`` bytes; a long message is cut in the middle, and
        inputs that are too many are left out."""
        record = {key: value for key, value in asdict(self).items() if value}
        if _json_bytes(record | {"message": ""}) > TERMINATION_LIMIT:
            record.pop("inputs", None)
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
        """The result in a termination message; None where there is none that can be read.

        Nobody vouches for the text: a model that is frozen, or serves, can write it.
        """
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(record, dict) or not ({"artifact", "reason"} & record.keys()):
            return None
        known: dict[str, Any] = {f.name: record[f.name] for f in fields(cls) if f.name in record}
        said = known.pop("evaluation", None)
        evaluation = Evaluated.read(said)
        if said is not None and evaluation is None:
            return None
        nothing = asdict(cls())
        if not all(_fits(value, nothing[name]) for name, value in known.items()):
            return None
        result = cls(**known, evaluation=evaluation)
        return result if not result.reason or is_reason(result.reason) else None


def is_reason(text: str) -> bool:
    """Whether a condition can have this reason."""
    return len(text) <= REASON_LIMIT and re.fullmatch(REASON, text) is not None


def _fits(value: object, default: object) -> bool:
    """Whether a value from JSON is of the default's type, and can be written down again."""
    if isinstance(value, str):
        return isinstance(default, str) and not re.search("[\ud800-\udfff]", value)
    if isinstance(value, dict):
        texts = (*value, *value.values())
        return isinstance(default, dict) and all(_fits(text, "") for text in texts)
    if type(value) is int:
        return type(default) is int and 0 <= value < 2**63
    return type(value) is type(default)


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests are run together. A part of the revision: each size is warmed up.

    ``max_delay_milliseconds`` is how long an idle slot may wait for company; 0: never.
    """

    max_batch_size: int = 32
    max_delay_milliseconds: float = 0.0

    def to_json(self) -> str:
        """One line, for an environment variable."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Batching:
        """What ``to_json`` wrote; ValueError says what is wrong."""
        return cls(**_checked(cls(), text))


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator tells serving pods while they run; nothing here shapes a revision.

    Of two policies the one with the larger ``number`` holds. ``order`` is SmallestFirst or Fifo.
    ``output_cache_mode`` is Accuracy, Always or Off; ``caching`` is what Accuracy has come to, and
    ``epoch`` counts how often the output cache was told to forget. ``allow`` has by input the
    prefixes of the URIs that requests may name for it. ``accuracy`` says how answers are scored.
    """

    number: int = 0
    order: str = "SmallestFirst"
    aging_seconds: float = 5.0
    max_wait_seconds: float = 1.0
    max_bytes: int = 256 * MIB
    max_request_bytes: int = 64 * MIB
    input_cache_bytes: int = 256 * MIB
    output_cache_mode: str = "Accuracy"
    output_cache_bytes: int = 256 * MIB
    caching: bool = False
    epoch: int = 0
    allow: Mapping[str, Sequence[str]] = field(default_factory=dict)
    accuracy: AccuracyRules = field(default_factory=AccuracyRules)

    @property
    def caches_outputs(self) -> bool:
        """Whether the output cache is on."""
        return self.output_cache_mode == "Always" or (
            self.output_cache_mode == "Accuracy" and self.caching
        )

    def to_json(self) -> str:
        """One line. Without ``allow`` where nothing is, and without ``accuracy`` where that is not
        measured: a younger field renews no policy told."""
        record = asdict(self)
        if not self.allow:
            del record["allow"]
        if self.accuracy == AccuracyRules():
            del record["accuracy"]
        return json.dumps(record)

    @classmethod
    def from_json(cls, text: str) -> Policy:
        """What ``to_json`` wrote; ValueError says what is wrong. What is left out has its default,
        and what only a later version knows is passed over."""
        record = _checked(cls(), text)
        if "accuracy" in record:
            record["accuracy"] = _rules(record["accuracy"])
        allow = record.get("allow", {})
        record["allow"] = {name: _texts(name, sent) for name, sent in allow.items()}
        policy = cls(**record)
        if policy.order not in ("SmallestFirst", "Fifo"):
            raise ValueError(f"order must be SmallestFirst or Fifo, not {policy.order!r}")
        if policy.output_cache_mode not in ("Accuracy", "Always", "Off"):
            mode = policy.output_cache_mode
            raise ValueError(f"output_cache_mode must be Accuracy, Always or Off, not {mode!r}")
        return policy


def _checked(default: Batching | Policy, text: str) -> dict[str, Any]:
    """The known fields, each of its default's type, and no number below 0."""
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    known: dict[str, Any] = {}
    for name in (f.name for f in fields(default) if f.name in record):
        kind, sent = type(getattr(default, name)), record[name]
        if kind is AccuracyRules:
            kind = dict
        value = known[name] = float(sent) if (kind, type(sent)) == (float, int) else sent
        if type(value) is not kind or (kind in (int, float) and not 0 <= value < math.inf):
            wanted = "an object" if kind is dict else f"a {kind.__name__} from 0 on"
            raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return known


def _rules(sent: object) -> AccuracyRules:
    try:
        return AccuracyRules.from_record(sent)
    except ValueError as error:
        raise ValueError(f"accuracy: {error}") from error


def _texts(name: str, sent: object) -> tuple[str, ...]:
    if not isinstance(sent, list) or not all(isinstance(text, str) for text in sent):
        raise ValueError(f"allow must have a list of texts for {name!r}")
    return tuple(sent)


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
