"""The act of feedback that an answer to a task is: what training and exports read. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab.studies.questions import Question
from collab.types import Act, Edit, Output, Preference, Ranking, Rating, StudyTask


def subject_of(task_id: str) -> str:
    """What the acts of a task's annotator are about: the task, so that two studies never mix."""
    return f"task:{task_id}"


def act_of(
    task: StudyTask,
    questions: Sequence[Question],
    said: Mapping[str, Any],
    outputs: Sequence[Output],
    *,
    task_id: str,
    left: int = 0,
    propensity: float | None = None,
    dwell_ms: int | None = None,
    comment: str = "",
    blind: bool = True,
    annotator_id: str = "",
    **row: Any,
) -> Act:
    """The act, its annotator and place in the chain still to be filled in. outputs, left: in the item's order.

    row: its id and moment, where they and the annotator are known already.
    Of a rating's questions the first of stars is the score, the first of thumbs the thumb, further stars are aspects,
    the choices are tags; all of it stands in the answer under its own name.
    """
    common: dict[str, Any] = {
        "annotator_id": annotator_id, "subject": subject_of(task_id), "generation_id": outputs[0].generation_id,
        "task_id": task_id, **row,
    }  # fmt: skip
    match task:
        case "compare":
            return Preference(
                **common, output_a_id=outputs[0].id, output_b_id=outputs[1].id, winner=said["winner"],
                left_id=outputs[left].id, blind=blind, dwell_ms=dwell_ms, propensity=propensity, comment=comment,
            )  # fmt: skip
        case "rank":
            return Ranking(**common, groups=tuple(tuple(outputs[at].id for at in group) for group in said["groups"]))
        case "edit":
            return Edit(**common, output_id=outputs[0].id, text=said["text"], edit_distance=said["edit_distance"])
        case "rate":
            return Rating(**common, output_id=outputs[0].id, comment=comment, **_rated(questions, said["values"]))


def _rated(questions: Sequence[Question], values: Mapping[str, Any]) -> dict[str, Any]:
    rated: dict[str, Any] = {"score": None, "thumb": None, "aspects": {}, "spans": ()}
    tags: list[str] = []
    for question in questions:
        value = values.get(question.name)
        if value is None:
            continue
        match question.kind:
            case "stars" if rated["score"] is None:
                rated["score"] = value
            case "stars":
                rated["aspects"][question.name] = value
            case "thumb" if rated["thumb"] is None:
                rated["thumb"] = value
            case "span":
                rated["spans"] += tuple(value)
            case "choice":
                tags.append(value)
            case "multi_choice":
                tags += value
            case _:
                pass
    return {**rated, "tags": tuple(dict.fromkeys(tags))}
