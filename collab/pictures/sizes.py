"""What sizes go together: a mask with its picture, a picture with what a model can draw. Knows bytes, no store."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

from collab.errors import InvalidPrompt
from models.base import SETTINGS

SHAPE_TOLERANCE = 0.03  # by which a mask's sides may differ in proportion and still be scaled to its picture
_STEP = 8  # pixels: what every family's sizes are multiples of


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a stored picture, from its header."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as opened:
        return opened.size


def check_mask(mask: bytes, picture: bytes) -> None:
    """A mask may be larger or smaller than its picture, never of another shape, and must mark something.

    Raises InvalidPrompt.
    """
    from PIL import Image

    (mask_width, mask_height), (width, height) = picture_size(mask), picture_size(picture)
    if abs(mask_width * height / (mask_height * width) - 1) > SHAPE_TOLERANCE:
        raise InvalidPrompt(
            f"The mask is {mask_width} × {mask_height} pixels, the picture {width} × {height}: "
            "draw the mask on the picture itself, or bring both to one shape."
        )
    with Image.open(io.BytesIO(mask), formats=("PNG", "JPEG", "WEBP")) as opened:
        if opened.convert("L").getextrema()[1] == 0:
            raise InvalidPrompt("The mask marks nothing: paint white where the picture is to change.")


def fitting_size(size: tuple[int, int], defaults: Mapping[str, Any]) -> dict[str, int]:
    """The width and height that a model should draw to change a picture of `size`: its shape, in about the number of
    pixels that the model draws by default."""
    width, height = size
    area = int(defaults["width"]) * int(defaults["height"])
    scale = math.sqrt(area / (width * height))
    return {"width": _side(width * scale), "height": _side(height * scale)}


def _side(pixels: float) -> int:
    allowed = SETTINGS["image"]["width"]
    return int(min(allowed.high, max(allowed.low, _STEP * round(pixels / _STEP))))
