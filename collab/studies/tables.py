"""A study's results as CSV tables, safe to open in a spreadsheet. Reads results; works nothing out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from collab.errors import InvalidStudy
from collab.exchange.csv_rows import guard_cell
from collab.studies.consensus import consensus
from collab.studies.decisions import adjudicated
from collab.studies.exporting import export_study
from collab.studies.said import as_shown
from collab.studies.spec import read_spec
from collab.types import Study
from collab.workspace import Workspace

TABLES = ("leaderboard", "matrix", "agreement", "annotators", "answers", "consensus", "questions", "edits", "time",
          "evidence")  # fmt: skip
Rows = Iterable[Sequence[Any]]


def csv_table(ws: Workspace, study: Study, table: object, results: dict[str, Any]) -> str:
    """One table of a study as CSV text. Raises InvalidStudy for a table that is not there."""
    if table not in TABLES:
        raise InvalidStudy(f"There is no table “{str(table)[:40]}”: choose {', '.join(TABLES)}.")
    match table:
        case "leaderboard":
            return _of_dicts((results["leaderboard"] or {}).get("rows", []))
        case "matrix":
            return _csv(_matrix(results["matrix"]))
        case "answers":
            return _csv(_answers(ws, study))
        case "consensus":
            return _csv(_consensus(ws, study))
        case "questions":
            return _csv(_questions(results["questions"]))
        case "time":
            return _of_dicts(results["time"]["votes"])
        case "evidence":
            return _of_dicts((results["evidence"] or {}).get("curve", []))
        case other:
            return _of_dicts(results[str(other)])


def _of_dicts(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    return _csv([list(rows[0]), *(list(row.values()) for row in rows)])


def _matrix(matrix: dict[str, Any] | None) -> Rows:
    if not matrix:
        return
    yield ["row against column", *matrix["names"], *(f"votes against {name}" for name in matrix["names"])]
    for name, wins, votes in zip(matrix["names"], matrix["wins"], matrix["votes"], strict=True):
        yield [name, *wins, *votes]


def _questions(questions: Sequence[dict[str, Any]]) -> Rows:
    yield ["question", "arm", "n", "mean", "lower", "upper", "counts"]
    for question in questions:
        for row in question["rows"]:
            yield [question["name"], row["arm"], row["n"], row["mean"], row["lower"], row["upper"], row["counts"]]


def _answers(ws: Workspace, study: Study) -> Rows:
    yield ["item_id", "tag", "prompt", "outputs_by", "annotator", "answer", "comment", "dwell_ms", "at"]
    for item in export_study(ws, study).items:
        by = [output.arm for output in item.outputs]
        for answer in item.answers:
            at = answer.at.isoformat(timespec="seconds") if answer.at else ""
            yield [item.item_id, item.tag, item.prompt, by, answer.annotator, dict(answer.answer), answer.comment,
                   answer.dwell_ms, at]  # fmt: skip


def _consensus(ws: Workspace, study: Study) -> Rows:
    """What each item's answers come to: the owner's decision, else what consensus.py finds."""
    settled, spec = adjudicated(ws, study), read_spec(study.spec)
    yield ["item_id", "tag", "outputs_by", "answers", "consensus", "settled_by"]
    for item in export_study(ws, study).items:
        said = [answer.answer for answer in item.answers]
        by = [output.arm for output in item.outputs]
        if item.item_id in settled:
            agreed, rule = as_shown(study.task, settled[item.item_id], range(len(by))), "owner"
        else:
            agreed, rule = consensus(study.task, spec.questions, said)
        yield [item.item_id, item.tag, by, len(said), agreed, rule]


def _csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        value = json.dumps(value, ensure_ascii=False)
    return "" if value is None else guard_cell(value) if isinstance(value, str) else value
