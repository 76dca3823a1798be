"""The votes of a study, counted for ranking.py: by arm, or by what several arms share. Reads the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from collab.store.vote_counts import CountedVotes, counted_votes
from collab.studies.arms import stratum_of
from collab.types import Study, StudyArm
from collab.workspace import Workspace

if TYPE_CHECKING:  # numpy and scipy are loaded when something is counted, not with the page
    from collab.statistics.pair_counts import PairCounts

OUTCOMES = {1: 1.0, 2: 0.0, 3: 0.5, 4: 0.5}  # of arm_a, by schema.votes' winner


def counted(
    ws: Workspace, study: Study, names: Sequence[str], *, group_of: Sequence[int] | None = None, tag: str = "",
    without: Collection[str] = (), rows: Sequence[CountedVotes] | None = None, connection: Connection | None = None,
) -> PairCounts:  # fmt: skip
    """The study's votes added up per annotator, without those of `without`.

    names: of what is told apart; group_of: which of them each arm belongs to (default: the arms themselves); rows: all
    votes of the study, where they have been counted before.
    """
    from collab.statistics.pair_counts import from_votes

    if rows is None or tag:
        rows = counted_votes(ws.store, study.id, tag=tag, without=without, connection=connection)
    elif without:
        rows = [row for row in rows if row.annotator_id not in without]
    place = group_of if group_of is not None else range(len(names))
    return from_votes(
        [place[row.arm_a] for row in rows],
        [place[row.arm_b] for row in rows],
        [OUTCOMES[row.winner] for row in rows],
        names,
        count=[row.votes for row in rows],
        weight=[row.weight for row in rows],
        weight_squared=[row.weight_squared for row in rows],
        cluster=[row.annotator_id for row in rows],
    )


def chances_of_pairs(ws: Workspace, study: Study, connection: Connection) -> dict[str, float]:
    """The probability of each pair of the study's arms, summing to 1, none of them 0, by the study's allocation."""
    from collab.statistics.double_thompson import best_arm_probabilities
    from collab.statistics.pair_counts import pair_probabilities

    arms = ws.store.find(StudyArm, study_id=study.id, connection=connection)
    pairs = [(a, b) for a in range(len(arms)) for b in range(a + 1, len(arms))]
    counts = counted(ws, study, [arm.name for arm in arms], connection=connection)
    if study.spec.get("allocation") == "thompson":  # studies from before the choice was there have none
        chances = best_arm_probabilities(counts, pairs, seed=int(study.spec["seed"]))
    else:
        chances = pair_probabilities(counts, pairs)
    return {stratum_of("compare", pair): float(chance) for pair, chance in zip(pairs, chances, strict=True)}
