"""The index: what is frozen is not frozen again."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from frazil_runtime import contract
from frazil_runtime.artifacts import is_artifact_name, published
from frazil_runtime.contract import FreezeResult
from frazil_runtime.freeze.request import FreezeRequest

if TYPE_CHECKING:
    from obstore.store import ObjectStore

# Where a checkpoint lies, which digest it must have, and what is measured of it do not shape its
# artifact; of the samples, what they hold does.
_ELSEWHERE: Final = ("uri", "digest", "samples", "evaluation", "artifact")
_CPU_FIELDS: Final = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
_INSTRUCTIONS: Final = ("sse", "ssse", "avx", "amx", "fma", "f16c", "asimd", "sve", "bf16", "i8mm")


def index_key(checkpoint: str, samples: str, request: FreezeRequest, freezer: str, cpu: str) -> str:
    """The name of a freeze by all that its artifact depends on: 64 hexadecimal digits.

    SHA-256 of canonical JSON. ``checkpoint`` is the checkpoint's digest, ``samples`` the hex
    SHA-256 of the samples' file or "".
    """
    options = {name: value for name, value in asdict(request).items() if name not in _ELSEWHERE}
    if not request.images:
        del options["images"]  # what was frozen before there were any keeps its key
    record = {
        "checkpoint": checkpoint,
        "samples": samples,
        "options": options,
        "freezer": freezer,
        "cpu": cpu,
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def look_up(store: ObjectStore, key: str) -> FreezeResult | None:
    """What an earlier freeze of the same thing made, if the store still holds it whole.

    Raises obstore's errors where the store cannot be asked.
    """
    try:
        text = bytes(store.get(contract.index_path(key)).bytes()).decode(errors="replace")
    except FileNotFoundError:
        return None
    entry = FreezeResult.from_json(text)
    if not entry or not is_artifact_name(entry.artifact) or not published(store, entry.artifact):
        return None
    return entry


def enter(store: ObjectStore, key: str, result: FreezeResult) -> None:
    """Note what a freeze made, once its artifact is published. Raises obstore's errors."""
    store.put(contract.index_path(key), result.to_json().encode())


def freezer_version(environ: Mapping[str, str]) -> str:
    """What freezes: the image's digest as the operator tells it, else the packages' versions."""
    named = environ.get(contract.ENV_FREEZER_VERSION)
    return named or f"frazil {version('frazil')}, tensorflow {tensorflow_version()}"


def tensorflow_version() -> str:
    """The installed TensorFlow's version, without importing it."""
    for package in ("tensorflow", "tensorflow-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "none"


def cpu_type(cpuinfo: str | None = None, machine: str | None = None) -> str:
    """What of the CPU decides which kernels run when constants are folded.

    ``cpuinfo`` is the text of /proc/cpuinfo (proc(5)): maker, model and vector instructions of its
    first processor count, clock rates and the kernel's own flags do not.
    """
    text = Path("/proc/cpuinfo").read_text() if cpuinfo is None else cpuinfo
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    found = {name.strip(): value.strip() for name, _, value in pairs}
    flags = f"{found.get('flags', '')} {found.get('Features', '')}".split()
    vectors = sorted(flag for flag in flags if flag.startswith(_INSTRUCTIONS))
    model = [found[name] for name in _CPU_FIELDS if name in found]
    return " ".join([machine or platform.machine(), *model, *vectors])
