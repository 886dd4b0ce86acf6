"""Sends images to a model in batches of 50 and prints its probabilities, as any client could.

python ask.py http://HOST/v1/models/digits:predict images.npy
"""

from __future__ import annotations

import json
import sys
import urllib.request

import numpy as np


def main() -> None:
    """Print one JSON document: the revisions that answered, and a row of probabilities an image."""
    url, images = sys.argv[1], np.load(sys.argv[2])
    revisions: set[str] = set()
    probabilities: list[list[float]] = []
    for start in range(0, len(images), 50):
        body = json.dumps({"instances": images[start : start + 50].tolist()}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            revisions.add(response.headers["X-Frazil-Revision"])
            probabilities += json.load(response)["predictions"]
    json.dump({"revisions": sorted(revisions), "probabilities": probabilities}, sys.stdout)


if __name__ == "__main__":
    main()
