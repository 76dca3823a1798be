"""Makes a study with its arms and items from a checked spec. Generates nothing yet (pregeneration.py does)."""

from __future__ import annotations

import secrets
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from collab.checks import clean_request_id
from collab.collector import paused_collector
from collab.errors import InvalidStudy, NotAllowed, Unavailable
from collab.exchange.judged import JudgedSet
from collab.generation import ensure_annotator, own_outputs
from collab.identity import Visitor
from collab.store import Conflict
from collab.studies.arms import arm_sets, items_of_cases, resolve_arms, store_arms
from collab.studies.fitting import Together, fit
from collab.studies.gold import check_gold
from collab.studies.groups import arms_of_groups, items_of_groups, read_groups
from collab.studies.imported import gold_items, store_set
from collab.studies.panel import with_panel
from collab.studies.questions import check_questions
from collab.studies.spec import QUESTIONS, Asked, StudySpec, check_spec
from collab.studies.uploads import read_upload
from collab.types import (
    Modality,
    Study,
    StudyCase,
    StudyItem,
)
from collab.workspace import Workspace

ITEMS_LIMIT = 200_000
SECONDS = {"compare": 20, "rank": 40, "rate": 20, "edit": 90}  # that one answer takes, about
_STUDIES = uuid.UUID("5b0b2a4e-6f5c-5f4e-8a3d-0c2f6a9d7e21")  # namespace of ids made from request ids


def create_study(ws: Workspace, visitor: Visitor, given: object, *, request_id: str = "") -> Study:
    """Check and store a study with all its items. Raises a CollabError with one sentence and then stores nothing.

    Repeating a `request_id` returns the first one's study.
    """
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner may create a study: enter the owner's token first, or ask them.")
    key = clean_request_id(request_id, InvalidStudy)
    study_id = str(uuid.uuid5(_STUDIES, f"{visitor.annotator_id}:{key}")) if key else ""
    if study_id and (earlier := ws.store.find(Study, id=study_id)):
        return earlier[0]
    asked = _checked(ws, visitor, given)
    if asked.source:
        return _from_file(ws, visitor, asked, study_id)
    arms = resolve_arms(ws, visitor, asked) if asked.arms else []
    groups = read_groups(ws, visitor, asked) if asked.groups else None
    modality = arms[0].wording.modality if arms else groups.modality if groups else "text"
    spec = replace(asked.spec, question=asked.spec.question or QUESTIONS[asked.task, modality])
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                study = new_study(asked, modality, spec, visitor, study_id)
                if groups:
                    stored_arms = arms_of_groups(study, groups)
                    items = list(items_of_groups(study, spec, groups))
                else:
                    stored_arms = store_arms(ws, visitor, study, arms, connection)
                    items = list(items_of_cases(study, spec, asked.cases, arms))
                fitted = fit(asked, spec, [_arms_of(item) for item in items])
                study = replace(study, items=len(items), spec=fitted.as_json())
                cases = [
                    StudyCase(study_id=study.id, position=n, variables=case.variables, tag=case.tag)
                    for n, case in enumerate(asked.cases)
                ]
                ws.store.add(study, *cases, connection=connection)
                gold = gold_items(ws, visitor, study, spec, asked.gold, _labels(items), connection)
                ws.store.add(*stored_arms, *in_serving_order(items, gold, spec.seed), connection=connection)
            return study
        except Conflict:  # the owner's other tab stored the same prompt, model or study at this moment
            if study_id and (earlier := ws.store.find(Study, id=study_id)):
                return earlier[0]
    raise Unavailable("The store is very busy with the same study: try again in a moment.")


def _checked(ws: Workspace, visitor: Visitor, given: object) -> Asked:
    """The study asked for, checked as far as it can be without its items."""
    asked = check_spec(given)
    check_gold(asked.gold, asked.task)
    _check_examples(ws, visitor, asked)
    return replace(asked, spec=with_panel(ws, visitor, asked.spec))


def _check_examples(ws: Workspace, visitor: Visitor, asked: Asked) -> None:
    """Whether the worked examples show the owner's own pictures, none of which is judged too.

    Raises NotFound or InvalidStudy.
    """
    judged = {name for group in asked.groups for name in group}
    judged |= {name for entry in asked.gold for name in entry.get("output_ids") or ()}
    for number, example in enumerate(asked.spec.worked_examples, 1):
        for output in own_outputs(ws, visitor, example.get("output_ids") or ()):
            if output.blob_sha256 is None:
                raise InvalidStudy(f"Worked example {number} names a text by its id: write the text itself.")
            if output.id in judged:
                raise InvalidStudy(f"Worked example {number} shows a picture that is to be judged: choose another.")


def _arms_of(item: StudyItem) -> Together:
    return frozenset(arm for arm, _, _ in item.cells)


def _labels(items: Sequence[StudyItem]) -> tuple[str, ...]:
    """What most of the items show beside their outputs."""
    shown = Counter(tuple(label for label, _ in item.context) for item in items)
    return shown.most_common(1)[0][0] if shown else ()


def preview(ws: Workspace, visitor: Visitor, given: object) -> dict[str, Any]:
    """What a study would come to: items, answers, generations, people's time. Raises what create_study would."""
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner may create a study: enter the owner's token first, or ask them.")
    asked = _checked(ws, visitor, given)
    generations = 0
    if asked.source:
        judged = read_upload(ws, visitor, asked.source)
        items, fitted = len(judged.items), _fitted_to_set(asked, asked.spec, judged)
        said = f"{items:,} rows"
    elif asked.groups:
        groups = read_groups(ws, visitor, asked)
        items = len(asked.groups)
        fitted = fit(asked, asked.spec, [frozenset(map(groups.arm, group)) for group in groups.groups])
        said = f"{items:,} items"
    else:
        arms = resolve_arms(ws, visitor, asked)
        together = [frozenset(arms) for arms in arm_sets(asked.task, len(arms))] * len(asked.cases) * asked.spec.samples
        items, fitted = len(together), fit(asked, asked.spec, together)
        generations = len(arms) * len(asked.cases)
        said = f"{_count(len(arms), 'arm')} × {_count(len(asked.cases) * asked.spec.samples, 'case')} make "
        said += _count(items, {"compare": "pair", "rank": "ranking"}.get(asked.task, "item"))
    tasks = min(items * asked.spec.overlap, int(asked.spec.target.get("votes", 10**9)))
    minutes = max(1, round(tasks * SECONDS[asked.task] / 60))
    people = "1 person" if asked.spec.overlap == 1 else f"{asked.spec.overlap} people"
    sentence = f"{said}; with {people} on each that is {_count(tasks, 'answer')}, about "
    sentence += f"{_count(minutes, 'minute')} of people's time."
    sentence = " ".join((sentence, *fitted.notes))
    return {"items": items, "tasks": tasks, "generations": generations, "sentence": sentence}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _from_file(ws: Workspace, visitor: Visitor, asked: Asked, study_id: str) -> Study:
    """A study of what was uploaded beforehand (uploads.py)."""
    return _from_set(ws, visitor, asked, read_upload(ws, visitor, asked.source), study_id)


def study_of_set(ws: Workspace, visitor: Visitor, given: object, judged: JudgedSet) -> Study:
    """A study of an exchange set, asked about as a spec says. Raises what create_study does."""
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner may create a study: enter the owner's token first, or ask them.")
    if not isinstance(given, Mapping):
        raise InvalidStudy("The spec of a study must be an object.")
    asked = _checked(ws, visitor, {"task": judged.task, **given, "import": {"set": True}})
    return _from_set(ws, visitor, asked, judged, "")


def _from_set(ws: Workspace, visitor: Visitor, asked: Asked, judged: JudgedSet, study_id: str) -> Study:
    if asked.task != judged.task:
        raise InvalidStudy(f"The file's rows are to {judged.task}, not to {asked.task}: change the task.")
    if asked.modality and asked.modality != judged.modality:
        raise InvalidStudy(f"The file holds {judged.modality}s, not {asked.modality}s: change the modality.")
    spec = replace(
        asked.spec,
        question=asked.spec.question or judged.question or QUESTIONS[judged.task, judged.modality],
        questions=asked.spec.questions if not judged.questions else check_questions(judged.questions, judged.task),
    )
    spec = _fitted_to_set(asked, spec, judged)
    study = new_study(asked, judged.modality, spec, visitor, study_id)
    return store_set(ws, visitor, study, spec, judged, asked.gold)


def _fitted_to_set(asked: Asked, spec: StudySpec, judged: JudgedSet) -> StudySpec:
    """The spec fitted to an exchange set, and to what each person answered where it brings answers."""
    with paused_collector():
        people = [answer.annotator for item in judged.items for answer in item.answers]
        together = [frozenset(output.arm for output in item.outputs) for item in judged.items]
    return fit(asked, spec, together, answered=bool(people), most=len(people) // max(1, len(set(people))))


def import_set(ws: Workspace, visitor: Visitor, judged: JudgedSet) -> Study:
    """A study of an exchange set as it is: closed where it brings answers, else open to be judged.

    Raises NotAllowed for anyone but the owner, and InvalidImport naming the item that is wrong.
    """
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner may import: enter the owner's token first, or ask them.")
    questions = list(judged.questions)
    asked = check_spec(
        {"title": judged.title or "Imported", "task": judged.task, "modality": judged.modality,
         "question": judged.question, "guidelines": judged.guidelines, "import": {"set": True},
         "questions": questions if judged.task == "rate" else None}
    )  # fmt: skip
    spec = replace(asked.spec, question=asked.spec.question or QUESTIONS[judged.task, judged.modality])
    spec = _fitted_to_set(asked, spec, judged)
    study = new_study(asked, judged.modality, spec, visitor, "")
    return store_set(ws, visitor, study, spec, judged)


def new_study(asked: Asked, modality: Modality, spec: StudySpec, visitor: Visitor, study_id: str) -> Study:
    """The study's row, not yet stored. Raises InvalidStudy where task and modality do not go together."""
    if asked.task == "edit" and modality == "image":
        raise InvalidStudy("A study of corrections is for text: compare, rank or rate pictures instead.")
    made = Study(
        title=asked.title,
        task=asked.task,
        modality=modality,
        spec=spec.as_json(),
        access=asked.access,  # type: ignore[arg-type]
        link=secrets.token_urlsafe(16),
        created_by=visitor.annotator_id,
    )
    return replace(made, id=study_id) if study_id else made


def serving_order(items: int, seed: int) -> list[int]:
    """The position of each of so many items, shuffled by `seed`. Raises InvalidStudy for none and for too many."""
    if not items:
        raise InvalidStudy("The study has no items: give it cases, outputs or rows to judge.")
    if items > ITEMS_LIMIT:
        raise InvalidStudy(f"The study would have {items:,} items: at most {ITEMS_LIMIT:,} are possible.")
    order = list(range(items))
    Random(seed).shuffle(order)
    return order


def in_serving_order(items: Sequence[StudyItem], gold: Sequence[StudyItem], seed: int) -> Iterator[StudyItem]:
    """The items with their positions shuffled by `seed`, gold after them in its own order."""
    for item, position in zip(items, serving_order(len(items), seed), strict=True):
        yield replace(item, position=position)
    for number, item in enumerate(gold):
        yield replace(item, position=len(items) + number)
