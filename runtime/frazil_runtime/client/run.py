"""`frazil run`: freeze apart, serve here, and say how to ask once there is an answer."""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from frazil_runtime import contract, settings
from frazil_runtime.client.apart import freeze_apart
from frazil_runtime.listeners import Listeners, address

if TYPE_CHECKING:
    from frazil_runtime.client.cli import Serve

FROZEN: Final = "frozen"  # in the cache: a store of all that was ever run
REQUESTS: Final = "requests"  # in the cache: bodies too long for a command line
_SERVING_FLAGS: Final = ("name", "host", "http_port", "grpc_port", "admin_port")


def run(arguments: argparse.Namespace, serve: Serve) -> int:
    """Freeze ``arguments.uri`` unless that was done before, and serve it; returns an Exit."""
    flags = _serving_flags(arguments)
    os.environ.setdefault(contract.ENV_DRAIN_SECONDS, "0")  # nobody is to be told that it ends
    try:  # before the freeze, which takes a while
        cache = settings.Settings.read(flags, os.environ).cache_dir.absolute()
    except settings.SettingsError as error:
        sys.stderr.write(f"cannot serve: {error}\n")
        return 2
    (cache / FROZEN).mkdir(parents=True, exist_ok=True)
    code, artifact = freeze_apart(arguments, (cache / FROZEN).as_uri())
    if code:
        return code
    directory = cache / FROZEN / contract.artifact_path(artifact)
    flags.artifact = str(directory)

    def bound(read: settings.Settings, listeners: Listeners) -> None:
        work = (directory, next(iter(read.models)), listeners, cache / REQUESTS)
        threading.Thread(target=_announce, args=work, daemon=True).start()

    return serve(flags, bound)


def _serving_flags(arguments: argparse.Namespace) -> argparse.Namespace:
    """What `frazil serve` would have been given."""
    parser = argparse.ArgumentParser()
    settings.add_arguments(parser)
    flags = parser.parse_args([arguments.uri])
    for name in _SERVING_FLAGS:
        setattr(flags, name, getattr(arguments, name))
    return flags


def _announce(directory: Path, name: str, listeners: Listeners, requests: Path) -> None:
    """Print the address, the signature and a request, once the server is ready."""
    if not _wait_ready(address(listeners.admin)):
        return
    # By now the server has imported all that this needs.
    from frazil_runtime.client.welcome import welcome  # noqa: PLC0415 - when it serves

    sys.stdout.write(welcome(directory, name, f"http://{address(listeners.http)}", requests))
    sys.stdout.flush()


def _wait_ready(admin: str) -> bool:
    """Whether the server became ready. It holds the question back until it has an answer."""
    while True:
        connection = http.client.HTTPConnection(admin)
        try:
            connection.request("GET", contract.READY_PATH)
            answer = connection.getresponse()
            state = answer.read()
        except (OSError, http.client.HTTPException):
            return False  # it ended, and has said why
        finally:
            connection.close()
        if answer.status == 200 or state == b"draining\n":
            return answer.status == 200
