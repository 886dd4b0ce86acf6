"""`frazil run`, `inspect`, `predict`, `bench` and `top`: their arguments.

Nothing here is slow to import.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from frazil_runtime import contract
from frazil_runtime.freeze import cli as freeze

if TYPE_CHECKING:
    from frazil_runtime.listeners import Listeners
    from frazil_runtime.settings import Settings

    Bound = Callable[[Settings, Listeners], None]
    Serve = Callable[[argparse.Namespace, Bound], int]

Commands = argparse._SubParsersAction  # the type of what add_subparsers() returns has no other name

Command = Callable[[argparse.Namespace], int]

N = TypeVar("N", int, float)

_PORTS = {"http": contract.HTTP_PORT, "grpc": contract.GRPC_PORT, "admin": contract.ADMIN_PORT}


def add_arguments(commands: Commands[argparse.ArgumentParser], serve: Serve) -> None:
    """Register the subcommands; ``serve`` is what `frazil serve` does."""
    _add_run(commands, serve)
    _add_inspect(commands)
    _add_predict(commands)
    _add_bench(commands)
    _add_top(commands)


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


def _add_bench(commands: Commands[argparse.ArgumentParser]) -> None:
    bench = commands.add_parser(
        "bench",
        help="load a model and measure it",
        description="Load a model, watch it live, draw its latency. Ctrl-C ends it early.",
    )
    _add_asked(bench)
    bench.add_argument(
        "--connections", type=_within(int, 1, 1000), default=16, help="(default: %(default)s)"
    )
    bench.add_argument(
        "--rate",
        type=_within(float, 0.001, 100_000),
        metavar="R",
        help="an open loop: R requests a second on average, at random, whatever the server does; "
        "latency counts from when a request was due (default: a closed loop)",
    )
    bench.add_argument(
        "--seconds", type=_within(float, 0.1, 600), default=10.0, help="(default: %(default)g)"
    )
    bench.add_argument(
        "--rows",
        type=_within(int, 1, 10_000),
        default=1,
        help="of a request that is drawn, where there is no --input (default: %(default)s)",
    )
    bench.add_argument(
        "--cached", action="store_true", help="let the server answer from its output cache"
    )
    bench.add_argument(
        "--output", default="latency.png", metavar="FILE.png", help="(default: %(default)s)"
    )

    def command(arguments: argparse.Namespace) -> int:
        from frazil_runtime.client.bench import bench  # noqa: PLC0415 - needs rich, matplotlib

        return bench(arguments)

    bench.set_defaults(run=_with_packages("bench", command))


def _add_top(commands: Commands[argparse.ArgumentParser]) -> None:
    top = commands.add_parser(
        "top",
        help="watch the models of a cluster",
        description="Show the models of a cluster as they are now, again and again, through "
        "kubectl. Ctrl-C ends it.",
    )
    where = top.add_mutually_exclusive_group()
    where.add_argument("--namespace", "-n", metavar="NS", help="(default: kubectl's current one)")
    where.add_argument("--all-namespaces", "-A", action="store_true", help="all models there are")
    top.add_argument("--once", action="store_true", help="look once, and print it")
    top.add_argument("--json", action="store_true", help="for machines: a line at each look")
    top.add_argument(
        "--interval",
        type=_within(float, 0.2, 3600),
        default=2.0,
        metavar="SECONDS",
        help="between two looks (default: %(default)g)",
    )
    top.add_argument(
        "--operator-namespace", metavar="NS", help="where the operator is (default: looked for)"
    )
    top.add_argument("--kubectl", default="kubectl", metavar="PATH", help="(default: %(default)s)")

    def command(arguments: argparse.Namespace) -> int:
        from frazil_runtime.client.top import top  # noqa: PLC0415 - needs numpy, rich

        return top(arguments)

    top.set_defaults(run=_with_packages("top", command))


def _with_packages(name: str, command: Command) -> Command:
    """The command; where a package is missing that it needs, it says how to get it."""

    def run(arguments: argparse.Namespace) -> int:
        try:
            return command(arguments)
        except ModuleNotFoundError as error:
            package = (error.name or str(error)).partition(".")[0]
            sys.stderr.write(f"{name} needs {package}: pip install frazil[client]\n")
            return 1

    return run


def _within(kind: type[N], least: N, most: N) -> Callable[[str], N]:
    """A number from ``least`` to ``most``."""

    def number(text: str) -> N:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")
        return value

    number.__name__ = "number"
    return number
