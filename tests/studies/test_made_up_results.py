"""The made-up results that browser tests of Insights look at are what the server sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from collab.api import study as study_api
from collab.identity import Visitor
from collab.types import StudyItem, Task
from collab.workspace import Workspace
from tests.studies.people import answers_all, filled_study, people
from tests.studies.test_answering import THREE
from tests.ui.harness_insights import Desk


def shape(value: Any) -> Any:
    """What a value is made of: the names of an object's parts, and what a list is a list of."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else "a value"


def contrary(first: bool) -> Any:
    """Answers of two people who never agree."""

    def answer(task: Task, item: StudyItem) -> Mapping[str, Any]:
        labels = sorted("ABC"[: len(task.arrangement)], key=lambda x: task.arrangement["ABC".index(x)], reverse=first)
        return {"winner": labels[0].lower(), "groups": [[x] for x in labels], "text": f"it is {first}"}

    return answer


@pytest.mark.parametrize(("task", "arms"), [("compare", 2), ("rank", 3), ("edit", 1)])
def test_made_up_results_are_what_the_server_sends(ws: Workspace, owner: Visitor, task: str, arms: int):
    study = filled_study(ws, owner, task=task, arms=THREE[:arms], overlap=2)
    for number, person in enumerate(people(2)):
        answers_all(ws, person, study, contrary(number == 0))
    told = study_api.results(ws, owner, study.id, str)
    made = Desk().studies[{"compare": "two"}.get(task, task)].results()
    assert set(made) == set(told) and set(made["counts"]) == set(told["counts"])
    assert set(made["evidence"] or ()) == set(told["evidence"] or ()) - {"alpha", "test"}
    for queue in (made["adjudication"], told["adjudication"]):
        for option in queue[0]["options"]:  # of pictures an address, of texts a text
            option.pop("image_url", option.pop("text", None))
    assert shape(made["adjudication"]) == shape(told["adjudication"])
    assert shape(made["agreement"]) == shape(told["agreement"])
    scales = [[(row["question"], row["level"]) for row in each["agreement"]] for each in (made, told)]
    assert scales[0] == scales[1]
