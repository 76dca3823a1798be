"""How far a study is: answers, people, items, what is left out of them, and how near the target. Reads the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from collab.store.result_queries import Work, flagged, items_complete, people_holding
from collab.store.study_queries import item_states
from collab.studies.assignment import lease_end
from collab.studies.spec import StudySpec
from collab.types import Study, now

Json = dict[str, Any]
RENEWED = timedelta(minutes=2)  # a page that is looked at renews its leases every minute


def study_counts(
    study: Study, spec: StudySpec, work: Sequence[Work], found: Json, without: Collection[str], connection: Connection,
    *, moment: datetime | None = None,
) -> Json:  # fmt: skip
    """The numbers at the head of the results. found: the other results, those without the people of `without`.

    Answers, votes, people and complete items are of those who count; answers_left_out and annotators_left_out tell how
    many more there are. What is on its way (skipped, answering, flagged, the target) is told of everybody. answering:
    how many people hold items, one or several ahead, that they were given or that their page renewed just now.
    """
    states = item_states(connection, study.id)
    answering = people_holding(connection, study.id, lease_end(spec, moment or now()) - RENEWED)
    by_status: dict[str, int] = {}
    for each in work:
        by_status[each.status] = by_status.get(each.status, 0) + each.tasks
    left_out = [w for w in work if w.annotator_id in without and w.status == "answered"]
    answers_left_out = sum(each.tasks for each in left_out if each.purpose == "item")
    votes = sum(sum(row) for row in (found["matrix"] or {}).get("votes", [])) // 2
    done, sentence = _towards_target(study, spec, found)
    if sentence and answers_left_out:
        sentence += " Answers left out of these results count towards it."
    return {
        "answers": max(0, study.answered - answers_left_out), "votes": votes,
        "annotators": sum(1 for row in found["annotators"] if row["answers"] and not row["excluded"]),
        "answers_left_out": answers_left_out,
        "annotators_left_out": len({each.annotator_id for each in left_out}),
        "items": study.items, "items_complete": items_complete(connection, study.id, spec.overlap, without),
        "items_ready": states.get("ready", 0), "items_failed": states.get("failed", 0),
        "skipped": by_status.get("skipped", 0), "answering": answering,
        "flagged": len(flagged(connection, study.id)), "target_progress": done, "target_sentence": sentence,
    }  # fmt: skip


def _towards_target(study: Study, spec: StudySpec, found: Json) -> tuple[float | None, str]:
    """How near the study is to what was asked of it, from 0 to 1, and in words."""
    if "votes" in spec.target:
        wanted = int(spec.target["votes"])
        return min(1.0, study.answered / wanted), f"{study.answered:,} of the {wanted:,} answers asked for."
    if "interval_width" in spec.target and found["evidence"]:
        wanted_width = float(spec.target["interval_width"])
        evidence = found["evidence"]["everybody"] or found["evidence"]  # by which it is decided whether to ask on
        width = evidence["upper"] - evidence["lower"]
        said = f"The win rate is known to within {width:.2f}; {wanted_width:.2f} is asked for."
        return (1.0 if width <= wanted_width else min(1.0, (wanted_width / width) ** 2)), said
    wanted = study.items * spec.overlap
    if not wanted:
        return None, ""
    said = f"{study.answered:,} of {wanted:,} answers: every item {spec.overlap} times."
    return min(1.0, study.answered / wanted), said
