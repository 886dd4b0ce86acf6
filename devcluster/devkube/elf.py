"""Programs as files: whether one runs where nothing else is."""

from __future__ import annotations

import struct

_MAGIC = b"\x7fELF"
_PT_INTERP = 3  # the program header that names the dynamic linker
# Class (32 or 64 bits) -> where the header tells the program headers' place, and how it is written;
# where it tells the size of each, followed by their number.
_LAYOUT = {1: (28, "I", 42), 2: (32, "Q", 54)}
_ORDER = {1: "<", 2: ">"}


def stands_alone(content: bytes) -> bool:
    """Whether a program runs in an empty file system: an ELF file without a dynamic linker."""
    if not content.startswith(_MAGIC):
        return False
    place, kind, sizes = _LAYOUT[content[4]]
    order = _ORDER[content[5]]
    (first,) = struct.unpack_from(order + kind, content, place)
    size, count = struct.unpack_from(order + "2H", content, sizes)
    types = {struct.unpack_from(order + "I", content, first + i * size)[0] for i in range(count)}
    return _PT_INTERP not in types
