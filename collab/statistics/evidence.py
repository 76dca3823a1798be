"""Is the challenger preferred to the champion? Tests of a win rate that hold whenever one looks, and a stream of them.

Knows nothing of stores, studies or pages: votes come in as values, in the order in which they were given.

The votes of one person are alike, so they are no independent evidence. Votes therefore enter in blocks, and a block
counts as its mean. What a block is depends on the claim, its scope:

- `population`: people such as these prefer the challenger. A block is one person's first `block` votes, a number fixed
  before the first is seen. It assumes that people come at random, and speaks of those who complete a block.
- `panel`: these named people prefer the challenger, on items such as these. A block is one vote of every member on one
  item. It assumes that items come at random, and speaks of those that all members answer.

A block enters when it is complete, so whether it is soon complete must not depend on what is preferred. The arithmetic,
its source and what it guarantees stand in `collab.statistics.confidence`.

Either side has all of alpha: where the challenger is no better, "better" is ever said with probability alpha at most,
and where it is no worse, "worse" likewise. The interval fits the verdicts, it lies above ½ exactly for "better" and
below for "worse"; so each of its ends is a bound at 1 − alpha and both hold together at 1 − 2·alpha or more.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from collab.errors import InvalidFeedback, InvalidStudy
from collab.statistics.confidence import ELond as ELond
from collab.statistics.confidence import blocks_needed, check_share, count_grades, interval_path, log_capital

Scope = Literal["population", "panel"]
Verdict = Literal["better", "worse", "undecided", "futile"]
BLOCK_LIMIT = 5  # votes of one person
CURVE_POINTS = 200
SETTLED_PREFERENCE = 0.6  # what `votes_needed` plans for
USUAL_ALPHA = 0.05  # any other is told


@dataclass(frozen=True, slots=True)
class Vote:
    """One blind comparison by one person. outcome: 1 the challenger won, ½ a tie, 0 it lost. Raises InvalidFeedback."""

    annotator_id: str
    outcome: float
    item_id: str = ""

    def __post_init__(self) -> None:
        known = isinstance(self.outcome, Real) and not isinstance(self.outcome, bool) and self.outcome in (0, 0.5, 1)
        if not known:
            raise InvalidFeedback(
                f"Outcome {repr(self.outcome)[:40]} is not possible: use 1 where the challenger won, "
                "0.5 for a tie and 0 where it lost."
            )
        if not isinstance(self.annotator_id, str) or not self.annotator_id:
            raise InvalidFeedback(f"A vote by {repr(self.annotator_id)[:40]} has no annotator: say whose vote it is.")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the votes that count say. Those beyond a person's block, of incomplete blocks or non-members do not count.

    win_rate, lower, upper: in [0, 1]; the mean of the blocks, and the bounds that every look so far leaves.
    e_value: capital against "the challenger is no better", e_value_worse against "no worse", both as of now: on average
        1 at most where that is true. The verdict also remembers earlier looks, so an e-value may have fallen since.
    votes_needed: about how many more would settle a 60 % preference, on average; 0 unless the verdict is "undecided".
    """

    win_rate: float
    lower: float
    upper: float
    e_value: float
    n_votes: int
    n_annotators: int
    scope: Scope
    verdict: Verdict
    e_value_worse: float
    n_blocks: int
    votes_per_block: int
    votes_needed: int
    alpha: float
    futility: float | None

    @property
    def sentence(self) -> str:
        """The verdict for people: always with its scope and the counts."""
        said = self.verdict.capitalize()
        if not self.n_blocks:
            return f"{said}: no votes count yet ({self._claim()}); {self._outlook()}."
        whose = _count(self.n_annotators, "person", "people")
        between = f"between {self.lower:.2f} and {self.upper:.2f}"
        if not self.lower <= self.win_rate <= self.upper:
            between = f"though earlier votes place it {between}"
        if self.verdict == "undecided":
            between += f"; {self._outlook()}"
        if self.verdict == "futile" and self.futility is not None:
            between += f"; a preference of {100 * (0.5 + self.futility):g} % or more is ruled out"
        votes = _count(self.n_votes, "vote")
        return f"{said} after {votes} from {whose} ({self._claim()}): win rate {self.win_rate:.2f}, {between}."

    def _claim(self) -> str:
        size = self.votes_per_block
        named = _count(size, "named person", "named people")
        if self.scope == "panel":
            said = f"panel: {named} on {_count(self.n_blocks, 'item')}" if self.n_blocks else f"panel: {named}"
        elif size > 1:
            said = f"population: each person's first {size} votes"
        else:
            said = "population: each person's first vote"
        level = f"level {100 * self.alpha:.2g} %"
        return said if self.alpha == USUAL_ALPHA else f"{said}; {level}"

    def _outlook(self) -> str:
        size = self.votes_per_block
        blocks = self.votes_needed // size
        blocks = round(blocks, 2 - len(str(blocks)))  # two digits: it is an estimate
        whom = f"from {_count(blocks, 'new person', 'new people')}"
        if self.scope == "panel":
            whom = f"on {_count(blocks, 'new item')}"
        elif size == 1:
            whom = "each from somebody new" if blocks > 1 else "from somebody new"
        return f"about {_count(blocks * size, 'more vote')}, {whom}, would settle a 60 % preference"


class CurvePoint(NamedTuple):
    """Where the test stood after `n_votes` votes that count."""

    n_votes: int
    win_rate: float
    lower: float
    upper: float


def win_rate_test(
    votes: Sequence[Vote], *, alpha: float = 0.05, scope: Scope = "population", block: int = 1,
    futility: float | None = 0.05, panel: Collection[str] | None = None,
) -> Evidence:  # fmt: skip
    """Test whether the challenger's win rate is above ½ (Waudby-Smith & Ramdas 2024), valid at every look.

    votes: in the order given; an earlier one may be looked at again with more behind it, as often as one likes.
    block: 1–5, votes of one person that form a block in scope `population`; choose it before the first vote.
    panel: whom scope `panel` is about; choose them before the first vote. It may be left out where one person alone
        voted. It is never guessed from the votes of several: whoever has turned up by the time of a look would choose
        the claim, and each newcomer would begin another test at the full alpha.
    futility: the smallest advantage over ½ that matters, or None. The verdict is "futile" once ½ + futility is ruled
        out and neither side is decided, wrongly with probability alpha at most. "better" does not depend on it, so it
        cannot become more likely by it.
    Raises InvalidStudy for an unknown scope, a block, alpha, futility or panel that makes no sense, and InvalidFeedback
    for a vote in scope `panel` without an item.
    """
    check_share("Alpha", alpha, 1)
    if futility is not None:
        check_share("Futility", futility, 0.5)
    counts, size = _enter_blocks(votes, scope, block, panel)
    n_blocks = len(counts)
    lower, upper = interval_path(counts, [n_blocks], alpha)[0] if n_blocks else (0.0, 1.0)
    last = counts[-1] if n_blocks else np.zeros(2 * size + 1)
    verdict: Verdict = "undecided"
    if lower >= 0.5:
        verdict = "better"
    elif upper <= 0.5:
        verdict = "worse"
    elif futility is not None and upper <= 0.5 + futility:
        verdict = "futile"
    return Evidence(
        win_rate=_mean(last) if n_blocks else 0.5,
        lower=lower,
        upper=upper,
        e_value=_exp(log_capital(last)),
        n_votes=n_blocks * size,
        n_annotators=n_blocks if scope == "population" else size if n_blocks else 0,
        scope=scope,
        verdict=verdict,
        e_value_worse=_exp(log_capital(last[::-1])),
        n_blocks=n_blocks,
        votes_per_block=size,
        votes_needed=size * blocks_needed(last, alpha, SETTLED_PREFERENCE) if verdict == "undecided" else 0,
        alpha=alpha,
        futility=futility,
    )


def evidence_curve(
    votes: Sequence[Vote], *, alpha: float = 0.05, scope: Scope = "population", block: int = 1,
    panel: Collection[str] | None = None,
) -> list[CurvePoint]:  # fmt: skip
    """How the test came to where it is, in one pass: at most 200 points, the last being `win_rate_test`'s.

    Arguments and errors as there. Between two points nothing is left out: every look counts for the bounds.
    """
    check_share("Alpha", alpha, 1)
    counts, size = _enter_blocks(votes, scope, block, panel)
    if not len(counts):
        return []
    ends = np.unique(np.linspace(1, len(counts), min(len(counts), CURVE_POINTS)).round().astype(int)).tolist()
    bounds = interval_path(counts, ends, alpha)
    return [CurvePoint(end * size, _mean(counts[end - 1]), *b) for end, b in zip(ends, bounds, strict=True)]


# ---- votes into blocks ----------------------------------------------------------------------------------------------


def _enter_blocks(
    votes: Sequence[Vote], scope: str, block: int, panel: Collection[str] | None
) -> tuple[NDArray[np.float64], int]:
    """The complete blocks in the order of their completion: counts (n, V), and the votes in a block.

    A block's grade is its sum of half points, 0 … 2·votes, so V = 2·votes + 1.
    """
    if scope not in get_args(Scope):
        raise InvalidStudy(f"Scope “{str(scope)[:40]}” is unknown: choose population or panel.")
    if isinstance(block, bool) or not isinstance(block, int) or not 1 <= block <= BLOCK_LIMIT:
        raise InvalidStudy(f"A block of {repr(block)[:40]} votes is not possible: choose 1 to {BLOCK_LIMIT}.")
    if scope == "panel":
        if block != 1:
            raise InvalidStudy(
                f"Block {block} is for the scope population: a panel's block is one vote of each member."
            )
        members = _name_panel(votes, panel)
        grades, size = _panel_grades(votes, members), max(1, len(members))
    elif panel is not None:
        raise InvalidStudy("A panel is named, but the scope is population: choose the scope panel, or name nobody.")
    else:
        grades, size = _population_grades(votes, block), block
    return count_grades(np.array(grades, dtype=np.int64), 2 * size + 1), size


def _population_grades(votes: Sequence[Vote], block: int) -> list[int]:
    begun: dict[str, tuple[int, float]] = {}  # votes and points of each person's block
    grades = []
    for vote in votes:
        number, points = begun.get(vote.annotator_id, (0, 0.0))
        if number == block:
            continue
        number, points = begun[vote.annotator_id] = number + 1, points + vote.outcome
        if number == block:
            grades.append(round(2 * points))
    return grades


def _name_panel(votes: Sequence[Vote], panel: Collection[str] | None) -> frozenset[str]:
    if isinstance(panel, str) or (panel is not None and not all(isinstance(p, str) and p for p in panel)):
        raise InvalidStudy(f"Panel {repr(panel)[:60]} is not a list of annotator ids: name its members.")
    if panel is not None and not panel:
        raise InvalidStudy("The panel has no members: name one or more annotators.")
    members = frozenset((vote.annotator_id for vote in votes) if panel is None else panel)
    if panel is None and len(members) > 1:
        raise InvalidStudy(
            f"{len(members)} people voted and no panel is named: say whom the claim is about, before the first vote."
        )
    return members


def _panel_grades(votes: Sequence[Vote], members: frozenset[str]) -> list[int]:
    points: dict[str, dict[str, float]] = {}  # item → member → outcome of their first vote on it
    grades = []
    for vote in votes:
        if vote.annotator_id not in members:
            continue
        if not vote.item_id:
            raise InvalidFeedback(
                f"A vote of {vote.annotator_id[:40]} names no item: scope panel needs each vote's item."
            )
        on_item = points.setdefault(vote.item_id, {})
        if vote.annotator_id in on_item:
            continue
        on_item[vote.annotator_id] = vote.outcome
        if len(on_item) == len(members):
            grades.append(round(2 * sum(on_item.values())))
    return grades


# ---- small words and numbers ----------------------------------------------------------------------------------------


def _mean(counts: NDArray[np.float64]) -> float:
    return float(counts @ np.arange(len(counts)) / (counts.sum() * (len(counts) - 1)))


def _exp(log: NDArray[np.float64]) -> float:
    return math.exp(min(float(log), 700.0))  # JSON has no infinity


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
