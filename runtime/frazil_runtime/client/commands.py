"""What the subcommands about a model do, once their arguments are read; each returns an Exit."""

from __future__ import annotations

import argparse
import sys

from frazil_runtime.client import inspection
from frazil_runtime.contract import Exit
from frazil_runtime.errors import ArtifactError, ArtifactUnavailableError


def inspect(arguments: argparse.Namespace) -> int:
    """`frazil inspect`."""
    try:
        inspected = inspection.inspect(arguments.artifact)
    except ArtifactError as error:
        sys.stderr.write(f"{error}\n")
        unavailable = isinstance(error, ArtifactUnavailableError)
        return Exit.RETRY if unavailable else Exit.INVALID_ARTIFACT
    if arguments.json:
        sys.stdout.write(inspection.as_json(inspected).decode())
    else:
        sys.stdout.write(inspection.as_text(inspected))
    return Exit.OK
