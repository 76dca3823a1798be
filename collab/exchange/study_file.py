"""What belongs to a whole set and to no row: `study.json` and the dataset card in README.md. Knows no format's rows."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from collab.errors import InvalidImport
from collab.exchange.answers import check_questions
from collab.exchange.cells import Limits, clean
from collab.exchange.json_rows import json_document
from collab.exchange.judged import TASKS, JudgedSet, LeftOut, TaskKind
from collab.exchange.new_folder import new_folder
from collab.exchange.rows import read_text
from collab.exchange.table_files import Column, write_tables
from collab.types import MODALITIES, Modality

NAME = "study.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFile:
    """The set's words. task and modality are None where no such file says them. notes: for whoever imports it."""

    title: str
    task: TaskKind | None = None
    modality: Modality | None = None
    question: str = ""
    guidelines: str = ""
    questions: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


def read_study_file(path: Path, limits: Limits) -> StudyFile:
    """What the folder's `study.json` says; for a lone file, or without one, only a title. Raises InvalidImport."""
    file = path / NAME
    if not path.is_dir() or not file.is_file():
        return StudyFile(title=clean("".join(c for c in path.stem if c.isprintable()), 1, "title", limits))
    found = json_document(read_text(file, limits), NAME, limits)
    task, modality = found.get("task"), found.get("modality")
    if task not in TASKS or modality not in MODALITIES:
        raise InvalidImport(f"{NAME} names no task ({', '.join(TASKS)}) or no modality ({', '.join(MODALITIES)}).")
    words = {key: clean(found.get(key), 1, f"{key} of {NAME}", limits) for key in ("title", "question", "guidelines")}
    questions = check_questions(found.get("questions", []))
    notes = _notes(found.get("left_out"), limits)
    return StudyFile(task=task, modality=modality, questions=questions, notes=notes, **words)


def _notes(told: object, limits: Limits) -> tuple[str, ...]:
    """That people were left out before the set was written; nothing where it is said in no way of ours."""
    people = told.get("people") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or type(people) is not int or people < 1:
        return ()
    reason = clean(told.get("reason"), 1, f"reason of {NAME}", limits)[:500]
    return (f"{_left_out(people)} before this was exported, so their answers are missing. Reason: {reason or 'none'}",)


def _left_out(people: int) -> str:
    return "1 person was left out" if people == 1 else f"{people:,} people were left out"


def write_study_file(judged: JudgedSet, folder: Path) -> Path:
    """Write `study.json`: all of the set but its items."""
    path = folder / NAME
    words = {
        "title": judged.title,
        "task": judged.task,
        "modality": judged.modality,
        "question": judged.question,
        "guidelines": judged.guidelines,
        "questions": list(judged.questions),
        **({"left_out": asdict(judged.left_out)} if judged.left_out else {}),
    }
    path.write_text(json.dumps(words, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return path


def write_card(judged: JudgedSet, folder: Path, *, format: str, data: str, columns: Sequence[Column], row: str) -> Path:
    """Write the dataset card. data: the Parquet file's name; row: what one row is."""
    answers = [answer for item in judged.items for answer in item.answers]
    arms = sorted({output.arm for item in judged.items for output in item.outputs})
    counts = {
        "Items": len(judged.items),
        "Answers": len(answers),
        "Annotators": len({answer.annotator for answer in answers}),
        "Systems": len(arms),
    }
    lines = [
        "---",
        f"pretty_name: {_yaml(judged.title)}",
        "license: other",
        "annotations_creators:",
        "- crowdsourced",
        f"task_categories:\n- {'text-to-image' if judged.modality == 'image' else 'text-generation'}",
        f"tags:\n- human-feedback\n- {judged.task}\n- {format}",
        f"configs:\n- config_name: default\n  data_files: {json.dumps(data)}",
        "---",
        "",
        f"# {_escape(judged.title)}",
        "",
        f"{row} Columns as in the format `{format}`, then where everything came from.",
        "",
        "| | |\n|---|---|",
        *(f"| {name} | {count:,} |" for name, count in counts.items()),
        "",
        "## How it was made",
        "",
        f"People answered a study of the kind `{judged.task}` about {judged.modality}s. Answers given in Collab were "
        "given with the outputs in random order; imported ones are as their source had them. `blind` tells whether the "
        "annotator could not know who made what.",
        "",
        *_quoted("Question", judged.question),
        *_quoted("Guidelines", judged.guidelines),
        *_quoted("Systems", ", ".join(arms)),
        *_who_is_missing(judged.left_out),
        *columns_and_licence(columns),
    ]
    path = folder / "README.md"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _who_is_missing(left_out: LeftOut | None) -> list[str]:
    if left_out is None:
        return []
    return [
        "## Who was left out",
        "",
        f"{_left_out(left_out.people)} by the owner's choice, after answers were seen. Their answers are not in these "
        "files, and figures worked out from them hold for the others alone.",
        "",
        *_quoted("Reason", left_out.reason),
        *_quoted("Effect on the results when it was decided", left_out.effect),
    ]


def columns_and_licence(columns: Sequence[Column]) -> list[str]:
    """The lines that end the card of any dataset of what people said."""
    return [
        "## Columns",
        "",
        "| column | what it holds |\n|---|---|",
        *(f"| `{_cell(column.name)}` | {_cell(column.about)} |" for column in columns),
        "",
        "## Licence and privacy",
        "",
        "No licence has been chosen yet. Before this is passed on, see what the models' licences say about their "
        "outputs and what the annotators agreed to.",
        "",
        "Annotators appear under pseudonyms, which still tell which answers are one person's. Prompts, outputs and "
        "comments are as people and models wrote them and may name people: read them before publishing.",
        "",
    ]


def write_folder(
    judged: JudgedSet,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    folder: Path,
    *,
    format: str,
    row: str,
    csv: bool = False,
    beside: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write the rows, `study.json`, the card, and the texts in `beside` by their names; the paths of all.

    Raises InvalidStudy for a folder in use, Unavailable if the disk refuses; then nothing is left.
    """
    with new_folder(folder) as temporary:
        paths = write_tables(columns, rows, temporary, format, csv=csv)
        paths.append(write_study_file(judged, temporary))
        paths.append(write_card(judged, temporary, format=format, data=f"{format}.parquet", columns=columns, row=row))
        for name, text in (beside or {}).items():
            path = temporary / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            paths.append(path)
    return [folder / path.relative_to(temporary) for path in paths]


def _yaml(text: str) -> str:
    """The text as a YAML string: JSON's, but for surrogate pairs and for what YAML takes for line breaks or refuses."""
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x85\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _escape(text: str) -> str:
    """A stranger's words as plain text in Markdown, on one line."""
    return html.escape(" ".join(text.split()), quote=False)


def _cell(text: str) -> str:
    return _escape(text).replace("|", "\\|").replace("`", "'")


def _quoted(heading: str, text: str) -> list[str]:
    if not text.strip():
        return []
    return [f"{heading}:", "", *(f"> {html.escape(line, quote=False)}" for line in text.splitlines()), ""]
