"""Pictures people send: plain RGB as they look to a person, or one sentence that says why not."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.base import InvalidRequest
from models.pictures import decode_picture
from tests.models.drawing import encoded, gradient, request


def bomb_header() -> bytes:
    """A few bytes of PNG that claim 50,000 × 50,000 pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = zlib.compress(b"\0" * 1000)
    idat = struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))
    return b"\x89PNG\r\n\x1a\n" + chunk + idat


BAD_PICTURES = {
    "nothing": b"",
    "text": b"hello",
    "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>',
    "a cut-off PNG": encoded(Image.effect_noise((99, 99), 90))[:900],
    "a PNG's first bytes": gradient()[:20],
    "a cut-off JPEG": encoded(Image.effect_noise((99, 99), 90).convert("RGB"), "JPEG")[:900],
    "an animated GIF": encoded(Image.new("P", (9, 9)), "GIF", save_all=True, append_images=[Image.new("P", (9, 9), 1)]),
    "a BMP": encoded(Image.new("RGB", (9, 9)), "BMP"),
    "a decompression bomb": bomb_header(),
    "too many pixels": encoded(Image.new("1", (8000, 6000))),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_picture_is_refused_with_one_sentence(backend, name):
    with pytest.raises(InvalidRequest) as caught:
        backend.admit(request(init_image=BAD_PICTURES[name]))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    with pytest.raises(InvalidRequest):
        backend.admit(request(init_image=gradient(), mask=BAD_PICTURES[name]))
    assert backend.active() == 0


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    for picture in (clear, clear.convert("LA"), clear.quantize()):
        assert decode_picture(encoded(picture)).getpixel((0, 0)) == (255, 255, 255)


def test_a_rotated_photograph_stands_upright():
    photo = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated a quarter
    assert decode_picture(encoded(photo, "JPEG", exif=exif)).size == (20, 40)


def test_an_animated_webp_gives_its_first_frame():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert decode_picture(data).getpixel((3, 3)) == (255, 0, 0)


def test_sixteen_bit_grey_and_cmyk_keep_their_brightness():
    deep = Image.fromarray(np.full((4, 4), 32896, dtype=np.uint16))
    assert decode_picture(encoded(deep)).getpixel((0, 0)) == (128, 128, 128)
    ink = decode_picture(encoded(Image.new("RGB", (8, 8), (200, 40, 40)).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(np.array(ink.getpixel((4, 4))) - (200, 40, 40)).max() < 8


def test_decoding_a_picture_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, models.pictures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
