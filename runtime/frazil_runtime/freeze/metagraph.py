"""A model as its file describes it, before anything of it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime.manifest import Signature


@dataclass(frozen=True, slots=True)
class Restore:
    """How the graph reads its variables: run ``operation`` with ``filename`` fed ``prefix``."""

    operation: str
    filename: str
    prefix: Path


@dataclass(frozen=True, slots=True)
class MetaGraph:
    """What serving needs of TensorFlow's MetaGraphDef; every format is brought into this form.

    ``initialization`` names operations to run once after the variables are there, while the
    tensors in ``assets`` are fed the paths of their files. ``default`` is the signature of a
    client that names none; ``unsupported`` holds, by signature, why it cannot be served.
    """

    graph: GraphDef
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    default: str = ""
    unsupported: Mapping[str, str] = field(default_factory=dict)
    restore: Restore | None = None
    initialization: tuple[str, ...] = ()
    assets: Mapping[str, Path] = field(default_factory=dict)
