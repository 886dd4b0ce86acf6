"""Predictions and the labels for them, one after the other, as a client that finds out later.

    python -m bench.feedback http://HOST/v2/models/digits rows.npy labels.npy TOKEN

``rows`` is float32, one input each, ``labels`` a class for each. Prints a JSON line for each row:
when its label was answered (seconds since the epoch), the status, and the answer's X-Frazil-Cache.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from urllib.parse import urlsplit

import numpy as np

CACHE, ID = "X-Frazil-Cache", "X-Frazil-Prediction-Id"


def main(url: str, rows: str, labels: str, token: str) -> None:
    """Ask, label, tell."""
    place = urlsplit(url)
    model = place.path.rpartition("/")[2]
    for row, label in zip(np.load(rows), np.load(labels), strict=True):
        # A connection each: the Service balances connections, so that every pod has its share.
        connection = http.client.HTTPConnection(place.netloc, timeout=10)
        connection.request("POST", f"/v1/models/{model}:predict", _json({"instances": [row]}))
        answer = connection.getresponse()
        answer.read()
        body = _json({"prediction_id": answer.headers[ID], "labels": [int(label)]})
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("POST", f"{place.path}/feedback", body, headers)
        scored = connection.getresponse()
        scored.read()
        connection.close()
        told = {"at": time.time(), "status": scored.status, "cache": answer.headers[CACHE]}
        print(json.dumps(told), flush=True)


def _json(record: dict[str, object]) -> str:
    return json.dumps(record, default=np.ndarray.tolist)


if __name__ == "__main__":
    main(*sys.argv[1:])
