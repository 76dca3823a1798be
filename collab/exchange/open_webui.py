"""Open WebUI's feedback export: thumbs on answers, and which of several answers was liked. Knows nothing of the store.

A record is what `feedbackHandler` in Open WebUI's ResponseMessage.svelte sends: `data` holds the rating (1 or -1),
the rated model and, where the prompt has other answers, `sibling_model_ids`; `snapshot` holds the whole chat as it
was. As in Open WebUI's own leaderboard, 1 means that the answer won against each of its siblings, -1 that it lost.
Only in arena mode were the models' names hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from collab.errors import InvalidImport
from collab.exchange.cells import LIMITS, Limits, clean, moment, name_cell, refuse, shown, whole
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.exchange.rows import each_row
from collab.exchange.study_file import read_study_file

NAME = "open-webui"

_READ = frozenset({"id", "user_id", "type", "data", "meta", "snapshot", "created_at", "updated_at"})

_THUMB = {"name": "thumb", "title": "Is the answer good?", "kind": "thumb", "options": [], "required": True}
_SCORE = {
    "name": "score",
    "title": "How good is it, from 1 to 10?",
    "kind": "choice",
    "options": [str(score) for score in range(1, 11)],
    "required": False,
}
_REASON = {"name": "reason", "title": "Why?", "kind": "text", "options": [], "required": False}


def read(path: Path, *, limits: Limits = LIMITS, task: Literal["compare", "rate"] | None = None) -> JudgedSet:
    """The feedback in an export. Raises InvalidImport naming the row, the first record being 1, and the column.

    task: `compare` takes the records that prefer one answer to its siblings, one pair of answers an item; `rate` takes
    every rated answer. Without it, `compare` if there is any pair. What is left out is told in `notes`.
    """
    found: dict[str, list[JudgedItem]] = {"compare": [], "rate": []}
    left = {"no rating": 0, "no chat": 0, "another type": 0}
    alone, ids = 0, set()
    for number, record in each_row(path, limits, _READ.__contains__, []):
        data = _mapping(record, "data", number)
        if record.get("type") != "rating":
            left["another type"] += 1
        elif data.get("rating") is None:
            left["no rating"] += 1
        elif not _mapping(record, "snapshot", number).get("chat"):
            left["no chat"] += 1
        else:
            rated, pairs = _items(record, data, number, limits)
            if rated.item_id in ids:
                refuse(number, "id", f"an earlier record has the id {shown(rated.item_id)} too.")
            ids.add(rated.item_id)
            found["rate"].append(rated)
            found["compare"].extend(pairs)
            alone += not pairs
    task = task or ("compare" if found["compare"] else "rate")
    if not found[task]:
        raise InvalidImport(f"{shown(path.name)} holds no feedback that can be taken as {task}.")
    notes = [f"Left out: {count:,} records with {what}." for what, count in left.items() if count]
    if task == "compare" and alone:
        notes.append(f"Left out: {alone:,} ratings of answers that had no other beside them; import these as `rate`.")
    return JudgedSet(
        title=read_study_file(path, limits).title,
        task=task,
        modality="text",
        questions=(dict(_THUMB), dict(_SCORE), dict(_REASON)) if task == "rate" else (),
        items=tuple(found[task]),
        notes=tuple(notes),
    )


def _items(
    record: Mapping[str, Any], data: Mapping[str, Any], number: int, limits: Limits
) -> tuple[JudgedItem, list[JudgedItem]]:
    """The rated answer as an item of its own, and as one item with each of its siblings."""
    meta = _mapping(record, "meta", number)
    messages = _messages(record, number)
    thumb = whole(data.get("rating"), number, "data.rating")
    if thumb not in (1, -1):
        refuse(number, "data.rating", f"{shown(data.get('rating'))} is neither 1 (good) nor -1 (bad).")
    rated_id = name_cell(meta.get("message_id"), number, "meta.message_id", limits)
    if rated_id not in messages:
        refuse(number, "meta.message_id", f"{shown(rated_id)} is no message of the chat in the snapshot.")
    rated = messages[rated_id]
    earlier = _earlier(rated, messages, number, limits)
    tags = data.get("tags")
    tag = clean(tags[0], number, "data.tags", limits) if isinstance(tags, list) and tags else ""
    feedback_id = name_cell(record.get("id"), number, "id", limits) or f"row-{number}"
    said: dict[str, Any] = {
        "annotator": name_cell(record.get("user_id"), number, "user_id", limits) or "unknown",
        "at": moment(record.get("updated_at") or record.get("created_at"), number, "updated_at"),
        "event_id": feedback_id,
        "blind": meta.get("arena") is True,
        "comment": clean(data.get("comment"), number, "data.comment", limits),
    }
    shared: dict[str, Any] = {"prompt": earlier[-1]["content"], "messages": tuple(earlier[:-1]), "tag": tag}
    output = _output(rated_id, rated, number, limits, arm=data.get("model_id"))
    values = {"thumb": thumb} | _details(data, number, limits)
    answer = JudgedAnswer(answer={"values": values}, **said)
    alone = JudgedItem(item_id=feedback_id, outputs=(output,), answers=(answer,), **shared)
    pairs: list[JudgedItem] = []
    for sibling_id in _siblings(rated_id, rated, data, messages):
        other = _output(sibling_id, messages[sibling_id], number, limits)
        vote = JudgedAnswer(answer={"winner": "a" if thumb == 1 else "b"}, **said)
        item_id = f"{feedback_id}/{len(pairs) + 1}"
        pairs.append(JudgedItem(item_id=item_id, outputs=(output, other), answers=(vote,), **shared))
    return alone, pairs


def _details(data: Mapping[str, Any], number: int, limits: Limits) -> dict[str, Any]:
    details = data.get("details")
    score = details.get("rating") if isinstance(details, Mapping) else None
    values: dict[str, Any] = {}
    if (score := whole(score, number, "data.details.rating", low=1, high=10)) is not None:
        values["score"] = str(score)
    if reason := clean(data.get("reason"), number, "data.reason", limits):
        values["reason"] = reason
    return values


def _mapping(record: Mapping[str, Any], column: str, number: int) -> Mapping[str, Any]:
    value = record.get(column)
    if value is not None and not isinstance(value, Mapping):
        refuse(number, column, f"{shown(value)} is not an object.")
    return value or {}


def _messages(record: Mapping[str, Any], number: int) -> Mapping[str, Mapping[str, Any]]:
    """All messages of the chat in the snapshot, by id."""
    place: Any = record
    for key in ("snapshot", "chat", "chat", "history", "messages"):
        place = place.get(key) if isinstance(place, Mapping) else None
    if not isinstance(place, Mapping) or not all(isinstance(message, Mapping) for message in place.values()):
        refuse(number, "snapshot.chat.chat.history.messages", "it is not an object of messages.")
    return place


def _earlier(
    rated: Mapping[str, Any], messages: Mapping[str, Mapping[str, Any]], number: int, limits: Limits
) -> list[dict[str, str]]:
    """The turns before the rated answer, from the first; the last is the prompt. Raises InvalidImport."""
    turns: list[dict[str, str]] = []
    parent, seen = rated.get("parentId"), set()
    while parent is not None:
        message = messages.get(parent) if isinstance(parent, str) else None
        if message is None or parent in seen:
            refuse(number, "snapshot", f"the message {shown(parent)} before the answer is missing, or before itself.")
        seen.add(parent)
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            refuse(number, "snapshot", f"{shown(role)} is none of the roles user, assistant, system.")
        turns.append({"role": role, "content": clean(message.get("content"), number, "snapshot", limits)})
        parent = message.get("parentId")
    if not turns or turns[0]["role"] != "user":
        refuse(number, "snapshot", "the rated answer does not follow a prompt.")
    return turns[::-1]


def _siblings(
    rated_id: str, rated: Mapping[str, Any], data: Mapping[str, Any], messages: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """The answers beside the rated one, if the record says that it was one of several."""
    if not data.get("sibling_model_ids"):
        return []
    children = messages[rated["parentId"]].get("childrenIds")
    # siblings that were begun after the rating, or deleted, are not in the snapshot
    ids = [child for child in children if child != rated_id] if isinstance(children, list) else []
    return [child for child in ids if isinstance(child, str) and child in messages and messages[child].get("content")]


def _output(
    message_id: str, message: Mapping[str, Any], number: int, limits: Limits, *, arm: object = None
) -> JudgedOutput:
    model = arm or message.get("selectedModelId") or message.get("model")
    return JudgedOutput(
        arm=name_cell(model, number, "data.model_id", limits) or "unknown",
        text=clean(message.get("content"), number, "snapshot", limits),
        output_id=name_cell(message_id, number, "snapshot", limits),
    )
