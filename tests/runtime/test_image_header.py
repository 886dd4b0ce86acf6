"""What may be decoded, found out without decoding anything."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from frazil_runtime.image_header import MAX_SCANS, Header, ImageError, read_header


def encoded(kind: str, width: int = 7, height: int = 5, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, kind, **options)
    return file.getvalue()


def png_of(width: int, height: int) -> bytes:
    """The beginning of a PNG that says it has this size."""
    head = struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + head


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def frame(marker: int, width: int, height: int) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, 3) + bytes(9))


START = b"\xff\xd8"
FRAME = frame(0xC0, 7, 5)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        pytest.param(encoded("PNG"), "PNG", id="a PNG"),
        pytest.param(encoded("PNG", mode="P"), "PNG", id="a PNG with a palette"),
        pytest.param(encoded("PNG", mode="I;16"), "PNG", id="a PNG of 16 bits"),
        pytest.param(encoded("JPEG"), "JPEG", id="a JPEG"),
        pytest.param(encoded("JPEG", progressive=True), "JPEG", id="a progressive JPEG"),
        pytest.param(encoded("JPEG", mode="L"), "JPEG", id="a grey JPEG"),
        pytest.param(encoded("JPEG", exif=b"Exif\0\0" + b"x" * 9999), "JPEG", id="with Exif"),
        pytest.param(START + segment(0xE0, START + FRAME) + FRAME, "JPEG", id="with a thumbnail"),
        pytest.param(START + b"\xff\xff\xff" + FRAME, "JPEG", id="with bytes that fill"),
        pytest.param(START + b"\xff\x01\xff\xd3" + FRAME, "JPEG", id="with bare markers"),
        pytest.param(START + segment(0xC4, bytes(9)) + FRAME, "JPEG", id="tables before the frame"),
        pytest.param(START + frame(0xC9, 7, 5), "JPEG", id="arithmetic coding"),
    ],
)
def test_an_images_size_is_in_its_header(image: bytes, kind: str) -> None:
    assert read_header(image) == Header(kind, width=7, height=5)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        pytest.param(b"", "no bytes at all", id="nothing"),
        pytest.param(b"x", "no image", id="a byte"),
        pytest.param(encoded("GIF"), "a GIF", id="a GIF"),
        pytest.param(encoded("BMP"), "a BMP", id="a BMP"),
        pytest.param(encoded("WEBP"), "a WebP", id="a WebP"),
        pytest.param(encoded("TIFF"), "a TIFF", id="a TIFF"),
        pytest.param(b"https://h/a", "text of a URI, which must be marked", id="a URI"),
        pytest.param(b"s3://bucket/a", "text of a URI, which must be marked", id="a URI of S3"),
        pytest.param(b"\xff\xd8", "no image", id="the first two bytes of a JPEG"),
        pytest.param(START + b"\xff", "damaged at its beginning", id="three bytes of a JPEG"),
        pytest.param(START + segment(0xE0, bytes(99)), "damaged", id="a JPEG without a frame"),
        pytest.param(START + b"\xff\xda" + FRAME, "damaged", id="a scan before the frame"),
        pytest.param(START + b"\xff\xd9" + FRAME, "damaged", id="an end before the frame"),
        pytest.param(START + b"\xff\xe0\xff\xff" + FRAME, "damaged", id="a segment beyond the end"),
        pytest.param(START + b"\xff\xe0\0\0\0\0\0\0\0\0", "damaged", id="a segment of no length"),
        pytest.param(encoded("JPEG")[:20], "damaged", id="a JPEG cut off"),
        pytest.param(png_of(7, 5)[:23], "damaged", id="a PNG cut off"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"x" * 99, "damaged", id="a PNG without IHDR"),
        pytest.param(png_of(0, 5), "without pixels", id="a PNG of no width"),
        pytest.param(START + frame(0xC0, 7, 0), "without pixels", id="a JPEG of later height"),
        pytest.param(png_of(2**31, 2**31), "the most is", id="a PNG bomb"),
        pytest.param(START + frame(0xC2, 65535, 65535), "the most is", id="a JPEG bomb"),
        pytest.param(
            START + FRAME + b"\xff\xda\0\x02" * (MAX_SCANS + 1), "scans", id="a bomb of scans"
        ),
    ],
)
def test_what_is_not_decoded_is_said_without_a_byte_of_it(image: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        read_header(image)


def test_the_bound_is_in_pixels_and_is_the_last_that_passes() -> None:
    assert read_header(png_of(4, 3), max_pixels=12).width == 4
    with pytest.raises(ImageError, match="4 x 3 pixels; the most is 11 pixels"):
        read_header(png_of(4, 3), max_pixels=11)


@given(st.sampled_from([START, START + b"\xff", b"\x89PNG\r\n\x1a\n"]), st.binary(max_size=300))
def test_any_bytes_are_a_header_or_an_error(start: bytes, rest: bytes) -> None:
    try:
        header = read_header(start + rest)
    except ImageError:
        return
    assert header.width * header.height > 0
