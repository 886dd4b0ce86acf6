"""The models that are served: built here with weights drawn at random, frozen once, and kept."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any, Final

from bench.cluster import ROOT
from frazil_runtime.__main__ import main
from frazil_runtime.contract import MANIFEST

BUILD: Final = ROOT / "build" / "bench"
SHAPES: Final = {"small": (784,), "image": (96, 96, 3), "heads": (784,)}  # of one row, float32
HEADS: Final = 10  # outputs of `heads`: head0 to head9


def artifact(name: str) -> Path:
    """The model's artifact; made now where it was not made before.

    ``small``: a perceptron, 784-128-10. ``image``: MobileNetV2 on 96 × 96 pixels. ``heads``: a
    perceptron with ten outputs. Each takes ``x``, any number of rows.
    """
    directory = BUILD / name
    if not (directory / MANIFEST).exists():
        # TensorFlow's memory and threads end with a process of its own.
        process = multiprocessing.get_context("spawn").Process(target=_make, args=(name, directory))
        process.start()
        process.join()
        if process.exitcode:
            raise RuntimeError(f"{name} was not frozen: exit code {process.exitcode}")
    return directory


def _make(name: str, directory: Path) -> None:
    from tensorflow import keras  # noqa: PLC0415 - this process alone needs it

    keras.utils.set_random_seed(0)
    source = directory.with_suffix(".savedmodel")
    given = keras.Input(SHAPES[name], name="x")
    model = keras.Model(given, _outputs(name, given))
    row = keras.InputSpec("float32", (None, *SHAPES[name]), name="x")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", lambda x: model(x, training=False), [row])
    archive.write_out(str(source), verbose=False)
    raise SystemExit(main(["freeze", str(source), "--output", str(directory)]))


def _outputs(name: str, given: Any) -> dict[str, Any]:
    from tensorflow import keras  # noqa: PLC0415 - likewise

    if name == "image":
        return {"y": keras.applications.MobileNetV2(SHAPES[name], weights=None)(given)}
    hidden = keras.layers.Dense(128, "relu")(given)
    if name == "heads":
        return {f"head{i}": keras.layers.Dense(4)(hidden) for i in range(HEADS)}
    return {"y": keras.layers.Dense(10, "softmax")(hidden)}
