"""Chatbot Arena's votes (lmsys/chatbot_arena_conversations, lmarena's preference sets, MT-bench's human judgments).

One row is one vote: two conversations with the same user turns, and which is better. Knows nothing of the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collab.exchange.answers import require_task
from collab.exchange.cells import LIMITS, Limits, clean, flag, moment, name_cell, one_of, require
from collab.exchange.conversations import as_messages, output_of, part_conversations, read_turns, whole_conversation
from collab.exchange.gathering import Gathering
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.exchange.provenance import (
    NAMES,
    PROVENANCE,
    answer_columns,
    outputs_columns,
    read_answer,
    read_outputs,
    split_groups,
)
from collab.exchange.rows import each_row
from collab.exchange.study_file import read_study_file, write_folder
from collab.exchange.table_files import Column
from collab.types import Winner

NAME = "arena"

WINNERS: Mapping[str, Winner] = {
    "model_a": "a",
    "model_b": "b",
    "tie": "tie",
    "tie (bothbad)": "both_bad",
    "both_bad": "both_bad",
}
_WORDS = {"a": "model_a", "b": "model_b", "tie": "tie", "both_bad": "tie (bothbad)"}

COLUMNS = (
    Column("question_id", "string", "what was judged"),
    Column("model_a", "string", "the first system"),
    Column("model_b", "string", "the second system"),
    Column("winner", "string", "model_a, model_b, tie or tie (bothbad)"),
    Column("judge", "string", "who judged, a pseudonym"),
    Column("conversation_a", "turn", "the conversation with the first system", 1),
    Column("conversation_b", "turn", "the conversation with the second system", 1),
    Column("turn", "integer", "how many turns people took"),
    Column("anony", "boolean", "whether the systems' names were hidden"),
    Column("language", "string", "not told here"),
    Column("tstamp", "number", "when, in Unix seconds"),
    *PROVENANCE,
)
_READ = NAMES | {"id", "timestamp", *(column.name for column in COLUMNS)}


def read(path: Path, *, limits: Limits = LIMITS) -> JudgedSet:
    """Votes from JSON, JSON Lines, Parquet or a folder. Raises InvalidImport naming the row and the column.

    Rows with the same question, systems and conversations become one item with several answers. Where earlier replies
    differ too, an output is all that came after the conversations part.
    """
    study = read_study_file(path, limits)
    gathering = Gathering()
    for number, row in each_row(path, limits, _READ.__contains__, []):
        gathering.add(number, _item(row, number, limits), own_id=bool(row.get("item_id")))
    return JudgedSet(
        title=study.title,
        task="compare",
        modality="text",
        question=study.question,
        guidelines=study.guidelines,
        items=gathering.items(),
        notes=study.notes,
    )


def _answer(row: Mapping[str, Any], number: int, limits: Limits) -> JudgedAnswer:
    winner = one_of(row.get("winner"), number, "winner", WINNERS)
    judge = name_cell(row.get("judge"), number, "judge", limits) or "unknown"
    said = read_answer(row, number, annotator=judge, limits=limits)
    said["blind"] = flag(row.get("anony"), number, "anony", default=True)
    at = moment(row.get("tstamp", row.get("timestamp")), number, "tstamp")
    return JudgedAnswer(answer={"winner": winner}, at=at, **said)


def _item(row: Mapping[str, Any], number: int, limits: Limits) -> JudgedItem:
    first = read_turns(require(row, number, "conversation_a"), number, "conversation_a", limits)
    second = read_turns(require(row, number, "conversation_b"), number, "conversation_b", limits)
    shared, *after = part_conversations(first, second, number, "conversation_b")
    arms = [name_cell(require(row, number, column), number, column, limits) for column in ("model_a", "model_b")]
    known = read_outputs(row, number, count=2, limits=limits)
    question = row.get("item_id") or row.get("question_id", row.get("id"))
    return JudgedItem(
        item_id=name_cell(question, number, "question_id", limits),
        prompt=shared[-1][1],
        messages=as_messages(shared[:-1]),
        outputs=(
            JudgedOutput(arm=arms[0] or "unknown", **output_of(after[0]), **known[0]),
            JudgedOutput(arm=arms[1] or "unknown", **output_of(after[1]), **known[1]),
        ),
        tag=clean(row.get("tag"), number, "tag", limits),
        answers=(_answer(row, number, limits),),
    )


def write(judged: JudgedSet, folder: Path) -> list[Path]:
    """Write comparisons of texts as `arena.parquet` and `arena.jsonl` with a dataset card; the files' paths.

    Items without an answer are no votes and are left out. Raises InvalidStudy for other studies or a folder in use,
    Unavailable if the disk refuses; then nothing is left.
    """
    require_task(judged, NAME, ["compare"], ["text"])
    rows = []
    for item, group in zip(judged.items, split_groups(judged.items), strict=True):
        shared = outputs_columns(item) | {"item_id": item.item_id, "tag": item.tag, "split_group": group}
        first, second = item.outputs
        shared |= {
            "question_id": item.item_id,
            "model_a": first.arm,
            "model_b": second.arm,
            "conversation_a": whole_conversation(item, first),
            "conversation_b": whole_conversation(item, second),
            "language": "unknown",
        }
        shared["turn"] = sum(turn["role"] == "user" for turn in shared["conversation_a"])
        for answer in item.answers:
            own = {
                "winner": _WORDS[answer.answer["winner"]],
                "judge": answer.annotator,
                "anony": answer.blind,
                "tstamp": answer.at.timestamp() if answer.at else None,
            }
            rows.append({**shared, **own, **answer_columns(answer)})
    return write_folder(judged, rows, COLUMNS, folder, format=NAME, row="One row is one vote.")
