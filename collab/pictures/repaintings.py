"""How much of a picture an edit of it changed, and how much is too little or too much to learn from.

Measured once, when the edit is kept: the number stands in the act, so that rows come out the same whenever they are
made of it, and making them reads no picture. Knows bytes, no store.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

LEAST, MOST = 0.001, 0.8  # share of a picture that an edit changes: less is a slip, more is another picture
PARTS = 10_000  # an edit's distance from its picture is kept in these parts of the whole
_PATCH = 8  # pixels a side: a place of a diffusion model's latents, and of JPEG's grid
_LEVELS = 12  # of 256, that a patch's mean may move and be the same: copies of an icon in JPEG and WebP moved none more


def edit_distance(before: bytes, after: bytes) -> int:
    """How much of a stored picture is another in what was made of it, in ten-thousandths.

    Up to MOST, the share of patches whose mean colour changed: a copy in another format or size changes none. An edit
    of the tone, or a redrawing in the same forms, may change nearly every patch and leaves what is shown: beyond MOST
    counts how much of the original's forms is gone, and no less than MOST. What has another size or shape is first
    fitted to the original's, as a trainer fits all.
    """
    from PIL import Image, ImageOps

    old, new = (_read(data) for data in (before, after))
    if new.size != old.size:
        new = ImageOps.fit(new, old.size, Image.Resampling.LANCZOS)
    was, now = _patches(old), _patches(new)
    share = float((abs(was - now).max(axis=1) > _LEVELS).mean())
    if share > MOST:
        share = max(MOST, min(share, _forms_gone(was.mean(axis=1), now.mean(axis=1))))
    return round(share * PARTS)


def _read(data: bytes) -> Image:
    from PIL import Image

    return Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")).convert("RGB")


def _patches(picture: Image) -> np.ndarray:
    """The mean colour of each patch: (patches, 3), 0 to 255."""
    import numpy as np

    return np.asarray(picture.reduce(_PATCH), dtype=float).reshape(-1, 3)


def _forms_gone(was: np.ndarray, now: np.ndarray) -> float:
    """1 − r² of the brightness of patches: what of its variation no brighter, darker or starker version explains."""
    was, now = was - was.mean(), now - now.mean()
    before, after = float(was @ was), float(now @ now)
    if not before:  # one brightness everywhere: no form that could go
        return 0.0
    return 1 - float(was @ now) ** 2 / (before * after) if after else 1.0
