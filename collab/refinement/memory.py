"""One person's own preferences, for their own generations: rules and examples from what they corrected themselves.

Nobody else's feedback is ever read. As in CIPHER (Gao et al. 2024, arXiv 2404.15269), what was said about inputs
similar to the present one counts most; what holds everywhere counts too, unless the similar ones say otherwise.
Similarity is of words (cosine of TF-IDF), so that it costs milliseconds and no model. Knows no generation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log, sqrt

from collab.identity import Visitor
from collab.refinement.digest import JudgedOutput, gather_own
from collab.refinement.proposers.demonstrations import shots_of
from collab.refinement.proposers.features import words_of
from collab.refinement.proposers.mining import mine_outputs
from collab.refinement.proposers.rules import Rule
from collab.types import Example
from collab.workspace import Workspace

_NEAR = 0.1  # similarity below which nothing is similar
_FAR_WEIGHT = 0.1  # of feedback about inputs that have nothing in common with this one
_ASKED_CHARACTERS = 4_000  # of an input that are compared
_READ = 200  # outputs, the newest
_TEXT_CHARACTERS = 2_000  # of an example's answer


def rules_for(ws: Workspace, visitor: Visitor, asked: str, limit: int = 6) -> tuple[Rule, ...]:
    """What the visitor wants of a text made from `asked`, by what they corrected, the surest first; () without."""
    outputs = _own(ws, visitor)
    everywhere = mine_outputs(outputs)
    alike = similarities(asked, [output.asked for output in outputs])
    nearest = max(alike, default=0.0)
    if nearest < _NEAR:
        return everywhere.rules[:limit]
    weights = {
        output.output_id: _FAR_WEIGHT + (1 - _FAR_WEIGHT) * likeness / nearest
        for output, likeness in zip(outputs, alike, strict=True)
    }
    here = mine_outputs(outputs, weights=weights)
    found = {rule.kind: rule for rule in here.rules}
    settled = {rule.dimension for rule in here.rules} - {"forbidden", "wanted"}
    for rule in everywhere.rules:
        dimension, _, way = rule.kind.partition(": ")
        support, against, _, _ = here.tally.standing(dimension, way)
        if dimension not in settled and against <= support:
            found.setdefault(rule.kind, rule)
    return tuple(found.values())[:limit]


def demonstrations_for(ws: Workspace, visitor: Visitor, asked: str, limit: int = 2) -> tuple[Example, ...]:
    """The visitor's own corrected or liked texts whose inputs are most similar to `asked`; none that is dissimilar."""
    shots = [
        shot for shot in shots_of(_own(ws, visitor))
        if len(shot.example.user) <= _ASKED_CHARACTERS and len(shot.example.assistant) <= _TEXT_CHARACTERS
    ]  # fmt: skip
    alike = similarities(asked, [shot.example.user for shot in shots])
    near = [(likeness * shot.worth, at) for at, (likeness, shot) in enumerate(zip(alike, shots, strict=True))
            if likeness >= _NEAR]  # fmt: skip
    return tuple(shots[at].example for _, at in sorted(near, key=lambda pair: (-pair[0], pair[1]))[:limit])


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


def _own(ws: Workspace, visitor: Visitor) -> list[JudgedOutput]:
    return list(gather_own(ws, visitor, "text").outputs.values())[:_READ]
