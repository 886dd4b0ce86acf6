"""The Open Inference Protocol v2 over REST, with its binary tensors."""

from __future__ import annotations

import json
import struct
from typing import Any

from integration.malformed.cases import CANARY, MODEL, NUMBER, Http, document, post, sent

INFER = f"/v2/models/{MODEL}/infer"
HEADER = "Inference-Header-Content-Length"

X: dict[str, Any] = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [NUMBER] * 3}
TEXT: dict[str, Any] = {"name": "string", "shape": [1], "datatype": "BYTES", "data": [CANARY]}
STRING = {"signature_name": "string"}


def without(name: str) -> dict[str, Any]:
    """The input x, but not this field of it."""
    return {key: value for key, value in X.items() if key != name}


def tensor(**fields: Any) -> bytes:
    """A request of x, with other fields."""
    return document(inputs=[X | fields])


def text(**fields: Any) -> bytes:
    """A request of texts, with other fields."""
    return document(parameters=STRING, inputs=[TEXT | fields])


BODIES: dict[str, tuple[bytes, str]] = {
    # No call.
    "nothing": (b"", "The document is empty"),
    "plain text": (CANARY.encode(), "JSON Parse error"),
    "bytes that are no UTF-8": (b'{"id": "\xff%s"}' % CANARY.encode(), "JSON Parse error"),
    "half a surrogate pair": (b'{"id": "\\udfff%s"}' % CANARY.encode(), "JSON Parse error"),
    "a document that ends early": (tensor()[:-1], "JSON Parse error"),
    "a list": (json.dumps([X]).encode(), "the request must be an object, got a list"),
    "a text": (json.dumps(CANARY).encode(), "the request must be an object, got text"),
    "null": (b"null", "the request must be an object, got null"),
    "no inputs": (document(id=CANARY), '"inputs" is missing'),
    "inputs that are null": (document(inputs=None), '"inputs" is missing'),
    "inputs that are an object": (document(inputs={"x": CANARY}), '"inputs" must be a list'),
    "inputs that are a long list of numbers": (
        document(inputs=[NUMBER] * 200_000),
        "must be a list",
    ),
    "an input that is a text": (document(inputs=[CANARY]), "an input must be an object, got text"),
    "an empty list of inputs": (document(inputs=[]), 'input "x" is missing'),
    "an id that is a number": (document(id=NUMBER, inputs=[X]), '"id" must be text'),
    "an id that is an object": (document(id={"a": CANARY}, inputs=[X]), '"id" must be text'),
    "parameters that are a list": (document(parameters=[CANARY], inputs=[X]), "must be an object"),
    "outputs that are a text": (document(inputs=[X], outputs=CANARY), '"outputs" must be a list'),
    "an output that is a text": (document(inputs=[X], outputs=[CANARY]), "must be an object"),
    "an output without a name": (document(inputs=[X], outputs=[{}]), '"name" is missing'),
    "an output that there is not": (document(inputs=[X], outputs=[{"name": "z"}]), 'output "z"'),
    "an output's name that is a number": (
        document(inputs=[X], outputs=[{"name": NUMBER}]),
        '"name" must be text',
    ),
    # Parameters.
    "a signature that there is not": (
        document(parameters={"signature_name": "none"}, inputs=[X]),
        '"none" not found',
    ),
    "a signature's name that is a number": (
        document(parameters={"signature_name": NUMBER}, inputs=[X]),
        '"signature_name" must be text',
    ),
    "a priority that is a text": (document(parameters={"priority": CANARY}, inputs=[X]), "whole"),
    "a negative priority": (document(parameters={"priority": -1}, inputs=[X]), "must be from 0"),
    "a timeout that is a fraction": (document(parameters={"timeout": NUMBER}, inputs=[X]), "whole"),
    "a timeout of 2**64": (document(parameters={"timeout": 2**63}, inputs=[X]), "must be from 0"),
    "binary_data_output that is a text": (
        document(parameters={"binary_data_output": CANARY}, inputs=[X]),
        "must be true or false",
    ),
    "binary_data that is a number": (
        document(inputs=[X], outputs=[{"name": "y", "parameters": {"binary_data": 1}}]),
        "must be true or false",
    ),
    # Inputs.
    "an input without a name": (document(inputs=[without("name")]), '"name" is missing'),
    "an input without a datatype": (
        document(inputs=[without("datatype")]),
        '"datatype" is missing',
    ),
    "an input without a shape": (document(inputs=[without("shape")]), '"shape" is missing in "x"'),
    "an input without data": (document(inputs=[without("data")]), 'either "data" or'),
    "an input of another name": (tensor(name="z"), 'input "z" is not in the signature; it has x'),
    "an input's name that is a list": (tensor(name=[CANARY]), '"name" must be text, got a list'),
    "an input's name of a megabyte": (tensor(name="n" * 1_000_000), "nnn…"),
    "an input twice": (document(inputs=[X, X]), 'input "x" is sent twice'),
    "an input too many": (document(inputs=[X, TEXT]), 'input "string" is not in the signature'),
    "an input too few": (document(parameters={"signature_name": "two"}, inputs=[X]), 'input "x"'),
    "another datatype": (tensor(datatype="INT64"), "has datatype FP32 (float32), got INT64"),
    "a datatype that is none": (tensor(datatype=CANARY), "got one that is no datatype"),
    "a datatype in lower case": (tensor(datatype="fp32"), "got one that is no datatype"),
    "a datatype that is a number": (tensor(datatype=NUMBER), '"datatype" must be text'),
    "texts for numbers": (tensor(data=[CANARY] * 3), "Type: String is not of expected type"),
    "nulls for numbers": (tensor(data=[None] * 3), "Type: Null is not of expected type"),
    "truths for numbers": (tensor(data=[True] * 3), "Type: Bool is not of expected type"),
    "data that is a text": (tensor(data=CANARY), "its data has shape []"),
    "data that is an object": (tensor(data={"a": CANARY}), "its data has shape []"),
    "data that is too short": (tensor(data=[NUMBER]), "its data has shape [1]"),
    "data that is too long": (tensor(data=[NUMBER] * 4), "its data has shape [4]"),
    "data that is ragged": (tensor(shape=[2, 3], data=[[1, 2, 3], [4]]), "ragged"),
    "data of another shape": (tensor(data=[[NUMBER], [NUMBER], [NUMBER]]), "its data has shape"),
    "a number beyond float32": (tensor(data=[1e39, 1, 2]), "beyond the range of float32"),
    "content that is not base64": (
        text(parameters={"content_type": "base64"}, data=["?" + CANARY]),
        "is not base64",
    ),
    "numbers for texts": (text(data=[NUMBER]), "is not of expected type: string"),
    "a text that is no number to the model": (
        document(parameters={"signature_name": "number"}, inputs=[TEXT | {"name": "digits"}]),
        "fails on the strings",
    ),
    "a text for an image": (
        document(parameters={"signature_name": "photo"}, inputs=[TEXT | {"name": "photo"}]),
        "no image; a JPEG or a PNG is needed",
    ),
    # Shapes.
    "a shape that is a number": (tensor(shape=3), '"shape" must be a list, got a number'),
    "a shape of texts": (tensor(shape=["1", "3"]), "no list of whole numbers"),
    "a shape of fractions": (tensor(shape=[1.0, 3.0]), "no list of whole numbers"),
    "a shape of truths": (tensor(shape=[True, 3]), "no list of whole numbers"),
    "a shape of lists": (tensor(shape=[[1], [3]]), "no list of whole numbers"),
    "a shape that is too short": (tensor(shape=[3]), "1 dimensions instead of 2"),
    "a shape of no dimensions": (tensor(shape=[]), "0 dimensions instead of 2"),
    "a shape of 65 dimensions": (tensor(shape=[1] * 65), "more than 64 dimensions"),
    "a shape of 100,000 dimensions": (tensor(shape=[1] * 100_000), "must"),
    "a negative dimension": (tensor(shape=[-1, 3]), "a dimension is negative"),
    "two negative dimensions": (tensor(shape=[-1, -3]), "a dimension is negative"),
    "a product that overflows": (tensor(shape=[2**62, 3]), "too many elements"),
    "a product that overflows to 0": (tensor(shape=[2**32, 2**32]), "too many elements"),
    "a product that overflows before a 0": (tensor(shape=[2**62, 2**62, 0]), "too many elements"),
    "a dimension of 2**63": (tensor(shape=[2**63, 3]), "too many elements"),
    "a dimension of 2**64": (tensor(shape=[2**64, 3]), ""),
    "a dimension of 400 digits": (tensor(shape=[10**400, 3]), ""),
    "a shape that claims a terabyte": (tensor(shape=[2**38, 3]), "its data has shape"),
    # What cannot be had.
    "compressed binary tensors in JSON": (
        tensor(parameters={"binary_data_size": 12}),
        "has no Inference-Header-Content-Length",
    ),
}

NEVER: dict[str, tuple[bytes, str]] = {
    "a sequence": (document(parameters={"sequence_id": 1}, inputs=[X]), "sequence_id"),
    "a sequence by a text": (
        document(parameters={"sequence_id": CANARY}, inputs=[X]),
        "sequence_id",
    ),
    "shared memory": (tensor(parameters={"shared_memory_region": CANARY}), "no memory is shared"),
    "a shared output": (
        document(
            inputs=[X], outputs=[{"name": "y", "parameters": {"shared_memory_region": CANARY}}]
        ),
        "no memory is shared",
    ),
    "a classification": (
        document(inputs=[X], outputs=[{"name": "y", "parameters": {"classification": 2}}]),
        "classes are not ranked",
    ),
}


def binary(raw: bytes, size: Any = None, length: Any = None, **fields: Any) -> bytes:
    """A request of x in binary, with another size or header than is true."""
    parameters = {"binary_data_size": len(raw) if size is None else size}
    return in_binary(
        document(inputs=[without("data") | {"parameters": parameters} | fields]), raw, length
    )


def texts(raw: bytes, shape: tuple[int, ...] = (1,)) -> bytes:
    """A request of texts in binary."""
    record = {"name": "string", "datatype": "BYTES", "shape": shape}
    record["parameters"] = {"binary_data_size": len(raw)}
    return in_binary(document(parameters=STRING, inputs=[record]), raw)


def in_binary(head: bytes, raw: bytes, length: Any = None) -> bytes:
    """A document and what follows it."""
    return post(INFER, head + raw, f"{HEADER}: {len(head) if length is None else length}")


FLOATS = struct.pack("<3f", NUMBER, NUMBER, NUMBER)
LENGTH = struct.pack("<I", len(CANARY))
BIRD = LENGTH + CANARY.encode()

BINARY: dict[str, tuple[bytes, str]] = {
    "too few bytes for the shape": (binary(FLOATS[:8]), "that is 12 bytes, but has 8"),
    "too many bytes for the shape": (binary(FLOATS * 2), "that is 12 bytes, but has 24"),
    "half an element": (binary(FLOATS[:11]), "that is 12 bytes, but has 11"),
    "a size larger than the body": (binary(FLOATS, size=99), "12 bytes are left"),
    "a size smaller than the body": (binary(FLOATS, size=8), "4 bytes of binary data after"),
    "a size of 0": (binary(b"", size=0), "that is 12 bytes, but has 0"),
    "a negative size": (binary(FLOATS, size=-1), "must be from 0"),
    "a size of 2**64": (binary(FLOATS, size=2**63), "must be from 0"),
    "a size that is a text": (binary(FLOATS, size=CANARY), "must be a whole number"),
    "a size that is a fraction": (binary(FLOATS, size=12.5), "must be a whole number"),
    "a header beyond the body": (binary(FLOATS, length=99_999), "but the body has"),
    "a header before the document's end": (binary(FLOATS, length=9), "JSON Parse error"),
    "a header of 0": (binary(FLOATS, length=0), "The document is empty"),
    "a header that is negative": (binary(FLOATS, length=-1), "must be a whole number of bytes"),
    "a header that is a text": (binary(FLOATS, length=CANARY), "must be a whole number of bytes"),
    "a header of 100 digits": (binary(FLOATS, length="9" * 100), "must be a whole number of bytes"),
    "a header behind the document's end": (
        post(INFER, tensor() + FLOATS, f"{HEADER}: {len(tensor()) + 2}"),
        "JSON Parse error",
    ),
    "bytes that no input claims": (in_binary(tensor(), FLOATS), "that no input claims"),
    "data beside binary data": (binary(FLOATS, data=[1, 2, 3]), 'either "data" or'),
    "a shape whose bytes overflow": (binary(FLOATS, shape=[2**62, 3]), "too many elements"),
    "a shape whose bytes overflow to 12": (
        binary(FLOATS, shape=[2**62 + 1, 3]),
        "too many elements",
    ),
    "a negative shape": (binary(FLOATS, shape=[-1, -3]), "a dimension is negative"),
    "a shape of a terabyte": (binary(FLOATS, shape=[2**38, 3]), "but has 12"),
    "truths that are neither": (
        in_binary(
            document(
                parameters={"signature_name": "bool"},
                inputs=[
                    {
                        "name": "bool",
                        "datatype": "BOOL",
                        "shape": [4],
                        "parameters": {"binary_data_size": 4},
                    }
                ],
            ),
            b"\0\1\2\3",
        ),
        "must be 0 or 1",
    ),
    "half a length of a text": (texts(BIRD + LENGTH[:2], (2,)), "byte string 1 is longer"),
    "a text that is cut off": (texts(BIRD[:-1]), "byte string 0 is longer"),
    "a text of 4 GiB": (texts(b"\xff\xff\xff\xff" + CANARY.encode()), "byte string 0 is longer"),
    "too many texts": (texts(BIRD * 3), "but has 3 byte strings"),
    "too few texts": (texts(BIRD, (3,)), "but has 1 byte strings"),
    "no texts": (texts(b""), "but has 0 byte strings"),
    "texts that overflow": (texts(BIRD, (2**40, 2**40)), "too many elements"),
    "no image in binary": (
        in_binary(
            document(
                parameters={"signature_name": "photo"},
                inputs=[
                    {
                        "name": "photo",
                        "datatype": "BYTES",
                        "shape": [1],
                        "parameters": {"binary_data_size": len(BIRD)},
                    }
                ],
            ),
            BIRD,
        ),
        "no image",
    ),
}

PATHS: dict[str, tuple[str, str, int, str]] = {
    "another model": ("POST", "/v2/models/cats/infer", 404, "Model with name cats does not exist"),
    "another version": ("POST", f"/v2/models/{MODEL}/versions/9/infer", 404, "not 9"),
    "the metadata of another model": ("GET", "/v2/models/cats", 404, "cats does not exist"),
    "the readiness of another model": ("GET", "/v2/models/cats/ready", 404, "cats does not exist"),
    "another call": ("POST", f"/v2/models/{MODEL}/guess", 404, "has the paths"),
    "an inference with GET": ("GET", INFER, 405, "Malformed request"),
    "an inference that is put": ("PUT", INFER, 405, "Malformed request"),
    "metadata that is deleted": ("DELETE", f"/v2/models/{MODEL}", 405, "Malformed request"),
    "a path that there is not": ("GET", "/v3", 404, "Malformed request"),
    "generation": ("POST", f"/v2/models/{MODEL}/generate", 501, "use infer"),
    "loading": ("POST", f"/v2/repository/models/{MODEL}/load", 501, "change the ModelDeployment"),
    "shared memory": ("GET", "/v2/systemsharedmemory/status", 501, "no memory is shared"),
    "a name that is escaped": ("GET", "/v2/models/%00%ff", 404, "does not exist"),
    "a name of 10,000 characters": ("GET", f"/v2/models/{'n' * 10_000}", 404, "nnn…"),
}

CASES: dict[str, Http] = {
    **{
        f"infer: {name}": Http(post(INFER, body), 400, message)
        for name, (body, message) in BODIES.items()
    },
    **{
        f"infer: {name}": Http(post(INFER, body), 501, message)
        for name, (body, message) in NEVER.items()
    },
    **{f"binary: {name}": Http(data, 400, message) for name, (data, message) in BINARY.items()},
    **{
        f"paths: {name}": Http(sent(method, path, b""), status, message)
        for name, (method, path, status, message) in PATHS.items()
    },
    "index: a text": Http(post("/v2/repository/index", CANARY.encode()), 400, "JSON Parse error"),
    "index: a list": Http(post("/v2/repository/index", b'["a"]'), 400, "the index wants"),
}
