"""People who edit texts after a taste of their own that nobody is told (PRELUDE; Gao et al. 2024, arXiv 2404.15269).

Deterministic editors of words alone. What an edit costs is Levenshtein's distance in tokens over the longer text's
length, 0 … 1; a text that is empty, nearly so, or no longer about its subject costs 1: it must be written anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from rapidfuzz.distance import Levenshtein

_TOKEN = re.compile(r"\w+|[^\w\s]|\n")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
LEAST_WORDS = 6
Edit = Callable[[str, str], str]  # (text, subject) -> the text made right


@dataclass(frozen=True, slots=True)
class Taste:
    """A family of tastes. minable: whether the deterministic miner has words for it; rule: as an oracle would say it.

    person(rng): one annotator of the family, who differs a little from the others.
    """

    name: str
    minable: bool
    rule: str
    person: Callable[[Random], Edit]


def cost(text: str, edit: Edit, subject: str) -> float:
    """What it takes this person to make the text right, 0 … 1."""
    if len(text.split()) < LEAST_WORDS or subject.split()[-1].lower().rstrip("s") not in text.lower():
        return 1.0
    before, after = _TOKEN.findall(text), _TOKEN.findall(edit(text, subject))
    return Levenshtein.distance(before, after) / max(len(before), len(after), 1)


def _sentences(text: str) -> list[str]:
    return [s.strip() for line in text.splitlines() for s in _SENTENCE.split(line) if s.strip()]


def _brief(rng: Random) -> Edit:
    most = rng.randint(18, 24)

    def edit(text: str, _: str) -> str:
        kept: list[str] = []
        for sentence in _sentences(text):
            words = sentence.split()
            room = most - sum(len(k.split()) for k in kept)
            if len(words) <= room:
                kept.append(sentence)
            else:
                if not kept:
                    kept.append(" ".join(words[:most]).rstrip(",;:") + ".")
                break
        return " ".join(kept)

    return edit


def _bullets(rng: Random) -> Edit:
    mark = rng.choice(("- ", "- ", "* "))
    return lambda text, _: "\n".join(mark + s.lstrip("-*• ") for s in _sentences(text))


def _lower(rng: Random) -> Edit:
    return lambda text, _: text.lower()


_FORMAL: Mapping[str, str] = {
    "it's": "it is", "don't": "do not", "can't": "cannot", "you'll": "you will", "isn't": "is not", "!": ".",
}  # fmt: skip


def _one_line(rng: Random) -> Edit:
    """One plain paragraph: no markdown, no headings, no exclamation marks, no contractions."""

    def edit(text: str, _: str) -> str:
        plain = re.sub(r"[*#_`]+", "", " ".join(text.split()))
        for before, after in _FORMAL.items():
            plain = re.sub(re.escape(before), after, plain, flags=re.IGNORECASE)
        return plain

    return edit


def _dashes(rng: Random) -> Edit:
    """Beyond every miner's words: commas become dashes."""
    dash = rng.choice((" — ", " — ", " – "))
    return lambda text, _: re.sub(r",\s+", dash, text)


def _labelled(rng: Random) -> Edit:
    """Beyond every miner's words, for it differs with the subject: the text begins with the subject in capitals."""

    def edit(text: str, subject: str) -> str:
        label = f"{subject.upper()}: "
        return text if text.startswith(label) else label + text

    return edit


TASTES = (
    Taste("brief", True, "Use at most 20 words.", _brief),
    Taste("bullets", True, "Write a bullet list, one sentence on each line, starting with a dash.", _bullets),
    Taste("lower case", True, "Write everything in lower case letters.", _lower),
    Taste("plain", True, "Write one plain paragraph without markdown, contractions or exclamation marks.", _one_line),
    Taste("dashes", False, "Use dashes instead of commas.", _dashes),
    Taste("labelled", False, "Begin with the name of the thing in capitals and a colon.", _labelled),
)
