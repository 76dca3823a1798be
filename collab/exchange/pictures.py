"""Turns a stranger's picture into plain PNG pixels, or refuses it. Knows nothing of rows' other columns.

Only real PNG, JPEG and WebP are decoded, one still picture each; what a file says beside its pixels (metadata, hidden
files behind the end) is refused or lost. A path or an address in a file is never opened.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from collab.errors import InvalidImport
from collab.exchange.cells import Limits, refuse

if TYPE_CHECKING:
    from PIL import Image

PROFILE_LIMIT = 4 * 2**20  # bytes of a colour profile; printers' have up to about 3 MB
FORMATS = ("PNG", "JPEG", "WEBP")


class Pictures:
    """Reads the pictures of one file. The same bytes are decoded once; the sum of all is limited."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._plain: dict[bytes, bytes] = {}
        self._bytes = 0

    def read(self, value: object, row: int, column: str) -> bytes:
        """A cell's picture as plain PNG. value: bytes, a `datasets` image with bytes, or Base64 text.

        Raises InvalidImport naming the row and the column.
        """
        data = self._data(value, row, column)
        if len(data) > self.limits.image_bytes:
            most = self.limits.image_bytes / 2**20
            refuse(row, column, f"the picture has {len(data) / 2**20:.1f} MB, {most:.0f} are possible: shrink it.")
        key = hashlib.sha256(data).digest()
        if key not in self._plain:
            try:
                plain = plain_picture(data, pixels=self.limits.image_pixels)
            except InvalidImport as e:
                refuse(row, column, str(e))
            self._bytes += len(plain)
            if self._bytes > self.limits.unpacked_bytes:
                refuse(row, column, "the file's pictures are too large together: split the file.")
            self._plain[key] = plain
        return self._plain[key]

    def _data(self, value: object, row: int, column: str) -> bytes:
        if isinstance(value, Mapping):
            if value.get("bytes") is None:
                refuse(row, column, "it holds no pixels, and no file or address is opened: embed the picture's bytes.")
            value = value["bytes"]
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        if value is None or value == "":
            refuse(row, column, "the picture is missing.")
        if not isinstance(value, str):
            refuse(row, column, f"a picture must be bytes, not {type(value).__name__}.")
        if value.startswith("data:"):
            value = value.partition(",")[2]
        if len(value) > 2 * self.limits.image_bytes:
            refuse(row, column, "the picture is too large: make it smaller.")
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            refuse(row, column, "it is no picture, and no file or address is opened: embed the picture's bytes.")


def plain_picture(data: bytes, *, pixels: int = Limits().image_pixels) -> bytes:
    """The same pixels, upright and in sRGB, as PNG in RGB or RGBA without metadata.

    Encoding is quick rather than small (zlib level 1); what it returns it gives back unchanged. Raises InvalidImport
    with the reason alone.
    """
    from PIL import Image, ImageOps

    if not _is_whole(data):
        raise InvalidImport("it is not a PNG, JPEG or WebP picture, or something is hidden behind its end.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > pixels:  # known from the header, before a pixel is decoded
                size, most = f"{image.width:,} × {image.height:,}", pixels / 1e6
                raise InvalidImport(f"the picture has {size} pixels, {most:.0f} million are possible: shrink it.")
            if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
                raise InvalidImport("the picture moves: a still one is needed.")
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith(("I", "F")):  # 16 bits a channel
                upright = upright.convert("I").point([v >> 8 for v in range(65536)], "L")
            upright = _in_srgb(upright, image.info.get("icc_profile"))
            see_through = "A" in upright.getbands() or "transparency" in upright.info
            file = io.BytesIO()
            plain = upright.convert("RGBA" if see_through else "RGB")
            plain.info.clear()
            plain.save(file, "PNG", compress_level=1)
            return file.getvalue()
    except InvalidImport:
        raise
    except Image.DecompressionBombError as e:  # Pillow's own limit, also before a pixel is decoded
        raise InvalidImport(f"the picture has far too many pixels, {pixels / 1e6:.0f} million are possible.") from e
    except Exception as e:  # a decoder fed by a stranger fails in as many ways as there are libraries beneath it
        raise InvalidImport(f"the picture cannot be decoded ({type(e).__name__}).") from None


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB's colours, where it says that it has others; as it is where what it says cannot be used.

    A profile that is broken, or made for another kind of pixels, is ignored, as browsers do.
    """
    from PIL import ImageCms

    if not profile or len(profile) > PROFILE_LIMIT:
        return picture
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(own).lower():
            return picture  # by far the most, and nothing would change
        if picture.mode == "P" or "transparency" in picture.info:
            picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
        alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
        colours = picture.convert("RGB") if alpha is not None else picture
        found = ImageCms.profileToProfile(colours, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    if found is None:
        return picture
    if alpha is not None:
        found.putalpha(alpha)
    return found


def _is_whole(data: bytes) -> bool:
    """Whether this is one picture from its first byte to its last."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png_end(data) == len(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            size = 8 + int.from_bytes(data[4:8], "little")
            return size + size % 2 == len(data) or size == len(data)
        if data.startswith(b"\xff\xd8\xff"):
            rest = data[_jpeg_end(data) :]
            # cameras pad with zeros, or append the same picture larger or smaller (MPO)
            return not rest.strip(b"\0") or rest.lstrip(b"\0").startswith(b"\xff\xd8\xff")
    except (struct.error, IndexError):
        pass  # cut off
    return False


def _png_end(data: bytes) -> int:
    """Where the IEND chunk ends (PNG, 3rd edition, section 5)."""
    at = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if kind == b"IEND":
            return at


def _jpeg_end(data: bytes) -> int:
    """Where the first image's EOI marker ends (ITU-T T.81, annex B). Raises IndexError where there is none."""
    at = 2
    while True:
        while data[at] != 0xFF or data[at + 1] in (0x00, 0xFF, *range(0xD0, 0xD8)):
            # coded data: a marker begins at the next FF that is neither stuffed nor a restart
            at = data.find(b"\xff", at + 1)
            if at < 0:
                raise IndexError
        if data[at + 1] == 0xD9:
            return at + 2
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
