"""What a study's votes prove about two arms: the claim fixed in its spec, tested by evidence.py. Reads the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from collab.store.result_queries import first_votes, people_who_voted
from collab.studies.pairs import OUTCOMES
from collab.studies.spec import StudySpec
from collab.types import Study, StudyArm
from collab.workspace import Workspace

Json = dict[str, Any]


def interval_width(ws: Workspace, study: Study, spec: StudySpec, connection: Connection) -> float:
    """How wide the interval of the second arm's win rate over the first is; of the widest, with more arms."""
    from collab.statistics.evidence import win_rate_test

    arms = ws.store.find(StudyArm, study_id=study.id, connection=connection)
    widths = []
    for challenger in range(1, len(arms)):
        votes, options = _claimed(study, spec, challenger, 0, frozenset(), connection)
        found = win_rate_test(votes, **options)
        widths.append(found.upper - found.lower)
    return max(widths, default=1.0)


def claim(
    ws: Workspace, study: Study, spec: StudySpec, arms: Sequence[StudyArm], challenger: int, champion: int, *,
    without: Collection[str] = (), connection: Connection,
) -> Json:  # fmt: skip
    """Whether the challenger beats the champion, with the interval as the votes came in.

    Only blind votes on this very pair count, each person's first few (scope “population”) or the panel's. alpha: the
    level that the verdict and the interval have; test: which test of a stream it is, 0 where it stands alone.
    left_out: how many of the voters are in `without`. They were chosen after votes were seen, which no level covers, so
    the sentence says so, and `everybody` holds the verdict and the numbers with them; it is None where nobody is left
    out. A panel was named beforehand: nobody is left out of it.
    """
    from collab.statistics.evidence import evidence_curve

    votes, options = _claimed(study, spec, challenger, champion, without, connection)
    left_out = 0
    if without and options["scope"] == "population":
        left_out = sum(who in without for who in people_who_voted(connection, study.id))
    told = _told(votes, options)
    everybody = None
    if left_out:
        everybody = _told(*_claimed(study, spec, challenger, champion, (), connection))
        told["sentence"] += f" {chosen_afterwards(left_out)} With everybody: {everybody['sentence']}"
    return {
        "challenger": arms[challenger].name,
        "champion": arms[champion].name,
        **told,
        "test": int(spec.evidence["test"]),
        "left_out": left_out,
        "everybody": everybody,
        "curve": [
            {"votes": n, "win_rate": rate, "lower": lower, "upper": upper}
            for n, rate, lower, upper in evidence_curve(votes, **options)
        ],
    }


def chosen_afterwards(left_out: int) -> str:
    """What leaving people out does to evidence, in one sentence."""
    people = "1 person was" if left_out == 1 else f"{left_out:,} people were"
    return f"{people} left out after votes were seen, and the error bound does not cover that choice."


def _told(votes: Sequence[Any], options: Mapping[str, Any]) -> Json:
    from collab.statistics.evidence import win_rate_test

    found = win_rate_test(votes, **options)
    return {
        "scope": found.scope, "verdict": found.verdict, "win_rate": found.win_rate, "lower": found.lower,
        "upper": found.upper, "e_value": found.e_value, "n_votes": found.n_votes, "n_annotators": found.n_annotators,
        "alpha": found.alpha, "sentence": found.sentence,
    }  # fmt: skip


def _claimed(
    study: Study, spec: StudySpec, challenger: int, champion: int, without: Collection[str], connection: Connection
) -> tuple[list[Any], Json]:
    """The votes that the claim is about, and how it is to be tested."""
    from collab.statistics.evidence import Vote

    pair = (min(challenger, champion), max(challenger, champion))
    scope, block = str(spec.evidence["scope"]), int(spec.evidence["block"])
    panel = _panel(study, spec) if scope == "panel" else []
    people = panel or [who for who in people_who_voted(connection, study.id) if who not in without]
    rows = first_votes(connection, study.id, pair, people, block if scope == "population" else None)
    votes = []
    for row in rows:
        won = OUTCOMES[row.winner] if challenger == pair[0] else 1 - OUTCOMES[row.winner]
        votes.append(Vote(row.annotator_id, won, row.item_id))
    how = {"block": block} if scope == "population" else {"panel": panel}
    return votes, {"scope": scope, "alpha": float(spec.evidence["alpha"]), **how}


def _panel(study: Study, spec: StudySpec) -> list[str]:
    """The members' annotator ids; “me” is whoever made the study."""
    return [study.created_by if member == "me" else member for member in spec.evidence["panel"]]
