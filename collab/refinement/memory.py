"""One person's own preferences, for their own generations: rules and examples from what they said of their own texts.

Nobody else's feedback is ever read. Corrections, comments, ratings and choices all count; what was said since a given
moment, such as the beginning of a sitting, counts first. As in CIPHER (Gao et al. 2024, arXiv 2404.15269), what was
said about inputs similar to the present one counts most; what holds everywhere counts too, unless the similar ones say
otherwise. Similarity is of words (cosine of TF-IDF), so that it costs milliseconds and no model. Knows no generation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from math import log, sqrt

from collab.identity import Visitor
from collab.refinement.digest import JudgedOutput, OwnFeedback, gather_own
from collab.refinement.proposers.demonstrations import LIKED, shots_of
from collab.refinement.proposers.features import words_of
from collab.refinement.proposers.mining import Mined, mine_outputs
from collab.refinement.proposers.rules import Rule
from collab.types import Example
from collab.workspace import Workspace

RECENT_WEIGHT = 3.0  # of what was just said: one act is as much as a rule needs (tally.py)
_NEAR = 0.1  # similarity below which nothing is similar
_FAR_WEIGHT = 0.1  # of feedback about inputs that have nothing in common with this one
_ASKED_CHARACTERS = 4_000  # of an input that are compared
_READ = 200  # outputs, the newest
_TEXT_CHARACTERS = 2_000  # of an example's answer


def rules_for(
    ws: Workspace, visitor: Visitor, asked: str, limit: int = 6, since: datetime | None = None
) -> tuple[Rule, ...]:
    """What the visitor wants of a text made from `asked`; () without. First what they said from `since` on, whatever
    the input: there a single edit, or a comment that asks for something, makes its rule. Then the surest first."""
    own = gather_own(ws, visitor, "text", since)
    just = _mined(_only(own, own.recent), lambda _: RECENT_WEIGHT).rules
    lately = {rule.dimension for rule in just} - {"forbidden", "wanted"}
    ever = [rule for rule in _rules_for(own, asked) if rule.dimension not in lately]
    return tuple({rule.kind: rule for rule in (*just, *ever)}.values())[:limit]


def _rules_for(own: OwnFeedback, asked: str) -> list[Rule]:
    """The rules of all that was said: of similar inputs, then those of everywhere that these do not speak against."""
    outputs = _newest(own)
    everywhere = _mined(own, lambda _: 1.0)
    alike = similarities(asked, [output.asked for output in outputs])
    nearest = max(alike, default=0.0)
    if nearest < _NEAR:
        return list(everywhere.rules)
    near = {
        output.output_id: _FAR_WEIGHT + (1 - _FAR_WEIGHT) * likeness / nearest
        for output, likeness in zip(outputs, alike, strict=True)
    }
    here = _mined(own, lambda output_id: near.get(output_id, _FAR_WEIGHT))
    found = {rule.kind: rule for rule in here.rules}
    settled = {rule.dimension for rule in here.rules} - {"forbidden", "wanted"}
    for rule in everywhere.rules:
        dimension, _, way = rule.kind.partition(": ")
        support, against, _, _ = here.tally.standing(dimension, way)
        if dimension not in settled and against <= support:
            found.setdefault(rule.kind, rule)
    return list(found.values())


def demonstrations_for(
    ws: Workspace, visitor: Visitor, asked: str, limit: int = 2, since: datetime | None = None
) -> tuple[Example, ...]:
    """The visitor's own corrected, liked or preferred texts whose inputs are similar to `asked`: those judged from
    `since` on first, then the most similar; none that is dissimilar, and none that was disliked."""
    own = gather_own(ws, visitor, "text", since)
    shots = [
        shot for shot in shots_of(_with_choices(own))
        if len(shot.example.user) <= _ASKED_CHARACTERS and len(shot.example.assistant) <= _TEXT_CHARACTERS
    ]  # fmt: skip
    alike = similarities(asked, [shot.example.user for shot in shots])
    near = [
        (own.recent.isdisjoint(shot.event_ids), -likeness * shot.worth, at)
        for at, (likeness, shot) in enumerate(zip(alike, shots, strict=True))
        if likeness >= _NEAR
    ]
    return tuple(shots[at].example for _, _, at in sorted(near)[:limit])


def similarities(asked: str, others: Sequence[str]) -> list[float]:
    """How similar each of the others is to `asked`, 0 … 1: the cosine of their words, rare ones counting more.

    idf(w) = ln((1 + n) / (1 + df(w))) + 1 (smoothed, as scikit-learn has it).
    """
    counts = [_words(text) for text in (asked, *others)]
    known = Counter(word for words in counts for word in words)
    idf = {word: log((1 + len(counts)) / (1 + number)) + 1 for word, number in known.items()}
    vectors = [{word: number * idf[word] for word, number in words.items()} for words in counts]
    norms = [sqrt(sum(value * value for value in vector.values())) for vector in vectors]
    wanted = vectors[0]
    return [
        sum(value * wanted.get(word, 0.0) for word, value in vector.items()) / (norm * norms[0])
        if norm and norms[0] else 0.0
        for vector, norm in zip(vectors[1:], norms[1:], strict=True)
    ]  # fmt: skip


def _words(text: str) -> Counter[str]:
    return Counter(word.lower() for word in words_of(text[:_ASKED_CHARACTERS]))


def _newest(own: OwnFeedback) -> list[JudgedOutput]:
    return list(own.outputs.values())[:_READ]


def _only(own: OwnFeedback, acts: frozenset[str]) -> OwnFeedback:
    """What some of the acts say. An output whose correction is older, and rated now, counts with both."""
    return OwnFeedback(
        outputs={name: output for name, output in own.outputs.items() if not acts.isdisjoint(output.event_ids)},
        pairs=tuple(pair for pair in own.pairs if pair.event_id in acts),
    )


def _mined(own: OwnFeedback, weight: Callable[[str], float]) -> Mined:
    """The rules of what a person said. weight: of an output; a choice has that of the output that was preferred."""
    outputs = _newest(own)
    pairs = [replace(pair, weight=weight(pair.better)) for pair in own.pairs]
    return mine_outputs(outputs, pairs, {output.output_id: weight(output.output_id) for output in outputs})


def _with_choices(own: OwnFeedback) -> list[JudgedOutput]:
    """The outputs, those liked that were oftener preferred than not, where no rating says how they are liked."""
    score = Counter(pair.better for pair in own.pairs)
    score.subtract(pair.worse for pair in own.pairs)
    return [
        replace(output, liking=LIKED) if output.liking is None and score[output.output_id] > 0 else output
        for output in _newest(own)
    ]
