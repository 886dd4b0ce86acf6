"""Many small checkpoints of one graph, each with other weights, and what each must answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

COLUMNS, CLASSES = 64, 10
WIDE = 384


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A TF1 checkpoint on disk and its graph's own answers to the rows: float32 (rows, 10)."""

    prefix: Path
    answers: np.ndarray


def input_rows(count: int = 32) -> np.ndarray:
    """The rows that the load sends, float32 (count, 64): always the same ones."""
    return np.random.default_rng(1).random((count, COLUMNS), dtype=np.float32)


def make(folder: Path, count: int, rows: np.ndarray, depth: int = 0) -> list[Checkpoint]:
    """Write ``count`` checkpoints below ``folder``, each initialised from another seed. A row takes
    about 50 µs of a core more for each layer of ``depth``."""
    return [
        _make(folder / f"{seed:03d}" / "model.ckpt", seed, rows, depth) for seed in range(count)
    ]


def _make(prefix: Path, seed: int, rows: np.ndarray, depth: int) -> Checkpoint:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with v1.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(seed)
        x = v1.placeholder(tf.float32, [None, COLUMNS], name="x")
        keep_prob = v1.placeholder(tf.float32, [], name="keep_prob")
        weights = v1.get_variable("weights", [COLUMNS, CLASSES])
        logits = tf.matmul(tf.nn.dropout(_deep(x, depth), rate=1.0 - keep_prob), weights)
        probabilities = tf.nn.softmax(logits, name="probabilities")
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(prefix))
        return Checkpoint(prefix, session.run(probabilities, {x: rows, keep_prob: 1.0}))


def _deep(x: tf.Tensor, depth: int) -> tf.Tensor:
    """The same after so many layers, all with one small matrix: time without memory."""
    if not depth:
        return x
    wide = v1.get_variable("wide", [COLUMNS, WIDE])
    turn = v1.get_variable("turn", [WIDE, WIDE], initializer=v1.orthogonal_initializer())
    back = v1.get_variable("back", [WIDE, COLUMNS])
    hidden = tf.matmul(x, wide)
    for _ in range(depth):
        hidden = tf.matmul(hidden, turn)
    return tf.matmul(hidden, back)
