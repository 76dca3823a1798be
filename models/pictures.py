"""Turns encoded pictures that people send into safe, plain RGB. Knows Pillow only: no torch, no models, no store."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from models.base import InvalidRequest

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 40_000_000
MAX_BYTES = 64 * 1024 * 1024
WIDE_GREY_MODES = ("I", "I;16", "I;16B", "I;16L", "F")  # Pillow clips these to 255 on conversion instead of scaling


def decode_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The first frame of a PNG, JPEG or WebP as upright RGB, transparency laid on white.

    Raises InvalidRequest for anything else, for broken files, and (before any pixel is unpacked) for too many pixels.
    """
    if not data:
        raise InvalidRequest("The picture is empty: send a PNG, JPEG or WebP file.")
    if len(data) > MAX_BYTES:
        raise InvalidRequest(f"The picture has {len(data) / 1e6:.0f} MB: send one of at most {MAX_BYTES / 1e6:.0f} MB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is the stricter one
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                width, height = opened.size
                if width * height > max_pixels:
                    raise InvalidRequest(
                        f"The picture is {width}×{height}: send one of at most {max_pixels / 1e6:g} megapixels."
                    )
                opened.load()
                return _plain(opened)
    except Image.DecompressionBombError as error:
        raise InvalidRequest(f"The picture is too large: send at most {max_pixels / 1e6:g} megapixels.") from error
    except UnidentifiedImageError as error:
        raise InvalidRequest("This file is not a PNG, JPEG or WebP picture: convert it to one of these.") from error
    # Pillow's decoders raise all of these for damaged files
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, ZeroDivisionError) as error:
        raise InvalidRequest("The picture is damaged or cut off: save it again as PNG and send that.") from error


def decode_mask(data: bytes, size: tuple[int, int]) -> Image.Image:
    """A mask as greyscale of `size` (width, height), white where to repaint. Raises like decode_picture."""
    return decode_picture(data).convert("L").resize(size, Image.Resampling.BILINEAR)


def encode_png(picture: Image.Image) -> bytes:
    """A PNG that holds the pixels and nothing else."""
    plain = Image.new("RGB", picture.size)
    plain.paste(picture.convert("RGB"))
    encoded = io.BytesIO()
    plain.save(encoded, "PNG")
    return encoded.getvalue()


def _plain(picture: Image.Image) -> Image.Image:
    """A new upright RGB picture without alpha, palette, profile or metadata."""
    try:
        upright = ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, ZeroDivisionError):
        upright = picture  # damaged EXIF is no reason to refuse good pixels
    if upright.mode in WIDE_GREY_MODES:
        return upright.convert("F").point(lambda value: value / 257).convert("L").convert("RGB")
    rgba = upright.convert("RGBA")
    white = Image.new("RGB", rgba.size, (255, 255, 255))
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white
