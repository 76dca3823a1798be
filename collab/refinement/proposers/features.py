"""What can be told of a text's style by looking: its length, its layout, its tone. Knows nothing of feedback.

Each trait is "with", "without", or None where the text shows neither. Tone markers are English; layout, length, casing
and emoji are of any language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

State = Literal["with", "without"] | None
READ_LIMIT = 20_000  # characters
_END = 300  # characters at the end of a text in which it may take its leave

# a word, or one character of a script that is written without spaces
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+(?:['’\-][^\W_]+)*")
_BULLET = re.compile(r"^[ \t]*(?:[-*•‣–]|\d{1,2}[.)])[ \t]+\S", re.M)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+\S|^[ \t]*\*\*[^*\n]{1,80}\*\*:?[ \t]*$", re.M)
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,2}[^\s*][^*\n]{0,80}?\*{1,2}(?![\w*])|(?<!\w)__[^_\n]{1,80}__(?!\w)")
_EMOJI = re.compile("[\U0001f300-\U0001faff\U0001f1e6-\U0001f1ff\u2600-\u27bf\u2b50\u2b55]")
_EXCLAMATION = re.compile(r"[!！]")
_CONTRACTION = re.compile(
    r"\b\w+n['’]t\b|\b(?:i|you|we|they|he|she|it|that|there|who|what|let)['’](?:m|re|ve|ll|d|s)\b", re.I
)
_IN_FULL = re.compile(
    r"\b(?:do|does|did|is|are|was|were|have|has|had|will|would|should|could|can) ?not\b"
    r"|\b(?:i am|(?:you|we|they) (?:are|have|will)|(?:it|that|he|she) (?:is|will))\b", re.I,
)  # fmt: skip
_GREETING = re.compile(r"^\W*(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day))\b", re.I)
_POLITE = re.compile(r"\b(?:please|kindly|thank you|thanks|we appreciate|would you mind|sorry|apologi[sz]e)\b", re.I)
_HEDGE = re.compile(
    r"\b(?:perhaps|maybe|might|possibly|probably|presumably|somewhat|arguably|it (?:seems|appears)|i (?:think|believe|"
    r"guess)|sort of|kind of|in my opinion)\b", re.I,
)  # fmt: skip
_FIRST = re.compile(r"\b(?:I|I['’](?:m|ve|ll|d)|me|my|mine|myself)\b|\b(?:[Ww]e|[Oo]ur|[Oo]urs|us)\b")
_SECOND = re.compile(r"\b(?:you|your|yours|yourself)\b|\byou['’](?:re|ve|ll|d)\b", re.I)
_NUMERAL = re.compile(r"(?<![\w#])\d+(?:[.,]\d+)*(?![.)]\s)\b")
_SPELLED = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million)\b", re.I,
)  # fmt: skip
_OPENER = re.compile(
    r"^\W*(?:sure|certainly|of course|absolutely|great question|gladly|no problem|okay|ok|here(?: is|['’]s| are)|"
    r"below is|as an ai|i(?:['’]d| would) be happy)\b", re.I,
)  # fmt: skip
_CLOSER = re.compile(
    r"(?:\bi hope (?:this|that|it)\b|\blet me know\b|\bfeel free to\b|\bis there anything else\b|\bhappy to help\b|"
    r"\bif you (?:have|need) any\b|\bdon['’]t hesitate\b|\bdo not hesitate\b)[^\n]*\s*$", re.I,
)  # fmt: skip
_QUOTED = re.compile(r"^\s*([\"“„«']).*[\"”“»']\s*$", re.S)


def words_of(text: str) -> list[str]:
    """The words of a text, in order; of scripts without spaces each character."""
    return _WORD.findall(text)


@dataclass(frozen=True, slots=True)
class Style:
    """A text's traits. words, paragraphs: how many; casing: "lower", "UPPER", "Title" or "" for any other."""

    words: int
    paragraphs: int
    casing: str
    traits: Mapping[str, State]


@lru_cache(maxsize=2048)
def style_of(text: str) -> Style:
    """The style of a text's first 20,000 characters: a hostile one costs no more than a long one."""
    text = text[:READ_LIMIT]
    words = words_of(text)
    paragraphs = len([part for part in re.split(r"\n[ \t]*\n", text) if part.strip()])
    return Style(len(words), paragraphs, _casing(words), {name: tell(text) for name, tell in _TRAITS.items()})


def _casing(words: list[str]) -> str:
    cased = [word for word in words if word.lower() != word.upper()]
    if len(cased) < 2:
        return ""
    if all(word == word.lower() for word in cased):
        return "lower"
    if all(word == word.upper() for word in cased):
        return "UPPER"
    # short words stay small in a title
    longer = [word for word in cased if len(word) > 3]
    small = sum(not word[0].isupper() for word in longer)
    return "Title" if len(longer) >= 2 and small == 0 and not _sentences(words) else ""


def _sentences(words: list[str]) -> bool:
    return len(words) > 40  # a name-dropping paragraph is no title


def _mentions(pattern: re.Pattern[str]) -> Callable[[str], State]:
    return lambda text: "with" if pattern.search(text) else "without"


def _either(one: re.Pattern[str], other: re.Pattern[str]) -> Callable[[str], State]:
    """With: `one` is there; without: only the `other` is."""
    return lambda text: "with" if one.search(text) else "without" if other.search(text) else None


def _numerals(text: str) -> State:
    spelled, digits = bool(_SPELLED.search(text)), bool(_NUMERAL.search(text))
    return None if spelled == digits else "with" if digits else "without"


def _list(text: str) -> State:
    """A list has two points; where a text is a single line, one makes it a list of what there was to say."""
    points = len(_BULLET.findall(text))
    return "with" if points >= 2 or points == len(text.strip().splitlines()) == 1 else "without"


def _full_stop(text: str) -> State:
    end = text.rstrip()[-1:]
    if end in tuple(".。"):
        return "with"
    return "without" if unicodedata.category(end or " ")[0] in "LN" else None


_TRAITS: Mapping[str, Callable[[str], State]] = {
    "list": _list,
    "headings": _mentions(_HEADING),
    "emphasis": lambda text: "with" if _EMPHASIS.search(_HEADING.sub("", text)) else "without",
    "emoji": _mentions(_EMOJI),
    "exclamation": _mentions(_EXCLAMATION),
    "contractions": _either(_CONTRACTION, _IN_FULL),
    "greeting": _mentions(_GREETING),
    "politeness": _mentions(_POLITE),
    "hedges": _mentions(_HEDGE),
    "first person": _mentions(_FIRST),
    "second person": _mentions(_SECOND),
    "numerals": _numerals,
    "opener": _mentions(_OPENER),
    "closer": lambda text: "with" if _CLOSER.search(text.rstrip()[-_END:]) else "without",
    "quotes": _mentions(_QUOTED),
    "full stop": _full_stop,
}
