"""What Python says to people, in their language: a sentence is found by the template that made it. Knows no request.

`zh.json` maps each template of an error (holes written `{}`) to its Chinese with the holes numbered (`{1}`), and words
that may fill a hole to theirs. What is not in it stays English. `templates.py` lists the templates from the source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LONGEST = 4000  # characters of a sentence that is looked up
_PREFIX = 6  # characters by which the templates are sorted into drawers
_DEPTH = 8  # sentences within sentences
_TELLS = 9  # characters besides what fills its holes
_PARTS = 40  # sentences of one text
WORK = 200  # pieces of one sentence that are looked up
JOINTS = " ,;"  # what may stand around a part of a sentence
# what joins parts, how in Chinese, and whether it counts only where each part is known
_BETWEEN = (
    (r"(?<=[.!?]) ", "", False),
    (" · ", " · ", False),
    ("; ", "；", True),
    (": ", "：", False),
    ("; ", "；", False),
)
_PLAIN = ("{}", "{} 到 {}")  # shapes that need no known word
_SHAPES = (
    (r"(\d[\d,.]*)(?:st|nd|rd|th)", "{}"),
    (r"([−\d.,]+) to ([−\d.,]+)", "{} 到 {}"),
    (r"(.+) (“[^”]*”)", "{} {}"),
    (r"(.+) \(([^()]*)\)", "{}（{}）"),
    (r"(\d+(?:[.,]\d+)*) (.+)", "{} 次{}"),
)
_HERE = Path(__file__).parent


def said_in(language: Language, sentence: str) -> str:
    """The sentence in this language, or as it is where nobody translated it, or where that is more work than any real
    sentence is: people's own words stand in sentences, and could be made to keep the server busy."""
    if language == "en":
        return sentence
    try:
        return _Translation(_catalogue(language)).translate(sentence, _DEPTH)
    except _TooMuch:
        return sentence


@dataclass(frozen=True)
class _Template:
    """literals: what stands before, between and after the holes, so one more than there are holes."""

    literals: tuple[str, ...]
    translation: str

    @cached_property
    def quoted(self) -> frozenset[int]:
        """The holes that people's own words fill: in quotation marks, or written `{1!}`."""
        marked = {int(number) for number in re.findall(r"\{(\d{1,2})!\}", self.translation)}
        around = enumerate(pairwise(self.literals), 1)
        return frozenset(marked | {n for n, (a, b) in around if a.endswith("“") and b.startswith("”")})

    @property
    def tells(self) -> bool:
        """Whether there is enough of it that a whole sentence is surely made from it."""
        return len(self.literals) == 1 or sum(map(len, self.literals)) >= _TELLS

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
            while found >= 0 and not _closed(sentence[at:found]):
                found = sentence.find(literal, found + 1, end)
            if found < 0:
                return None
            holes.append(sentence[at:found])
            at = found + len(literal)
        return [*holes, sentence[at:end]] if at <= end and self._fits([*holes, sentence[at:end]]) else None

    def _fits(self, holes: Sequence[str]) -> bool:
        """Whether each hole is a piece that may stand there: a sentence only where one begins, a number alone."""
        before = ""
        for literal, hole in zip(self.literals, holes, strict=False):
            before = literal.rstrip() or before
            within = _masked(hole.strip(JOINTS))
            if not _closed(hole):
                return False
            if not before.endswith((":", ".", "(", "“", ";", ",", " It")) and re.search(r"[:;] |\.( |$)", within):
                return False
            if not (before or self.tells or re.fullmatch(r"[\d.,%–−+]*|“.*”", hole.strip())):
                return False
        return True


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


class _TooMuch(Exception):
    """A sentence takes more work than it may."""


class _Translation:
    """One sentence's. No piece of it is looked up twice, and no more than WORK pieces are."""

    def __init__(self, catalogue: _Catalogue) -> None:
        self.words, self.drawers = catalogue.words, catalogue.drawers
        self._known: dict[tuple[str, int], str] = {}

    def translate(self, sentence: str, depth: int) -> str:
        piece = sentence, depth
        if piece not in self._known:
            if len(self._known) >= WORK:
                raise _TooMuch
            self._known[piece] = sentence  # a piece of itself is left as it is
            self._known[piece] = self._translated(sentence, depth)
        return self._known[piece]

    def _translated(self, sentence: str, depth: int) -> str:
        core = sentence.strip(JOINTS)
        if not core or depth < 0 or len(sentence) > LONGEST:
            return sentence
        said = self._said(core, depth)
        if said is None:
            return sentence
        before, _, after = sentence.partition(core)
        return _chinese(before) + said + _chinese(after)

    def _said(self, core: str, depth: int) -> str | None:
        """A whole sentence or half of one, then its parts; None where nothing of it is known."""
        if "; " not in core and depth < _DEPTH and (listed := self._listed(core, depth, all_known=True)) is not None:
            return listed
        for wording in (core, core[:1].swapcase() + core[1:]):
            if (found := self._found(wording, depth)) is not None:
                return found
        if core.endswith(".") and (found := self._found(core[:-1], depth)) is not None:
            return f"{found}。"
        if depth < _DEPTH and (found := self._found(f"{core}.", depth)) is not None:
            return found.removesuffix("。")
        return self._of_parts(core, depth) if depth > 0 else None

    def _of_parts(self, core: str, depth: int) -> str | None:
        """What is put together of sentences, halves of them, remarks in brackets, numbers and quotations."""
        if counted := re.fullmatch(r"([\d.,]+) × ([^;]+)", core):
            return f"{counted[1]} × {self.translate(counted[2], depth - 1)}"
        for joint, between, whole in _BETWEEN:
            parts = _parts(core, joint, 2 if joint == ": " else _PARTS)
            said = [self.translate(part, depth - 1) for part in parts] if len(parts) > 1 else parts
            if said != parts and not (whole and any(a == b for a, b in zip(said, parts, strict=True))):
                return between.join(said)
        for shape, joined in _SHAPES:
            if found := re.fullmatch(shape, core):
                said = [self.translate(piece, depth - 1) for piece in found.groups()]
                if joined in _PLAIN or said != list(found.groups()):
                    return joined.format(*said)
        return self._listed(core, depth)

    def _found(self, sentence: str, depth: int) -> str | None:
        if word := self.words.get(sentence):
            return word
        if depth > 0:
            for template in (*self.drawers.get(sentence[:_PREFIX], ()), *self.drawers.get("", ())):
                holes = template.holes_of(sentence)
                if holes is not None and (depth < _DEPTH or template.tells):
                    quoted = template.quoted
                    said = [
                        self.words.get(hole, hole) if n in quoted else self.translate(hole, depth - 1)
                        for n, hole in enumerate(holes, 1)
                    ]
                    return _filled(template.translation, said)
        return None

    def _listed(self, value: str, depth: int, all_known: bool = False) -> str | None:
        """A hole that lists what is known: “choose a, b or c”."""
        joints = {", ": "、", " or ": "或", " and ": "和"}
        parts = _parts(value, ", | or | and ", 100) if depth < _DEPTH else []
        if len(parts) < 2:
            return None
        said = [self.translate(part, depth - 1) for part in parts]
        if said == parts or (all_known and any(a == b for a, b in zip(said, parts, strict=True))):
            return None
        between = [joints[joint] for joint in re.findall(", | or | and ", _masked(value))]
        spaced = [f" {joint}" if joint in "和或" and part[-1:].isdigit() else joint
                  for part, joint in zip(said, between, strict=False)]  # fmt: skip
        return "".join(a + b for a, b in zip(said, [*spaced, ""], strict=True))


def _closed(piece: str) -> bool:
    """Whether no quotation mark or bracket is left open in it."""
    return not re.search("[“”]", _masked(piece)) and piece.count("(") == piece.count(")")


def _masked(value: str) -> str:
    """The value with what stands in quotation marks or brackets blotted out."""
    return re.sub(r"“[^”]*”|\([^()]*\)", lambda found: "·" * len(found[0]), value)


def _parts(value: str, joint: str, most: int) -> list[str]:
    """The value cut at each joint that does not stand within quotation marks or brackets."""
    cut: list[str] = []
    at = 0
    for found in re.finditer(joint, _masked(value)):
        if len(cut) + 1 == most:
            break
        cut.append(value[at : found.start()])
        at = found.end()
    return [*cut, value[at:]]


def _chinese(joint: str) -> str:
    return joint.replace(", ", "，").replace("; ", "；").replace(" ", "")


def _filled(translation: str, holes: Sequence[str]) -> str:
    def fill(match: re.Match[str]) -> str:
        number = int(match[1])
        return holes[number - 1] if 0 < number <= len(holes) else match[0]

    return re.sub(r"\{(\d{1,2})!?\}", fill, translation)


@cache
def _catalogue(language: Language) -> _Catalogue:
    read = json.loads((_HERE / f"{language}.json").read_text(encoding="utf-8"))
    return _Catalogue(read["words"], read["sentences"])
