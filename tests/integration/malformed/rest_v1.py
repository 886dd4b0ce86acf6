"""TensorFlow Serving's REST API v1."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from integration.malformed.cases import CANARY, MODEL, NUMBER, Http, document, post, sent

PREDICT = f"/v1/models/{MODEL}:predict"
CLASSIFY = f"/v1/models/{MODEL}:classify"
REGRESS = f"/v1/models/{MODEL}:regress"

GOOD = post(PREDICT, b'{"instances": [[1, 2, 3]]}')
ANSWER = b'{"predictions":[[2.0,4.0,6.0]]}'

BIRD = f'"{CANARY}"'.encode()
B64 = b64encode(CANARY.encode()).decode()
PNG = b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0\0\0\1" * 2 + CANARY.encode()).decode()
HUGE_PNG = b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 8 + CANARY.encode()).decode()
ROW = [NUMBER, NUMBER, NUMBER]


def rows(signature: str, instances: Any) -> bytes:
    """A predict call, row by row."""
    return document(signature_name=signature, instances=instances)


def columns(signature: str, inputs: Any) -> bytes:
    """A predict call, input by input."""
    return document(signature_name=signature, inputs=inputs)


BODIES: dict[str, tuple[bytes, str]] = {
    # No JSON.
    "nothing": (b"", "The document is empty"),
    "white space alone": (b" \r\n\t ", "JSON Parse error"),
    "plain text": (CANARY.encode(), "JSON Parse error"),
    "a NUL": (b"\0" + BIRD, "JSON Parse error"),
    "bytes that are no UTF-8": (b'{"instances": [["\xff' + BIRD, "JSON Parse error"),
    "bytes that are no UTF-8 beside a NaN": (b'{"a": NaN, "b": "\xff' + BIRD + b"}", "JSON"),
    "UTF-16": (json.dumps({"instances": [CANARY]}).encode("utf-16"), "JSON Parse error"),
    "a byte order mark": (b"\xef\xbb\xbf" + rows("", [CANARY]), "JSON Parse error"),
    "half a surrogate pair": (b'{"instances": ["\\ud800' + BIRD[1:] + b"]}", "JSON Parse error"),
    "a document that ends early": (b'{"instances": [[1, 2, ' + BIRD, "JSON Parse error"),
    "a document and another": (b'{"instances": [[1, 2, 3]]}{' + BIRD + b"}", "JSON Parse error"),
    "a comma too many": (b'{"instances": [[1, 2, 3,]], "a": ' + BIRD + b"}", "JSON Parse error"),
    "single quotes": (b"{'instances': [['" + CANARY.encode() + b"']]}", "JSON Parse error"),
    "a comment": (b'{"instances": [[1, 2, 3]] /* %s */}' % CANARY.encode(), "JSON Parse error"),
    "a number that begins with 0": (b'{"instances": [[01, 2, 3]]}', "JSON Parse error"),
    "a number in base 16": (b'{"instances": [[0x1, 2, 3]]}', "JSON Parse error"),
    "a number of 5,000 digits": (b'{"instances": [[%s, NaN, 3]]}' % (b"9" * 5000), "JSON Parse"),
    "a control character in a text": (b'{"instances": ["a\n' + BIRD[1:] + b"]}", "JSON Parse"),
    "lists 10,000 deep": (b'{"instances": %s%s' % (b"[" * 10_000, BIRD), "JSON Parse error"),
    "objects 10,000 deep": (b'{"a":' * 10_000 + BIRD + b"}" * 10_000, "JSON Parse error"),
    "lists 10,000 deep around a NaN": (b"[" * 10_000 + b"NaN" + b"]" * 10_000, "JSON Parse"),
    "a megabyte of opening brackets": (b"[" * 1_000_000, "JSON Parse error"),
    # No call.
    "a list": (f"[{NUMBER}]".encode(), "Is not object"),
    "a text": (BIRD, "Is not object"),
    "null": (b"null", "Is not object"),
    "an object without rows or columns": (document(other=CANARY), "Missing 'inputs' or 'inst"),
    "rows and columns": (document(instances=[ROW], inputs=[ROW]), "expecting only one of"),
    "rows that are no list": (document(instances={"x": CANARY}), "to be an list/array"),
    "no rows": (document(instances=[], other=CANARY), "No values in 'instances' array"),
    "rows that are null": (document(instances=None), "to be an list/array"),
    "a signature's name that is a number": (
        document(signature_name=NUMBER, instances=[ROW]),
        "'signature_name' key must be a string value",
    ),
    "a signature that there is not": (rows("none", [CANARY]), 'key "none" not found'),
    # Wrong names.
    "a column of another name": (columns("", {"z": [ROW]}), "Missing named input: x"),
    "a column too many": (columns("", {"x": [ROW], "z": CANARY}), 'input "z" is not in the sig'),
    "a row of another name": (rows("", [{"z": ROW}]), "keys must be equal to: x"),
    "a row that lacks an input": (rows("two", [{"a": [1, 2]}]), "keys must be equal to: a,b"),
    "a list among rows with names": (rows("", [{"x": ROW}, ROW]), "got list at item 1"),
    "a row with names among lists": (rows("", [ROW, {"x": ROW}]), "of Type: Object found at inc"),
    "bare rows for two inputs": (rows("two", [ROW]), "expecting list of objects"),
    "a bare column for two inputs": (columns("two", [ROW]), "expecting an object as multiple"),
    "no columns": (columns("", {}), "Missing named input: x"),
    "a name of a megabyte": (columns("", {"x": [ROW], "n" * 1_000_000: 1}), "nnn…"),
    # Wrong dtypes.
    "texts for floats": (rows("", [[CANARY] * 3]), "Type: String is not of expected type: float32"),
    "nulls for floats": (rows("", [[None] * 3]), "Type: Null is not of expected type: float32"),
    "truths for floats": (rows("", [[True] * 3]), "Type: Bool is not of expected type: float32"),
    "objects for floats": (rows("", [[{"k": CANARY}] * 3]), "Type: Object is not of expected"),
    "bytes for floats": (rows("", [[{"b64": B64}] * 3]), "Type: Object is not of expected type"),
    "fractions for integers": (rows("int32", [NUMBER]), "is not of expected type: int32"),
    "numbers for truths": (rows("bool", [NUMBER]), "is not of expected type: bool"),
    "numbers for texts": (rows("string", [NUMBER]), "is not of expected type: string"),
    "a list for a text": (rows("string", [[CANARY]]), "2 dimensions instead of 1"),
    "a URI where none is allowed": (
        rows("string", [{"uri": f"https://birds.example/{CANARY}?key={CANARY}"}]),
        "URI",
    ),
    "a URI for a float": (
        rows("", [[{"uri": f"https://birds.example/{CANARY}?key={CANARY}"}] * 3]),
        "Type: Object is",
    ),
    "something that is not base64": (rows("string", [{"b64": f"?{CANARY}"}]), "Unable to base64"),
    "base64 that is no ASCII": (rows("string", [{"b64": f"ä{CANARY}"}]), "Unable to base64"),
    # Numbers beyond what there is.
    "one less than the least int8": (rows("int8", [-129]), "beyond the range of int8"),
    "one more than the largest uint8": (rows("uint8", [256]), "beyond the range of uint8"),
    "a negative unsigned number": (rows("uint64", [-1]), "beyond the range of uint64"),
    "2**64": (rows("uint64", [2**64]), "is not of expected type: uint64"),
    "a float16 of 10**5": (rows("float16", [1e5]), "beyond the range of float16"),
    "a bfloat16 of 10**39": (rows("bfloat16", [1e39]), "beyond the range of bfloat16"),
    "a float32 of 10**39": (rows("", [[1e39, 2, 3]]), "beyond the range of float32"),
    "a float64 of 10**400": (b'{"signature_name":"float64","instances":[1e400]}', "JSON Parse"),
    # Wrong shapes.
    "rows of another length": (rows("", [[NUMBER, NUMBER]]), "dimension 1 is 2 instead of 3"),
    "rows of no length": (rows("", [[]]), "dimension 1 is 0 instead of 3"),
    "rows that are no lists": (rows("", [NUMBER]), "1 dimensions instead of 2"),
    "rows that are too deep": (rows("", [[ROW]]), "3 dimensions instead of 2"),
    "a ragged row": (rows("", [ROW, [NUMBER]]), "ragged"),
    "a number among rows": (rows("", [ROW, NUMBER]), "ragged"),
    "a row that is null": (rows("", [ROW, None]), "ragged"),
    "a list for a scalar": (columns("scalar", [1]), "1 dimensions instead of 0"),
    "three rows for a shape of two": (columns("square", [[1, 2]] * 3), "dimension 0 is 3 instead"),
    "65 dimensions": (
        b'{"signature_name": "any", "inputs": %s1%s}' % (b"[" * 65, b"]" * 65),
        "more than 64 dimensions",
    ),
    "inputs with different numbers of rows": (
        columns("two", {"a": [[1, 2]] * 2, "b": [1, 2, 3]}),
        "Incompatible shapes",
    ),
    # Long ones, which are read in other ways.
    "a long ragged list": (rows("", [ROW] * 60_000 + [[NUMBER]]), "ragged"),
    "a long list with a text": (rows("", [ROW] * 60_000 + [[1, 2, CANARY]]), "Type: String is"),
    "a long list with a comma too many": (rows("", [ROW] * 60_000)[:-2] + b",]}", "JSON Parse"),
    "a long list that does not end": (rows("", [ROW] * 60_000)[:-2], "JSON Parse error"),
    "a long list of long rows": (rows("", [ROW * 60_000]), "dimension 1 is 180000 instead of 3"),
    "a number as long as a list": (b'{"instances": [[%s]]}' % (b"1" * 1_000_000), ""),
    "a long list of nothing": (b'{"instances": [%s]}' % (b"," * 1_000_000), "must have shape"),
    "a long text in a long list": (rows("", [[CANARY * 100_000, 2, 3]]), "Type: String is not of"),
    # What the model itself refuses.
    "a text that is no number": (rows("number", ["1", CANARY]), "fails on the strings"),
    "an index that is out of bounds": (rows("gather", [7]), "not in [0, 3)"),
    "a text that is no example": (
        document(signature_name="classify", inputs=[CANARY]),
        "fails on the strings",
    ),
    # Images.
    "a text for an image": (rows("photo", [CANARY]), "no image; a JPEG or a PNG is needed"),
    "no bytes for an image": (rows("photo", [{"b64": ""}]), "no bytes at all"),
    "a GIF": (rows("photo", ["GIF89a" + CANARY]), "a GIF; a JPEG or a PNG is needed"),
    "an image of 2**64 pixels": (rows("photo", [{"b64": HUGE_PNG}]), "the most is"),
    "an image that is cut off": (rows("photo", [{"b64": PNG}]), "cannot be decoded"),
    "images in rows of two": (rows("photo", [[CANARY, CANARY]]), "must have shape [-1]"),
    "numbers for an image, in another shape": (rows("photo", ROW), "1 dimensions instead of 4"),
}

EXAMPLES: dict[str, tuple[bytes, str]] = {
    "no examples": (document(other=CANARY), "key 'examples' is expected"),
    "examples that are no list": (document(examples=CANARY), "to be an list/array"),
    "an empty list of examples": (document(examples=[]), "is an empty array"),
    "an example that is a text": (document(examples=[CANARY]), "Example must be JSON object"),
    "an example that is a list": (document(examples=[ROW]), "Example must be JSON object"),
    "a feature of texts and numbers": (document(examples=[{"size": [CANARY, 1]}]), "unexpected"),
    "a feature that is null": (document(examples=[{"size": None}]), "unexpected JSON type"),
    "a feature that is nested": (document(examples=[{"size": [[CANARY]]}]), "unexpected JSON type"),
    "a feature that is not base64": (document(examples=[{"size": {"b64": "?"}}]), "not base64"),
    "a feature of 2**64": (document(examples=[{"size": [2**63]}]), "beyond the range of int64"),
    "a context that is a text": (
        document(context=CANARY, examples=[{"size": ROW}]),
        "Example must be JSON object",
    ),
    "a feature of another type": (document(examples=[{"size": CANARY}]), "expected type: float"),
    "a feature of another size": (document(examples=[{"size": ROW}]), "Key: size"),
    "a feature that is missing": (document(examples=[{"other": CANARY}]), "size"),
}

PATHS: dict[str, tuple[str, str, int, str]] = {
    "another model": ("POST", "/v1/models/cats:predict", 404, "Latest(cats)"),
    "another version": ("POST", f"/v1/models/{MODEL}/versions/9:predict", 404, "Specific(ice, 9)"),
    "another label": ("POST", f"/v1/models/{MODEL}/labels/a:predict", 400, "label: a"),
    "a version that is no number": ("POST", f"/v1/models/{MODEL}/versions/a:predict", 400, "Malf"),
    "a version of 100 digits": (
        "POST",
        f"/v1/models/{MODEL}/versions/{'9' * 100}:predict",
        404,
        "",
    ),
    "no model's name": ("POST", "/v1/models/:predict", 400, "Malformed request"),
    "another call": ("POST", f"/v1/models/{MODEL}:guess", 400, "Malformed request"),
    "a call that is asked with GET": ("GET", PREDICT, 400, "Malformed request"),
    "a call that is put": ("PUT", PREDICT, 400, "Malformed request"),
    "a call that is deleted": ("DELETE", PREDICT, 400, "Malformed request"),
    "a status that is posted": ("POST", f"/v1/models/{MODEL}", 400, "Malformed request"),
    "the status of another model": ("GET", "/v1/models/cats", 404, "any versions of model cats"),
    "the metadata of another model": ("GET", "/v1/models/cats/metadata", 404, "model cats"),
    "the models": ("GET", "/v1/models", 400, "Missing model name"),
    "a slash too many": ("POST", f"/v1//models/{MODEL}:predict", 400, "Malformed request"),
    "a path out of the API": ("POST", "/v1/models/../../etc/passwd", 400, "Malformed request"),
}

CASES: dict[str, Http] = {
    **{
        f"predict: {name}": Http(post(PREDICT, body), 400, text)
        for name, (body, text) in BODIES.items()
    },
    **{
        f"{call}: {name}": Http(
            post(path, b'{"signature_name": "%s", %s' % (call.encode(), body[1:])), 400, text
        )
        for call, path in (("classify", CLASSIFY), ("regress", REGRESS))
        for name, (body, text) in EXAMPLES.items()
    },
    **{
        f"paths: {name}": Http(sent(method, path, b""), status, text)
        for name, (method, path, status, text) in PATHS.items()
    },
    "predict: numbers for complex numbers": Http(
        post(PREDICT, rows("complex64", [NUMBER])), 501, "JSON has no such number"
    ),
    "classify: a signature that takes no examples": Http(
        post(CLASSIFY, document(examples=[{"x": CANARY}])), 400, "cannot classify"
    ),
    "regress: a signature that classifies": Http(
        post(REGRESS, document(signature_name="classify", examples=[{"size": ROW}])),
        400,
        "cannot regress",
    ),
}
