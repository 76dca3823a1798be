"""Where feedback contradicts itself: whether all of it does, and on which side of a quarrel a text is.

Which output is better is one tournament of votes, orders and ratings. It says nothing where every output came out above
others exactly as often as below them. How a text should be is what edits and comments change (mining.py), and it says
nothing where both sides of a dimension weigh the same. Knows neither store nor prompts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import isclose, sqrt
from statistics import median

from collab.refinement.digest import Digest, JudgedOutput, JudgedPair
from collab.refinement.proposers.features import style_of
from collab.refinement.proposers.mining import Mined, casing_of, length_change, mine

_NO_ORDER = "every output was put above others as often as below them"
_AND_NOW = "Judge or correct a few more outputs."


def contradiction(digest: Digest) -> str:
    """One sentence where everything that was said of this prompt's outputs is taken back by as much that says the
    opposite; "" where anything stands, or nothing was said."""
    own = {output.output_id: output for output in digest.own}
    pairs = [pair for pair in digest.pairs if pair.better in own or pair.worse in own]
    mined = mine(digest) if digest.modality == "text" else Mined(rules=())
    split = set() if mined.rules else _evenly_split(mined)
    rated = {
        name: output.liking for name, output in own.items()
        if output.liking is not None and not _disputed(output, split)
    }  # fmt: skip
    scores = _scores(rated, pairs)
    if (not scores and not split) or any(abs(score) > 1e-9 for score in scores.values()):
        return ""
    said = {correction.event_id for output in own.values() for correction in output.corrections}
    said |= {remark.event_id for output in own.values() for remark in output.remarks}
    said |= {pair.event_id for pair in pairs if pair.comment}
    if said - split or any(liking and name not in scores for name, liking in rated.items()):
        return ""
    return in_words(mined) if split else f"The feedback contradicts itself: {_NO_ORDER}. {_AND_NOW}"


def in_words(mined: Mined) -> str:
    """What people disagree about, as a sentence."""
    return f"The feedback contradicts itself: {'; '.join(mined.conflicts[:3])}. {_AND_NOW}"


def side_of(mined: Mined) -> Callable[[str], tuple[str | None, ...]]:
    """A function that says on which side a text is of each thing that people disagree about; () where they do not."""
    boundary = _boundary(mined)
    contested = [dimension for dimension in mined.contested if dimension != "length" or boundary]

    def side(text: str) -> tuple[str | None, ...]:
        style = style_of(text)
        states: Mapping[str, str | None] = {
            **style.traits,
            "casing": casing_of(style),
            "paragraphs": "one" if style.paragraphs < 2 else "several",
            "length": "shorter" if style.words < (boundary or 0) else "longer",
        }
        return tuple(states.get(dimension) for dimension in contested)

    return side


def _scores(rated: Mapping[str, float], pairs: Sequence[JudgedPair]) -> dict[str, float]:
    """Of every output that was put above or below another: how much oftener above. A rating puts it above all that were
    rated lower."""
    scores: dict[str, float] = defaultdict(float)
    for pair in pairs:
        scores[pair.better] += pair.weight
        scores[pair.worse] -= pair.weight
    values = sorted(rated.values())
    if values and values[0] < values[-1]:
        for name, liking in rated.items():
            scores[name] += bisect_left(values, liking) - (len(values) - bisect_right(values, liking))
    return scores


def _evenly_split(mined: Mined) -> set[str]:
    """The acts on both sides of those dimensions in which as much speaks for the one as for the other."""
    found: set[str] = set()
    for dimension in mined.contested:
        first, second, *_ = mined.tally.conflict(dimension)
        sides = mined.tally.sides[dimension]
        if isclose(sides[first].changed, sides[second].changed):
            found.update(*(side.events for side in sides.values()))
    return found


def _disputed(output: JudgedOutput, split: set[str]) -> bool:
    """Whether a rating says no more than the quarrel does: who corrects a text did not like it, of course."""
    acts = {*output.event_ids, *(c.event_id for c in output.corrections), *(r.event_id for r in output.remarks)}
    return (output.liking or 0) < 0 and not split.isdisjoint(acts)


def _boundary(mined: Mined) -> float | None:
    """The number of words between the texts that were made shorter and those made longer; None where these meet."""
    made: dict[str, list[int]] = defaultdict(list)
    for contrast in mined.contrasts:
        before, after = style_of(contrast.before).words, style_of(contrast.after).words
        way = length_change(before, after)
        if way and contrast.how == "edit":
            made[way].append(after)
    if not made["shorter"] or not made["longer"]:
        return None
    short, long = median(made["shorter"]), median(made["longer"])
    return sqrt(max(short, 1) * long) if length_change(short, long) == "longer" else None
