"""The frozen graph: constants alone, no calls, nothing that serving does not need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes import published as models
from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime.contract import Exit
from frazil_runtime.freeze.graph import Frozen, freeze
from frazil_runtime.freeze.graphdef import every_node
from frazil_runtime.freeze.load import load
from frazil_runtime.freeze.original import Original
from frazil_runtime.freeze.request import FreezeError, FreezeRequest

pytestmark = pytest.mark.tensorflow

Freeze = Callable[..., Any]


def graph_of(artifact: Any) -> GraphDef:
    return GraphDef.FromString((artifact.directory / "frozen_graph.pb").read_bytes())


def plain(source: Path, scratch: Path, limit: int | None = None, **fields: Any) -> Frozen:
    """Frozen, neither optimised nor proved."""
    with Original(load(source, FreezeRequest("file:///model", **fields), scratch)) as original:
        return freeze(original) if limit is None else freeze(original, limit)


@pytest.mark.parametrize(
    "builder",
    [models.table_tf1, models.table_tf2, models.estimator, models.keras, models.optimizer_slots],
    ids=lambda builder: builder.__name__,
)
def test_a_frozen_graph_has_neither_variables_nor_calls(builder: Any, frozen: Freeze) -> None:
    graph = graph_of(frozen(builder))
    operations = {node.op for node in every_node(graph)}
    assert operations.isdisjoint(
        {"VarHandleOp", "VariableV2", "ReadVariableOp", "StatefulPartitionedCall", "RestoreV2"}
    )
    assert len(graph.library.function) == 0


@pytest.mark.parametrize(
    "builder",
    [models.checkpoint, models.table_tf2, models.keras],
    ids=lambda builder: builder.__name__,
)
def test_a_frozen_graph_says_nothing_of_where_it_was_made(builder: Any, frozen: Freeze) -> None:
    fields: dict[str, Any] = {}
    if builder is models.checkpoint:
        fields = {"outputs": {"prob": "prob"}, "feeds": {"keep_prob": 1.0}}
    artifact = frozen(builder, **fields)
    assert not any(node.device for node in every_node(graph_of(artifact)))
    data = (artifact.directory / "frozen_graph.pb").read_bytes()
    assert str(artifact.source.parent).encode() not in data


def test_a_path_is_blank_until_the_runtime_feeds_it(frozen: Freeze) -> None:
    artifact = frozen(models.table_tf1)
    (asset,) = artifact.manifest.assets
    node = next(n for n in graph_of(artifact).node if f"{n.name}:0" == asset.tensor)
    assert tf.make_ndarray(node.attr["value"].tensor).item() == b"ASSET-NOT-SET"


def test_weights_that_two_signatures_share_are_there_once(frozen: Freeze) -> None:
    artifact = frozen(models.keras_dense)
    assert set(artifact.manifest.signatures) == {"serve", "serving_default"}
    weights = [n for n in graph_of(artifact).node if n.op == "Const" and n.ByteSize() > 60_000]
    assert len(weights) == 1


def test_every_initialiser_is_named_by_number(built: Callable[..., Path], tmp_path: Path) -> None:
    found = plain(built(models.table_tf2), tmp_path)
    assert found.initialization == ("frazil/initialize_0", "frazil/initialize_1")
    assert set(found.initialization) <= {node.name for node in found.graph.node}


def test_local_variables_of_the_initialisation_are_left_out(
    built: Callable[..., Path], tmp_path: Path
) -> None:
    found = plain(built(models.table_tf1), tmp_path)
    assert not any("step" in node.name for node in found.graph.node)


def test_a_default_that_nobody_feeds_is_a_constant(
    built: Callable[..., Path], tmp_path: Path
) -> None:
    source = built(models.batch_norm_checkpoint)
    found = plain(source, tmp_path, outputs={"y": "y"}, feeds={"is_training": False})
    operations = {node.name: node.op for node in found.graph.node}
    assert operations["keep_prob"] == "Identity"


def test_a_graph_over_the_limit_is_refused_before_it_is_made(
    built: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(FreezeError, match=r"would have .* GiB") as caught:
        plain(built(models.keras_dense), tmp_path, limit=65_000)
    assert caught.value.exit is Exit.MODEL_TOO_LARGE
    plain(built(models.keras_dense), tmp_path, limit=90_000)


@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_a_variable_in_a_tf1_while_loop_becomes_a_constant(
    resource: bool, tmp_path: Path, frozen: Freeze
) -> None:
    def doubled(directory: Path) -> Path:
        return models.loop_checkpoint(directory, resource=resource)

    artifact = frozen(doubled, outputs={"y": "y"})
    assert artifact.manifest.loops
    assert "VariableV2" not in {node.op for node in graph_of(artifact).node}


def test_what_a_mutable_table_held_is_there(frozen: Freeze) -> None:
    from frazil_runtime.freeze.runner import Runner

    artifact = frozen(models.mutable_table)
    manifest = artifact.manifest
    with Runner.of(graph_of(artifact), manifest.initialization, {}) as runner:
        inputs = {"tokens": np.array([b"ice", b"fire"], object)}
        outputs = runner.run(manifest.signatures["serving_default"], inputs)
    assert outputs["ids"].tolist() == [7, -1]
