"""What a trial's votes say: who leads the screening, and whether the leader beats the champion on fresh votes.

Reads the store. Whom the owner leaves out of a study's results counts in its evidence all the same: leaving people out
is a choice made after votes were seen, which the level of a test does not cover. Only the search for the best candidate
leaves them out too, as its votes prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from collab.store.trial_queries import has_work_left
from collab.studies.claims import claim
from collab.studies.decisions import filter_in_force
from collab.studies.pairs import counted
from collab.studies.spec import read_spec
from collab.types import Study, StudyArm, Trial
from collab.workspace import Workspace

if TYPE_CHECKING:
    from collab.statistics.pair_counts import PairCounts

Json = dict[str, Any]
LEAST_VOTES = 10  # of every arm before a lead can be clear


def evidence_of(ws: Workspace, study_id: str, challenger: int = 1, champion: int = 0) -> Json:
    """Whether one arm of the study beats another by everybody's votes, as claims.claim tells it, with the study.

    left_out: how many people the owner leaves out of the study's results; their votes count here.
    """
    with ws.store.reading() as connection:
        study = ws.store.get(Study, study_id, connection=connection)
        arms = ws.store.find(StudyArm, study_id=study.id, connection=connection)
        arms.sort(key=lambda arm: arm.position)
        out = filter_in_force(ws, study, connection=connection).excluded
        found = claim(ws, study, read_spec(study.spec), arms, challenger, champion, connection=connection)
    # a panel was named beforehand: nobody is left out of it afterwards
    left_out = len(out) if found["scope"] == "population" else 0
    del found["everybody"]  # they are all counted
    return {**found, "study_id": study_id, "left_out": left_out}


def bounded(evidence: Mapping[str, Any]) -> Json:
    """The evidence as it is kept for ever: without the way it took."""
    return {name: value for name, value in evidence.items() if name != "curve"}


def arm_versions(ws: Workspace, study_id: str) -> list[str]:
    """The prompt version of each arm."""
    arms = sorted(ws.store.find(StudyArm, study_id=study_id), key=lambda arm: arm.position)
    return [arm.prompt_version_id for arm in arms]


def screening_rows(ws: Workspace, trial: Trial) -> list[Json]:
    """Each arm of the screening, the champion first: the share of its votes that it won, with Wilson's 95 % interval.

    The pairs were chosen to find the best, so the shares rank nobody: bests meet bests. `find_leader` ranks.
    """
    if trial.screening_id is None:
        return []
    counts, versions = _counts(ws, trial.screening_id)
    won = counts.wins(weighted=False)
    rows = []
    for version_id, wins, votes in zip(versions, won.sum(axis=1), (won + won.T).sum(axis=1), strict=True):
        rate, lower, upper = wilson(float(wins), float(votes))
        rows.append({"prompt_version_id": version_id, "win_rate": rate, "lower": lower, "upper": upper,
                     "votes": round(votes)})  # fmt: skip
    return rows


def find_leader(ws: Workspace, study_id: str) -> tuple[str | None, bool]:
    """The best candidate of a screening by its strength, and whether it or the champion is clearly first of all.

    Strengths are Bradley–Terry's, corrected for the choice of pairs (ranking.py); of equal ones the more voted on is
    better, then the earlier. Clearly first: alone on rank 1 at 95 %, every arm having LEAST_VOTES. None without votes.
    """
    from collab.statistics.pair_counts import components
    from collab.statistics.ranking import bradley_terry, rank_ranges

    counts, versions = _counts(ws, study_id)
    if not len(counts.count):
        return None, False
    for group in components(counts):  # those whom no vote connects with the others stand behind
        together = sorted(group)
        if len(together) < 2 or together == [0]:
            continue
        fit = bradley_terry(counts.only(together))
        candidates = [at for at, arm in enumerate(together) if arm != 0]
        best = max(candidates, key=lambda at: (round(float(fit.strength[at]), 6), int(fit.votes[at]), -at))
        complete = len(together) == counts.arms and int(fit.votes.min()) >= LEAST_VOTES
        _, lowest = rank_ranges(fit)
        return versions[together[best]], bool(complete and (lowest == 1).any())
    return None, False


def may_get_more(ws: Workspace, trial: Trial, study: Study, moment: datetime) -> bool:
    """Whether the study is open, has not all the votes that it asked for, and anybody could still give one."""
    if study.status == "closed" or study.answered >= study.spec["target"].get("votes", float("inf")):
        return False
    with ws.store.reading() as connection:
        return has_work_left(connection, study.id, moment, _wanted(trial))


def _wanted(trial: Trial) -> list[str]:
    return list(trial.spec["panel"]) if trial.spec["scope"] == "panel" else []


def _counts(ws: Workspace, study_id: str) -> tuple[PairCounts, list[str]]:
    """The study's votes per pair of arms, and the arms' prompt versions."""
    versions = arm_versions(ws, study_id)

    def count(connection: Connection) -> PairCounts:
        study = ws.store.get(Study, study_id, connection=connection)
        out = filter_in_force(ws, study, connection=connection).excluded
        return counted(ws, study, versions, without=out, connection=connection)

    with ws.store.reading() as connection:
        return count(connection), versions


def wilson(won: float, votes: float, z: float = 1.959964) -> tuple[float, float, float]:
    """(share, lower, upper) of so many won of all votes (Wilson 1927); ½ and no bounds without votes."""
    if not votes:
        return 0.5, 0.0, 1.0
    share, spread = won / votes, z * z / votes
    middle = (share + spread / 2) / (1 + spread)
    half = z * (share * (1 - share) / votes + spread / 4 / votes) ** 0.5 / (1 + spread)
    return share, max(0.0, middle - half), min(1.0, middle + half)
