"""The gRPC protocols' messages, in a pool of their own.

TensorFlow's Python package, tensorflow-serving-api and tritonclient register messages of the same
names in protobuf's default pool, where a name may be taken once. The freezer imports the first.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from frazil_runtime.errors import invalid

Message = Any  # protobuf makes the classes at run time


def new_pool() -> DescriptorPool:
    """A pool that holds the protocols' files, and may take more."""
    pool = DescriptorPool()
    descriptors = files("frazil_runtime").joinpath("protos/descriptors.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    return pool


POOL: Final = new_pool()


def message_class(name: str) -> Message:
    """The class of a message by its full name, as ``tensorflow.TensorProto``."""
    return GetMessageClass(POOL.FindMessageTypeByName(name))


def parse(kind: Message, data: bytes) -> Message:
    """The message in ``data``; INVALID_ARGUMENT where it is none, or a text is not UTF-8."""
    try:
        return kind.FromString(data)
    except DecodeError:
        name = kind.DESCRIPTOR.full_name
        raise invalid(f"the request's {len(data)} bytes are no {name}") from None
