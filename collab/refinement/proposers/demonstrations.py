"""Few-shot examples from what people liked or made right: different from each other, within a budget of tokens.

Chosen by maximal marginal relevance (Carbonell & Goldstein 1998): each next example is good, and unlike those before.
Where people disagree about texts (contradiction.py), all examples of a set are on one side: one set for each side.
Knows neither store nor models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isclose
from typing import TYPE_CHECKING

from collab.prompts import Wording
from collab.refinement.digest import Digest, JudgedOutput
from collab.refinement.guardrails import example_words_allowed
from collab.refinement.proposal import Candidate, NothingToLearn, Tools
from collab.refinement.proposers.contradiction import contradiction, in_words, side_of
from collab.refinement.proposers.features import words_of
from collab.refinement.proposers.mining import Mined, mine
from collab.types import Example, Modality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 4  # examples
LIKED = 0.5  # liking from which on an output is a model of what is wanted
_CORRECTED = 0.9  # what a text that a person made right is worth beside likings of 0.5 … 1
_POOL, _LOOKED_AT = 60, 300  # the best that fit are compared with each other; so many are tried for their size
_SAME = 0.98  # cosine from which on two examples show the same
_RELEVANCE = 0.6  # of being good, against 0.4 of being different


@dataclass(frozen=True, slots=True)
class Shot:
    """A possible example, and how good it is: 0 … 1."""

    example: Example
    worth: float
    event_ids: tuple[str, ...]


class Demonstrations:
    """Proposes the parent with examples of what people want. budget: tokens that all examples may take together."""

    name = "demonstrations"
    modalities: tuple[Modality, ...] = ("text",)

    def __init__(self, budget: int = 600) -> None:
        self.budget = budget

    def propose(self, digest: Digest, tools: Tools, count: int) -> list[Candidate]:
        """Candidates that share no new example, the best first, then fewer of the first's. Raises NothingToLearn.

        Which examples are shown decides more than how many (figures in bench/refine/text.py), and which of them a model
        follows cannot be foreseen, so several sets are offered and the trial tells. So too between the sides of what
        people disagree about, unless these weigh the same.
        """
        tools.tell(0.0, "Looking for outputs that people liked or corrected")
        if said := contradiction(digest):
            raise NothingToLearn(said)
        parent = digest.wording
        if len(parent.examples) >= MOST:
            raise NothingToLearn(f"The prompt has {len(parent.examples)} examples already: {MOST} are enough.")
        taken = {(example.user, example.assistant) for example in parent.examples}
        shots = shots_of(digest.outputs.values())
        shots = [shot for shot in shots if (shot.example.user, shot.example.assistant) not in taken]
        if not shots:
            raise NothingToLearn(
                "Nothing was liked or corrected that is no example yet: give four stars or more, or correct a text."
            )
        mined = mine(digest)
        sides = _sides(shots, mined)
        room, most = self._room(parent, tools), MOST - len(parent.examples)
        if len(sides) > 1:
            each = [diverse_sets(side, tools, room, most, parent, 1) for side in sides]
            sets = [some for side in each for some in side]
        else:
            sets = diverse_sets(shots, tools, room, most, parent, count)
        if not sets:
            raise NothingToLearn(
                f"The texts that people liked are longer than the {self.budget} tokens that examples may take: like or "
                "correct a shorter one."
            )
        if len(sides) > 1:
            quarrel = f" All are on one side of what people disagree about ({'; '.join(mined.conflicts[:3])})."
            return [_candidate(parent, some, self.name, more=quarrel) for some in sets[: max(count, 0)]]
        first, *others = sets
        found = [_candidate(parent, first, self.name)]
        found += [_candidate(parent, some, self.name, "another ") for some in others]
        found += [_candidate(parent, first[:n], self.name) for n in (2, 1, 3) if n < len(first)]
        return found[: max(count, 0)]

    def _room(self, parent: Wording, tools: Tools) -> int:
        return self.budget - sum(tools.tokens(e.user) + tools.tokens(e.assistant) for e in parent.examples)


def shots_of(outputs: Iterable[JudgedOutput]) -> list[Shot]:
    """What could be an example, the best first. A corrected output stands for its correction alone; where several
    people corrected it, for the newest. The same answer to the same message counts once."""
    found: dict[tuple[str, str], Shot] = {}
    for output in outputs:
        if output.text is None or not output.asked.strip():
            continue
        events: tuple[str, ...]
        if output.corrections:
            text, worth, events = output.corrections[0].text, _CORRECTED, (output.corrections[0].event_id,)
        elif output.liking is not None and output.liking >= LIKED:
            text, worth, events = output.text, output.liking, output.event_ids
        else:
            continue
        key = (" ".join(output.asked.split()), " ".join(text.split()))
        if key[1] and (key not in found or found[key].worth < worth * output.weight):
            found[key] = Shot(Example(user=output.asked, assistant=text), worth * output.weight, events)
    return sorted(found.values(), key=lambda shot: -shot.worth)


def _sides(shots: Sequence[Shot], mined: Mined) -> list[list[Shot]]:
    """The shots by the side they are on of what people disagree about, the weightiest side first; all together where
    they disagree about nothing. Raises NothingToLearn where the sides weigh the same: always if about length, which a
    model takes from examples before all else, of other things if there is no rule either."""
    side, found = side_of(mined), defaultdict[tuple[str | None, ...], list[Shot]](list)
    for shot in shots:
        found[side(shot.example.assistant)].append(shot)
    weights = {key: sum(shot.worth for shot in some) for key, some in found.items()}
    ordered = sorted(found, key=lambda key: -weights[key])
    even = len(ordered) > 1 and isclose(weights[ordered[0]], weights[ordered[1]])
    if even and ("length" in mined.contested or not mined.rules):
        raise NothingToLearn(in_words(mined))
    return [found[key] for key in ordered]


def diverse_sets(
    shots: Sequence[Shot], tools: Tools, budget: int, most: int, parent: Wording, count: int
) -> list[list[Shot]]:
    """At most `count` sets (at least one, where anything fits) that share no shot, each of at most `most` shots within
    `budget` tokens, good and unlike each other. A set after the first is as large as the first, or is not offered."""
    words_left = example_words_allowed(parent) - sum(_words(example) for example in parent.examples)
    pool: list[_Fitting] = []
    for shot in shots[:_LOOKED_AT]:
        size = tools.tokens(shot.example.user) + tools.tokens(shot.example.assistant)
        if size <= budget and _words(shot.example) <= words_left:
            pool.append(_Fitting(shot, size))
        if len(pool) == _POOL:
            break
    if not pool:
        return []
    like = _likeness([fitting.shot for fitting in pool], tools)
    left, sets = list(range(len(pool))), list[list[Shot]]()
    while left and len(sets) < max(count, 1):
        chosen = _choose(pool, like, left, budget, words_left, most)
        if sets and len(chosen) < len(sets[0]):
            break
        sets.append([pool[n].shot for n in chosen])
        left = [n for n in left if n not in chosen]
    return sets


@dataclass(frozen=True, slots=True)
class _Fitting:
    """A shot that fits the budget by itself; size: its tokens."""

    shot: Shot
    size: int


def _choose(
    pool: Sequence[_Fitting], like: NDArray[np.float32], left: Sequence[int], budget: int, words_left: int, most: int
) -> list[int]:
    """Places in the pool, the best first; `left` are those that may be chosen."""
    chosen: list[int] = []
    while len(chosen) < most:
        fits = {n for n in left if pool[n].size <= budget and _words(pool[n].shot.example) <= words_left}
        open_now = sorted(fits - set(chosen))
        if not open_now:
            break
        best = max(open_now, key=lambda n: _RELEVANCE * pool[n].shot.worth
                   - (1 - _RELEVANCE) * max((float(like[n, c]) for c in chosen), default=0.0))  # fmt: skip
        if chosen and max(float(like[best, c]) for c in chosen) > _SAME:
            break  # what is left only repeats what is there
        chosen.append(best)
        budget -= pool[best].size
        words_left -= _words(pool[best].shot.example)
    return chosen


def _likeness(shots: Sequence[Shot], tools: Tools) -> NDArray[np.float32]:
    """(n, n) cosines between the examples."""
    if len(shots) == 1:
        import numpy as np

        return np.ones((1, 1), dtype=np.float32)
    vectors = tools.embed([f"{shot.example.user}\n{shot.example.assistant}" for shot in shots])
    return vectors @ vectors.T


def _words(example: Example) -> int:
    return len(words_of(example.user)) + len(words_of(example.assistant))


def _candidate(parent: Wording, shots: Sequence[Shot], name: str, other: str = "", more: str = "") -> Candidate:
    events = tuple(dict.fromkeys(event for shot in shots for event in shot.event_ids))
    if len(shots) == 1:
        number = "another example" if other else "one example"
    else:
        number = f"another {len(shots)} examples" if other else f"{len(shots)} examples"
    return Candidate(
        wording=replace(parent, examples=(*parent.examples, *(shot.example for shot in shots))),
        proposer=name,
        rationale=f"Shows {number} of what people liked or corrected, chosen to differ from each other.{more}",
        evidence_ids=events,
        details={"examples": len(shots), "worth": [round(shot.worth, 3) for shot in shots]},
    )
