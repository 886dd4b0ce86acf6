"""A freeze in a process of its own: TensorFlow's memory ends with it."""

from __future__ import annotations

import argparse
import io
import multiprocessing
import sys
from contextlib import redirect_stdout
from multiprocessing.connection import Connection
from typing import Final

from frazil_runtime.contract import Exit

INTERRUPTED: Final = 130  # as a shell has it for SIGINT


def freeze_apart(arguments: argparse.Namespace, store: str) -> tuple[int, str]:
    """`frazil freeze` to ``store``, a URL: its exit code, and ``sha256-<hex>`` where that is 0.

    ``arguments`` are those of ``freeze.cli.add_options``. Progress and errors go to stderr.
    """
    options = {k: v for k, v in vars(arguments).items() if k != "run"}
    flags = argparse.Namespace(**options | {"output": store})
    context = multiprocessing.get_context("spawn")  # a fork would keep what this process has open
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_freeze, args=(flags, sender))
    process.start()
    sender.close()
    try:
        code, artifact = receiver.recv()
    except EOFError:
        process.join()
        sys.stderr.write(f"the freezer ended without a word, {_how(process.exitcode)}\n")
        return Exit.RETRY, ""
    except KeyboardInterrupt:
        process.join()  # the terminal interrupted it, too
        return INTERRUPTED, ""
    finally:
        receiver.close()
    process.join()
    return code, artifact


def _freeze(flags: argparse.Namespace, sender: Connection) -> None:
    from frazil_runtime.freeze import commands  # noqa: PLC0415 - this process alone needs it

    try:
        with redirect_stdout(io.StringIO()) as told:
            code = commands.freeze(flags)
        # The artifact's name is the first word of what `frazil freeze` prints.
        sender.send((code, told.getvalue().partition(" ")[0]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"by signal {-exitcode}: was there too little memory?"
    return f"with code {exitcode}"
