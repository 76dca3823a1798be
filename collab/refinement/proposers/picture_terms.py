"""The words that style a picture's prompt: known slots and their levels, how to read them in a prompt and change them.

Knows the vocabulary, that of the embedded icon model included, and nothing of votes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise

from collab.prompts import Wording, placeholders
from models.pretrain.icon_captions import BACKGROUNDS, POSITIONS, SIZES, STYLES

# what the embedded icon model was taught: these levels alone are worth trying with it
ICON_TERMS: Mapping[str, tuple[str, ...]] = {
    "style": STYLES,
    "background": tuple(each for each in BACKGROUNDS if each != "none"),
    "size": tuple(each for each in SIZES if each != "normal"),
    "position": tuple(each for each in POSITIONS if each != "centre"),
}
# what text encoders of larger picture models are widely known to follow
VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "style": ("flat", "line", "noto", "watercolour", "pixel art", "photographic", "oil painting", "cartoon",
              "minimalist", "3d render", "pencil sketch", "isometric", "vector", "paper cut", "comic"),
    "background": ("white", "black", "grey", "blue", "green", "yellow", "red", "purple", "orange", "plain", "blurred"),
    "colours": ("bright colours", "pastel colours", "muted colours", "warm colours", "cool colours", "black and white"),
    "size": ("small", "large"),
    "position": ("left", "right", "centre"),
    "lighting": ("soft light", "dramatic lighting", "golden hour", "backlit", "studio lighting"),
    "quality": ("highly detailed", "simple", "sharp focus", "clean lines", "high contrast"),
}  # fmt: skip
# what a negative prompt usually names
FLAWS = ("blurry", "text", "watermark", "noisy", "cluttered", "low contrast", "deformed", "cropped", "dark", "dull")
ICON_PIXELS = 128  # a picture no wider is taken for the icon model's
_UNTOLD = frozenset((
    "a", "an", "the", "of", "in", "on", "at", "with", "and", "or", "to", "for", "by", "from", "is", "are", "it", "its",
    "this", "that", "style", "background", "side",
))  # fmt: skip
# how a level is said: what a prompt may hold (the first group is the level), and what is appended
_SAID = {
    "style": (r"\b(?:in (?:an? |the )?)?({})[- ]style\b", " in {} style", ", {} style"),
    "background": (r"\b(?:(?:on|with|against) (?:an? |the )?)?({})[- ]background\b|\bon ({})(?=\s*(?:,|$))",
                   " on a {} background", ", {} background"),
    "position": (r"\b(?:on|at|to|in) the ({})(?: side)?\b", " on the {}", ", on the {}"),
    "size": (r"\b({})\b", ", {}", ", {}"),
}  # fmt: skip
_BARE_IS_AMBIGUOUS = frozenset(("flat", "line", "comic", "vector", "cartoon"))


@dataclass(frozen=True, slots=True)
class Found:
    """A slot's level in a text: text[start:end] says it, text[level_start:level_end] is the level itself."""

    slot: str
    level: str
    start: int
    end: int
    level_start: int
    level_end: int


def read_slots(text: str) -> dict[str, Found]:
    """The level that each slot has in a prompt, the first where it is said twice."""
    return dict(_read(text))


@lru_cache(4096)  # the same few prompts made all of a digest's pictures
def _read(text: str) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for slot, pattern, level in _patterns():
        match = pattern.search(text)
        if match and (slot not in found or match.start() < found[slot].start):
            group = next(n for n in range(1, pattern.groups + 1) if match[n] is not None)
            found[slot] = Found(slot, level, match.start(), match.end(), match.start(group), match.end(group))
    return found


def read_words(text: str) -> set[str]:
    """The other terms of a prompt: its words, its phrases of two words, and its comma-separated parts of up to four
    words; nothing of what `read_slots` reads, and no variables."""
    for name in placeholders(text):
        text = text.replace(f"{{{name}}}", " , ")
    for each in sorted(read_slots(text).values(), key=lambda found: -found.start):
        text = f"{text[: each.start]} , {text[each.end :]}"
    terms: set[str] = set()
    for part in re.split(r"[,;.()\n]+", text.casefold()):
        words = re.findall(r"[^\W_][\w'’-]*", part)
        kept = [word for word in words if word not in _UNTOLD and len(word) > 1]
        terms |= set(kept) | {f"{a} {b}" for a, b in pairwise(words) if a not in _UNTOLD and b not in _UNTOLD}
        if 2 < len(words) <= 4 and len(kept) > 1:
            terms.add(" ".join(words))
    return terms


def added_parts(text: str) -> list[str]:
    """The comma-separated parts after the first: what a person adds to say how a picture should look."""
    plain = text
    for each in sorted(read_slots(text).values(), key=lambda found: -found.start):
        plain = f"{plain[: each.start]} {plain[each.end :]}"
    parts = [" ".join(part.split()) for part in plain.split(",")[1:] if not placeholders(part)]
    return [part for part in parts if part and len(part.split()) <= 4 and read_words(part)]


def negative_terms(wording: Wording) -> set[str]:
    """The comma-separated parts of the negative prompt, in lower case."""
    return {part.strip().casefold() for part in wording.negative_text.split(",") if part.strip()}


def with_level(wording: Wording, slot: str, level: str | None) -> Wording:
    """The wording with the slot at that level: in place of the present one where there is one, else added; None takes
    the present one out. Variables stay."""
    text, present = wording.text, read_slots(wording.text).get(slot)
    if present and level is None:
        text = _tidy(f"{text[: present.start].rstrip(' ,')}{_glue(text[present.end :])}")
    elif present and level is not None:
        bare = slot == "style" and "style" not in text[present.start : present.end].casefold()
        new = f"{level} style" if bare else level
        text = _articles(f"{text[: present.level_start]}{new}{text[present.level_end :]}", present.level_start)
    elif level is not None:
        text = _added(text, slot, level)
    return replace(wording, text=text) if set(placeholders(text)) == set(placeholders(wording.text)) else wording


def with_words(wording: Wording, term: str) -> Wording:
    """The wording with one more term at its end."""
    return replace(wording, text=f"{_open_end(wording.text)}, {term}")


def without_words(wording: Wording, term: str) -> Wording:
    """The wording without a term, wherever it stands; unchanged if nothing would be left or a variable would go."""
    pattern = r"[\s-]+".join(re.escape(word) for word in term.split())
    text = _tidy(re.sub(rf"\b{pattern}\b", "", wording.text, flags=re.IGNORECASE))
    same = set(placeholders(text)) == set(placeholders(wording.text))
    return replace(wording, text=text) if same and len(re.findall(r"\w", text)) > 1 else wording


def with_negative(wording: Wording, term: str) -> Wording:
    """The wording with one more term in its negative prompt."""
    parts = [part.strip() for part in wording.negative_text.split(",") if part.strip()]
    return wording if term in negative_terms(wording) else replace(wording, negative_text=", ".join([*parts, term]))


def said(slot: str, level: str) -> str:
    """A level in words: `line style`, `red background`, `on the left`."""
    return _SAID.get(slot, ("", "", ", {}"))[2].format(level).strip(", ")


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    made = []
    for slot in VOCABULARY:
        for level in dict.fromkeys((*ICON_TERMS.get(slot, ()), *VOCABULARY[slot])):
            word = re.escape(level).replace("colour", "colou?r")
            pattern = _SAID[slot][0].replace("{}", word) if slot in _SAID else rf"\b({word})\b"
            if slot == "style" and level in _BARE_IS_AMBIGUOUS:  # “line” alone is a style only as a part of its own
                pattern = rf"{pattern}|(?:^|(?<=,))\s*({word})\s*(?=,|$)"
            elif slot == "style":
                pattern = rf"{pattern}|\b(?:in (?:an? |the )?)?({word})\b"
            made.append((slot, re.compile(pattern, re.IGNORECASE), level))
    return tuple(made)


def _added(text: str, slot: str, level: str) -> str:
    if slot == "size":  # “a small cat”: models that know sizes know them before the thing
        match = re.match(r"\s*an?\s+(?=\w)", text, re.IGNORECASE)
        if match:
            return f"a {level} {text[match.end() :]}"
    plain, listed = _SAID.get(slot, ("", ", {}", ", {}"))[1:]
    added = (listed if "," in text else plain).format(level)
    return f"{_open_end(text)}{_articles(added, added.find(level))}"


def _articles(text: str, at: int) -> str:
    """`a orange` → `an orange` where a word was put at `at`."""
    before = re.search(r"\b(an?)(\s+)$", text[:at], re.IGNORECASE)
    if not before:
        return text
    vowel = text[at : at + 1].casefold() in "aeiou"
    article = before[1][0] + ("n" if vowel else "")
    return f"{text[: before.start()]}{article}{before[2]}{text[at:]}"


def _open_end(text: str) -> str:
    return text.rstrip().rstrip(",;.").rstrip()


def _glue(rest: str) -> str:
    return rest if not rest.strip() or rest.lstrip()[0] in ",.;" else f" {rest.lstrip()}"


def _tidy(text: str) -> str:
    text = re.sub(r"\s*,(\s*,)+", ",", re.sub(r"[ \t]{2,}", " ", text))
    return re.sub(r"\s+,", ",", text).strip(" ,;")
