"""Pictures from strangers become plain pixels or are refused."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from collab.errors import InvalidImport
from collab.exchange.cells import Limits
from collab.exchange.pictures import Pictures, plain_picture
from tests.exchange.sets import picture


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


GRADIENT = Image.linear_gradient("L").resize((40, 30)).convert("RGB")


@pytest.mark.parametrize(("kind", "exact"), [("PNG", True), ("WEBP", True), ("JPEG", False)])
def test_the_three_kinds_become_png_with_the_same_pixels(kind: str, exact: bool):
    data = saved(GRADIENT, kind, **({"lossless": True} if kind == "WEBP" else {}))
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(plain_picture(data))) as plain:
        assert plain.format == "PNG" and plain.size == (40, 30)
        assert plain.tobytes() == image.convert("RGB").tobytes()
        assert not exact or plain.tobytes() == GRADIENT.tobytes()


def test_a_plain_picture_comes_back_byte_for_byte():
    for mode in ("RGB", "RGBA"):
        assert plain_picture(picture(mode=mode)) == picture(mode=mode)


def test_metadata_is_lost():
    info = PngInfo()
    info.add_text("parameters", "the secret model")
    exif = Image.Exif()
    exif[0x010E] = "the secret model"
    for data in (saved(GRADIENT, "PNG", pnginfo=info), saved(GRADIENT, "JPEG", exif=exif, comment=b"the secret model")):
        assert b"secret" in data and b"secret" not in plain_picture(data)


def test_a_photograph_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # taken sideways
    with Image.open(io.BytesIO(plain_picture(saved(GRADIENT, "JPEG", exif=exif)))) as image:
        assert image.size == (30, 40)


def with_red_and_green_exchanged() -> bytes:
    """A colour profile in which the red channel holds the green, so that a right reading exchanges them."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = plain.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))  # its name
    table = 128 + 4 + 12 * struct.unpack_from(">I", plain, 128)[0]  # ICC.1:2022, section 7.3: a tag is 12 bytes
    tags = plain[:table].replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    return tags + plain[table:]


def test_colours_are_made_srgb_and_a_broken_profile_is_ignored():
    profile = with_red_and_green_exchanged()
    for kind, mode, colour in (("PNG", "RGB", (204, 51, 102)), ("PNG", "RGBA", (204, 51, 102, 7)),
                               ("WEBP", "RGB", (204, 51, 102)), ("PNG", "P", (204, 51, 102))):  # fmt: skip
        image = Image.new("RGBA" if mode == "RGBA" else "RGB", (4, 4), colour).convert(mode)
        options = {"lossless": True} if kind == "WEBP" else {}
        with Image.open(io.BytesIO(plain_picture(saved(image, kind, icc_profile=profile, **options)))) as plain:
            r, g, b, *alpha = plain.getpixel((1, 1))  # type: ignore[misc]
            assert max(abs(r - 51), abs(g - 204), abs(b - 102)) <= 2 and alpha == list(colour[3:])
            assert "icc_profile" not in plain.info
        for broken in (b"no profile", profile[:200], profile[:128] + b"\xff" * 200, bytes(1000)):
            data = plain_picture(saved(image, kind, icc_profile=broken, **options))
            assert data == plain_picture(saved(image, kind, **options))
    ink = Image.new("CMYK", (4, 4), (10, 200, 30, 0))  # a profile of another kind of pixels
    assert plain_picture(saved(ink, "JPEG", icc_profile=profile)) == plain_picture(saved(ink, "JPEG"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_pixel_becomes_rgb_or_rgba(mode: str):
    image = Image.new("I;16", (3, 2), 0xABCD) if mode == "I;16" else GRADIENT.resize((3, 2)).convert(mode)
    with Image.open(io.BytesIO(plain_picture(saved(image, "PNG")))) as plain:
        assert plain.mode == ("RGBA" if "A" in mode else "RGB")
        if mode == "I;16":
            assert plain.getpixel((0, 0)) == (0xAB, 0xAB, 0xAB)
    palette = GRADIENT.convert("P")
    assert Image.open(io.BytesIO(plain_picture(saved(palette, "PNG", transparency=0)))).mode == "RGBA"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def header(width: int, height: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as inner:
        inner.writestr("page.html", "<script>alert(1)</script>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it is not a PNG, JPEG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "it is not a PNG, JPEG or WebP"),
        (b"<html>", "it is not a PNG, JPEG or WebP"),
        (saved(GRADIENT, "GIF"), "it is not a PNG, JPEG or WebP"),
        (saved(GRADIENT, "BMP"), "it is not a PNG, JPEG or WebP"),
        (saved(GRADIENT, "TIFF"), "it is not a PNG, JPEG or WebP"),
        (saved(GRADIENT, "PNG") + archive(), "something is hidden behind its end"),
        (saved(GRADIENT, "JPEG") + archive(), "something is hidden behind its end"),
        (saved(GRADIENT, "WEBP") + archive(), "something is hidden behind its end"),
        (archive() + saved(GRADIENT, "PNG"), "it is not a PNG, JPEG or WebP"),
        (saved(GRADIENT, "PNG")[:-30], "it is not a PNG, JPEG or WebP"),
        (saved(GRADIENT, "JPEG")[:-30], "it is not a PNG, JPEG or WebP"),
        (png(header(30_000, 30_000)), "30,000 × 30,000 pixels, 40 million are possible|far too many pixels"),
        (png(header(6_400, 6_400), chunk(b"IDAT", zlib.compress(b"\0" * 100))), "6,400 × 6,400 pixels, 40 million"),
        (png(header(2, 2), chunk(b"IDAT", b"nonsense")), "cannot be decoded"),
        (png(header(2, 2), chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 2**27))), "cannot be decoded"),
        (png(), "cannot be decoded"),
        (b"\xff\xd8\xff\xe0", "it is not a PNG, JPEG or WebP"),
        (b"\xff\xd8\xff\xd9", "cannot be decoded"),
        (saved(GRADIENT, "WEBP", save_all=True, append_images=[Image.new("RGB", (40, 30))]), "the picture moves"),
        (saved(GRADIENT, "PNG", save_all=True, append_images=[Image.new("RGB", (40, 30))]), "the picture moves"),
    ],
)
def test_a_hostile_picture_is_refused_with_the_reason(data: bytes, sentence: str):
    with pytest.raises(InvalidImport, match=sentence):
        plain_picture(data)


def test_a_camera_may_pad_a_photograph_or_append_a_preview():
    photograph = saved(GRADIENT, "JPEG")
    assert plain_picture(photograph + b"\0" * 20) == plain_picture(photograph) == plain_picture(photograph + photograph)


def test_a_progressive_jpeg_has_one_end():
    assert plain_picture(saved(GRADIENT, "JPEG", progressive=True)).startswith(b"\x89PNG")


def test_cells_name_their_row_and_column():
    pictures = Pictures(Limits(image_bytes=1_000, unpacked_bytes=500))
    assert pictures.read({"bytes": picture(), "path": "/etc/passwd"}, 1, "image") == picture()
    for value, sentence in [
        ({"bytes": None, "path": "/etc/passwd"}, "it holds no pixels, and no file or address is opened"),
        ("/etc/passwd", "it is no picture, and no file or address is opened"),
        ("https://example.org/x.png", "it is no picture, and no file or address is opened"),
        (b"x" * 1_001, "the picture has 0.0 MB"),
        ("A" * 3_000, "the picture is too large"),
        (None, "the picture is missing"),
        (7, "a picture must be bytes, not int"),
    ]:
        with pytest.raises(InvalidImport, match=f"^Row 7, column image_a: {sentence}"):
            pictures.read(value, 7, "image_a")
    with pytest.raises(InvalidImport, match="too large together"):
        for shade in range(9):
            pictures.read(picture(f"#0000{shade}0"), 8, "image_a")
