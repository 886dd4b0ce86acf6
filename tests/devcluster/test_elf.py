"""Which programs run in an image that holds nothing else."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
from devkube.elf import stands_alone

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3


def program(bits: int, order: str, *types: int) -> bytes:
    """An ELF file of nothing but program headers of these types."""
    word, size = ("I", 32) if bits == 32 else ("Q", 56)
    kind = b"\x7fELF" + bytes([bits // 32, "<>".index(order) + 1, 1]) + bytes(9)
    length = 52 if bits == 32 else 64
    fixed = struct.pack(
        f"{order}HHI3{word}I6H", 2, 62, 1, 0, length, 0, 0, length, size, len(types), 0, 0, 0
    )
    return kind + fixed + b"".join(struct.pack(f"{order}I", t).ljust(size, b"\0") for t in types)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(
    ("types", "alone"),
    [
        pytest.param([PT_LOAD, PT_LOAD], True, id="linked statically"),
        pytest.param([PT_LOAD, PT_DYNAMIC], True, id="static, at any address"),
        pytest.param([PT_INTERP, PT_LOAD, PT_DYNAMIC], False, id="a dynamic linker first"),
        pytest.param([PT_LOAD, PT_DYNAMIC, PT_INTERP], False, id="a dynamic linker last"),
    ],
)
def test_a_program_stands_alone_without_a_linker(
    bits: int, order: str, types: list[int], alone: bool
) -> None:
    assert stands_alone(program(bits, order, *types)) is alone


def test_a_script_needs_its_interpreter() -> None:
    assert not stands_alone(b"#!/bin/sh\n")


def test_this_python_needs_its_libraries() -> None:
    assert not stands_alone(Path(sys.executable).read_bytes())
