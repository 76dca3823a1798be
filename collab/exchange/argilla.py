"""Argilla 2 datasets: flat records with `<question>.responses`, and `.argilla/settings.json` beside them.

Reads what `Dataset.to_hub` and `to_disk` write and writes what `Dataset.from_hub` takes. Knows nothing of the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from collab.errors import InvalidImport
from collab.exchange.answers import check_questions, check_value, require_task
from collab.exchange.argilla_records import OF_ANSWERS, record_columns, record_of
from collab.exchange.argilla_settings import Plan, output_names, plan_of, question_names, settings_of
from collab.exchange.cells import LIMITS, Limits, clean, flag, moment, name_cell, one_of, refuse, require, shown, whole
from collab.exchange.conversations import read_messages
from collab.exchange.gathering import Gathering
from collab.exchange.json_rows import encode_json, json_cell, json_document
from collab.exchange.judged import LABELS, TASKS, JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.exchange.pictures import Pictures
from collab.exchange.provenance import NAMES, read_outputs, split_groups
from collab.exchange.rows import each_row, read_text
from collab.exchange.study_file import read_study_file, write_folder
from collab.types import MODALITIES

NAME = "argilla"
SETTINGS, DATASET = ".argilla/settings.json", ".argilla/dataset.json"
_OURS = NAMES | {column.name for column in OF_ANSWERS}


def read(path: Path, *, limits: Limits = LIMITS) -> JudgedSet:
    """The records of a dataset's folder, with their submitted responses. Raises InvalidImport.

    path: the folder, or the records' file in it. Drafts and discarded responses are counted in `notes`.
    """
    folder = path if path.is_dir() else path.parent
    if not (folder / SETTINGS).is_file():
        raise InvalidImport(f"There is no {SETTINGS} beside the records: give the folder that to_hub or to_disk made.")
    plan = plan_of(json_document(read_text(folder / SETTINGS, limits), SETTINGS, limits))
    study = read_study_file(path, limits)
    questions = check_questions(list(plan.questions))
    if study.task == plan.task and len(study.questions) == len(questions):
        questions = tuple(dict(question) for question in study.questions)
    reader = _Reader(plan, questions, limits)
    gathering = Gathering()
    for number, row in each_row(path, limits, lambda name: not name.startswith("vector"), []):
        gathering.add(number, reader.item(_flat(row, number), number), own_id="answer_users" in row)
    left = ", ".join(f"{count:,} {status}" for status, count in reader.left.items() if count)
    notes = (f"Left out, being no submitted responses: {left}.",) if left else ()
    return JudgedSet(
        title=study.title,
        task=plan.task,
        modality=plan.modality,
        question=study.question if study.task else clean(plan.question, 1, "question", limits),
        guidelines=study.guidelines or clean(plan.guidelines, 1, "guidelines", limits),
        questions=questions,
        items=gathering.items(),
        notes=(*study.notes, *notes),
    )


def _flat(row: dict[str, Any], number: int) -> dict[str, Any]:
    """A record as `to_hub` has it; `to_disk` nests fields and responses and tells no status.

    What another's dataset keeps under names like ours is its own metadata and is left out.
    """
    if "answer_users" not in row:
        row = {name: cell for name, cell in row.items() if name not in _OURS}
    if not isinstance(row.get("fields"), dict):
        return row
    flat = {"id": row.get("id")} | row["fields"]
    responses = row.get("responses") or {}
    if not isinstance(responses, dict):
        refuse(number, "responses", "it is not an object of questions.")
    for name, given in responses.items():
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            refuse(number, f"responses.{name}", "it is not a list of responses.")
        flat[f"{name}.responses"] = [one.get("value") for one in given]
        flat[f"{name}.responses.users"] = [one.get("user_id") for one in given]
    return flat


class _Reader:
    """Reads records of one dataset. left: how many responses of which other status there were."""

    def __init__(self, plan: Plan, questions: tuple[dict[str, Any], ...], limits: Limits) -> None:
        self.plan, self.questions, self.limits = plan, questions, limits
        self.pictures = Pictures(limits)
        self.left = {"draft": 0, "discarded": 0}

    def item(self, row: Mapping[str, Any], number: int) -> JudgedItem:
        plan, limits = self.plan, self.limits
        outputs = self._outputs(row, number)
        prompts = [clean(row.get(name), number, name, limits) for name in plan.prompts]
        prompt = "\n\n".join(text for text in prompts if text)
        messages = read_messages(row.get(plan.chat), number, plan.chat, limits) if plan.chat else ()
        if not plan.prompts and messages and messages[-1]["role"] == "user":
            messages, prompt = messages[:-1], messages[-1]["content"]
        return JudgedItem(
            item_id=name_cell(row.get("item_id") or row.get("id"), number, "id", limits) or f"row-{number}",
            prompt=prompt,
            messages=messages,
            outputs=outputs,
            tag=clean(row.get("tag"), number, "tag", limits),
            answers=tuple(self._answers(row, number, outputs)),
        )

    def _outputs(self, row: Mapping[str, Any], number: int) -> tuple[JudgedOutput, ...]:
        plan, limits = self.plan, self.limits
        names = [n for n in plan.outputs if plan.task != "rank" or row.get(n) is not None]
        if plan.task == "rank" and (len(names) < 3 or names != list(plan.outputs[: len(names)])):
            refuse(number, plan.outputs[len(names) - 1], "to rank, three outputs without a gap are needed.")
        models = json_cell(row.get("models"), number, "models", limits) or ["" if len(names) == 1 else n for n in names]
        if not isinstance(models, list) or len(models) != len(names):
            refuse(number, "models", f"{shown(models)} is not a list of {len(names)}, one for each output.")
        outputs = []
        known = read_outputs(row, number, count=len(names), limits=limits)
        for name, model, one in zip(names, models, known, strict=True):
            one["arm"] = name_cell(model, number, "models", limits) or "imported"
            if plan.modality == "image":
                one |= {"image": self.pictures.read(row.get(name), number, name), "media_type": "image/png"}
            else:
                one["text"] = clean(require(row, number, name), number, name, limits)
            outputs.append(JudgedOutput(**one))
        return tuple(outputs)

    def _answers(
        self, row: Mapping[str, Any], number: int, outputs: tuple[JudgedOutput, ...]
    ) -> Iterator[JudgedAnswer]:
        limits = self.limits
        given: dict[str, dict[str, Any]] = {}
        own = [self._list(row, column.name, number) for column in OF_ANSWERS[:-1]]
        if any(len(cells) != len(own[0]) for cells in own):
            refuse(number, "answer_users", "it has another number of entries than the columns about answers.")
        for user in own[0]:
            given[name_cell(user, number, "answer_users", limits)] = {}
        for name in self.plan.asked:
            for user, value in self._responses(row, name, number):
                if name in given.setdefault(user, {}):
                    refuse(number, f"{name}.responses.users", f"{shown(user)} is there twice.")
                given[user][name] = value
        facts = dict(zip(own[0], zip(*own[1:], strict=True), strict=True))
        for user, values in given.items():
            answer = self._answer(values, number, outputs)
            if user not in facts:
                yield JudgedAnswer(annotator=user, answer=answer)
                continue
            annotator, event, blind, comment, dwell, at = facts[user]
            yield JudgedAnswer(
                annotator=name_cell(annotator, number, "annotator", limits),
                answer=answer,
                event_id=name_cell(event, number, "event_ids", limits),
                blind=flag(blind, number, "blind", default=True),
                comment=clean(comment, number, "comment", limits),
                dwell_ms=whole(dwell, number, "dwell_ms", low=0),
                at=moment(at, number, "at"),
            )

    def _list(self, row: Mapping[str, Any], column: str, number: int) -> list[Any]:
        found = json_cell(row.get(column), number, column, self.limits)
        if found is not None and not isinstance(found, list):
            refuse(number, column, f"{shown(found)} is not a list.")
        return found or []

    def _responses(self, row: Mapping[str, Any], name: str, number: int) -> Iterator[tuple[str, Any]]:
        """Each user's submitted response to this question."""
        column = f"{name}.responses"
        values, users = self._list(row, column, number), self._list(row, f"{column}.users", number)
        statuses = self._list(row, f"{column}.status", number) or ["submitted"] * len(values)
        if not len(values) == len(users) == len(statuses):
            refuse(number, column, "it has another number of entries than its .users or .status.")
        for value, user, status in zip(values, users, statuses, strict=True):
            if status in self.left:
                self.left[status] += 1
            elif status in ("submitted", None):
                if value is None:
                    refuse(number, column, "a submitted response is empty.")
                yield name_cell(require({"user": user}, number, "user"), number, f"{column}.users", self.limits), value
            else:
                refuse(number, f"{column}.status", f"{shown(status)} is none of submitted, draft, discarded.")

    def _answer(self, values: Mapping[str, Any], number: int, outputs: tuple[JudgedOutput, ...]) -> dict[str, Any]:
        plan, name, limits = self.plan, self.plan.asked[0], self.limits
        column = f"{name}.responses"
        if plan.task == "rate":
            found = {}
            for asked, question in zip(plan.asked, self.questions, strict=True):
                column = f"{asked}.responses"
                value = values.get(asked)
                if question["kind"] == "choice" and isinstance(value, int):
                    value = str(value)  # a rating on another scale than one to five
                value = check_value(question, value, number, column, text=outputs[0].text, limits=limits)
                if value is not None:
                    found[question["name"]] = value
            return {"values": found}
        value = require(values, number, name)
        if plan.task == "edit":
            return {"text": clean(value, number, column, limits)}
        if isinstance(value, str):
            winners = {plan.outputs[0]: "a", plan.outputs[1]: "b", "tie": "tie", "both_bad": "both_bad"}
            return {"winner": one_of(value, number, column, winners)}
        groups = self._groups(value, number, column, len(outputs))
        if plan.task == "rank":
            return {"groups": groups}
        return {"winner": "tie" if len(groups) == 1 else groups[0][0].lower()}

    def _groups(self, value: object, number: int, column: str, count: int) -> list[list[str]]:
        """A ranking response: fields in order, or each with its rank, where equal ranks are ties."""
        names = self.plan.outputs[:count]
        places: dict[str, int] = {}
        for place, one in enumerate(value if isinstance(value, list) else [], start=1):
            field = one.get("value") if isinstance(one, Mapping) else one
            rank = one.get("rank") if isinstance(one, Mapping) else None
            if field in names and field not in places:
                places[field] = place if rank is None else whole(rank, number, column, low=1) or place
        if set(places) != set(names) or not isinstance(value, list) or len(value) != count:
            refuse(number, column, f"{shown(value)} does not rank each of {', '.join(names)} once.")
        labels = dict(zip(names, LABELS, strict=False))
        return [
            [labels[name] for name in names if places[name] == rank] for rank in sorted(set(places.values()))
        ]  # fmt: skip


def write(judged: JudgedSet, folder: Path) -> list[Path]:
    """Write any study as `argilla.parquet` and `argilla.jsonl` with Argilla's settings; the paths of all files.

    One row is one record. Somebody who answered an item twice appears there as two users, since Argilla keeps one
    response of each. Raises InvalidStudy for a folder in use, Unavailable if the disk refuses; then nothing is left.
    """
    require_task(judged, NAME, TASKS, MODALITIES)
    settings, names = settings_of(judged), output_names(judged)
    asked = question_names(judged.questions) if judged.task == "rate" else [settings["questions"][0]["name"]]
    rows = [
        record_of(judged, item, names, asked) | {"split_group": group}
        for item, group in zip(judged.items, split_groups(judged.items), strict=True)
    ]
    dataset = {"name": judged.title or "study", "status": "ready", "guidelines": judged.guidelines or None}
    dataset |= {key: settings[key] for key in ("allow_extra_metadata", "distribution")}
    beside = {SETTINGS: encode_json(settings), DATASET: encode_json(dataset)}
    columns = record_columns(judged, settings)
    return write_folder(judged, rows, columns, folder, format=NAME, row="One row is one record.", beside=beside)
