"""PURE. Plain tables, and what a signature looks like in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from frazil_runtime.manifest import Signature, Tensor


def table(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    """The rows as lines, each column as wide as its widest cell, two spaces apart."""
    cells = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        indent
        + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def signature_rows(signature: Signature) -> list[tuple[str, ...]]:
    """For each tensor: input or output, name, dtype, shape."""
    return [
        (kind, tensor.name, tensor.dtype, shape(tensor))
        for kind, tensors in (("input", signature.inputs), ("output", signature.outputs))
        for tensor in tensors
    ]


def shape(tensor: Tensor) -> str:
    """``[?, 784]``; a free dimension shows its smallest size where that is known and above 1."""
    if tensor.shape is None:
        return "any shape"
    least = tensor.minimum or (0,) * len(tensor.shape)
    sizes = zip(tensor.shape, least, strict=True)
    return f"[{', '.join(_dimension(size, smallest) for size, smallest in sizes)}]"


def _dimension(size: int, smallest: int) -> str:
    if size >= 0:
        return str(size)
    return f"≥{smallest}" if smallest > 1 else "?"
