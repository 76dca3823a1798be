"""A plain table: outputs to be judged, one item a row, or a study's answers, one answer a row. Knows no store.

Reads CSV, JSON, JSON Lines, Parquet and the folders of `datasets.save_to_disk`; writes Parquet, JSON Lines and CSV.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collab.errors import InvalidImport
from collab.exchange.answers import check_groups, check_value, require_task
from collab.exchange.cells import LIMITS, Limits, clean, moment, name_cell, one_of, refuse, require, shown
from collab.exchange.conversations import read_messages
from collab.exchange.gathering import Gathering
from collab.exchange.json_rows import encode_json, json_cell
from collab.exchange.judged import QUALITY, TASKS, JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet, TaskKind
from collab.exchange.pictures import Pictures
from collab.exchange.provenance import answer_columns, outputs_columns, read_answer, read_outputs, split_groups
from collab.exchange.rows import Table, read_table
from collab.exchange.study_file import StudyFile, read_study_file, write_folder
from collab.exchange.table_columns import ANSWER, Shape, columns_of, find_shape, is_known
from collab.types import MODALITIES, Winner

NAME = "table"

WINNERS: Mapping[str, Winner] = {
    "a": "a", "b": "b", "tie": "tie", "both_bad": "both_bad",
    "A": "a", "B": "b", "model_a": "a", "model_b": "b", "response_a": "a", "response_b": "b",
    "image_a": "a", "image_b": "b", "tie (bothbad)": "both_bad",
}  # fmt: skip


def read(path: Path, *, limits: Limits = LIMITS) -> JudgedSet:
    """The items of a table, with answers where it has any. Raises InvalidImport naming the row and the column.

    Columns: `response` (to rate; `edited_text` makes it an edit), or `response_a`, `response_b` (to compare) up to
    `response_f` (to rank), or the same with `image`; optionally `prompt`, `messages`, `model…`, `tag`, `item_id`,
    `annotator`, `winner`, `ranking`, and what `write` adds. Columns that are not known are left out and noted.
    """
    study = read_study_file(path, limits)
    table = read_table(path, limits, is_known)
    shape = find_shape(table.columns)
    task = study.task or shape.task(table.columns)
    if (len(shape.suffixes) == 1) != (task in ("rate", "edit")) or (task == "compare" and len(shape.suffixes) != 2):
        raise InvalidImport(f"study.json says {task}, which the columns {', '.join(table.columns[:20])} do not fit.")
    reader = _Reader(shape, task, study, table, limits)
    gathering = Gathering()
    for number, row in table.rows:
        gathering.add(number, reader.item(row, number), own_id=reader.has_ids)
    questions = study.questions or ((dict(QUALITY),) if task == "rate" else ())
    return JudgedSet(
        title=study.title,
        task=task,
        modality=shape.modality,
        question=study.question,
        guidelines=study.guidelines,
        questions=questions,
        items=gathering.items(),
        notes=_notes(table, study),
    )


def _notes(table: Table, study: StudyFile) -> tuple[str, ...]:
    unknown = [name for name in table.columns if not is_known(name)]
    asked = [f"{ANSWER}{question['name']}" for question in study.questions]
    unasked = [name for name in table.columns if name.startswith(ANSWER) and name not in asked]
    notes = list(study.notes)
    if unknown:
        notes.append(f"Left out, being columns of no known meaning: {_listed(unknown)}.")
    if unasked:
        notes.append(
            f"Left out, because no study.json says what was asked: {_listed(unasked)}. "
            "Import the whole folder to have them."
        )
    return tuple(notes)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 20:,} other columns" if len(names) > 20 else ""
    return ", ".join(shown(name) for name in names[:20]) + more


class _Reader:
    """Reads rows of one table."""

    def __init__(self, shape: Shape, task: TaskKind, study: StudyFile, table: Table, limits: Limits) -> None:
        self.shape, self.task, self.questions, self.limits = shape, task, study.questions, limits
        self.pictures = Pictures(limits)
        answers = {"compare": ["winner"], "rank": ["ranking"], "edit": ["edited_text"]}
        asked = [ANSWER + question["name"] for question in study.questions]
        self.answers = [name for name in answers.get(task, asked) if name in table.columns]
        self.has_ids = "item_id" in table.columns

    def item(self, row: Mapping[str, Any], number: int) -> JudgedItem:
        outputs = self._outputs(row, number)
        answers = self._answers(row, number, outputs)
        item_id = name_cell(row.get("item_id"), number, "item_id", self.limits)
        if self.has_ids and not item_id:
            refuse(number, "item_id", "it is empty: give each item an id, or leave the column out.")
        return JudgedItem(
            # without ids, rows with answers are joined by what they show, and rows without are items of their own
            item_id=item_id or ("" if answers else f"row-{number}"),
            prompt=clean(row.get("prompt"), number, "prompt", self.limits),
            messages=read_messages(row.get("messages"), number, "messages", self.limits),
            outputs=outputs,
            tag=clean(row.get("tag"), number, "tag", self.limits),
            answers=answers,
        )

    def _outputs(self, row: Mapping[str, Any], number: int) -> tuple[JudgedOutput, ...]:
        shape, limits = self.shape, self.limits
        cells = [row.get(shape.content + suffix) for suffix in shape.suffixes]
        ids = row.get("output_ids")
        if isinstance(ids, str) and ids.startswith("["):
            ids = json_cell(ids, number, "output_ids", limits)
        if isinstance(ids, list) and ids:
            count = len(ids)
        else:  # a ranking may have fewer outputs than columns; an empty text among two is a text
            count = len(cells)
            while self.task == "rank" and count and cells[count - 1] in (None, ""):
                count -= 1
        fewest = {"compare": 2, "rank": 3}.get(self.task, 1)
        if not fewest <= count <= len(cells):
            refuse(number, shape.content + shape.suffixes[-1], f"to {self.task}, {fewest} outputs are needed.")
        outputs = []
        for suffix, one in zip(shape.suffixes, read_outputs(row, number, count=count, limits=limits), strict=False):
            column = shape.content + suffix
            arm = name_cell(row.get("model" + suffix), number, "model" + suffix, limits)
            one["arm"] = arm or suffix[1:].upper() or "imported"
            if shape.content == "image":
                one |= {"image": self.pictures.read(row.get(column), number, column), "media_type": "image/png"}
            else:
                one["text"] = clean(require(row, number, column), number, column, limits)
            outputs.append(JudgedOutput(**one))
        return tuple(outputs)

    def _answers(
        self, row: Mapping[str, Any], number: int, outputs: tuple[JudgedOutput, ...]
    ) -> tuple[JudgedAnswer, ...]:
        if not self.answers or not any(row.get(name) not in (None, "") for name in ("annotator", *self.answers)):
            return ()
        limits = self.limits
        answer: dict[str, Any]
        if self.task == "compare":
            answer = {"winner": one_of(row.get("winner"), number, "winner", WINNERS)}
        elif self.task == "rank":
            groups = check_groups(row.get("ranking"), number, "ranking", count=len(outputs), limits=limits)
            answer = {"groups": groups}
        elif self.task == "edit":
            answer = {"text": clean(require(row, number, "edited_text"), number, "edited_text", limits)}
        else:
            answer = {"values": self._values(row, number, outputs[0].text)}
        said = read_answer(row, number, annotator="imported", limits=limits)
        return (JudgedAnswer(answer=answer, at=moment(row.get("at"), number, "at"), **said),)

    def _values(self, row: Mapping[str, Any], number: int, text: str | None) -> dict[str, Any]:
        values = {}
        for question in self.questions:
            column = ANSWER + question["name"]
            value = check_value(question, row.get(column), number, column, text=text, limits=self.limits)
            if value is not None:
                values[question["name"]] = value
        return values


def write(judged: JudgedSet, folder: Path) -> list[Path]:
    """Write a study's answers as `table.parquet`, `table.jsonl` and `table.csv` with a dataset card; the paths.

    One row an answer; an item without answers is a row without an annotator. CSV has no pictures. Raises InvalidStudy
    for a folder in use, Unavailable if the disk refuses; then nothing is left.
    """
    require_task(judged, NAME, TASKS, MODALITIES)
    columns = columns_of(judged)
    alone = any(column.name == "model" for column in columns)
    content = "image" if judged.modality == "image" else "response"
    rows = []
    for item, group in zip(judged.items, split_groups(judged.items), strict=True):
        shared = outputs_columns(item) | {"item_id": item.item_id, "tag": item.tag, "split_group": group}
        shared["prompt"] = item.prompt
        shared["messages"] = encode_json(item.messages) if item.messages else ""
        for place, output in enumerate(item.outputs):
            suffix = "" if alone else f"_{'abcdef'[place]}"
            shared[f"model{suffix}"] = output.arm
            shared[content + suffix] = output.image if content == "image" else output.text
        for answer in item.answers:
            rows.append({**shared, **_cells(judged, answer), **answer_columns(answer), "at": answer.at})
        if not item.answers:
            rows.append(shared)
    row = "One row is one answer, or an item that nobody has answered yet."
    return write_folder(judged, rows, columns, folder, format=NAME, row=row, csv=True)


def _cells(judged: JudgedSet, answer: JudgedAnswer) -> dict[str, Any]:
    """The answer's own cells."""
    said = answer.answer
    if judged.task == "compare":
        return {"winner": said["winner"]}
    if judged.task == "rank":
        return {"ranking": encode_json(said["groups"])}
    if judged.task == "edit":
        return {"edited_text": said["text"]}
    return {ANSWER + name: value for name, value in said["values"].items()}
