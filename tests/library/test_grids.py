"""Grids: every combination once, durable, and masked until the reveal."""

from __future__ import annotations

import asyncio
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collab import api
from collab.api import data as data_api
from collab.errors import CollabError
from collab.feedback import compare, edit_text, rank, rate, undo
from collab.generation import Ask, generate, replay
from collab.identity import Visitor
from collab.library import grids
from collab.people.erasing import delete_my_data
from collab.people.my_export import export_my_data
from collab.pictures import editing as picture_editing
from collab.pictures.restoring import downloaded
from collab.store import schema
from collab.store.erasing import erase_generations
from collab.texts.branches import continue_text, reply
from collab.types import Generation, Grid, GridCell, Output, now
from collab.workspace import Workspace
from tests.conftest import counts, ended, make

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
    for bad in ("1..1000000", "1000000..1", "0..1:0", "|".join(map(str, range(99)))):
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
    items = api.history(ws, ann, str)["items"]  # each with the words that it was made with
    assert sorted(item["asked"] for item in items) == ["a blue\u00a0sky fox"] * 3 + ["a red fox"] * 3
    assert {item["prompt"] for item in items} == {"a {colour} fox"}
    delete_my_data(ws, ann, "delete")
    assert not counts(ws.store)["grids"] and not counts(ws.store)["grid_cells"]


def test_nothing_anywhere_tells_a_hidden_cells_values_until_the_reveal(ws: Workspace, ann: Visitor, tmp_path: Path):
    """Each way to look at one's own things, or to start from them, of texts and of pictures."""
    owner, told, refused = replace(ann, is_owner=True), [], []
    values = {"text": ("temperature", "0.123|0.456"), "image": ("guidance_scale", "3.125|4.625")}
    for modality, (name, odd) in values.items():
        grid_id = grids.make_grid(ws, ann, Ask(prompt="a {colour} fox", modality=modality), [
            {"kind": "variable", "name": "colour", "values": "vermilion|cerulean"},
            {"kind": "setting", "name": name, "values": odd},
            {"kind": "setting", "name": "seed", "values": "77001|77002"},
        ], hidden=True)  # fmt: skip
        cells = ws.store.find(GridCell, grid_id=grid_id)
        made = [ended(ws, cell.generation_id) for cell in cells]
        first, second, *_ = (ws.store.find(Output, generation_id=g.id)[0] for g in made)
        rate(ws, ann, first.id, score=5)
        rank(ws, ann, [[first.id], [second.id]])
        (free,) = make(ws, ann, "plain", modality=modality)[1]
        told.append(grids.shown_grid(ws, ann, grid_id, str))
        refused += [
            lambda g=made[0]: api.detail(ws, ann, g.id, str), lambda g=made[0]: api.branches(ws, ann, g.id),
            lambda g=made[0]: asyncio.run(anext(api.follow(ws, ann, g.id, str))),
            lambda g=made[0]: replay(ws, ann, g.id),
            lambda o=first: api.explain(ws, ann, o.id), lambda o=first: picture_editing.described(ws, ann, o.id),
            lambda o=first: picture_editing.change(ws, ann, o.id, prompt="x"),
            lambda o=first: picture_editing.edit_image(ws, ann, o.id, "x"),
            lambda o=first: continue_text(ws, ann, o.id, "x"), lambda o=first: reply(ws, ann, o.id, "x"),
            lambda o=first, m=modality: generate(ws, ann, Ask(prompt="x", modality=m, inputs={
                "init_output_id" if m == "image" else "parent_output_id": o.id})),
            lambda o=first, f=free: compare(ws, ann, o.id, f.id, "a"),
            lambda o=first, f=free: rank(ws, ann, [[f.id], [o.id]]),
        ]  # fmt: skip
        if modality == "image":
            told.append(repr(downloaded(ws, first.id)))
    for look in refused:
        with pytest.raises(CollabError, match="hidden grid"):
            look()
    assert not any(offer["rows"] for offer in data_api.offers(ws, owner))
    export_my_data(ws, ann, tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as file:
        mine = {name: file.read(name) for name in file.namelist() if not name.startswith("prompts")}
    cells_told = [line for line in map(json.loads, mine["generations.jsonl"].splitlines()) if line.get("hidden")]
    assert len(cells_told) == 16 and sum(name.startswith("pictures/") for name in mine) == 9
    told += [api.history(ws, ann, str), *mine.values()]
    for cell in (*cells_told, *(cell for each in told if isinstance(each, dict) for cell in each.get("cells", ()))):
        for output in cell.get("outputs", [cell]):
            output.pop("text", None)  # the fake model says its prompt again
    said = repr([each for each in told if each is not mine["generations.jsonl"]] + cells_told)
    for value in ("vermilion", "cerulean", "0.123", "0.456", "3.125", "4.625", "77001", "77002"):
        assert value not in said
    for grid in ws.store.find(Grid):
        grids.reveal_grid(ws, ann, grid.id)
    assert b"3.125" in downloaded(ws, first.id) or b"4.625" in downloaded(ws, first.id)
    assert any(offer["rows"] for offer in data_api.offers(ws, owner))


def test_a_grid_that_a_restart_cut_off_says_what_was_lost_and_goes_on_as_it_was_meant(ws: Workspace, ann: Visitor):
    grid_id = made(ws, ann, hidden=True)
    cells = sorted(ws.store.find(GridCell), key=lambda cell: cell.position)
    lost, never = cells[1], cells[4]
    with ws.store.writing() as connection:  # as a stop in the middle leaves it
        connection.execute(schema.grid_cells.delete().where(schema.grid_cells.c.id == never.id))
        erase_generations(connection, [never.generation_id])
        connection.execute(schema.outputs.update().where(schema.outputs.c.generation_id == lost.generation_id)
                           .values(text=None))  # fmt: skip
        connection.execute(schema.generations.update().where(schema.generations.c.id == lost.generation_id)
                           .values(status="failed", error="The studio was restarted."))  # fmt: skip
    assert grids.shown_grid(ws, ann, grid_id, str)["lost"] == 1  # the other one may be on its way
    with ws.store.writing() as connection:
        long_ago = now() - timedelta(hours=1)
        connection.execute(schema.grids.update().values(created_at=long_ago))
    told = grids.shown_grid(ws, ann, grid_id, str)
    assert told["lost"] == 2 and len(told["cells"]) == 5
    best = told["cells"][0]["output_id"]
    rank(ws, ann, [[best], [told["cells"][2]["output_id"]]])
    grids.go_on_with_grid(ws, ann, grid_id)
    for cell in ws.store.find(GridCell):
        assert ended(ws, cell.generation_id).status == "done"
    assert not ws.store.find(Generation, id=lost.generation_id) and api.history(ws, ann, str)["items"] == []
    grids.reveal_grid(ws, ann, grid_id)
    told = grids.shown_grid(ws, ann, grid_id, str)
    assert (told["lost"], told["best_id"], len(told["cells"])) == (0, best, 6)
    generations = {g.id: g for g in ws.store.find(Generation)}
    for cell in ws.store.find(GridCell):
        as_made, (x, y) = generations[cell.generation_id], cell.place
        assert as_made.variables["colour"] == ("red", "blue\u00a0sky")[x]
        assert as_made.settings["temperature"] == (0, 0.5, 1)[y]


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
