"""Studies and annotators for tests: small real studies on the fake engine, answered through the real functions."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from collab.api import study as study_api
from collab.identity import Visitor
from collab.studies.answering import answer_task
from collab.studies.assignment import Nothing, next_task
from collab.studies.creation import create_study
from collab.studies.pregeneration import fill_items
from collab.types import Study, StudyItem, Task
from collab.workspace import Workspace
from tests.conftest import ended
from tests.visitors import new_visitor

TWO_ARMS: Mapping[str, Any] = {
    "title": "Which is better?",
    "task": "compare",
    "arms": [{"name": "plain", "prompt": "say {thing}"}, {"name": "kind", "prompt": "please say {thing}"}],
    "cases": [{"variables": {"thing": f"word{n} and more"}, "tag": "even" if n % 2 == 0 else "odd"} for n in range(6)],
    "gold_share": 0,
    "seed": 7,
}


def people(number: int) -> list[Visitor]:
    return [new_visitor() for _ in range(number)]


def filled_study(ws: Workspace, owner: Visitor, spec: Mapping[str, Any] = TWO_ARMS, **changes: Any) -> Study:
    """A study whose outputs have all been made."""
    study = create_study(ws, owner, {**spec, **changes})
    fill(ws)
    return study


def fill(ws: Workspace) -> None:
    """Make everything that waits, here and now."""
    for _ in range(500):
        if not fill_items(ws):
            return
        for run in list(ws.runs._runs):
            ended(ws, run)
    raise AssertionError("the items were never filled")


def given(ws: Workspace, visitor: Visitor, study: Study, **options: Any) -> tuple[Task, StudyItem]:
    """The visitor's next task, which there must be."""
    answer = next_task(ws, visitor, study, **options)
    assert not isinstance(answer, Nothing), answer
    return answer


def prefers(arm: int) -> Callable[[Task, StudyItem], dict[str, Any]]:
    """Answers of somebody who always likes one arm better, wherever it stands (and of gold the one on the left)."""

    def answer(task: Task, item: StudyItem) -> dict[str, Any]:
        shown = [item.cells[at][0] for at in task.arrangement]
        return {"winner": "ab"[shown.index(arm)] if arm in shown else "a"}

    return answer


def answers_all(
    ws: Workspace, visitor: Visitor, study: Study, answer: Callable[[Task, StudyItem], Mapping[str, Any]],
    *, at_most: int = 1000,
) -> int:  # fmt: skip
    """Let somebody answer until there is nothing left for them; how many they answered."""
    for number in range(at_most):
        task = next_task(ws, visitor, study)
        if isinstance(task, Nothing):
            return number
        answer_task(ws, visitor, task[0].token, answer(*task))
    return at_most


def results(ws: Workspace, owner: Visitor, study: Study, **how: Any) -> dict[str, Any]:
    return study_api.results(ws, owner, study.id, lambda output_id: f"link:{output_id}", **how)


def ranks(*orders: list[list[int]]) -> Any:
    """Answers that put the arms of item 0, 1, … in these orders (the last for all others)."""

    def answer(task: Task, item: StudyItem) -> Mapping[str, Any]:
        place = {item.cells[cell][0]: "ABC"[at] for at, cell in enumerate(task.arrangement)}
        order = orders[min(item.position, len(orders) - 1)]
        return {"groups": [[place[arm] for arm in group] for group in order]}

    return answer


def consensus_rows(ws: Workspace, owner: Visitor, study: Study) -> list[dict[str, str]]:
    """The consensus table, in the order of the items."""
    rows = csv.DictReader(io.StringIO(study_api.table(ws, owner, study.id, "consensus")["csv"]))
    place = {item.id: item.position for item in ws.store.find(StudyItem, study_id=study.id)}
    return sorted(rows, key=lambda row: place[row["item_id"]])
