"""Rules that edits, comments and choices agree on, found by counting. No model; knows neither store nor prompts.

After PRELUDE and CIPHER (Gao et al. 2024, arXiv 2404.15269), who learn preferences from users' edits with a language
model: here each edit is a vote for what it changes, and a rule is what passes the gate of tally.py. A comment that
states a wish counts as two edits, a choice between two outputs as half of one, and what was left as it was, or was
liked so, speaks against changing it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Literal

from collab.refinement.digest import Digest, JudgedOutput, JudgedPair
from collab.refinement.proposers.features import READ_LIMIT, Style, style_of, words_of
from collab.refinement.proposers.phrases import phrase_rules
from collab.refinement.proposers.rules import WORDINGS, Rule, stated
from collab.refinement.proposers.tally import Contrast, Tally, suffices

STATED, CHOSEN = 2.0, 0.5  # what a stated wish and a choice between two outputs weigh, of an edit
LIKED = 0.5  # liking from which on an output is taken as wanted as it is
RULES_LIMIT = 10
_SHORTER, _LONGER = 0.85, 1.18  # of the words before: less is no change of length
# what goes by itself when most of a text is cut says little: such an edit counts by the share it kept
_LEXICAL = ("first person", "second person", "politeness", "hedges", "greeting")


@dataclass(frozen=True, slots=True)
class Mined:
    """The rules, the surest first, and what people disagree about: in words, and which dimensions; and what they were
    found in."""

    rules: tuple[Rule, ...]
    conflicts: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    edits: int = 0
    wishes: int = 0
    tally: Tally = field(default_factory=Tally)


def mine(digest: Digest) -> Mined:
    """The rules of a digest."""
    return mine_outputs(list(digest.outputs.values()), digest.pairs)


def mine_outputs(
    outputs: Sequence[JudgedOutput], pairs: Sequence[JudgedPair] = (), weights: Mapping[str, float] | None = None
) -> Mined:
    """The rules of these outputs and pairs of them. weights: by output id, what each counts besides its own weight."""
    by_id = {output.output_id: output for output in outputs}
    weigh = {output.output_id: output.weight * (weights or {}).get(output.output_id, 1.0) for output in outputs}
    contrasts = [*_contrasts(outputs, weigh), *_choices(pairs, by_id)]
    tally, lengths = Tally(), _Lengths()
    for contrast in contrasts:
        before, after = style_of(contrast.before), style_of(contrast.after)
        _note_traits(tally, contrast, before, after)
        lengths.note(tally, contrast, before.words, after.words)
    wishes = 0
    for output in outputs:
        for remark in output.remarks:
            if remark.label in ("comment", "tag"):
                wishes += _note_wishes(tally, remark.text, weigh[output.output_id], remark.event_id)
    for pair in pairs:
        if pair.comment and pair.worse in by_id:
            wishes += _note_wishes(tally, pair.comment, pair.weight, pair.event_id)
    lengths.keep(tally)
    rules = [rule for dimension in list(tally.sides) for rule in _rules_of(tally, dimension, lengths, contrasts)]
    rules += phrase_rules(contrasts, rules)
    rules.sort(key=lambda rule: (-rule.strength * min(rule.support, 10.0), rule.kind))
    settled = {rule.dimension for rule in rules}
    contested = [dimension for dimension in tally.sides if dimension not in settled and tally.conflict(dimension)]
    conflicts = [_conflict(tally, dimension) for dimension in contested]
    edits = sum(contrast.how == "edit" for contrast in contrasts)
    return Mined(tuple(rules[:RULES_LIMIT]), tuple(conflicts), tuple(contested), tuple(contrasts), edits, wishes, tally)


def _contrasts(outputs: Iterable[JudgedOutput], weigh: Mapping[str, float]) -> Iterator[Contrast]:
    for output in outputs:
        if output.text is None:
            continue
        text, weight = output.text[:READ_LIMIT], weigh[output.output_id]
        for correction in output.corrections:
            yield Contrast(text, correction.text[:READ_LIMIT], output.asked, weight, (correction.event_id,))
        if not output.corrections and output.liking is not None and output.liking >= LIKED:
            yield Contrast(text, text, output.asked, weight, output.event_ids, "liked")


def _choices(pairs: Iterable[JudgedPair], outputs: Mapping[str, JudgedOutput]) -> Iterator[Contrast]:
    # a ranking holds many pairs and is one act: its pairs share what one choice weighs
    held = Counter(pair.event_id for pair in pairs)
    for pair in pairs:
        better, worse = outputs.get(pair.better), outputs.get(pair.worse)
        if better and worse and better.text and worse.text:
            yield Contrast(worse.text[:READ_LIMIT], better.text[:READ_LIMIT], better.asked,
                           CHOSEN * pair.weight / held[pair.event_id], (pair.event_id,), "choice")  # fmt: skip


def _note_wishes(tally: Tally, comment: str, weight: float, event_id: str) -> int:
    wishes = list(stated(comment))
    for dimension, way in wishes:
        tally.vote(dimension, way, STATED * weight, [event_id])
    return len(wishes)


def _note_traits(tally: Tally, contrast: Contrast, before: Style, after: Style) -> None:
    taken, added = _kept_shares(contrast)
    for trait, state in after.traits.items():
        if state is None:
            continue
        earlier, weight = before.traits[trait], contrast.weight
        if trait in _LEXICAL:
            weight *= taken if state == "without" else added
        _note(tally, contrast, trait, earlier, state, weight)
    _note(tally, contrast, "casing", casing_of(before), casing_of(after), contrast.weight)
    joined = ["one" if style.paragraphs < 2 else "several" for style in (before, after)]
    _note(tally, contrast, "paragraphs", joined[0], joined[1], contrast.weight * taken)


def _note(tally: Tally, contrast: Contrast, dimension: str, earlier: str | None, state: str | None, w: float) -> None:
    if state is None:
        return
    if earlier is not None and earlier != state:
        tally.vote(dimension, state, w, contrast.event_ids)
    elif contrast.how != "choice":  # of two outputs that are alike in this, either would have been so
        tally.keep(dimension, state, w)


def casing_of(style: Style) -> str | None:
    """A text's casing, "plain" for any other; None where it is too short to tell."""
    return None if style.words < 2 else style.casing or "plain"


def _kept_shares(contrast: Contrast) -> tuple[float, float]:
    """The share of the words before that is still there, and of the words after that was there."""
    before, after = (Counter(word.lower() for word in words_of(t)) for t in (contrast.before, contrast.after))
    both = (before & after).total()
    return both / max(before.total(), 1), both / max(after.total(), 1)


def length_change(before: float, after: float) -> Literal["shorter", "longer"] | None:
    """Which way a change from so many words to so many goes; None below a sixth or three words."""
    if abs(after - before) < 3 or _SHORTER < after / max(before, 1) < _LONGER:
        return None
    return "shorter" if after < before else "longer"


class _Lengths:
    """How long people made their texts, in words."""

    def __init__(self) -> None:
        self.made: dict[str, list[int]] = defaultdict(list)
        self.kept: list[tuple[int, float]] = []  # words, weight

    def note(self, tally: Tally, contrast: Contrast, before: int, after: int) -> None:
        """Count a contrast. before, after: words."""
        way = length_change(before, after)
        if way:
            tally.vote("length", way, contrast.weight, contrast.event_ids)
            if contrast.how == "edit":
                self.made[way].append(after)
        elif contrast.how != "choice":
            self.kept.append((after, contrast.weight))

    def keep(self, tally: Tally) -> None:
        """What was left at a length beyond the target speaks against it."""
        for way, other in (("shorter", "longer"), ("longer", "shorter")):
            target = self.target(way)
            for words, weight in self.kept if target else ():
                if words > 1.1 * target if way == "shorter" else words < 0.9 * target:  # type: ignore[operator]
                    tally.keep("length", other, weight)

    def target(self, way: str) -> int | None:
        """A number of words that four fifths of the edits keep to; None where they are too few or too unlike."""
        made = sorted(self.made[way])
        if len(made) < 2:
            return None
        low, high = made[(len(made) - 1) // 5], made[ceil((len(made) - 1) * 0.8)]
        if high > 2.5 * max(low, 1):
            return None
        step = 1 if high < 20 else 5 if high < 150 else 10
        return ceil(high / step) * step if way == "shorter" else max(1, floor(low / step) * step)


def _rules_of(tally: Tally, dimension: str, lengths: _Lengths, contrasts: Sequence[Contrast]) -> Iterator[Rule]:
    for way in list(tally.sides[dimension]):
        if not WORDINGS[dimension][way][0]:
            continue
        support, against, strength, events = tally.standing(dimension, way)
        if not suffices(support, against, strength):
            continue
        instruction, did = WORDINGS[dimension][way]
        if dimension == "length":
            target = lengths.target(way)
            instruction = instruction.format(n=target) if target else _unmeasured(way)
        elif way == "several":
            instruction = instruction.format(n=_paragraphs(contrasts) or "several")
        yield Rule(kind=f"{dimension}: {way}", instruction=instruction, support=support, against=against,
                   strength=strength, event_ids=events, said=did)  # fmt: skip


def _unmeasured(way: str) -> str:
    return WORDINGS["length"]["brief" if way == "shorter" else "detailed"][0]


def _paragraphs(contrasts: Iterable[Contrast]) -> int | None:
    """The number of paragraphs that most of the edits that split a text agree on."""
    made = Counter(
        style_of(c.after).paragraphs for c in contrasts
        if c.how == "edit" and style_of(c.before).paragraphs < 2 <= style_of(c.after).paragraphs
    )  # fmt: skip
    if not made:
        return None
    number, count = made.most_common(1)[0]
    return number if count > made.total() / 2 else None


def _conflict(tally: Tally, dimension: str) -> str:
    ways = tally.conflict(dimension)[:2]
    return ", ".join(f"{tally.sides[dimension][way].changed:.3g} {WORDINGS[dimension][way][1]}" for way in ways)
