"""The `frazil` command. Each subcommand imports what it needs, and nothing of the others."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from frazil_runtime import logs, settings
from frazil_runtime.capi.library import LibraryError, load_library
from frazil_runtime.client import cli as client
from frazil_runtime.contract import Exit
from frazil_runtime.errors import ArtifactError, ArtifactUnavailableError
from frazil_runtime.freeze import cli as freeze
from frazil_runtime.listeners import ListenError, Listeners


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="frazil", description="Freeze TensorFlow checkpoints, and serve what comes of it."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve an artifact")
    settings.add_arguments(serve)
    serve.set_defaults(run=_serve)
    freeze.add_arguments(commands)
    client.add_arguments(commands, _serve)
    commands.add_parser("version", help="say which version this is").set_defaults(run=_version)
    arguments = parser.parse_args(argv)
    code: int = arguments.run(arguments)
    return code


def _serve(arguments: argparse.Namespace, bound: client.Bound | None = None) -> int:
    """Serve; ``bound`` is told of the settings and the sockets before anything is loaded."""
    # A container's process 1 has no default actions: until the event loop takes over, nothing else
    # would end it.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    logs.configure()
    try:
        read = settings.Settings.read(arguments, os.environ)
        listeners = Listeners.bind(read.host, admin_port=read.admin_port, http_port=read.http_port)
        if bound:
            bound(read, listeners)
        # A quarter of a second without the interpreter's lock, while this thread imports.
        threading.Thread(target=_open_tensorflow, daemon=True).start()
        from frazil_runtime import app  # noqa: PLC0415 - half a second: after the sockets

        app.serve(read, listeners)
    except settings.SettingsError as error:
        return _failed(error, 2)  # as argparse does
    except (ArtifactUnavailableError, LibraryError, ListenError) as error:
        return _failed(error, Exit.RETRY)
    except ArtifactError as error:
        return _failed(error, Exit.INVALID_ARTIFACT)
    return Exit.OK


def _failed(error: Exception, code: int) -> int:
    """Say why in one line, the last one: Kubernetes shows it of a container that failed."""
    logs.log.error("cannot serve: %s", " ".join(str(error).split()))
    return code


def _open_tensorflow() -> None:
    with suppress(LibraryError):  # told by the session, which opens it again
        load_library()


def _version(_: argparse.Namespace) -> int:
    from importlib.metadata import version  # noqa: PLC0415 - a serving process needs none of it

    sys.stdout.write(f"frazil {version('frazil')}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
