"""What a picture looks like in a few plain numbers: colours, edges, where things are. Knows pixels, and no network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures import decode_picture

HUES = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
# Every feature lies within −1 … 1.
FEATURES = (
    "mean red", "mean green", "mean blue",
    *(f"share of {hue}" for hue in HUES), "share of greys",
    "saturation", "spread of saturation", "brightness", "contrast", "share of dark", "share of bright",
    "edges",
    "background red", "background green", "background blue", "background evenness",
    "fill", "position right", "position down", "width", "height",
    "symmetry left–right", "symmetry top–bottom",
)  # fmt: skip
_SIDE = 64  # pixels: pictures are looked at in this size
_COLOURED = 0.2  # saturation and brightness from which a pixel counts as coloured
_APART = 0.15  # distance from the background's colour, of RGB in 0 … 1, from which a pixel belongs to the thing shown


def picture_features(encoded: bytes) -> NDArray[np.float32]:
    """The FEATURES of a PNG, JPEG or WebP picture: float32 (30,), each within −1 … 1.

    Shares are of all pixels. Background: the median colour of the border; fill: how much differs from it; position: of
    that part's centre, 0 in the middle; width and height: its spread. Raises InvalidRequest like decode_picture.
    """
    picture = decode_picture(encoded).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    rgb = np.asarray(picture, np.float64) / 255  # (64, 64, 3)
    hue, saturation, brightness = np.moveaxis(np.asarray(picture.convert("HSV"), np.float64) / 255, -1, 0)
    coloured = (saturation > _COLOURED) & (brightness > _COLOURED)
    # a bin is centred on its hue's name: red 0°, orange 45° …
    bins = np.floor(hue[coloured] * len(HUES) + 0.5).astype(int) % len(HUES)
    shares = np.bincount(bins, minlength=len(HUES)) / coloured.size
    grey = rgb @ (0.299, 0.587, 0.114)
    edges = np.hypot(np.diff(grey, axis=0)[:, :-1], np.diff(grey, axis=1)[:-1, :])
    border = np.concatenate([rgb[0], rgb[-1], rgb[1:-1, 0], rgb[1:-1, -1]])
    background = np.median(border, axis=0)
    features = [
        *rgb.mean(axis=(0, 1)),
        *shares, 1 - shares.sum(),
        saturation.mean(), saturation.std(), grey.mean(), grey.std(), (grey < 0.2).mean(), (grey > 0.8).mean(),
        np.minimum(edges * 2, 1).mean(),
        *background, 1 - np.abs(border - background).mean(),
        *_shape(np.linalg.norm(rgb - background, axis=-1) > _APART),
        1 - np.abs(rgb - rgb[:, ::-1]).mean(), 1 - np.abs(rgb - rgb[::-1]).mean(),
    ]  # fmt: skip
    return np.array(features, np.float32)


def _shape(thing: NDArray[np.bool_]) -> tuple[float, float, float, float, float]:
    """(fill, right, down, width, height) of the part that is not background."""
    if not thing.any():
        return 0.0, 0.0, 0.0, 0.0, 0.0
    down, right = (axis / (_SIDE - 1) * 2 - 1 for axis in np.nonzero(thing))
    return float(thing.mean()), float(right.mean()), float(down.mean()), float(right.std()), float(down.std())
