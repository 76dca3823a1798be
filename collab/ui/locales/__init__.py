"""What Python says to people, in their language: a sentence is found by the template that made it. Knows no request.

`zh.json` maps each template of an error (holes written `{}`) to its Chinese with the holes numbered (`{1}`), and words
that may fill a hole to theirs. What is not in it stays English. `templates.py` lists the templates from the source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LONGEST = 4000  # characters of a sentence that is looked up
_PREFIX = 6  # characters by which the templates are sorted into drawers
_DEPTH = 3  # sentences within sentences
_HERE = Path(__file__).parent


def said_in(language: Language, sentence: str) -> str:
    """The sentence in this language, or as it is where nobody translated it."""
    return sentence if language == "en" else _catalogue(language).translate(sentence, _DEPTH)


@dataclass(frozen=True, slots=True)
class _Template:
    """literals: what stands before, between and after the holes, so one more than there are holes."""

    literals: tuple[str, ...]
    translation: str

    def holes_of(self, sentence: str) -> list[str] | None:
        """What fills the holes if the sentence was made from this; each hole ends where its next literal first comes.

        One pass without going back, so that no sentence takes long.
        """
        first, *between = self.literals
        if not sentence.startswith(first):
            return None
        if not between:
            return [] if sentence == first else None
        *between, last = between
        end = len(sentence) - len(last)
        if not sentence.endswith(last):
            return None
        at, holes = len(first), []
        for literal in between:
            found = sentence.find(literal, at, end) if literal else at
            if found < 0:
                return None
            holes.append(sentence[at:found])
            at = found + len(literal)
        return [*holes, sentence[at:end]] if at <= end else None


class _Catalogue:
    def __init__(self, words: dict[str, str], sentences: dict[str, str]) -> None:
        self.words = words
        self.drawers: dict[str, list[_Template]] = {}
        for source, translation in sentences.items():
            literals = tuple(source.split("{}"))
            drawer = literals[0][:_PREFIX] if len(literals[0]) >= _PREFIX else ""
            self.drawers.setdefault(drawer, []).append(_Template(literals, translation))
        for same_start in self.drawers.values():  # the most particular first
            same_start.sort(key=lambda t: -sum(map(len, t.literals)))

    def translate(self, sentence: str, depth: int) -> str:
        if word := self.words.get(sentence):
            return word
        if depth == 0 or len(sentence) > LONGEST:
            return sentence
        for template in (*self.drawers.get(sentence[:_PREFIX], ()), *self.drawers.get("", ())):
            holes = template.holes_of(sentence)
            if holes is not None:
                return _filled(template.translation, [self.translate(hole, depth - 1) for hole in holes])
        return self._listed(sentence, depth)

    def _listed(self, value: str, depth: int) -> str:
        """A hole that lists known words: “choose a, b or c”."""
        parts = re.split(r"(, | or | and )", value)
        if depth == _DEPTH or len(parts) == 1 or len(parts) > 100:
            return value
        said = [self.words.get(part, part) for part in parts[::2]]
        joints = [{", ": "、", " or ": "或", " and ": "和"}[joint] for joint in parts[1::2]]
        return "".join(a + b for a, b in zip(said, [*joints, ""], strict=True))


def _filled(translation: str, holes: Sequence[str]) -> str:
    def fill(match: re.Match[str]) -> str:
        number = int(match[1])
        return holes[number - 1] if 0 < number <= len(holes) else match[0]

    return re.sub(r"\{(\d{1,2})\}", fill, translation)


@cache
def _catalogue(language: Language) -> _Catalogue:
    read = json.loads((_HERE / f"{language}.json").read_text(encoding="utf-8"))
    return _Catalogue(read["words"], read["sentences"])
