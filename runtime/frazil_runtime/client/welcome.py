"""What `frazil run` prints of a model that is served: where, its signature, how to ask."""

from __future__ import annotations

from pathlib import Path

from frazil_runtime import contract, warmup
from frazil_runtime.client import curl
from frazil_runtime.client.tables import signature_rows, table
from frazil_runtime.errors import InferenceError
from frazil_runtime.manifest import Manifest


def welcome(artifact: Path, model: str, url: str, requests: Path) -> str:
    """The text for the artifact in a directory; a long request goes to a file in ``requests``."""
    manifest = Manifest.from_json((artifact / contract.MANIFEST).read_bytes())
    signature = manifest.signatures[manifest.default_signature]
    lines = [
        "",
        f"{model} is served at {url}",
        "",
        *table(signature_rows(signature)),
        "",
        *_asking(artifact, manifest, model, url, requests),
        "",
        "Ctrl-C ends it.",
        "",
    ]
    return "\n".join(lines) + "\n"


def _asking(artifact: Path, manifest: Manifest, model: str, url: str, requests: Path) -> list[str]:
    name = manifest.default_signature
    sample = warmup.load((artifact / contract.WARMUP).read_bytes()).get(name)
    if sample is None:
        return [f"How to ask it: {url}/v1/models/{model}/metadata"]
    try:
        body = curl.body(manifest.signatures[name], sample)
    except InferenceError as error:
        return [f"It cannot be asked in JSON: {error}"]
    if len(body) <= curl.LONG:
        data = body.decode()
    else:
        requests.mkdir(parents=True, exist_ok=True)
        file = requests / f"{manifest.digest}.json"
        file.write_bytes(body)
        data = f"@{file}"
    return ["Ask it:", f"  {curl.command(url, model, data)}"]
