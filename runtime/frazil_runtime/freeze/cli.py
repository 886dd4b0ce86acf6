"""`frazil freeze`, and `frazil freeze-stage`, which is one container of the freeze Job."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from frazil_runtime import contract
from frazil_runtime.contract.evaluation import METRICS

if TYPE_CHECKING:
    from frazil_runtime.freeze.request import FeedValue

FORMATS = ("Auto", "Checkpoint", "SavedModel", "Keras", "FrozenGraph")


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register both subcommands; each sets ``run``, which returns the exit code."""
    freeze = commands.add_parser(
        "freeze",
        help="make a checkpoint an artifact",
        description="Make a checkpoint an artifact that `frazil serve` serves. Credentials come "
        "from the provider's own environment variables, such as AWS_ACCESS_KEY_ID.",
    )
    add_options(freeze)
    _add_evaluation(freeze)
    freeze.add_argument("--output", required=True, help="a directory, or the URL of a store")
    freeze.set_defaults(run=_freeze)
    stage = commands.add_parser("freeze-stage", help="one container of the freeze Job")
    stage.add_argument("stage", choices=contract.STAGES)
    stage.set_defaults(run=_stage)


def _add_evaluation(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("evaluation", "what the frozen graph is worth")
    group.add_argument(
        "--evaluate",
        default="",
        metavar="DATASET",
        help="the URI or path of an npz, or a TFRecord of tf.train.Examples: arrays or features "
        "named as the model's inputs, and `labels`",
    )
    group.add_argument(
        "--metric", choices=METRICS, default=METRICS[0], help="(default: %(default)s)"
    )
    group.add_argument(
        "--scored-output", default="", metavar="NAME", help="needed where the model has several"
    )
    group.add_argument("--k", type=int, default=5, help="of TopK (default: %(default)s)")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What to freeze and how: the arguments from which a FreezeRequest is made."""
    parser.set_defaults(evaluate=None)  # which `frazil freeze` alone can be told
    parser.add_argument(
        "uri",
        help="s3://, gs://, az://, https:// or a path: a TF1 checkpoint's prefix, a "
        "SavedModel's directory, a .keras file or a frozen .pb",
    )
    parser.add_argument(
        "--inputs",
        type=aliases,
        default={},
        metavar="ALIAS=NODE,…",
        help="the inputs' names and nodes (default: the signature's)",
    )
    parser.add_argument(
        "--outputs",
        type=aliases,
        default={},
        metavar="[ALIAS=]NODE,…",
        help="likewise; a bare checkpoint needs them",
    )
    parser.add_argument(
        "--feed",
        type=feed,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a placeholder that becomes a constant, as keep_prob=1.0; may be repeated",
    )
    parser.add_argument(
        "--image",
        type=image,
        action="append",
        default=[],
        metavar="NAME=HEIGHTxWIDTHxCHANNELS[,scale=…][,mean=…][,std=…]",
        help="an input that clients may give as JPEG or PNG: it becomes (pixel - mean) * scale / "
        "std; mean and std are one number or one a channel, as mean=124:117:104; may be repeated",
    )
    parser.add_argument("--signature", default="serving_default", help="(default: %(default)s)")
    parser.add_argument(
        "--tag",
        action="append",
        metavar="TAG",
        help="of the SavedModel's graph; may be repeated (default: serve)",
    )
    parser.add_argument("--format", choices=FORMATS, default="Auto", help="(default: %(default)s)")
    parser.add_argument("--samples", default="", help="an npz of real inputs for the proof")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-4,
        help="how far answers may differ, relative and absolute (default: %(default)s)",
    )
    parser.add_argument(
        "--no-optimize",
        dest="optimize",
        action="store_false",
        help="leave the graph as it is but for its variables",
    )


def aliases(text: str) -> dict[str, str]:
    """``image=x:0,probs`` → ``{"image": "x:0", "probs": "probs"}``: a node is its own alias."""
    pairs = {}
    for item in filter(None, text.split(",")):
        alias, separator, node = item.partition("=")
        node = node if separator else alias
        if not alias or not node:
            raise argparse.ArgumentTypeError(f"{item!r} is neither alias=node nor node")
        pairs[alias if separator else node.removesuffix(":0")] = node
    return pairs


def feed(text: str) -> tuple[str, FeedValue]:
    """``keep_prob=1.0`` → ``("keep_prob", 1.0)``: a JSON scalar if it is one, else a string."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    try:
        parsed: Any = json.loads(value)
    except ValueError:
        parsed = value
    return name, parsed if isinstance(parsed, bool | int | float | str) else value


def image(text: str) -> tuple[str, dict[str, Any]]:
    """``x=8x9x3,scale=0.5,mean=1:2:3`` → ``("x", {"height": 8, …, "mean": [1, 2, 3]})``."""
    name, _, rest = text.partition("=")
    size, *options = rest.split(",")
    try:
        height, width, channels = map(int, size.split("x"))
        record: dict[str, Any] = {"height": height, "width": width, "channels": channels}
        for option in options:
            field, _, numbers = option.partition("=")
            values = [float(number) for number in numbers.split(":")]
            record[field] = values if len(values) > 1 else values[0]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not name=heightxwidthxchannels, then scale=, mean= or std= with a number "
            "or one for each channel, as image=224x224x3,scale=0.0078,mean=127.5"
        ) from None
    return name, record


def _freeze(arguments: argparse.Namespace) -> int:
    from frazil_runtime.freeze import commands  # noqa: PLC0415 - `frazil serve` needs none of it

    return commands.freeze(arguments)


def _stage(arguments: argparse.Namespace) -> int:
    from frazil_runtime.freeze import commands  # noqa: PLC0415 - `frazil serve` needs none of it

    return commands.stage(arguments)
