"""A study's items as Argilla's flat records. Knows nothing of settings beyond their names, and of files nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from collab.exchange.argilla_settings import EDIT, RANKING, WINNER
from collab.exchange.judged import LABELS, JudgedAnswer, JudgedItem, JudgedSet
from collab.exchange.provenance import OF_ITEMS, OF_OUTPUTS, outputs_columns
from collab.exchange.table_files import Column

# one entry for each answer, in order; answer_users says under which user Argilla has it
OF_ANSWERS = (
    Column("answer_users", "string", "for each answer, the user it has in the .responses.users columns", 1),
    Column("annotator", "string", "for each answer, a pseudonym", 1),
    Column("event_ids", "string", "for each answer, the recorded act", 1),
    Column("blind", "boolean", "for each answer, whether the annotator could not know who made what", 1),
    Column("comment", "string", "for each answer, what the annotator added in words", 1),
    Column("dwell_ms", "integer", "for each answer, milliseconds from showing to answering", 1),
    Column("at", "time", "for each answer, when", 1),
    Column("models", "string", "the system behind each output", 1),
)
_PEOPLE = uuid.UUID("6f1b0b0e-6f0c-5d55-9d0c-0c6f2f6f7a11")  # the namespace of annotators without a UUID of their own


def record_columns(judged: JudgedSet, settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of records under these settings."""
    made = [Column("id", "string", "the record's id"), Column("status", "string", "completed or pending")]
    kinds: dict[str, Any] = {"text": ("string", 0), "image": ("picture", 0), "chat": ("turn", 1)}
    for field in settings["fields"]:
        kind, lists = kinds[field["type"]]
        made.append(Column(field["name"], kind, "what annotators saw", lists))
    kinds = {
        "rating": ("integer", 1), "ranking": ("place", 2), "multi_label_selection": ("string", 2), "span": ("span", 2),
    }  # fmt: skip
    for question in settings["questions"]:
        kind, lists = kinds.get(question["type"], ("string", 1))
        column = f"{question['name']}.responses"
        made.append(Column(column, kind, question["title"], lists))
        made.append(Column(f"{column}.users", "string", "who gave these responses, in order", 1))
        made.append(Column(f"{column}.status", "string", "submitted", 1))
    return (*made, *OF_OUTPUTS, *OF_ITEMS, *OF_ANSWERS)


def record_of(judged: JudgedSet, item: JudgedItem, names: Sequence[str], asked: Sequence[str]) -> dict[str, Any]:
    """One record. names: of the outputs' fields; asked: of the questions. Who answered twice appears as two users."""
    row: dict[str, Any] = outputs_columns(item) | {"id": item.item_id, "item_id": item.item_id, "tag": item.tag}
    row |= {"status": "completed" if item.answers else "pending", "prompt": item.prompt}
    row["messages"] = [dict(message) for message in item.messages]
    row["models"] = [output.arm for output in item.outputs]
    for name, output in zip(names, item.outputs, strict=False):
        row[name] = output.text if output.image is None else output.image
    for name in asked:
        row |= {f"{name}.responses": [], f"{name}.responses.users": [], f"{name}.responses.status": []}
    row |= {column.name: [] for column in OF_ANSWERS[:-1]}
    for answer in item.answers:
        user = _user(answer.annotator, row["answer_users"])
        facts = (user, answer.annotator, answer.event_id, answer.blind, answer.comment, answer.dwell_ms, answer.at)
        for column, fact in zip(OF_ANSWERS, facts, strict=False):
            row[column.name].append(fact)
        for name, value in _said(judged, answer, names, asked).items():
            row[f"{name}.responses"].append(value)
            row[f"{name}.responses.users"].append(user)
            row[f"{name}.responses.status"].append("submitted")
    return row


def _user(annotator: str, taken: list[str]) -> str:
    """A UUID for this annotator, which Argilla wants, not among those taken."""
    try:
        user = str(uuid.UUID(annotator))
    except ValueError:
        user = str(uuid.uuid5(_PEOPLE, annotator))
    again = 1
    while user in taken:
        again += 1
        user = str(uuid.uuid5(_PEOPLE, f"{annotator} again {again}"))
    return user


def _said(judged: JudgedSet, answer: JudgedAnswer, names: Sequence[str], asked: Sequence[str]) -> dict[str, Any]:
    """The answer as responses, by question."""
    said = answer.answer
    if judged.task == "compare":
        return {WINNER: {"a": names[0], "b": names[1]}.get(said["winner"], said["winner"])}
    if judged.task == "edit":
        return {EDIT: said["text"]}
    if judged.task == "rank":
        places = dict(zip(LABELS, names, strict=False))
        return {
            RANKING: [
                {"value": places[label], "rank": rank}
                for rank, group in enumerate(said["groups"], start=1)
                for label in group
            ]
        }
    found = {}
    for name, question in zip(asked, judged.questions, strict=True):
        value = said["values"].get(question["name"])
        if value is not None:
            found[name] = str(value) if question["kind"] == "thumb" else value
    return found
