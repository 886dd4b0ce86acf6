"""The secret that a model's pods sign prediction ids with: a file that all of them have mounted."""

from __future__ import annotations

import base64
from pathlib import Path

from frazil_runtime.contract.accuracy import KEY_BYTES, PREDICTION_KEY
from frazil_runtime.logs import log


def read(folder: Path | None) -> bytes | None:
    """KEY_BYTES bytes; None where there are none: the log says why, unless no folder was named."""
    if folder is None:
        return None
    path = folder / PREDICTION_KEY
    try:
        key = base64.b64decode(path.read_bytes().strip() + b"==", altchars=b"-_")
    except (OSError, ValueError) as error:
        log.warning("no prediction ids: the key in %s cannot be read: %s", path, error)
        return None
    if len(key) != KEY_BYTES:
        log.warning("no prediction ids: the key in %s has not %d bytes", path, KEY_BYTES)
        return None
    return key
