"""A study's results as the owner's page draws them. Gathers what its neighbours work out; decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Connection

from collab.errors import InvalidStudy
from collab.store.result_queries import (
    Work,
    answers_in_force,
    answers_on_items,
    answers_over_time,
    disputed_items,
    first_and_last_answer,
    flagged,
    items_complete,
    tags_of,
    work_of,
)
from collab.store.study_queries import item_states
from collab.store.vote_counts import CountedVotes, counted_votes
from collab.studies.access import address_of
from collab.studies.claims import claim
from collab.studies.decisions import Filter, adjudicated, filter_in_force, queue_arrangement
from collab.studies.judgements import Judgement, disputed, edit_rows, question_agreement, question_rows
from collab.studies.leaderboard import leaderboard
from collab.studies.names import names_of
from collab.studies.presenting import questions_json
from collab.studies.quality import agreement_json, annotators, time_per_item, vote_agreement
from collab.studies.said import LABELS, as_shown
from collab.studies.spec import StudySpec, read_spec
from collab.types import ModelVersion, Output, PromptVersion, Study, StudyArm, StudyItem
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]
PAIRED = ("compare", "rank")  # tasks whose answers are votes
QUEUE = 12  # items on which people disagree, shown at once


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
            "leaderboard": None, "matrix": None, "evidence": None, "agreement": [], "questions": [], "edits": [],
            "adjudication": [],
        }  # fmt: skip
        if study.task in PAIRED:
            found |= _votes(ws, study, spec, arms, votes, by, tag, without, connection)
            disputes = disputed_items(connection, study.id, limit=200) if study.task == "compare" else []
        else:
            judgements = read_judgements(ws, study, connection, without=without, tag=tag)
            found |= _judgements(study, spec, arms, judgements)
            disputes = disputed(spec.questions, judgements, limit=200) if study.task == "rate" else []
        found["adjudication"] = _queue(ws, study, spec, disputes, link, connection)
        over_time = _over_time(connection, study)
        work, agreement = working.result(), agreeing.result()
        found["annotators"] = annotators(ws, study, work, votes, without, connection)
        found["time"] = {**over_time, "per_item_s": time_per_item(work)}
        found["agreement"] = agreement or found["agreement"]
        found["counts"] = _counts(study, spec, work, found, connection)
    return found


def _work(ws: Workspace, study: Study) -> list[Work]:
    """What people did, read beside the rest.

    It reads a moment of its own, later than the others by less than a hundredth of a second, as does `_agreement`. That
    may show an answer here which is not in the leaderboard yet; nothing is worked out from both.
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
    return {"leaderboard": board, "matrix": matrix, "evidence": evidence}


def _challenger(arms: Sequence[StudyArm], board: Json) -> int:
    """The arm to hold against the first: the only other one, or whoever else stands highest."""
    if len(arms) == 2 or board["by"] != "arm":
        return 1
    by_name = {arm.name: arm.position for arm in arms}
    return next((by_name[row["name"]] for row in board["rows"] if by_name.get(row["name"], 0) != 0), 1)


def _judgements(study: Study, spec: StudySpec, arms: Sequence[StudyArm], judgements: Sequence[Judgement]) -> Json:
    names = [arm.name for arm in arms]
    if study.task == "edit":
        return {"edits": edit_rows(judgements, names)}
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


def _queue(
    ws: Workspace, study: Study, spec: StudySpec, disputes: Sequence[str], link: Link, connection: Connection
) -> list[Json]:
    """The items on which people disagree and the owner has not decided, with what each said."""
    settled = adjudicated(ws, study, connection=connection)
    open_ones = [item_id for item_id in disputes if item_id not in settled][:QUEUE]
    items = {i.id: i for i in ws.store.find(StudyItem, id=open_ones, connection=connection)}
    outputs = {o.id: o for o in ws.store.find(
        Output, id=[output for item in items.values() for output in item.outputs], connection=connection
    )}  # fmt: skip
    said: dict[str, list[tuple[str, Json]]] = {item_id: [] for item_id in open_ones}
    if open_ones:
        for item_id, annotator_id, _, answer in answers_on_items(connection, open_ones):
            said[item_id].append((annotator_id, answer))
    names = names_of(ws, [who for answers in said.values() for who, _ in answers], connection=connection)
    return [
        _disputed_item(
            study, spec, items[item_id], outputs, [(names[who], answer) for who, answer in said[item_id]], link
        )
        for item_id in open_ones
        if item_id in items
    ]


def _disputed_item(
    study: Study, spec: StudySpec, item: StudyItem, outputs: Mapping[str, Output],
    answers: Sequence[tuple[str, Json]], link: Link,
) -> Json:  # fmt: skip
    arrangement = queue_arrangement(item)
    options: list[Json] = []
    for label, at in zip(LABELS, arrangement, strict=False):
        output = outputs[item.outputs[at]]
        content = {"image_url": link(output.id)} if output.blob_sha256 else {"text": output.text or ""}
        options.append({"label": label, **content})
    return {
        "item_id": item.id,
        "context": [list(pair) for pair in item.context],
        "options": options,
        "answers": [{"annotator": who, "said": as_shown(study.task, said, arrangement)} for who, said in answers],
        "questions": questions_json(spec),
    }


def _counts(study: Study, spec: StudySpec, work: Sequence[Work], found: Json, connection: Connection) -> Json:
    states = item_states(connection, study.id)
    by_status: dict[str, int] = {}
    for each in work:
        by_status[each.status] = by_status.get(each.status, 0) + each.tasks
    votes = sum(sum(row) for row in (found["matrix"] or {}).get("votes", [])) // 2
    done, sentence = _towards_target(study, spec, found)
    return {
        "answers": study.answered, "votes": votes,
        "annotators": sum(1 for row in found["annotators"] if row["answers"]),
        "items": study.items, "items_complete": items_complete(connection, study.id, spec.overlap),
        "items_ready": states.get("ready", 0), "items_failed": states.get("failed", 0),
        "skipped": by_status.get("skipped", 0), "leased": by_status.get("leased", 0),
        "flagged": len(flagged(connection, study.id)), "target_progress": done, "target_sentence": sentence,
    }  # fmt: skip


def _towards_target(study: Study, spec: StudySpec, found: Json) -> tuple[float | None, str]:
    """How near the study is to what was asked of it, from 0 to 1, and in words."""
    if "votes" in spec.target:
        wanted = int(spec.target["votes"])
        return min(1.0, study.answered / wanted), f"{study.answered:,} of the {wanted:,} answers asked for."
    if "interval_width" in spec.target and found["evidence"]:
        wanted_width = float(spec.target["interval_width"])
        width = found["evidence"]["upper"] - found["evidence"]["lower"]
        said = f"The win rate is known to within {width:.2f}; {wanted_width:.2f} is asked for."
        return (1.0 if width <= wanted_width else min(1.0, (wanted_width / width) ** 2)), said
    wanted = study.items * spec.overlap
    if not wanted:
        return None, ""
    said = f"{study.answered:,} of {wanted:,} answers: every item {spec.overlap} times."
    return min(1.0, study.answered / wanted), said


def _filter_json(chosen: Filter) -> Json:
    return {"excluded": len(chosen.excluded), "reason": chosen.reason, "at": chosen.at, "effect": chosen.effect}


def filter_effect(before: Json, after: Json, excluded: int) -> str:
    """What leaving people out changes, in one sentence: answers left, and who leads with which strength."""
    people = before["counts"]["annotators"]
    said = f"Leaves out {excluded} of {people} people"
    first, then = (board["leaderboard"] for board in (before, after))
    if first and first["rows"] and then and then["rows"]:
        was, now_is = first["rows"][0], then["rows"][0]
        votes = before["counts"]["votes"] - after["counts"]["votes"]
        moved = f"{was['name']} led with {was['strength']:.0f}"
        leads = f"{now_is['name']} leads with {now_is['strength']:.0f} ({now_is['lower']:.0f}–{now_is['upper']:.0f})"
        return f"{said} and {votes} of {before['counts']['votes']} votes: {moved}, now {leads}."
    return f"{said}."
