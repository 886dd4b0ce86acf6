"""TensorFlow Serving's gRPC services."""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Any

from integration.malformed.cases import BYTES, CANARY, MODEL, NUMBER, Rpc

from frazil_runtime.protocol.messages import message_class

SERVICE = "tensorflow.serving.PredictionService"
MODELS = "tensorflow.serving.ModelService"
INVALID, MISSING, NEVER = "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED"
FLOAT, INT32, STRING, BOOL, INT64, COMPLEX64 = 1, 3, 7, 10, 9, 8


def spec(signature: str = "", name: str = MODEL, **fields: Any) -> dict[str, Any]:
    """A ModelSpec."""
    return {"name": name, "signature_name": signature, **fields}


def proto(dtype: int, *sizes: int, **fields: Any) -> dict[str, Any]:
    """A TensorProto."""
    return {"dtype": dtype, "tensor_shape": {"dim": [{"size": n} for n in sizes]}, **fields}


def predict(signature: str = "", /, **inputs: Any) -> bytes:
    """A PredictRequest."""
    return message("Predict", model_spec=spec(signature), inputs=inputs)


def message(kind: str, /, **fields: Any) -> bytes:
    """A request, serialised."""
    data: bytes = message_class(f"tensorflow.serving.{kind}Request")(**fields).SerializeToString()
    return data


ROW = [NUMBER] * 3
X = proto(FLOAT, 1, 3, float_val=ROW)
RAW = struct.pack("<3f", *ROW)
EXAMPLE = {"features": {"feature": {"size": {"bytes_list": {"value": [BYTES]}}}}}
INPUT = {"example_list": {"examples": [EXAMPLE]}}
# As field 1 of a message, a text of five bytes of which two are no UTF-8.
NO_UTF8 = b"\x0a\x09\x0a\x07\xff\xfe" + BYTES[:5]

PREDICT: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", INVALID, "Missing ModelSpec"),
    "plain text": (BYTES, INVALID, "are no tensorflow.serving.PredictRequest"),
    "JSON": (b'{"instances": ["' + BYTES + b'"]}', INVALID, "are no tensorflow.serving"),
    "a message that is cut off": (predict(x=X)[:-5], INVALID, "are no tensorflow.serving"),
    "a message and something else": (predict(x=X) + b"\x07" + BYTES, INVALID, "are no tensor"),
    "a field that is longer than the message": (b"\x0a\xff\xff\xff\x7f" + BYTES, INVALID, "are no"),
    "a varint without end": (b"\x08" + b"\xff" * 20, INVALID, "are no tensorflow.serving"),
    "a wire type that there is not": (b"\x0f" + BYTES, INVALID, "are no tensorflow.serving"),
    "groups 10,000 deep": (b"\x0b" * 10_000, INVALID, "are no tensorflow.serving"),
    "a name that is no UTF-8": (NO_UTF8, INVALID, "are no tensorflow.serving"),
    "gzip that is cut off": (
        gzip.compress(predict(x=X))[:-9],
        INVALID,
        "in the middle of its gzip",
    ),
    "gzip that is damaged": (b"\x1f\x8b" + BYTES, INVALID, "is not gzip"),
    "deflate that is cut off": (zlib.compress(predict(x=X))[:-5], INVALID, "in the middle of its"),
    "a bomb of 100 MiB": (gzip.compress(bytes(100 * 2**20)), "RESOURCE_EXHAUSTED", "67108864"),
    "a message beyond the limit": (b"\0" * (64 * 2**20 + 1), "RESOURCE_EXHAUSTED", "67108864"),
    "a model that there is not": (
        message("Predict", model_spec=spec(name="cats"), inputs={"x": X}),
        MISSING,
        "Latest(cats)",
    ),
    "a model without a name": (message("Predict", model_spec={}), MISSING, "Latest()"),
    "a name of a megabyte": (message("Predict", model_spec=spec(name="n" * 10**6)), MISSING, "nn…"),
    "a name of a NUL and a line's end": (
        message("Predict", model_spec=spec(name="\0\r\n")),
        MISSING,
        "Servable not found",
    ),
    "a version that there is not": (
        message("Predict", model_spec=spec(version={"value": 9})),
        MISSING,
        "Specific(ice, 9)",
    ),
    "a negative version": (
        message("Predict", model_spec=spec(version={"value": -1})),
        MISSING,
        "Specific(ice, -1)",
    ),
    "a label": (message("Predict", model_spec=spec(version_label="a")), INVALID, "label: a"),
    "a signature that there is not": (predict("none", x=X), INVALID, '"none" not found'),
    "no inputs": (predict(), INVALID, 'input "x" is missing'),
    "another input": (predict(z=X), INVALID, 'input "z" is not in the signature'),
    "an input too many": (predict(x=X, z=X), INVALID, 'input "z" is not in the signature'),
    "an output that there is not": (
        message("Predict", model_spec=spec(), inputs={"x": X}, output_filter=["z"]),
        INVALID,
        'output "z"',
    ),
    "another dtype": (
        predict(x=proto(STRING, 1, string_val=[BYTES])),
        INVALID,
        "must be DT_FLOAT, got DT_STRING",
    ),
    "no dtype": (predict(x=proto(0, 1, 3, float_val=ROW)), INVALID, "must be DT_FLOAT, got"),
    "a dtype that there is not": (predict(x=proto(99, 1, 3)), INVALID, "must be DT_FLOAT, got"),
    "a shape of unknown rank": (
        predict(x={"dtype": FLOAT, "tensor_shape": {"unknown_rank": True}, "float_val": ROW}),
        INVALID,
        "a shape of unknown rank",
    ),
    "too many values": (predict(x=proto(FLOAT, 1, 3, float_val=ROW * 2)), INVALID, "but 6 values"),
    "too few dimensions": (predict(x=proto(FLOAT, 3, float_val=ROW)), INVALID, "1 dimensions inst"),
    "another dimension": (predict(x=proto(FLOAT, 1, 2, float_val=ROW)), INVALID, "2 instead of 3"),
    "a negative dimension": (predict(x=proto(FLOAT, -1, 3)), INVALID, "is negative"),
    "a product that overflows": (predict(x=proto(FLOAT, 2**62, 3)), INVALID, "too many elements"),
    "a product that overflows to 0": (predict(x=proto(FLOAT, 2**32, 2**32)), INVALID, "too many"),
    "a shape that claims a terabyte": (predict(x=proto(FLOAT, 2**38, 3)), INVALID, "the most is"),
    "one value for a gigabyte": (
        predict(x=proto(FLOAT, 10**8, 3, float_val=[NUMBER])),
        INVALID,
        "the most is",
    ),
    "65 dimensions": (predict("any", w=proto(FLOAT, *[1] * 65)), INVALID, "more than 64"),
    "10,000 dimensions": (predict("any", w=proto(FLOAT, *[1] * 10_000)), INVALID, "must have"),
    "half an element in tensor_content": (
        predict(x=proto(FLOAT, 1, 3, tensor_content=RAW[:-1])),
        INVALID,
        "that is 12 bytes, but has 11",
    ),
    "too much in tensor_content": (
        predict(x=proto(FLOAT, 1, 3, tensor_content=RAW * 2)),
        INVALID,
        "that is 12 bytes, but has 24",
    ),
    "tensor_content of a shape that overflows": (
        predict(x=proto(FLOAT, 2**62 + 1, 3, tensor_content=RAW)),
        INVALID,
        "too many elements",
    ),
    "texts in tensor_content": (
        predict("string", string=proto(STRING, 1, tensor_content=BYTES)),
        INVALID,
        "send strings as string_val",
    ),
    "truths that are neither": (
        predict("bool", bool=proto(BOOL, 2, tensor_content=b"\2\3")),
        INVALID,
        "must be 0 or 1",
    ),
    "a number beyond int8": (
        predict("int8", int8=proto(6, 1, int_val=[271828])),
        INVALID,
        "int8",
    ),
    "half a complex number": (
        predict("complex64", complex64=proto(COMPLEX64, 1, scomplex_val=ROW)),
        INVALID,
        "",
    ),
    "a text that is no number to the model": (
        predict("number", digits=proto(STRING, 1, string_val=[BYTES])),
        INVALID,
        "fails on the strings",
    ),
    "an index that is out of bounds": (
        predict("gather", index=proto(INT64, 1, int64_val=[7])),
        INVALID,
        "not in [0, 3)",
    ),
    "a text for an image": (
        predict("photo", photo=proto(STRING, 1, string_val=[BYTES])),
        INVALID,
        "no image",
    ),
}

OTHERS: dict[str, Rpc] = {
    **{
        f"{call}: {name}": Rpc(f"{SERVICE}/{call}", data, code, text)
        for call, kind in (("Classify", "Classification"), ("Regress", "Regression"))
        for name, (data, code, text) in {
            "nothing": (b"", INVALID, "Missing ModelSpec"),
            "plain text": (BYTES, INVALID, "are no tensorflow.serving"),
            "no input": (message(kind, model_spec=spec(call.lower())), INVALID, "Input is empty"),
            "no examples": (
                message(kind, model_spec=spec(call.lower()), input={"example_list": {}}),
                INVALID,
                "Input is empty",
            ),
            "a signature for something else": (
                message(kind, model_spec=spec(), input=INPUT),
                INVALID,
                f"cannot {call.lower()}",
            ),
            "a feature of another type": (
                message(kind, model_spec=spec(call.lower()), input=INPUT),
                INVALID,
                "expected type: float",
            ),
            "an example without features": (
                message(
                    kind,
                    model_spec=spec(call.lower()),
                    input={"example_list": {"examples": [{}]}},
                ),
                INVALID,
                "size",
            ),
        }.items()
    },
    "MultiInference: nothing": Rpc(f"{SERVICE}/MultiInference", b"", INVALID, "has no tasks"),
    "MultiInference: a method that there is not": Rpc(
        f"{SERVICE}/MultiInference",
        message(
            "MultiInference",
            tasks=[{"model_spec": spec("classify"), "method_name": CANARY}],
            input=INPUT,
        ),
        NEVER,
        "Unsupported signature method_name",
    ),
    "MultiInference: two models": Rpc(
        f"{SERVICE}/MultiInference",
        message(
            "MultiInference",
            tasks=[
                {"model_spec": spec("classify"), "method_name": "tensorflow/serving/classify"},
                {"model_spec": spec(name="cats"), "method_name": "tensorflow/serving/regress"},
            ],
            input=INPUT,
        ),
        INVALID,
        "must access the same model name",
    ),
    "MultiInference: a signature twice": Rpc(
        f"{SERVICE}/MultiInference",
        message(
            "MultiInference",
            tasks=[{"model_spec": spec("regress"), "method_name": "tensorflow/serving/regress"}]
            * 2,
            input=INPUT,
        ),
        INVALID,
        "Duplicate evaluation",
    ),
    "GetModelMetadata: no field": Rpc(
        f"{SERVICE}/GetModelMetadata",
        message("GetModelMetadata", model_spec=spec()),
        INVALID,
        "fie",
    ),
    "GetModelMetadata: another field": Rpc(
        f"{SERVICE}/GetModelMetadata",
        message("GetModelMetadata", model_spec=spec(), metadata_field=[CANARY]),
        INVALID,
        "there is signature_def",
    ),
    "GetModelStatus: nothing": Rpc(f"{MODELS}/GetModelStatus", b"", INVALID, "Missing ModelSpec"),
    "GetModelStatus: plain text": Rpc(f"{MODELS}/GetModelStatus", BYTES, INVALID, "are no tensor"),
    "GetModelStatus: another model": Rpc(
        f"{MODELS}/GetModelStatus",
        message("GetModelStatus", model_spec=spec(name="cats")),
        MISSING,
        "any versions of model cats",
    ),
    "HandleReloadConfigRequest: anything": Rpc(
        f"{MODELS}/HandleReloadConfigRequest", BYTES, NEVER, "change the ModelDeployment"
    ),
    "a method that there is not": Rpc(f"{SERVICE}/Guess", BYTES, NEVER, ""),
    "a service that there is not": Rpc("tensorflow.serving.Oracle/Guess", BYTES, NEVER, ""),
}

CASES: dict[str, Rpc] = {
    **{f"Predict: {name}": Rpc(f"{SERVICE}/Predict", *case) for name, case in PREDICT.items()},
    **OTHERS,
}
