"""PURE. What a JPEG or PNG says of itself at its beginning, before anything of it is decoded.

A few hundred bytes may stand for gigabytes of pixels, or for minutes of work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# 100 MB of decoded RGB; a camera of 24 megapixels is well within.
MAX_PIXELS: Final = 2**25
# Each scan of a progressive JPEG goes over the whole picture again. Encoders make about ten.
MAX_SCANS: Final = 100

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_TEXT: Final = (
    'the text of a URI, which must be marked as one: in JSON by {"uri": …}, in the Open Inference '
    'Protocol by the parameter content_type "uri"; TensorFlow Serving over gRPC takes bytes alone'
)
_OTHERS: Final = (
    (b"s3://", _TEXT),
    (b"https://", _TEXT),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"RIFF", "a WebP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
)
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 … SOF15
_BARE: Final = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a segment
_END, _SCAN = 0xD9, 0xDA


class ImageError(ValueError):
    """The bytes are no image that is decoded; the message says why and quotes nothing of them."""


@dataclass(frozen=True, slots=True)
class Header:
    """``kind`` is JPEG or PNG; sizes are in pixels."""

    kind: str
    width: int
    height: int


def read_header(image: bytes, max_pixels: int = MAX_PIXELS) -> Header:
    """Kind and size of an encoded image that may be decoded; ImageError says why it may not."""
    if image.startswith(_PNG):
        header = Header("PNG", *_png_size(image))
    elif image.startswith(_JPEG):
        header = Header("JPEG", *_jpeg_size(image))
    else:
        raise ImageError(f"{_name(image)}; a JPEG or a PNG is needed")
    if not header.width or not header.height:
        raise ImageError(f"a {header.kind} without pixels")
    if header.width * header.height > max_pixels:
        raise ImageError(
            f"a {header.kind} of {header.width} x {header.height} pixels; the most is "
            f"{max_pixels} pixels: send it smaller"
        )
    return header


def _name(image: bytes) -> str:
    """What it is instead, where that is easily told."""
    if not image:
        return "no bytes at all"
    return next((name for start, name in _OTHERS if image.startswith(start)), "no image")


def _png_size(image: bytes) -> tuple[int, int]:
    """Width and height of the first chunk, which is IHDR (PNG specification, 11.2.1)."""
    if len(image) < 24 or image[12:16] != b"IHDR":
        raise ImageError("a PNG that is damaged at its beginning")
    return int.from_bytes(image[16:20]), int.from_bytes(image[20:24])


def _jpeg_size(image: bytes) -> tuple[int, int]:
    """Width and height of the first frame header (ITU T.81, annex B)."""
    # Within the picture's own data the byte FF is always followed by 00: what this counts too many
    # are the scans of a thumbnail.
    if image.count(b"\xff\xda") > MAX_SCANS:
        raise ImageError(f"a JPEG of more than {MAX_SCANS} scans: save it with fewer")
    at = 2
    while at + 9 <= len(image) and image[at] == 0xFF:
        marker = image[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _FRAMES:
            return int.from_bytes(image[at + 7 : at + 9]), int.from_bytes(image[at + 5 : at + 7])
        elif marker in (_SCAN, _END):
            break
        else:
            at += 2 + int.from_bytes(image[at + 2 : at + 4])
    raise ImageError("a JPEG that is damaged at its beginning")
