"""Prompts with several versions, and people who vote in their trials, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from collab.generation import wording_of
from collab.identity import Visitor
from collab.refinement.trying import trials
from collab.studies import assignment
from collab.types import Decision, Prompt, PromptVersion, Study, StudyArm, StudyItem, Task, Trial
from collab.workspace import Workspace
from tests.conftest import make
from tests.studies.people import answers_all, fill, people

FEW: Mapping[str, int] = {"screening_votes": 30, "confirming_votes": 80}  # as many as it takes when people agree
Answer = Callable[[Task, StudyItem], Mapping[str, Any]]


def prompt_with(ws: Workspace, owner: Visitor, *more: str, text: str = "say hello", **ask: Any) -> list[PromptVersion]:
    """A prompt of the owner's that was used once: its root, and a version with each further text."""
    generation, _ = make(ws, owner, text, **ask)
    root = ws.store.get(PromptVersion, generation.prompt_version_id)
    return [root, *(child(ws, root, each) for each in more)]


def child(ws: Workspace, parent: PromptVersion, text: str) -> PromptVersion:
    """Another version of the same prompt."""
    made = PromptVersion(
        prompt_id=parent.prompt_id, parent_id=parent.id, text=text, origin="refiner", content_sha256="",
        created_by=parent.created_by,
    )  # fmt: skip
    modality = ws.store.get(Prompt, parent.prompt_id).modality
    assert wording_of(ws.store, made).modality == modality
    ws.store.add(made)
    return made


def vote(ws: Workspace, study_id: str | None, answer: Answer, number: int = 8, **options: Any) -> int:
    """Let so many new people answer until there is nothing left for them; how many answers came."""
    fill(ws)
    study = ws.store.get(Study, str(study_id))
    answered = 0
    for person in people(number):
        assignment._pair_chances.forget()
        answered += answers_all(ws, person, study, answer, **options)
    return answered


def likes(ws: Workspace, study_id: str | None, *versions: PromptVersion) -> Answer:
    """Somebody who likes the versions in this order, those not named least of all."""
    arms = {arm.position: arm.prompt_version_id for arm in ws.store.find(StudyArm, study_id=study_id)}
    order = [version.id for version in versions]

    def answer(task: Task, item: StudyItem) -> dict[str, str]:
        shown = [arms[item.cells[at][0]] for at in task.arrangement]
        ranks = [order.index(version) if version in order else len(order) for version in shown]
        return {"winner": "tie" if ranks[0] == ranks[1] else "ab"[ranks.index(min(ranks))]}

    return answer


def won(ws: Workspace, owner: Visitor, champion: PromptVersion, better: PromptVersion) -> Trial:
    """A trial about the owner's own taste that `better` won against the serving `champion`."""
    trial = trials.start(ws, owner, champion.prompt_id, [better.id], scope="panel", confirming_votes=12)
    vote_alone(ws, owner, trial.confirming_id, likes(ws, trial.confirming_id, better), 12)
    return trials.advance(ws, trial.id)


def vote_alone(ws: Workspace, person: Visitor, study_id: str | None, answer: Answer, number: int = 8) -> None:
    """Let one person answer so many items, once their outputs are there."""
    fill(ws)
    answers_all(ws, person, ws.store.get(Study, str(study_id)), answer, at_most=number)


def said(ws: Workspace, prompt_id: str, kind: str) -> list[str]:
    """The sentences of the prompt's log of this kind."""
    return [decision.content["said"] for decision in ws.store.find(Decision, prompt_id=prompt_id, kind=kind)]


def at_once(number: int, act: Callable[[], Any]) -> list[Any]:
    """What `act` returned or raised in so many threads at the same moment."""
    gate, results = threading.Barrier(number), []

    def work() -> None:
        gate.wait()
        try:
            results.append(act())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
