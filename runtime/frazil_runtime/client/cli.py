"""`frazil run`, `inspect`, `predict` and `bench`: their arguments.

Nothing here is slow to import.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from frazil_runtime import contract
from frazil_runtime.freeze import cli as freeze

if TYPE_CHECKING:
    from frazil_runtime.listeners import Listeners
    from frazil_runtime.settings import Settings

    Bound = Callable[[Settings, Listeners], None]
    Serve = Callable[[argparse.Namespace, Bound], int]

Commands = argparse._SubParsersAction  # the type of what add_subparsers() returns has no other name

_PORTS = {"http": contract.HTTP_PORT, "grpc": contract.GRPC_PORT, "admin": contract.ADMIN_PORT}


def add_arguments(commands: Commands[argparse.ArgumentParser], serve: Serve) -> None:
    """Register the subcommands; ``serve`` is what `frazil serve` does."""
    _add_run(commands, serve)
    _add_inspect(commands)
    _add_predict(commands)


def _add_run(commands: Commands[argparse.ArgumentParser], serve: Serve) -> None:
    run = commands.add_parser(
        "run",
        help="freeze a checkpoint and serve it on this machine",
        description="Freeze a checkpoint and serve it on this machine. What is frozen is kept: "
        "the same checkpoint is not frozen again.",
    )
    freeze.add_options(run)
    run.add_argument("--name", help="the model's name in URLs (default: default)")
    run.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    for name, port in _PORTS.items():
        run.add_argument(f"--{name}-port", type=int, default=port, help="(default: %(default)s)")

    def command(arguments: argparse.Namespace) -> int:
        from frazil_runtime.client.run import run  # noqa: PLC0415 - others need none of it

        return run(arguments, serve)

    run.set_defaults(run=command)


def _add_inspect(commands: Commands[argparse.ArgumentParser]) -> None:
    inspect = commands.add_parser("inspect", help="say what is in an artifact")
    inspect.add_argument(
        "artifact", help="a directory, a URI, or sha256-<hex> in the store of FRAZIL_STORE_*"
    )
    inspect.add_argument("--json", action="store_true", help="for machines")

    def command(arguments: argparse.Namespace) -> int:
        from frazil_runtime.client import commands  # noqa: PLC0415 - others need none of it

        return commands.inspect(arguments)

    inspect.set_defaults(run=command)


def _add_predict(commands: Commands[argparse.ArgumentParser]) -> None:
    predict = commands.add_parser(
        "predict",
        help="ask a model once",
        description="Send one request in the Open Inference Protocol and print what comes back.",
    )
    _add_asked(predict)
    form = predict.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the outputs as a JSON object")
    form.add_argument("--output", metavar="FILE.npz", help="write the outputs there")

    def command(arguments: argparse.Namespace) -> int:
        from frazil_runtime.client import commands  # noqa: PLC0415 - others need none of it

        return commands.predict(arguments)

    predict.set_defaults(run=command)


def _add_asked(parser: argparse.ArgumentParser) -> None:
    """Which model is asked, and what."""
    parser.add_argument("url", help="of the server, as http://127.0.0.1:8080")
    parser.add_argument("--model", help="its name (default: the only one that the server has)")
    parser.add_argument("--signature", help="(default: the model's own default)")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]VALUE",
        help="NAME=FILE.npy, NAME=JSON, NAME=-; or all inputs: FILE.npz, a JSON object, - for "
        "that on stdin; may be repeated",
    )
