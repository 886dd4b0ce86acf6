"""The session's tensorflow.ConfigProto, written out by hand: no protobuf package is needed for it.

Field numbers: tensorflow/core/protobuf/config.proto and rewriter_config.proto.
"""

from __future__ import annotations

from typing import Final


def _varint(number: int) -> bytes:
    """Protocol Buffers' variable-length integer; a negative int32 goes as 64 bits."""
    number &= 2**64 - 1
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


# A run computes in the thread that calls it: a hand-over to a pool costs more than a small model's
# whole run, and several runs at once use the cores better than one run split over them.
# intra_op belongs to the process, whatever later sessions ask for: the first one decides.
CONFIG: Final = b"".join(
    (
        _integer(2, 1),  # intra_op_parallelism_threads = 1
        _integer(5, -1),  # inter_op_parallelism_threads = -1: the calling thread
        _integer(7, 1),  # allow_soft_placement: a graph placed on a GPU runs on what there is
        # graph_options = 10 { rewrite_options = 10 { disable_meta_optimizer = 19 } }: the freezer
        # has run Grappler; here it would cost most of a start and half of the memory.
        _message(10, _message(10, _integer(19, 1))),
        # experimental = 16 { optimize_for_static_graph = 12,
        # disable_output_partition_graphs = 14 }: no second copy of the graph is kept.
        _message(16, _integer(12, 1) + _integer(14, 1)),
    )
)
