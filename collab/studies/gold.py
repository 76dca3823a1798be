"""Gold items: items whose right answer is known, mixed in invisibly. Checks them; knows nothing of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab.checks import clean_text
from collab.errors import CollabError, InvalidStudy
from collab.studies.cases import TEXT_LIMIT
from collab.studies.plain import an_object
from collab.studies.said import read_answer
from collab.studies.spec import StudySpec
from collab.types import Output, Study, StudyTask

_OUTPUTS: Mapping[StudyTask, tuple[int, int]] = {"compare": (2, 2), "rank": (3, 6), "rate": (1, 1), "edit": (1, 1)}


def gold_prompt(entry: Mapping[str, Any], number: int) -> str:
    """What is shown beside a gold item's outputs. Raises InvalidStudy."""
    return clean_text(entry.get("prompt"), f"prompt of gold item {number}", limit=TEXT_LIMIT, error=InvalidStudy)


def gold_context(entry: Mapping[str, Any], number: int, labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """What is shown beside a gold item's outputs. Raises InvalidStudy.

    labels: what the study's other items show, so that nobody knows gold by its looks: a prompt takes the name of their
    only label; where they show several, gold has `variables` of the same names, and where none, nothing.
    """
    wanted = ", ".join(labels)
    if len(set(labels)) < len(labels):
        raise _stands_out(number, "the other items show conversations of several turns, so leave gold out")
    if given := entry.get("variables"):
        variables = an_object(given, f"variables of gold item {number}")
        if set(variables) != set(labels):
            raise _stands_out(number, f"give it {wanted}" if labels else "leave its variables out")
        what = f"variable of gold item {number}"
        texts = {n: clean_text(variables[n], what, limit=TEXT_LIMIT, error=InvalidStudy, required=True) for n in labels}
        return tuple(texts.items())
    prompt = gold_prompt(entry, number)
    if len(labels) > 1:
        raise _stands_out(number, f"the other items show {wanted}, so give it variables of these names")
    if labels and not prompt.strip():
        raise _stands_out(number, f"the other items show “{wanted}”, so give it a prompt to stand there")
    if prompt and not labels:
        raise _stands_out(number, "the other items show nothing beside their outputs, so leave its prompt out")
    return tuple((label, prompt) for label in labels)


def _stands_out(number: int, advice: str) -> InvalidStudy:
    return InvalidStudy(f"Gold item {number} would stand out: {advice}.")


def check_kind(study: Study, number: int, outputs: Sequence[Output]) -> None:
    """Whether a gold item shows what the study's other items do, texts or pictures. Raises InvalidStudy."""
    if any((output.blob_sha256 is not None) != (study.modality == "image") for output in outputs):
        held, wanted = ("texts", "pictures") if study.modality == "image" else ("pictures", "texts")
        raise InvalidStudy(f"Gold item {number} holds {held} in a study of {wanted}: choose outputs of its kind.")


def gold_texts(entry: Mapping[str, Any], number: int) -> list[str]:
    """The outputs that a gold item brings along. Raises InvalidStudy."""
    return [
        clean_text(text, f"output of gold item {number}", limit=TEXT_LIMIT, error=InvalidStudy, required=True)
        for text in entry["outputs"]
    ]


def check_gold(gold: Sequence[Mapping[str, Any]], study_task: StudyTask) -> None:
    """Whether each gold item has as many outputs as the task takes. Raises InvalidStudy naming the item."""
    low, high = _OUTPUTS[study_task]
    for number, entry in enumerate(gold, 1):
        outputs = entry.get("outputs") or entry.get("output_ids")
        if not isinstance(outputs, Sequence) or isinstance(outputs, str) or not low <= len(outputs) <= high:
            wanted = str(low) if low == high else f"{low} to {high}"
            raise InvalidStudy(f"Gold item {number} needs a list of {wanted} outputs to {study_task}.")


def check_expected(
    study: Study, spec: StudySpec, number: int, expected: object, outputs: Sequence[Output]
) -> dict[str, Any]:
    """A gold item's right answer in the order of its outputs. Raises InvalidStudy naming the gold item."""
    if study.task == "rate" and isinstance(expected, Mapping) and "values" not in expected:
        expected = {"values": expected}
    asked = spec.questions
    if study.task == "rate" and isinstance(expected, Mapping):  # gold may leave questions open
        named = expected.get("values")
        asked = tuple(q for q in asked if isinstance(named, Mapping) and q.name in named) or asked
    try:
        return read_answer(study.task, asked, expected, outputs, range(len(outputs)))
    except CollabError as error:
        raise InvalidStudy(f"Gold item {number}: {error}") from error
