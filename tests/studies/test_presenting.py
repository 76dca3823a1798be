"""How far one is, as each person is told."""

from __future__ import annotations

from typing import Any

import pytest

from collab.identity import Visitor
from collab.studies.presenting import progress
from collab.types import Study
from collab.workspace import Workspace
from tests.studies.people import answers_all, filled_study, people, prefers


def told(ws: Workspace, visitor: Visitor, study: Study) -> tuple[int, int | None, int | None, bool]:
    found = progress(ws, visitor, ws.store.get(Study, study.id))
    return found["answered"], found["left"], found["total"], found["at_most"]


def test_everybody_is_told_how_many_there_will_be_whatever_others_answered(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=3)
    first, second, third, late = people(4)
    for person in (first, second, third):
        assert told(ws, person, study) == (0, 6, 6, False)
        answers_all(ws, person, study, prefers(0), at_most=4)
        assert told(ws, person, study) == (4, 2, 6, False)
    for person in (first, second):
        answers_all(ws, person, study, prefers(0))
        assert told(ws, person, study) == (6, 0, 6, False)
    assert told(ws, late, study) == (0, 2, 6, True)  # the places that are left, which others may take


@pytest.mark.parametrize(
    ("changes", "left", "total", "at_most"),
    [
        ({"quota": 4}, 4, 4, False),
        ({"quota": 40}, 6, 6, False),
        ({"target": {"votes": 5}}, 5, 6, True),
        ({"target": {"interval_width": 0.2}}, 6, 6, True),
        ({"repeat_share": 0.2}, None, None, False),
        ({"repeat_share": 0.2, "quota": 8}, 8, 8, False),
    ],
)
def test_fewer_may_come_where_the_study_can_know_enough_before(
    ws: Workspace,
    owner: Visitor,
    ann: Visitor,
    changes: dict[str, Any],
    left: int | None,
    total: int | None,
    at_most: bool,
):
    study = filled_study(ws, owner, **changes)
    assert told(ws, ann, study) == (0, left, total, at_most)
