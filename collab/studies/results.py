"""A study's results as the owner's page draws them. Gathers what its neighbours work out; decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from typing import Any

from sqlalchemy.engine import Connection

from collab.errors import InvalidStudy
from collab.store.result_queries import (
    Work,
    answers_in_force,
    answers_over_time,
    first_and_last_answer,
    flagged,
    tags_of,
    work_of,
)
from collab.store.vote_counts import CountedVotes, counted_votes
from collab.studies.access import address_of
from collab.studies.claims import claim
from collab.studies.counting import study_counts
from collab.studies.decisions import Filter, filter_in_force
from collab.studies.judgements import Judgement, edit_agreement, edit_rows, question_agreement, question_rows
from collab.studies.leaderboard import leaderboard, tag_boards
from collab.studies.quality import agreement_json, annotators, time_per_item, vote_agreement
from collab.studies.queue import adjudication_queue
from collab.studies.spec import StudySpec, read_spec
from collab.types import ModelVersion, Output, PromptVersion, Study, StudyArm, StudyItem
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]
PAIRED = ("compare", "rank")  # tasks whose answers are votes


def study_results(
    ws: Workspace, study: Study, link: Link, *, by: str = "arm", tag: str = "", all_people: bool = False,
    without: frozenset[str] | None = None,
) -> Json:  # fmt: skip
    """Everything about a study for its owner (see docs/adr/0006).

    without: whom to leave out instead of those the owner chose to; all_people: nobody, whatever was chosen.
    Raises InvalidStudy for an unknown tag or grouping.
    """
    spec = read_spec(study.spec)
    with ThreadPoolExecutor(2, "collab-results") as beside, ws.store.reading() as connection:
        chosen = filter_in_force(ws, study, connection=connection)
        without = frozenset() if all_people else chosen.excluded if without is None else without
        arms = ws.store.find(StudyArm, study_id=study.id, connection=connection)
        tags = tags_of(connection, study.id)
        if tag and tag not in tags:
            raise InvalidStudy(f"No item has the tag “{str(tag)[:40]}”: choose from the list.")
        agreeing = beside.submit(_agreement, ws, study, spec, without)
        working = beside.submit(_work, ws, study)
        votes = counted_votes(ws.store, study.id, connection=connection)
        found: Json = {
            "study": _about(ws, study, spec, arms, tags, connection),
            "filter": _filter_json(chosen) if without else None,
            "leaderboard": None, "tags": None, "matrix": None, "evidence": None, "agreement": [], "questions": [],
            "edits": [], "adjudication": [],
        }  # fmt: skip
        judgements: list[Judgement] = []
        if study.task in PAIRED:
            found |= _votes(ws, study, spec, arms, votes, by, tag, without, connection)
        else:
            judgements = read_judgements(ws, study, connection, without=without, tag=tag)
            found |= _judgements(study, spec, arms, judgements)
        found["adjudication"] = adjudication_queue(ws, study, spec, judgements, without, link, connection)
        over_time = _over_time(connection, study)
        work, agreement = working.result(), agreeing.result()
        found["annotators"] = annotators(ws, study, work, votes, without, connection)
        found["time"] = {**over_time, "per_item_s": time_per_item(work)}
        found["agreement"] = agreement or found["agreement"]
        found["counts"] = study_counts(study, spec, work, found, without, connection)
    return found


def load_libraries() -> None:
    """Import what results are worked out with: a third of a second that need not be part of the first look at them."""
    for name in (*(f"collab.statistics.{of}" for of in ("ranking", "agreement", "evidence")), "scipy.special",
                 "scipy.sparse.csgraph"):  # fmt: skip
        import_module(name)


def _work(ws: Workspace, study: Study) -> list[Work]:
    """What people did, read beside the rest.

    It reads a moment of its own, later than the others by less than a hundredth of a second, as does `_agreement`. That
    may show an answer here which is not in the leaderboard yet, or leave out one which is not among the answers yet.
    """
    with ws.store.reading() as connection:
        return work_of(connection, study.id)


def _agreement(ws: Workspace, study: Study, spec: StudySpec, without: frozenset[str]) -> list[Json]:
    """How far the votes agree, read beside the rest."""
    if study.task not in PAIRED:
        return []
    with ws.store.reading() as connection:
        return [vote_agreement(study, without, spec.question, connection)]


def _about(
    ws: Workspace, study: Study, spec: StudySpec, arms: Sequence[StudyArm], tags: Sequence[str], connection: Connection
) -> Json:
    versions = {v.id: v for v in ws.store.find(PromptVersion, id=[a.prompt_version_id for a in arms],
                                               connection=connection)}  # fmt: skip
    models = {m.id: m for m in ws.store.find(ModelVersion, id=[a.model_version_id for a in arms],
                                             connection=connection)}  # fmt: skip
    failed = ws.store.find(StudyItem, study_id=study.id, status="failed", limit=200, connection=connection)
    problems = [f"{sum(i.error == e for i in failed)} items could not be made: {e}" for e in _distinct(failed)]
    problems += [f"Somebody flagged an item: {note}" for _, note in flagged(connection, study.id)[:20]]
    if not spec.blind:
        problems.append("Not everybody was blind to who made what, so these answers are no evidence.")
    problems += spec.notes
    return {
        "id": study.id, "title": study.title, "task": study.task, "modality": study.modality,
        "question": spec.question, "guidelines": spec.guidelines, "status": study.status, "access": study.access,
        "link": address_of(study), "created_at": study.created_at.isoformat(timespec="seconds"),
        "arms": [
            {"index": arm.position, "name": arm.name, "prompt": versions[arm.prompt_version_id].text,
             "model": models[arm.model_version_id].name, "prompt_version_id": arm.prompt_version_id,
             "model_version_id": arm.model_version_id}
            for arm in arms
        ],
        "target": dict(spec.target), "overlap": spec.overlap, "quota": spec.quota, "adaptive": spec.adaptive,
        "reveal": spec.reveal, "evidence": dict(spec.evidence), "tags": list(tags), "problems": problems,
    }  # fmt: skip


def _distinct(failed: Sequence[StudyItem]) -> list[str]:
    return list(dict.fromkeys(item.error for item in failed))[:5]


def _votes(
    ws: Workspace, study: Study, spec: StudySpec, arms: Sequence[StudyArm], votes: Sequence[CountedVotes], by: str,
    tag: str, without: Collection[str], connection: Connection,
) -> Json:  # fmt: skip
    board, matrix = leaderboard(ws, study, arms, by=by, tag=tag, without=without, rows=votes, connection=connection)
    evidence = None
    if study.task == "compare" and len(arms) >= 2 and board["rows"] and spec.blind:
        challenger = _challenger(arms, board)
        evidence = claim(ws, study, spec, arms, challenger, 0, without=without, connection=connection)
        if len(arms) > 2:
            evidence["sentence"] += (
                " This arm was picked because it leads, so confirm it on fresh votes before acting on it."
            )
    tags = None
    if by == "tag":
        tags = tag_boards(ws, study, arms, tag=tag, without=without, connection=connection)
    return {"leaderboard": board, "tags": tags, "matrix": matrix, "evidence": evidence}


def _challenger(arms: Sequence[StudyArm], board: Json) -> int:
    """The arm to hold against the first: the only other one, or whoever else stands highest."""
    if len(arms) == 2 or board["by"] not in ("arm", "tag"):
        return 1
    by_name = {arm.name: arm.position for arm in arms}
    return next((by_name[row["name"]] for row in board["rows"] if by_name.get(row["name"], 0) != 0), 1)


def _judgements(study: Study, spec: StudySpec, arms: Sequence[StudyArm], judgements: Sequence[Judgement]) -> Json:
    names = [arm.name for arm in arms]
    if study.task == "edit":
        amount = agreement_json("changed", "Share of words changed", edit_agreement(judgements))
        amount["sentence"] += " What is compared is how many words people changed, not which."
        return {"edits": edit_rows(judgements, names), "agreement": [amount]}
    agreement = []
    for question in spec.questions:
        found = question_agreement(question, judgements)
        if found is not None:
            agreement.append(agreement_json(question.name, question.title, found))
    return {"questions": [question_rows(q, judgements, names) for q in spec.questions], "agreement": agreement}


def read_judgements(
    ws: Workspace, study: Study, connection: Connection, *, without: Collection[str] = (), tag: str = ""
) -> list[Judgement]:
    """The ratings or corrections in force, with the arm each is about."""
    items = {i.id: i for i in ws.store.find(StudyItem, study_id=study.id, purpose="item", connection=connection)
             if i.outputs and (not tag or i.tag == tag)}  # fmt: skip
    words: dict[str, int] = {}
    if study.task == "edit":
        ids = [item.outputs[0] for item in items.values()]
        for at in range(0, len(ids), 5_000):
            for output in ws.store.find(Output, id=ids[at : at + 5_000], connection=connection):
                words[output.id] = len((output.text or "").split())
    return [
        Judgement(item_id, annotator_id, items[item_id].cells[0][0], said, words.get(items[item_id].outputs[0], 0))
        for item_id, annotator_id, _, said in answers_in_force(connection, study.id)
        if item_id in items and annotator_id not in without
    ]


def _over_time(connection: Connection, study: Study) -> Json:
    ends = first_and_last_answer(connection, study.id)
    if ends is None:
        return {"every": "hour", "votes": []}
    hourly = ends[1] - ends[0] <= timedelta(days=4)
    every = timedelta(hours=1) if hourly else timedelta(days=1)
    counted = answers_over_time(connection, study.id, every, *ends)
    return {
        "every": "hour" if hourly else "day",
        "votes": [{"at": at.isoformat(timespec="minutes"), "n": number} for at, number in counted[-400:]],
    }


def _filter_json(chosen: Filter) -> Json:
    return {"excluded": len(chosen.excluded), "reason": chosen.reason, "at": chosen.at, "effect": chosen.effect}


def filter_effect(before: Json, after: Json, excluded: int) -> str:
    """What leaving people out changes: answers left, who leads with which strength, and what the evidence says now."""
    people = before["counts"]["annotators"]
    said = f"Leaves out {excluded} of {people} people."
    first, then = (board["leaderboard"] for board in (before, after))
    if first and first["rows"] and then and then["rows"]:
        was, now_is = first["rows"][0], then["rows"][0]
        votes = before["counts"]["votes"] - after["counts"]["votes"]
        said = (
            f"Leaves out {excluded} of {people} people and {votes} of {before['counts']['votes']} votes: {was['name']} "
            f"led with {was['strength']:.0f}, now {now_is['name']} leads with {now_is['strength']:.0f} "
            f"({now_is['lower']:.0f}–{now_is['upper']:.0f})."
        )
    evidence = after["evidence"]
    if evidence and evidence["everybody"]:
        with_all = evidence["everybody"]
        said += (
            f" Of {evidence['challenger']} against {evidence['champion']} the verdict is “{evidence['verdict']}” with "
            f"a win rate of {evidence['win_rate']:.2f}; with everybody it is “{with_all['verdict']}” with "
            f"{with_all['win_rate']:.2f}, and only for that does the error bound hold."
        )
    return said
