"""A task as its annotator sees it: labels in place of arms, signed links in place of ids. Reads the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from collab.identity import Visitor
from collab.store.study_queries import own_counts
from collab.studies.access import example_token
from collab.studies.answering import Held
from collab.studies.assignment import Nothing
from collab.studies.said import LABELS
from collab.studies.spec import StudySpec, read_spec
from collab.types import Output, Study, StudyArm, StudyItem, Task
from collab.workspace import Workspace

TaskLink = Callable[[str, int], str]  # task token or example_token, place on the screen -> URL of the picture there
Json = dict[str, Any]


def shown_task(ws: Workspace, visitor: Visitor, study: Study, task: Task, item: StudyItem, link: TaskLink) -> Json:
    """What `/next_task` answers. Nothing in it tells one arm from another but the outputs themselves."""
    found = {output.id: output for output in ws.store.find(Output, id=item.outputs)}
    outputs = [found[output_id] for output_id in item.outputs]
    spec = read_spec(study.spec)
    return {
        **_about(study, spec),
        **guide(study, spec, link),
        "task_id": task.token,
        "context": [list(pair) for pair in item.context],
        "options": [_option(outputs[cell], place, task, link) for place, cell in enumerate(task.arrangement)],
        "lease_seconds": int(spec.lease_minutes * 60),
        "progress": progress(ws, visitor, study),
    }


def shown_again(ws: Workspace, visitor: Visitor, held: Held, answer: Json, link: TaskLink) -> Json:
    """A task taken up again after an undo, with what had been answered; None for one that had been skipped."""
    return {**shown_task(ws, visitor, held.study, held.task, held.item, link), "answer": answer or None}


def shown_nothing(ws: Workspace, visitor: Visitor, study: Study, nothing: Nothing) -> Json:
    """That there is no task now, and why."""
    if nothing.waiting:
        return {"waiting": True, "reason": nothing.reason, "ready": nothing.ready, "total": nothing.total}
    return {"done": True, "reason": nothing.reason, "progress": progress(ws, visitor, study)}


def shown_study(ws: Workspace, visitor: Visitor, study: Study) -> Json:
    """A study as an annotator may know it."""
    return {**_about(study, read_spec(study.spec)), "status": study.status, "progress": progress(ws, visitor, study)}


def progress(ws: Workspace, visitor: Visitor, study: Study) -> Json:
    """How far this person is.

    left, total: None where telling them would tell which items are gold or repeated. at_most: whether fewer than total
    may come: the study may know enough before, others may give the answers that are left, or, with a reveal, no output
    comes twice, so that some pairs of three and more arms never come (left is None then).
    """
    spec = read_spec(study.spec)
    with ws.store.reading() as connection:
        counts = own_counts(ws.store, study.id, visitor.annotator_id, connection=connection)
    answered = sum(number for (_, status), number in counts.items() if status == "answered")
    told = {"answered": answered, "quota": spec.quota, "left": None, "total": None, "at_most": False}
    if spec.gold_share or spec.repeat_share:
        return told | ({"left": max(0, spec.quota - answered), "total": spec.quota} if spec.quota else {})
    total = min(spec.quota or study.items, study.items)
    if spec.reveal and _arms(ws, study) > 2:
        return told | {"total": total, "at_most": True}
    seen = sum(number for (_, status), number in counts.items() if status != "leased")
    left = max(0, min(study.items - seen, total - answered))
    wanted = max(0, min(spec.target.get("votes", inf), study.items * spec.overlap) - study.answered)
    at_most = left > wanted or "interval_width" in spec.target
    return told | {"left": min(left, wanted), "total": total, "at_most": at_most}


def _arms(ws: Workspace, study: Study) -> int:
    return len(ws.store.find(StudyArm, study_id=study.id))


def _about(study: Study, spec: StudySpec) -> Json:
    return {
        "study_id": study.link if study.access == "link" else study.id,
        "task": study.task,
        "modality": study.modality,
        "title": study.title,
        "question": spec.question,
        "questions": questions_json(spec),
        "reveal": spec.reveal,
    }


def guide(study: Study, spec: StudySpec, link: TaskLink) -> Json:
    """The guidelines and the worked examples; of a picture its URL, in which nothing names an output."""
    examples = []
    for number, example in enumerate(spec.worked_examples):
        shown = {name: said for name, said in example.items() if name != "output_ids"}
        token = example_token(study.link, number)
        places = range(len(example.get("output_ids") or ()))
        examples.append(shown | ({"image_urls": [link(token, place) for place in places]} if places else {}))
    return {"guidelines": spec.guidelines, "worked_examples": examples}


def questions_json(spec: StudySpec) -> list[Json]:
    """A rating study's questions, for a page to ask."""
    return [
        {"name": q.name, "title": q.title, "kind": q.kind, "options": list(q.options), "required": q.required}
        for q in spec.questions
    ]


def _option(output: Output, place: int, task: Task, link: TaskLink) -> Json:
    label: Sequence[str] = LABELS[place]
    if output.blob_sha256:
        return {"label": label, "image_url": link(task.token, place)}
    return {"label": label, "text": output.text or ""}
