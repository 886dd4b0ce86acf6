"""TensorFlow Serving's REST API v1: the classify and the regress call.

Documents and texts as of tensorflow_serving/util/json_tensor.cc.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from frazil_runtime.manifest import Manifest
from frazil_runtime.protocol import documents, examples
from frazil_runtime.protocol.examples import Method
from frazil_runtime.protocol.tf_serving import malformed, read_document
from frazil_runtime.protocol.values import nested
from frazil_runtime.requests import Array, Body, InferRequest


@dataclass(frozen=True, slots=True)
class Classify:
    """A decoded call of ``count`` examples, of either method."""

    request: InferRequest
    method: Method
    count: int


def decode(body: Body, manifest: Manifest, method: Method) -> Classify:
    """Read ``{"signature_name"?, "context"?: example, "examples": [example…]}``."""
    document, name = read_document(body, manifest)
    signature = examples.find(manifest, name, method)
    if "examples" not in document:
        raise malformed(
            f"When method is {method.name.lower()}, key 'examples' is expected and was not found",
        )
    sent = document["examples"]
    if type(sent) is not list:
        raise malformed("Expecting 'examples' value to be an list/array")
    if not sent:
        raise malformed("'examples' value is an empty array")
    texts = examples.from_features(sent, document.get("context"))
    return Classify(examples.to_request(name, signature, texts), method, len(sent))


def encode(call: Classify, outputs: Mapping[str, Array]) -> bytes:
    """Write ``{"results": …}``: a value for each example, or ``[label, score]`` of each class.

    A model without labels has empty ones, and one without scores has 0.
    """
    if call.method is Method.REGRESS:
        return documents.write({"results": nested(examples.regressions(outputs, call.count))})
    found = examples.classifications(outputs, call.count)
    shape = next(array.shape for array in (found.labels, found.scores) if array is not None)
    labels: Any = np.full(shape, b"", object) if found.labels is None else found.labels
    scores = np.zeros(shape, np.float32) if found.scores is None else found.scores
    texts = map(orjson.Fragment, documents.write(nested(scores.reshape(-1)))[1:-1].split(b","))
    rows: Any = nested(labels)
    results = [[[label, next(texts)] for label in row] for row in rows]
    return documents.write({"results": documents.long_list(results)})
