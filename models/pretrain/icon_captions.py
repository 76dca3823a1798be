"""Scenes and the words for them: what a picture shows, how a caption says it, which combinations are withheld.

Knows the grammar and nothing of pixels or networks. A caption's style, background, size, position and count are all
things that can be measured from the picture, so that a prompt can be checked.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from models.pretrain.icon_concepts import Concept

Style = Literal["flat", "line", "noto"]
Background = Literal["none", "red", "blue", "green", "yellow", "purple", "orange", "black", "grey"]
Size = Literal["normal", "small", "large"]
Position = Literal["centre", "left", "right"]
STYLES: tuple[Style, ...] = get_args(Style)
BACKGROUNDS: tuple[Background, ...] = get_args(Background)
SIZES: tuple[Size, ...] = get_args(Size)
POSITIONS: tuple[Position, ...] = get_args(Position)
COUNT_WORDS = {2: "two", 3: "three"}
WITHHELD_SHARE = 1 / 16  # of the concept × style × coloured background combinations


@dataclass(frozen=True)
class Scene:
    """What one picture shows. Two slugs are a pair, left and right; a count above one repeats a single slug."""

    slugs: tuple[str, ...]
    style: Style
    background: Background = "none"
    size: Size = "normal"
    position: Position = "centre"
    count: int = 1


def is_withheld(slug: str, style: Style, background: Background) -> bool:
    """Whether this combination is kept out of training entirely, to measure composition. Never true of a plain
    background."""
    if background == "none":
        return False
    digest = hashlib.sha256(f"{slug}|{style}|{background}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < WITHHELD_SHARE * 2**32


def sample_scene(slug: str, style: Style, others: Sequence[str], composed_share: float, rng: Random) -> Scene:
    """One training scene for this concept and style; never a withheld combination.

    `composed_share` of them repeat the concept ("two apples") or pair it with one of `others` ("a cat and a rocket").
    """
    slugs: tuple[str, ...] = (slug,)
    count, size, position = 1, SIZES[0], POSITIONS[0]
    kind = rng.random()
    if kind < composed_share * 0.6:
        count = rng.choice((2, 2, 3))
    elif kind < composed_share:
        pair = [slug, rng.choice(others)]
        rng.shuffle(pair)
        slugs = tuple(pair)
    else:
        size = rng.choices(SIZES, (0.74, 0.13, 0.13))[0]
        if size != "large":
            position = rng.choices(POSITIONS, (0.84, 0.08, 0.08))[0]
    for _ in range(100):
        background = rng.choices(BACKGROUNDS, (0.36,) + (0.08,) * 8)[0]
        if not any(is_withheld(each, style, background) for each in slugs):
            return Scene(slugs, style, background, size, position, count)
    return Scene(slugs, style, "none", size, position, count)


def write_caption(
    scene: Scene, concepts: Mapping[str, Concept], keywords: Mapping[str, Sequence[str]], rng: Random
) -> str:
    """One of the many wordings of a scene, in lower case.

    What goes without saying (a coloured style, a normal size, the centre, no background) is often left unsaid; the rest
    never is.
    """
    style: Style | None = scene.style
    if style in ("flat", "noto") and rng.random() < 0.35:
        style = None
    subject = _subject(scene, concepts, rng)
    if len(scene.slugs) == 1 and rng.random() < 0.12 and keywords.get(scene.slugs[0]):
        known = keywords[scene.slugs[0]]
        subject += ", " + ", ".join(rng.sample(list(known), min(len(known), rng.randint(1, 2))))
    style_said_first = style is not None and rng.random() < 0.35
    if style_said_first:
        opening = rng.choice(("{} style icon of", "{} style drawing of", "{} style picture of", "{} style"))
        subject = f"{opening.format(style)} {subject}"
    elif rng.random() < 0.12:
        subject = rng.choice(("an icon of ", "a picture of ", "a drawing of ")) + subject

    tail = []
    if style is not None and not style_said_first:
        tail.append(rng.choice((" in {} style", ", {} style", " {} style", " in the {} style", ", {}")).format(style))
    if scene.position != "centre":
        tail.append(rng.choice((" on the {}", " at the {}", " on the {} side", ", {}")).format(scene.position))
    elif rng.random() < 0.03:
        tail.append(rng.choice((" in the middle", " in the centre")))
    if scene.background != "none":
        wording = rng.choice((" on {} {} background", " on {}", ", {} background", " with {} {} background"))
        article = "an" if scene.background == "orange" else "a"
        words = (article, scene.background) if wording.count("{}") == 2 else (scene.background,)
        tail.append(wording.format(*words))
    elif rng.random() < 0.12:
        tail.append(rng.choice((" on a white background", " on white", ", plain background", " with no background")))
    rng.shuffle(tail)
    return subject + "".join(tail)


def _subject(scene: Scene, concepts: Mapping[str, Concept], rng: Random) -> str:
    first = concepts[scene.slugs[0]]
    if scene.count > 1:
        return f"{COUNT_WORDS[scene.count]} {first.plural}"
    if len(scene.slugs) == 2:
        second = concepts[scene.slugs[1]]
        return f"{with_article(first.name)} and {with_article(second.name)}"
    name = first.name
    if scene.size != "normal":
        adjective = rng.choice(
            {"small": ("small", "small", "little", "tiny"), "large": ("large", "large", "big")}[scene.size]
        )
        name = f"{adjective} {name}"
    return with_article(name) if rng.random() < 0.6 else name


def with_article(name: str) -> str:
    """`an apple`, `a cat`; names that are plural already (`grapes`, `scissors`) stay bare."""
    if name.endswith("s") and not name.endswith(("ss", "us")):
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
