"""The Open Inference Protocol's gRPC service, health and reflection."""

from __future__ import annotations

import struct
from typing import Any

from integration.malformed.cases import BYTES, CANARY, MODEL, NUMBER, Rpc
from integration.malformed.grpc_tf_serving import INVALID, MISSING, NEVER

from frazil_runtime.protocol.messages import message_class

SERVICE = "inference.GRPCInferenceService"
X: dict[str, Any] = {"name": "x", "datatype": "FP32", "shape": [1, 3]}
ROW = [NUMBER] * 3
RAW = struct.pack("<3f", *ROW)
TEXT = struct.pack("<I", len(BYTES)) + BYTES
TYPED = X | {"contents": {"fp32_contents": ROW}}


def message(kind: str, /, **fields: Any) -> bytes:
    """A request, serialised."""
    data: bytes = message_class(f"inference.{kind}Request")(**fields).SerializeToString()
    return data


def infer(*inputs: Any, raw: tuple[bytes, ...] = (), **fields: Any) -> bytes:
    """A ModelInferRequest."""
    asked = {"model_name": MODEL, "inputs": inputs, "raw_input_contents": raw} | fields
    return message("ModelInfer", **asked)


def of(signature: str, name: str, datatype: str, shape: list[int], *raw: bytes) -> bytes:
    """One of another signature's inputs, in raw bytes."""
    record = {"name": name, "datatype": datatype, "shape": shape}
    return infer(record, raw=raw, parameters={"signature_name": {"string_param": signature}})


def asked(**parameter: Any) -> bytes:
    """A good inference with one parameter."""
    ((name, value),) = parameter.items()
    return infer(TYPED, parameters={name: value})


INFER: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", MISSING, "Model with name  does not exist"),
    "plain text": (BYTES, INVALID, "are no inference.ModelInferRequest"),
    "a message that is cut off": (infer(TYPED)[:-3], INVALID, "are no inference.ModelInferRequest"),
    "a name that is no UTF-8": (b"\x0a\x04\xff\xfe\xfd\xfc", INVALID, "are no inference.Model"),
    "an id that is no UTF-8": (infer(TYPED) + b"\x1a\x02\xff\xfe", INVALID, "are no inference"),
    "a wrong message": (message("ModelReady", name=MODEL, version="a"), MISSING, "has version"),
    "a model that there is not": (infer(X, model_name="cats"), MISSING, "cats does not exist"),
    "a version that there is not": (infer(X, model_version="9"), MISSING, "not 9"),
    "a signature that there is not": (of("none", "x", "FP32", [1, 3], RAW), INVALID, '"none" not'),
    "no inputs": (infer(), INVALID, 'input "x" is missing'),
    "an input without anything": (infer({}), INVALID, 'input "" is not in the signature'),
    "another input": (infer(TYPED | {"name": "z"}), INVALID, 'input "z" is not in the signature'),
    "an input twice": (infer(TYPED, TYPED), INVALID, "an input is sent twice"),
    "an input too many": (infer(TYPED, TYPED | {"name": "z"}), INVALID, 'input "z"'),
    "an output that there is not": (infer(TYPED, outputs=[{"name": "z"}]), INVALID, 'output "z"'),
    "another datatype": (infer(TYPED | {"datatype": "INT64"}), INVALID, "got INT64"),
    "a datatype that there is not": (infer(TYPED | {"datatype": CANARY}), INVALID, "no datatype"),
    "no datatype": (infer(TYPED | {"datatype": ""}), INVALID, "got one that is no datatype"),
    "no contents": (infer(X), INVALID, "but 0 fp32_contents"),
    "too few contents": (
        infer(X | {"contents": {"fp32_contents": ROW[:1]}}),
        INVALID,
        "but 1 fp32",
    ),
    "too many contents": (infer(X | {"contents": {"fp32_contents": ROW * 2}}), INVALID, "but 6"),
    "contents of another type": (
        infer(X | {"contents": {"bytes_contents": [BYTES] * 3}}),
        INVALID,
        "its contents are fp32_contents, not bytes_contents",
    ),
    "contents of two types": (
        infer(X | {"contents": {"fp32_contents": ROW, "bytes_contents": [BYTES]}}),
        INVALID,
        "not bytes_contents",
    ),
    "contents beside raw ones": (infer(TYPED, raw=(RAW,)), INVALID, "beside raw_input_contents"),
    "raw contents for nothing": (infer(raw=(RAW,)), INVALID, "1 elements for 0 inputs"),
    "raw contents too many": (infer(X, raw=(RAW, RAW)), INVALID, "2 elements for 1 inputs"),
    "raw contents too few": (
        infer(X, TYPED, raw=(RAW,)),
        INVALID,
        "1 elements for 2 inputs",
    ),
    "half an element": (infer(X, raw=(RAW[:-1],)), INVALID, "that is 12 bytes, but has 11"),
    "too many raw bytes": (infer(X, raw=(RAW * 2,)), INVALID, "that is 12 bytes, but has 24"),
    "empty raw bytes": (infer(X, raw=(b"",)), INVALID, "that is 12 bytes, but has 0"),
    "no shape": (infer(X | {"shape": []}, raw=(RAW,)), INVALID, "0 dimensions instead of 2"),
    "another shape": (infer(X | {"shape": [3, 1]}, raw=(RAW,)), INVALID, "1 instead of 3"),
    "a negative shape": (infer(X | {"shape": [-1, -3]}, raw=(RAW,)), INVALID, "is negative"),
    "a product that overflows": (infer(X | {"shape": [2**62, 3]}), INVALID, "too many elements"),
    "a product that overflows to 0": (infer(X | {"shape": [2**32] * 2}), INVALID, "too many"),
    "a product that overflows to 12 bytes": (
        infer(X | {"shape": [2**62 + 1, 3]}, raw=(RAW,)),
        INVALID,
        "too many elements",
    ),
    "a shape of a terabyte": (infer(X | {"shape": [2**38, 3]}, raw=(RAW,)), INVALID, "but has 12"),
    "a shape of 10,000 dimensions": (infer(X | {"shape": [1] * 10_000}), INVALID, "must have"),
    "a number beyond int8": (
        infer(
            {
                "name": "int8",
                "datatype": "INT8",
                "shape": [1],
                "contents": {"int_contents": [271828]},
            },
            parameters={"signature_name": {"string_param": "int8"}},
        ),
        INVALID,
        "int8",
    ),
    "16-bit floats in typed contents": (
        infer(
            {
                "name": "float16",
                "datatype": "FP16",
                "shape": [1],
                "contents": {"fp32_contents": [NUMBER]},
            },
            parameters={"signature_name": {"string_param": "float16"}},
        ),
        INVALID,
        "send raw_input_contents",
    ),
    "complex numbers": (of("complex64", "complex64", "", [1], bytes(7)), INVALID, "but has 7"),
    "truths that are neither": (
        of("bool", "bool", "BOOL", [2], b"\2\3"),
        INVALID,
        "must be 0 or 1",
    ),
    "a text that is cut off": (
        of("string", "string", "BYTES", [1], TEXT[:-1]),
        INVALID,
        "is longer",
    ),
    "half a text's length": (of("string", "string", "BYTES", [1], TEXT[:2]), INVALID, "is longer"),
    "a text of 4 GiB": (
        of("string", "string", "BYTES", [1], b"\xff" * 4 + BYTES),
        INVALID,
        "byte string 0 is longer",
    ),
    "too many texts": (of("string", "string", "BYTES", [1], TEXT * 2), INVALID, "but has 2 byte"),
    "too few texts": (of("string", "string", "BYTES", [9], TEXT), INVALID, "but has 1 byte"),
    "a text that is no number to the model": (
        of("number", "digits", "BYTES", [1], TEXT),
        INVALID,
        "fails on the strings",
    ),
    "a text for an image": (of("photo", "photo", "BYTES", [1], TEXT), INVALID, "no image"),
    "a priority that is a text": (
        asked(priority={"string_param": CANARY}),
        INVALID,
        "whole number",
    ),
    "a negative priority": (asked(priority={"int64_param": -1}), INVALID, "must be from 0"),
    "a timeout that is a truth": (asked(timeout={"bool_param": True}), INVALID, "whole number"),
    "a signature's name that is a number": (
        asked(signature_name={"int64_param": 271828}),
        INVALID,
        '"signature_name" must be text',
    ),
    "a sequence": (asked(sequence_id={"string_param": CANARY}), NEVER, "each request stands alone"),
    "shared memory": (
        infer(X | {"parameters": {"shared_memory_region": {"string_param": CANARY}}}),
        NEVER,
        "no memory is shared",
    ),
    "a shared output": (
        infer(
            TYPED,
            outputs=[
                {"name": "y", "parameters": {"shared_memory_region": {"string_param": CANARY}}}
            ],
        ),
        NEVER,
        "no memory is shared",
    ),
}

CASES: dict[str, Rpc] = {
    **{f"ModelInfer: {name}": Rpc(f"{SERVICE}/ModelInfer", *case) for name, case in INFER.items()},
    **{
        f"{method}: {name}": Rpc(f"{SERVICE}/{method}", data, code, text)
        for method in ("ModelMetadata", "ModelConfig", "ModelStatistics")
        for name, (data, code, text) in {
            "plain text": (BYTES, INVALID, f"are no inference.{method}Request"),
            "a model that there is not": (
                message(method, name="cats"),
                MISSING,
                "Model with name cats does not exist",
            ),
            "a version that there is not": (message(method, name=MODEL, version="9"), MISSING, "9"),
        }.items()
    },
    **{
        f"{method}: anything": Rpc(f"{SERVICE}/{method}", BYTES, NEVER, text)
        for method, text in {
            "RepositoryModelLoad": "create or delete",
            "RepositoryModelUnload": "create or delete",
            "SystemSharedMemoryRegister": "no memory is shared",
            "CudaSharedMemoryStatus": "no memory is shared",
            "TraceSetting": "not traced",
            "LogSettings": "no settings",
        }.items()
    },
    "ModelReady: plain text": Rpc(f"{SERVICE}/ModelReady", BYTES, INVALID, "are no inference"),
    "RepositoryIndex: plain text": Rpc(f"{SERVICE}/RepositoryIndex", BYTES, INVALID, "are no infe"),
    "Guess: a method that there is not": Rpc(f"{SERVICE}/Guess", BYTES, NEVER, ""),
    "ModelStreamInfer: anything": Rpc(f"{SERVICE}/ModelStreamInfer", BYTES, NEVER, "not streamed"),
    "ModelInfer: metadata of 100 kB": Rpc(
        f"{SERVICE}/ModelInfer",
        infer(TYPED),
        "RESOURCE_EXHAUSTED",
        "metadata size exceeds",
        (("x-long", CANARY * 8_000),),
    ),
    "Health: plain text": Rpc("grpc.health.v1.Health/Check", BYTES, INVALID, "are no"),
    "Health: another service": Rpc(
        "grpc.health.v1.Health/Check", b"\x0a\x04cats", MISSING, "unknown service"
    ),
}
