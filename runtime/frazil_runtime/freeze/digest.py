"""Pure: the digest of a checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from frazil_runtime.manifest import File


def checkpoint_digest(files: Mapping[str, File]) -> str:
    """``sha256:<hex>`` over the files of a checkpoint, by their names below it.

    The SHA-256 of one line a file, sorted by the name's UTF-8 bytes: the hexadecimal SHA-256 of its
    content, a space, its size in bytes as a decimal number, a space, its name, a line feed. Names
    of a TF1 checkpoint and of a single file are file names; those of a SavedModel are paths below
    its directory. In a SavedModel's directory, with GNU coreutils::

        find . -type f -printf '%P\\n' | LC_ALL=C sort | while read -r f; do
          echo "$(sha256sum <"$f" | cut -d' ' -f1) $(stat -c %s "$f") $f"
        done | sha256sum
    """
    lines = sorted((name.encode(), file) for name, file in files.items())
    whole = hashlib.sha256()
    for name, file in lines:
        whole.update(f"{file.sha256} {file.bytes} ".encode() + name + b"\n")
    return f"sha256:{whole.hexdigest()}"
