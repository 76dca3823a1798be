"""A judge of icons that has never seen the generator and has no weights: it names the nearest real icon.

Every concept that all three icon sets share can be named (flags and clock faces aside), in every style, on the
background that was asked for. Pictures are compared as 16×16 thumbnails under small shifts, by their mean squared
difference. Knows pictures and the icon sets; knows nothing of prompts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from models.pretrain.icon_captions import STYLES, Background, Scene, Style
from models.pretrain.icon_pictures import COLOUR, compose, render_icons, resized, shared_slugs

SHIFTS_PX = (-3, 0, 3)
FIRST = 5  # concepts that are named


class Judge:
    """slugs: every concept it may name."""

    def __init__(self, data: Path) -> None:
        self.slugs = shared_slugs(data)
        self.icons: Mapping[tuple[str, Style], Image.Image] = render_icons(data, self.slugs)
        self._keys = [(slug, style) for slug in self.slugs for style in STYLES]
        self._known: dict[Background, tuple[np.ndarray, np.ndarray]] = {}  # thumbnails, and their squared lengths

    def name(self, pictures: np.ndarray, grounds: Sequence[Background]) -> tuple[list[list[str]], list[Style]]:
        """The five nearest concepts of each picture (N, 64, 64, 3) uint8, nearest first, and the nearest icon's style.
        grounds: the background that each was asked for on."""
        fives: list[list[str]] = []
        styles: list[Style] = []
        for picture, ground in zip(pictures, grounds, strict=True):
            known, lengths = self._thumbnails(ground)
            shifted = [np.roll(picture, (dy, dx), (0, 1)) for dy in SHIFTS_PX for dx in SHIFTS_PX]
            seen = np.stack([thumbnail(each) for each in shifted])  # (9, 768)
            distances = lengths[:, None] + (seen**2).sum(1)[None] - 2 * known @ seen.T
            ranking = [self._keys[index] for index in np.argsort(distances.min(axis=1))]
            fives.append(list(dict.fromkeys(slug for slug, _ in ranking))[:FIRST])
            styles.append(ranking[0][1])
        return fives, styles

    def real(self, asked: Sequence[tuple[str, Style]], seed: int = 0) -> np.ndarray:
        """Real icons on white (N, 64, 64, 3), each a little larger or smaller than the judge knows it, and moved."""
        rng, pictures = Random(seed), []
        for key in asked:
            side = rng.randint(44, 52)
            icon = resized(self.icons[key], side)
            picture = Image.new("RGB", (64, 64), COLOUR["none"])
            picture.paste(icon, (32 - side // 2 + rng.randint(-2, 2), 32 - side // 2 + rng.randint(-2, 2)), icon)
            pictures.append(np.asarray(picture))
        return np.stack(pictures)

    def _thumbnails(self, ground: Background) -> tuple[np.ndarray, np.ndarray]:
        if ground not in self._known:
            scenes = (Scene((slug,), style, ground) for slug, style in self._keys)
            known = np.stack([thumbnail(compose(scene, self.icons)) for scene in scenes])
            self._known[ground] = known, (known**2).sum(1)
        return self._known[ground]


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """(64, 64, 3) uint8 to (768,) in 0–1."""
    return (picture.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)).reshape(-1) / 255).astype(np.float32)
