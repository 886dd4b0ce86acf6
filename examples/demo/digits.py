"""The handwritten digits that scikit-learn ships, and a small classifier of them.

The graph is the one every TensorFlow 1 tutorial builds: placeholders ``x`` and ``keep_prob``, one
hidden layer with dropout, a softmax named ``probabilities``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

v1 = tf.compat.v1

BATCH = 64


@dataclass(frozen=True, slots=True)
class Digits:
    """Images as float32 rows of 64 pixels in [0, 1], labels 0–9; the test part is held out."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @classmethod
    def load(cls) -> Digits:
        """1,347 images to train on and 450 held out, always the same ones."""
        images, labels = load_digits(return_X_y=True)
        parts = train_test_split(
            (images / 16.0).astype(np.float32),
            labels.astype(np.int64),
            test_size=0.25,
            random_state=7,
            stratify=labels,
        )
        return cls(parts[0], parts[2], parts[1], parts[3])


@dataclass(frozen=True, slots=True)
class Trained:
    """A checkpoint on disk, and what its graph said of the held-out images: float32 (450, 10)."""

    prefix: Path
    probabilities: np.ndarray
    accuracy: float


def train(
    digits: Digits,
    prefix: Path,
    *,
    epochs: int,
    hidden: int = 64,
    seed: int = 7,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Trained:
    """Train, write a TF1 checkpoint at ``prefix`` (.meta, .index, .data-…) and score it."""
    with v1.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(seed)
        x, keep_prob, labels, step, probabilities = _graph(hidden)
        session.run(v1.global_variables_initializer())
        shuffle = np.random.default_rng(seed)
        for epoch in range(epochs):
            for rows in _batches(shuffle.permutation(len(digits.train_images))):
                session.run(
                    step,
                    {
                        x: digits.train_images[rows],
                        labels: digits.train_labels[rows],
                        keep_prob: 0.75,
                    },
                )
            progress(epoch + 1, epochs)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        v1.train.Saver().save(session, str(prefix))
        answers = session.run(probabilities, {x: digits.test_images, keep_prob: 1.0})
    return Trained(prefix, answers, accuracy(answers, digits.test_labels))


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows whose largest probability is the label's."""
    return float(np.mean(np.argmax(probabilities, axis=1) == labels))


def _graph(hidden: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Operation, tf.Tensor]:
    x = v1.placeholder(tf.float32, [None, 64], name="x")
    keep_prob = v1.placeholder(tf.float32, [], name="keep_prob")
    labels = v1.placeholder(tf.int64, [None], name="labels")
    layer = tf.nn.relu(_dense(x, 64, hidden, "hidden"))
    logits = _dense(tf.nn.dropout(layer, rate=1.0 - keep_prob), hidden, 10, "logits")
    probabilities = tf.nn.softmax(logits, name="probabilities")
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    step = v1.train.AdamOptimizer(1e-3).minimize(loss)
    return x, keep_prob, labels, step, probabilities


def _dense(x: tf.Tensor, rows: int, columns: int, name: str) -> tf.Tensor:
    with v1.variable_scope(name):
        weights = v1.get_variable("weights", [rows, columns])
        bias = v1.get_variable("bias", [columns], initializer=v1.zeros_initializer())
    return tf.matmul(x, weights) + bias


def _batches(order: np.ndarray) -> list[np.ndarray]:
    return [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
