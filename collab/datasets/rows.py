"""Acts as training rows: what a person wrote or liked to imitate, whom they preferred, what they called good or bad.

Pure: acts and texts in, rows out. One row is one act's word; sifting.py merges those that say the same.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from rapidfuzz.distance import Levenshtein

from collab.datasets.sources import Messages, Source, Told
from collab.pictures import repaintings
from collab.said_of_outputs import liking, preferred
from collab.types import Act, Edit, Modality, Preference, Ranking, Rating

Kind = Literal["sft", "dpo", "kto", "reward", "image-sft", "image-dpo", "image-kto"]
KINDS: tuple[Kind, ...] = get_args(Kind)
IMAGE_KINDS: tuple[Kind, ...] = ("image-sft", "image-dpo", "image-kto")
TEXT_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in IMAGE_KINDS)
READ: Mapping[Kind, tuple[type[Act], ...]] = {  # what says anything about rows of a kind
    "sft": (Edit, Rating), "kto": (Rating,), "dpo": (Preference, Ranking, Edit), "reward": (Preference, Ranking, Edit),
    "image-sft": (Edit, Rating), "image-kto": (Rating,), "image-dpo": (Preference, Ranking, Edit),
}  # fmt: skip
LIKED, DISLIKED = 0.5, -0.5  # four stars or more, two or fewer; a thumb is 1 or −1
EDIT_LEAST, EDIT_MOST = 0.02, 0.8  # share of words that an edit changes: less is a slip, more is another text
PAIRS_PER_ACT = 50  # of a ranking, which may order 64 texts
# a word, or one character of a script that is written without spaces
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\s\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")
_OF_TWO_PROMPTS: Mapping[Modality, str] = {
    "text": "a pair whose two texts answer different prompts",
    "image": "a pair whose two pictures had different prompts",
}  # fmt: skip
_OF_EQUALS: Mapping[Modality, str] = {"text": "a pair of two equal texts", "image": "a pair of two equal pictures"}
_CUT_OFF = "liked, but cut off at the length limit: a model would learn to stop there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. answer: the completion, or the chosen one; rejected: of a pair; good: KTO's label. Pictures stand by
    their SHA-256.

    source: the text it came from, for a pair the rejected one of an edit or the chosen one of a vote. blind: of a vote
    that is known to have been. people and event_ids: in step, the first to say so first.
    """

    messages: Messages
    answer: str
    rejected: str | None = None
    good: bool | None = None
    source: Source
    blind: bool = False
    people: tuple[str, ...]
    event_ids: tuple[str, ...]


class LeftOut(str):
    """Why an act gives no row, in half a sentence."""

    __slots__ = ()


def rows_of(kind: Kind, told: Told) -> Iterator[Row | LeftOut]:
    """What each act in force says, oldest first; acts that give no row of this kind, though they could, say why."""
    acts = sorted(told.acts, key=lambda act: act.id)
    match kind:
        case "sft" | "image-sft":
            yield from _edited(acts, told, paired=False)
            yield from _liked(acts, told)
        case "kto" | "image-kto":
            yield from _labelled(acts, told)
        case _:
            yield from _compared(acts, told)
            yield from _edited(acts, told, paired=True)


def _edited(acts: Sequence[Act], told: Told, *, paired: bool) -> Iterator[Row | LeftOut]:
    """What people made of texts; paired: over what it was, for an edit is also a preference."""
    for act, source in _edits(acts, told):
        after = _made_of(act)
        if problem := _edit_problem(source, after) if act.blob_sha256 is None else _repainting_problem(source, act):
            yield LeftOut(problem)
        else:
            yield _row(source, act, answer=after, rejected=source.text if paired else None)


def _liked(acts: Sequence[Act], told: Told) -> Iterator[Row | LeftOut]:
    """Texts that people liked on balance and nobody saw a need to correct."""
    corrected = {_said(source) for act, source in _edits(acts, told) if _made_of(act) != source.text}
    for source, ratings in _ratings(acts, told):
        if (liking(ratings) or 0.0) < LIKED or _said(source) in corrected:
            continue
        if problem := _problem(source):
            yield LeftOut(problem)
            continue
        people = [rating for rating in ratings if (liking([rating]) or 0.0) >= LIKED]
        yield Row(
            messages=source.messages, answer=source.text, source=source, blind=False,
            people=tuple(r.annotator_id for r in people), event_ids=tuple(r.id for r in people),
        )  # fmt: skip


def _labelled(acts: Sequence[Act], told: Told) -> Iterator[Row | LeftOut]:
    for source, ratings in _ratings(acts, told):
        for rating in ratings:
            value = liking([rating])
            if value is None:
                continue  # a comment alone
            if DISLIKED < value < LIKED:
                yield LeftOut("three stars, neither good nor bad")
            elif value > 0 and (problem := _problem(source)):
                yield LeftOut(problem)
            else:
                yield _row(source, rating, answer=source.text, good=value > 0)


def _compared(acts: Sequence[Act], told: Told) -> Iterator[Row | LeftOut]:
    for act in acts:
        if isinstance(act, Preference) and act.winner in ("tie", "both_bad"):
            yield LeftOut("a tie, which prefers nothing")
        every = list(preferred(act))
        pairs = every[:: -(-len(every) // PAIRS_PER_ACT) or 1]  # evenly, from the best to the worst
        yield from itertools.repeat(LeftOut(f"beyond {PAIRS_PER_ACT} pairs of one ranking"), len(every) - len(pairs))
        for better_id, worse_id in pairs:
            better, worse = told.sources.get(better_id), told.sources.get(worse_id)
            if better is None or worse is None:
                continue
            if better.messages != worse.messages:
                yield LeftOut(_OF_TWO_PROMPTS[told.modality])
            elif better.text.strip() == worse.text.strip():
                yield LeftOut(_OF_EQUALS[told.modality])
            elif not better.text.strip():
                yield LeftOut("an empty text")
            else:
                yield _row(better, act, answer=better.text, rejected=worse.text)


def _edits(acts: Sequence[Act], told: Told) -> Iterator[tuple[Edit, Source]]:
    """Each edit of what is there; who edited one twice has said the newest (see chain.py)."""
    for act in acts:
        if isinstance(act, Edit) and act.output_id in told.sources and (act.text, act.blob_sha256) != (None, None):
            yield act, told.sources[act.output_id]


def _made_of(act: Edit) -> str:
    """What an edit left: a text, or a picture's SHA-256."""
    return act.blob_sha256 or act.text or ""


def _ratings(acts: Sequence[Act], told: Told) -> Iterator[tuple[Source, list[Rating]]]:
    """Each text with all its ratings; equal answers to the same are one text."""
    about: dict[tuple[Messages, str], list[Rating]] = defaultdict(list)
    first: dict[tuple[Messages, str], Source] = {}
    for act in acts:
        if isinstance(act, Rating) and act.output_id in told.sources:
            source = told.sources[act.output_id]
            about[_said(source)].append(act)
            first.setdefault(_said(source), source)
    for key, ratings in about.items():
        yield first[key], ratings


def _said(source: Source) -> tuple[Messages, str]:
    return source.messages, source.text.strip()


def _problem(source: Source) -> str:
    """Why a text that people like is none to imitate, or nothing."""
    if not source.text.strip():
        return "an empty text"
    return _CUT_OFF if source.cut_off else ""


def _edit_problem(source: Source, after: str) -> str:
    """Why an edit teaches nothing, or nothing."""
    old, new = _WORD.findall(source.text), _WORD.findall(after)
    share = Levenshtein.distance(old, new) / max(len(old), len(new), 1)
    if not new:
        return "an edit that left nothing"
    if share < EDIT_LEAST:
        return f"an edit of less than {EDIT_LEAST:.0%} of the words"
    if share > EDIT_MOST:
        return f"an edit of more than {EDIT_MOST:.0%} of the words"
    return "an edit that left the end cut off" if source.cut_off and old[-1:] == new[-1:] else ""


def _repainting_problem(source: Source, act: Edit) -> str:
    """The same of a picture's edit; one that was kept before its distance was measured is taken as it is."""
    if act.blob_sha256 == source.text:
        return "an edit that left the picture as it was"
    if act.edit_distance is None:
        return ""
    share = act.edit_distance / repaintings.PARTS
    if share < repaintings.LEAST:
        return f"an edit of less than {repaintings.LEAST:.1%} of the picture"
    if share > repaintings.MOST:
        return f"an edit of more than {repaintings.MOST:.0%} of the picture"
    return ""


def _row(source: Source, act: Act, *, answer: str, rejected: str | None = None, good: bool | None = None) -> Row:
    blind = isinstance(act, Preference) and act.blind
    return Row(messages=source.messages, answer=answer, rejected=rejected, good=good, source=source, blind=blind,
               people=(act.annotator_id,), event_ids=(act.id,))  # fmt: skip
