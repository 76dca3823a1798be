"""Grids: every combination once, durable, and masked until the reveal."""

from __future__ import annotations

import json

import pytest

from collab import api, grids
from collab.erasing import delete_my_data
from collab.errors import CollabError
from collab.feedback import edit_text, rate, undo
from collab.generation import Ask
from collab.identity import Visitor
from collab.types import Generation, GridCell, Output
from collab.workspace import Workspace
from tests.conftest import counts, ended

ASK = Ask(prompt="a {colour} fox", seed=3)
AXES = [
    {"kind": "variable", "name": "colour", "values": "red | blue\u00a0sky | red"},
    {"kind": "setting", "name": "temperature", "values": "0..1:0.5"},
]


def made(ws: Workspace, visitor: Visitor, **more: bool) -> str:
    grid_id = grids.make_grid(ws, visitor, ASK, AXES, **more)
    for cell in ws.store.find(GridCell, grid_id=grid_id):
        ended(ws, cell.generation_id)
    return grid_id


def test_values_are_lists_lines_or_ranges():
    assert grids.read_values("red | blue|| red") == ["red", "blue"]
    assert grids.read_values("one | two\nthree\n") == ["one | two", "three"]
    assert grids.read_values("1..4") == ["1", "2", "3", "4"] and grids.read_values("3..1") == ["3", "2", "1"]
    assert grids.read_values(" 0 .. 1 : 0.25 ") == ["0", "0.25", "0.5", "0.75", "1"]
    for bad in ("1..1000000", "0..1:0", "|".join(map(str, range(99)))):
        with pytest.raises(CollabError):
            grids.read_values(bad)


def test_each_combination_is_made_once_and_can_be_judged(each_ws: Workspace, ann: Visitor, bob: Visitor):
    grid_id = made(each_ws, ann)
    told = grids.shown_grid(each_ws, ann, grid_id, str)
    assert [cell["place"] for cell in told["cells"]] == [[x, y] for x in (0, 1) for y in (0, 1, 2)]
    generations = {g.id: g for g in each_ws.store.find(Generation)}
    for cell in each_ws.store.find(GridCell):
        generation = generations[cell.generation_id]
        assert generation.variables == {"colour": ["red", "blue\u00a0sky"][cell.place[0]]}
        assert generation.settings["temperature"] == [0, 0.5, 1][cell.place[1]] and generation.seed == 3
    rate(each_ws, ann, told["cells"][0]["output_id"], score=4)
    assert grids.shown_grid(each_ws, ann, grid_id, str)["cells"][0]["feedback"]["rating"]["score"] == 4
    with pytest.raises(CollabError):
        grids.shown_grid(each_ws, bob, grid_id, str)


def test_a_hidden_grid_tells_nothing_before_the_reveal_and_locks_what_was_judged(ws: Workspace, ann: Visitor):
    grid_id = made(ws, ann, hidden=True)
    told = grids.shown_grid(ws, ann, grid_id, str)
    assert all({"place", "seed"}.isdisjoint(cell) for cell in told["cells"]) and told["masked"]
    assert not any(word in json.dumps({**told, "cells": [{**c, "text": ""} for c in told["cells"]]})
                   for word in ("blue", "0.5", "settings", "variables"))  # fmt: skip
    order = [cell.generation_id for cell in sorted(ws.store.find(GridCell), key=lambda cell: cell.position)]
    assert order == sorted(order)  # an id tells only what the page shows anyway
    assert api.history(ws, ann, str)["items"] == []
    for look in (lambda: api.detail(ws, ann, order[0], str), lambda: api.cancel(ws, ann, order[0])):
        with pytest.raises(CollabError, match="hidden grid"):
            look()
    first, second = (cell["output_id"] for cell in told["cells"][:2])
    act = rate(ws, ann, first, score=2)
    grids.reveal_grid(ws, ann, grid_id)
    told = grids.shown_grid(ws, ann, grid_id, str)
    assert [cell["locked"] for cell in told["cells"]] == [True] + [False] * 5
    assert sorted(cell["place"] for cell in told["cells"]) == [[x, y] for x in (0, 1) for y in (0, 1, 2)]
    for change in (lambda: rate(ws, ann, first, score=5), lambda: undo(ws, ann, act.id),
                   lambda: edit_text(ws, ann, first, "x")):  # fmt: skip
        with pytest.raises(CollabError, match="before its grid was revealed"):
            change()
    rate(ws, ann, second, score=5)
    assert len(api.history(ws, ann, str)["items"]) == 6
    delete_my_data(ws, ann, "delete")
    assert not counts(ws.store)["grids"] and not counts(ws.store)["grid_cells"]


@pytest.mark.parametrize(
    "axes",
    [
        [],
        [{"kind": "variable", "name": "colour", "values": "red"}],
        [{"kind": "variable", "name": "size", "values": "a|b"}],
        [{"kind": "setting", "name": "stop", "values": "a|b"}],
        [{"kind": "setting", "name": "temperature", "values": "0|99"}],
        [{"kind": "setting", "name": "temperature", "values": "warm|cold"}],
        [{"kind": "variable", "name": "colour", "values": "a|b"}] * 2,
        [*AXES, {"kind": "setting", "name": "seed", "values": "1..12"}],
        "axes",
    ],
)
def test_what_cannot_be_a_grid_is_one_sentence_and_leaves_nothing(ws: Workspace, ann: Visitor, axes: object):
    with pytest.raises(CollabError):
        grids.make_grid(ws, ann, ASK, axes)
    left = counts(ws.store)
    assert not any(left[table] for table in ("grids", "grid_cells", "generations", "outputs", "prompts"))
    assert ws.store.find(Output) == []
