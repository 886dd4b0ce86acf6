"""The `frazil-operator` command."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from frazil_operator.app import run
from frazil_operator.plan import plan
from frazil_operator.settings import Settings


def main() -> int:
    """Run until stopped: 0. What fails for good ends the process with a trace back; the kubelet
    starts it again."""
    logging.basicConfig(
        level=os.environ.get("FRAZIL_OPERATOR_LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("kopf").setLevel(logging.WARNING)  # it reports every event it saw
    try:
        settings = Settings.from_environ(os.environ)
    except KeyError as missing:
        logging.error("set %s: the chart does", missing.args[0])
        return 2
    try:
        asyncio.run(run(settings, plan))
    except asyncio.CancelledError:
        logging.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
