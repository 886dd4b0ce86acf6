"""Passes are kept or dropped by equality alone; switched-off dropout draws no numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes import published as models
from tensorflow.core.framework.graph_pb2 import GraphDef

from frazil_runtime.freeze.dropout import without_idle_dropout
from frazil_runtime.freeze.graph import Frozen, freeze
from frazil_runtime.freeze.graphdef import has_random
from frazil_runtime.freeze.load import load
from frazil_runtime.freeze.optimise import PASSES, keep_equal, optimise
from frazil_runtime.freeze.original import Original
from frazil_runtime.freeze.request import FreezeRequest

pytestmark = pytest.mark.tensorflow

tf1 = tf.compat.v1


@pytest.fixture(scope="module")
def plain(built: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    request = FreezeRequest("file:///model", outputs={"prob": "prob"}, feeds={"keep_prob": 1.0})
    meta = load(built(models.checkpoint), request, tmp_path_factory.mktemp("scratch"))
    with Original(meta) as original:
        return freeze(original)


def operations(frozen: Frozen) -> list[str]:
    return [node.op for node in frozen.graph.node]


def test_all_passes_leave_the_model_alone(plain: Frozen) -> None:
    left = "BatchMatMulV2 Const Const Identity MatMul Placeholder Relu Softmax"
    assert sorted(operations(optimise(plain, PASSES))) == left.split()


def test_every_pass_is_kept_where_each_leaves_the_answers_equal(plain: Frozen) -> None:
    assert keep_equal(plain, lambda _: True).graph == optimise(plain, PASSES).graph


def test_a_pass_that_changes_an_answer_is_dropped_alone(plain: Frozen) -> None:
    def equal(candidate: Frozen) -> bool:
        return "RandomUniform" in operations(candidate)

    found = keep_equal(plain, equal)
    assert "RandomUniform" in operations(found)
    assert len(found.graph.node) < len(plain.graph.node)


def test_no_pass_is_kept_where_each_changes_an_answer(plain: Frozen) -> None:
    found = keep_equal(plain, lambda _: False)
    assert sorted(operations(found)) == sorted(operations(plain))


def test_the_order_of_nodes_is_canonical(plain: Frozen) -> None:
    shuffled = GraphDef()
    shuffled.CopyFrom(plain.graph)
    nodes = list(shuffled.node)
    del shuffled.node[:]
    shuffled.node.extend(reversed(nodes))
    other = Frozen(shuffled, plain.signatures, plain.default, {}, (), {})
    assert optimise(other, ()).graph == optimise(plain, ()).graph


def _built(make: Callable[[Any], Any]) -> tuple[GraphDef, Mapping[str, Any]]:
    """The graph of ``make(x)`` without dropout that is switched off, and its values at x."""
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    with tf.Graph().as_default() as graph:
        tf.identity(make(tf1.placeholder(tf.float32, [None, 3], name="x")), name="y")
    changed = without_idle_dropout(graph.as_graph_def())
    with tf.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        tf.graph_util.import_graph_def(changed, name="")
        return changed, {"y": session.run("y:0", {"x:0": x}), "x": x}


def _random(x: Any) -> Any:
    return tf1.random_uniform(tf.shape(x))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda x: x * tf.floor(1.0 + _random(x)), id="TensorFlow 1.0 to 1.12: floor(keep + u)"
        ),
        pytest.param(
            lambda x: x * tf.cast(_random(x) >= 0.0, tf.float32), id="1.13 to 1.15: cast(u >= rate)"
        ),
        pytest.param(lambda x: tf.where(_random(x) >= 0.0, x, x * 0), id="2: where(u >= rate)"),
    ],
)
def test_dropout_that_is_off_is_constant(make: Callable[[Any], Any]) -> None:
    graph, values = _built(make)
    assert not has_random(graph, ["y"])
    np.testing.assert_array_equal(values["y"], values["x"])


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda x: x * tf.floor(0.5 + _random(x)), id="dropout at one half"),
        pytest.param(lambda x: x * tf.cast(_random(x) >= 0.1, tf.float32), id="at a tenth"),
        pytest.param(lambda x: x + _random(x), id="noise"),
        pytest.param(lambda x: x * tf.floor(_random(x) + _random(x)), id="the sum of two numbers"),
        pytest.param(lambda x: x * tf.floor(tf.constant([1.0]) + _random(x)), id="a vector's sum"),
    ],
)
def test_random_numbers_that_matter_stay(make: Callable[[Any], Any]) -> None:
    graph, _ = _built(make)
    assert has_random(graph, ["y"])
