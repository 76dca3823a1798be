"""Conversations as lists of {"role", "content"}: reading one, and where two of them part. Knows no format's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab.exchange.cells import Limits, clean, refuse, shown
from collab.exchange.json_rows import json_cell
from collab.exchange.judged import JudgedItem, JudgedOutput

ROLES = frozenset({"system", "user", "assistant"})

Turn = tuple[str, str]  # role, content


def read_turns(value: object, row: int, column: str, limits: Limits) -> tuple[Turn, ...]:
    """The turns of a conversation. content is text, or a list of parts of type text. Raises InvalidImport."""
    found = json_cell(value, row, column, limits)
    if not isinstance(found, list):
        refuse(row, column, f"{shown(found)} is not a conversation: write a list of role and content.")
    if len(found) > 1_000:
        refuse(row, column, f"the conversation has {len(found):,} turns, 1,000 are possible.")
    turns = []
    for turn in found:
        if type(turn) is not dict or (role := turn.get("role")) not in ROLES:
            refuse(row, column, f"{shown(turn)} has no role of system, user or assistant.")
        content = turn.get("content")
        text = content if type(content) is str else _parts(turn, row, column)
        turns.append((role, clean(text, row, column, limits)))
    return tuple(turns)


def _parts(turn: Mapping[str, Any], row: int, column: str) -> str:
    content = turn.get("content")
    if not isinstance(content, list):
        refuse(row, column, f"{shown(turn)} has no content.")
    texts = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            refuse(row, column, f"{shown(part)} is not text, and only conversations in text are read.")
        texts.append(part["text"])
    return "\n".join(texts)


def read_messages(value: object, row: int, column: str, limits: Limits) -> tuple[dict[str, str], ...]:
    """A conversation's earlier turns; none where the cell is empty. Raises InvalidImport."""
    if value is None or value == "":
        return ()
    return as_messages(read_turns(value, row, column, limits))


def as_messages(turns: Sequence[Turn]) -> tuple[dict[str, str], ...]:
    """Turns in the form that items and outputs keep."""
    return tuple({"role": role, "content": content} for role, content in turns)


def part_conversations(
    a: tuple[Turn, ...], b: tuple[Turn, ...], row: int, column: str
) -> tuple[tuple[Turn, ...], tuple[Turn, ...], tuple[Turn, ...]]:
    """What two conversations share, up to the last user turn before they part, and what each has after it.

    Raises InvalidImport where people's turns differ, for then the outputs do not answer the same thing; and where a
    conversation does not end with the assistant. column: whose cell is blamed.
    """
    if len(a) == len(b) == 2 and a[0] == b[0] and (a[0][0], a[1][0], b[1][0]) == ("user", "assistant", "assistant"):
        return a[:1], a[1:], b[1:]  # most rows
    if [turn for turn in a if turn[0] != "assistant"] != [turn for turn in b if turn[0] != "assistant"]:
        refuse(row, column, "its user turns differ from the other conversation's, so the two cannot be compared.")
    if not a or not b or a[-1][0] != "assistant" or b[-1][0] != "assistant":
        refuse(row, column, "the conversation does not end with a turn of the assistant.")
    shared = 0
    for place in range(min(len(a), len(b)) - 1):
        if a[place] != b[place]:
            break
        if a[place][0] == "user":
            shared = place + 1
    if not shared:
        refuse(row, column, "the conversation does not begin with a user's turn.")
    return a[:shared], a[shared:], b[shared:]


def output_of(turns: Sequence[Turn]) -> dict[str, Any]:
    """The text of an output with these turns, and the turns themselves where they are more than one reply."""
    if len(turns) == 1:
        return {"text": turns[0][1]}
    text = "\n\n".join(f"[{role}]\n{content}" for role, content in turns)
    return {"text": text, "turns": as_messages(turns)}


def whole_conversation(item: JudgedItem, output: JudgedOutput) -> list[dict[str, str]]:
    """Everything that was said, as one list."""
    reply = list(output.turns) or [{"role": "assistant", "content": output.text or ""}]
    return [*item.messages, {"role": "user", "content": item.prompt}, *reply]  # type: ignore[list-item]
