"""X/Y grids: one prompt made once for each combination of values, each cell an output to judge. Knows no page.

A cell is an ordinary generation, so a grid outlives the tab. In a hidden grid the cells lie in a random order, their
generations are submitted in that order (ids tell when something was made), and nothing told before the reveal says
which is which; at the reveal what had been judged is locked.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from math import prod
from typing import Any

from collab.checks import clean_text, is_id
from collab.errors import InvalidPrompt, InvalidSetting, NotFound
from collab.generation import SEED_LIMIT, Ask, ensure_annotator, generate, version_asked_for
from collab.identity import Visitor
from collab.people.consent import check_consent
from collab.people.erasing import delete_outputs
from collab.prompts import VARIABLE_LIMIT, fill
from collab.store.erasing import erase_grid
from collab.store.queries import live_acts, outputs_of
from collab.store.store import Conflict
from collab.types import UNFINISHED, Edit, Generation, Grid, GridCell, Output, Ranking, Rating, now
from collab.views import Link, feedback_json
from collab.workspace import Workspace
from models import base as engine_base

Json = dict[str, Any]
CELLS_LIMIT, VALUES_LIMIT, GRIDS_SHOWN = 64, 32, 20
_BEING_MADE = timedelta(minutes=2)  # in which the cells of a new grid are begun
_RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)(?:\s*:\s*(\d+(?:\.\d+)?))?\s*")


def read_values(text: object) -> list[str]:
    """The values that a person wrote: `red | blue`, one a line, or a range `1..5` (`0..1:0.25` with its step).

    Raises InvalidPrompt for a range without end, or too many.
    """
    said = clean_text(text, "list of values", limit=VARIABLE_LIMIT, error=InvalidPrompt)
    if found := _RANGE.fullmatch(said):
        low, high, step = float(found[1]), float(found[2]), float(found[3] or 1)
        if step <= 0 or abs(high - low) / step > VALUES_LIMIT:
            raise InvalidPrompt(f"The range “{said.strip()[:40]}” has more than {VALUES_LIMIT} values: take a step.")
        direction = 1 if high >= low else -1
        number = int(abs(high - low) / step + 1e-9) + 1
        return [f"{round(low + direction * step * n, 9):g}" for n in range(number)]
    parts = said.split("\n") if "\n" in said.strip() else said.split("|")
    values = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if len(values) > VALUES_LIMIT:
        raise InvalidPrompt(f"There are {len(values)} values on one axis: at most {VALUES_LIMIT} are possible.")
    return values


def make_grid(ws: Workspace, visitor: Visitor, ask: Ask, axes: object, *, hidden: bool = False) -> str:
    """Check everything, then start every cell; the grid's id.

    axes: two or three (one is fine too) of {"kind": "variable" | "setting", "name", "values"}: across, down, pages.
    Raises a CollabError with one sentence, in which case nothing is made.
    """
    checked = _check_axes(ask, axes)
    number = prod(len(axis["values"]) for axis in checked)
    if number > CELLS_LIMIT:
        raise InvalidPrompt(f"The grid would have {number} cells, {CELLS_LIMIT} are possible: take fewer values.")
    if number < 2:
        raise InvalidPrompt("A grid needs an axis with two values or more: write them as red | blue, or 1..5.")
    _version, wording = version_asked_for(ws, visitor, ask)
    # one seed for all cells, so that they differ by their values alone
    seed = secrets.randbelow(SEED_LIMIT) if ask.seed is None else ask.seed
    places = list(product(*(range(len(axis["values"])) for axis in checked)))
    asks = {place: _cell_ask(replace(ask, count=1, seed=seed), checked, place) for place in places}
    for each in asks.values():
        fill([wording.text, wording.negative_text, wording.system_text], each.variables)
    if hidden:
        random.SystemRandom().shuffle(places)
    grid = Grid(title=wording.text.strip()[:200], modality=wording.modality, axes=tuple(checked), hidden=hidden,
                created_by=visitor.annotator_id)  # fmt: skip
    made: list[str] = []
    with ws.store.writing() as connection:
        ensure_annotator(ws, visitor, connection)
        check_consent(ws, visitor, connection)
        ws.store.add(grid, connection=connection)
    try:
        for position, place in enumerate(places):
            made.append(generate(ws, visitor, asks[place]))
            ws.store.add(GridCell(grid_id=grid.id, generation_id=made[-1], position=position, place=place))
    except BaseException:
        _unmake(ws, visitor, grid.id, made)
        raise
    return grid.id


def _unmake(ws: Workspace, visitor: Visitor, grid_id: str, generation_ids: Sequence[str]) -> None:
    """Take back a grid that could not be made whole."""
    with ws.store.writing() as connection:
        erase_grid(connection, grid_id)
    outputs = ws.store.find(Output, generation_id=list(generation_ids))
    if outputs:
        delete_outputs(ws, visitor, outputs)


def _check_axes(ask: Ask, axes: object) -> list[Json]:
    if not isinstance(axes, Sequence) or isinstance(axes, str) or not all(isinstance(a, Mapping) for a in axes):
        raise InvalidPrompt("Axes must be a list of objects with kind, name and values.")
    if not 1 <= len(axes) <= 3:
        raise InvalidPrompt(f"There are {len(axes)} axes: a grid has one to three, across, down and pages.")
    checked: list[Json] = []
    specs = engine_base.SETTINGS["image" if ask.modality == "image" else "text"]
    for axis in axes:
        kind, name = axis.get("kind"), str(axis.get("name", ""))[:64]
        values: list[Any] = read_values(axis.get("values"))
        if not values:
            raise InvalidPrompt(f"The axis {name} has no values: write them as red | blue, or 1..5.")
        if kind == "setting":
            if name != "seed" and (name not in specs or specs[name].kind == "strings"):
                raise InvalidSetting(f"“{name[:40]}” is no setting that can be an axis.")
            if name == "seed" or specs[name].kind != "choice":
                values = [_number(name, value) for value in values]
        elif kind != "variable":
            raise InvalidPrompt("An axis is a variable of the prompt or a setting.")
        if any(axis["name"] == name and axis["kind"] == kind for axis in checked):
            raise InvalidPrompt(f"{name} is on two axes: choose another for one of them.")
        checked.append({"kind": kind, "name": name, "values": values})
    return checked


def _number(name: str, value: str) -> int | float:
    try:
        number = float(value)
    except ValueError:
        raise InvalidSetting(f"{name} is “{value[:40]}”, which is no number.") from None
    return int(number) if number == int(number) else number


def _cell_ask(ask: Ask, axes: Sequence[Mapping[str, Any]], place: Sequence[int]) -> Ask:
    variables, settings, seed = dict(ask.variables or {}), dict(ask.settings or {}), ask.seed
    for axis, index in zip(axes, place, strict=True):
        value = axis["values"][index]
        if axis["kind"] == "variable":
            variables[axis["name"]] = value
        elif axis["name"] == "seed":
            seed = value
        else:
            settings[axis["name"]] = value
    return replace(ask, variables=variables, settings=settings, seed=seed)


def own_grid(ws: Workspace, visitor: Visitor, grid_id: object) -> Grid:
    """One's own grid. Raises NotFound."""
    found = ws.store.find(Grid, id=grid_id, created_by=visitor.annotator_id) if is_id(grid_id) else []
    if not found:
        raise NotFound("There is no such grid of yours: it may be deleted.")
    return found[0]


def grids_of(ws: Workspace, visitor: Visitor) -> list[Json]:
    """One's newest grids: id, title, when, whether still hidden."""
    found = ws.store.find(Grid, created_by=visitor.annotator_id)[-GRIDS_SHOWN:]
    return [
        {"grid_id": g.id, "title": g.title, "modality": g.modality, "hidden": is_masked(g),
         "created_at": g.created_at.isoformat(timespec="seconds")}
        for g in reversed(found)
    ]  # fmt: skip


def is_masked(grid: Grid) -> bool:
    """Whether nobody may know yet which cell is which."""
    return grid.hidden and grid.revealed_at is None


def shown_grid(ws: Workspace, visitor: Visitor, grid_id: object, link: Link) -> Json:
    """A grid with its cells in their order on the page. Of a masked one: no place, seed, setting or time of a cell."""
    grid = own_grid(ws, visitor, grid_id)
    cells = sorted(ws.store.find(GridCell, grid_id=grid.id), key=lambda cell: cell.position)
    ids = [cell.generation_id for cell in cells]
    made = {g.id: g for g in ws.store.find(Generation, id=ids)}
    outputs = outputs_of(ws.store, ids)
    said: dict[str, Json] = {}
    best = best_act = None
    for act in live_acts(ws.store, visitor.annotator_id, ids):
        if isinstance(act, Ranking) and len(act.groups[0]) == 1:
            best, best_act = act.groups[0][0], act.id  # the newest says it
        if isinstance(act, Rating | Edit):
            kind = "rating" if isinstance(act, Rating) else "edit"
            said.setdefault(act.output_id, {"rating": None, "edit": None})[kind] = feedback_json(act)
    masked = is_masked(grid)
    return {
        "grid_id": grid.id, "title": grid.title, "modality": grid.modality, "hidden": grid.hidden, "masked": masked,
        "axes": [
            {"kind": a["kind"], "name": a["name"], "values": [] if masked else list(a["values"]),
             "count": len(a["values"])}
            for a in grid.axes
        ],
        "cells": [
            {
                "output_id": output.id, "position": cell.position, "status": made[cell.generation_id].status,
                "error": "" if masked else made[cell.generation_id].error,
                "text": output.text, "image_url": link(output.id) if output.blob_sha256 else None,
                "feedback": said.get(output.id, {"rating": None, "edit": None}),
                "locked": output.id in grid.locked,
                **({} if masked else {"place": list(cell.place), "seed": output.seed}),
            }
            for cell in cells for output in outputs[cell.generation_id][:1]
        ],
        "left": sum(made[i].status in UNFINISHED for i in ids),
        "lost": len(_lost(grid, cells, made, outputs)),
        "best_id": best, "best_act_id": best_act,
    }  # fmt: skip


def cancel_grid(ws: Workspace, visitor: Visitor, grid_id: object) -> None:
    """Stop every cell that is still being made."""
    grid = own_grid(ws, visitor, grid_id)
    ids = [cell.generation_id for cell in ws.store.find(GridCell, grid_id=grid.id)]
    for made in ws.store.find(Generation, id=ids, status=list(UNFINISHED)):
        ws.runs.cancel(made.id)


def _lost(
    grid: Grid, cells: Sequence[GridCell], made: Mapping[str, Generation], outputs: Mapping[str, Sequence[Output]]
) -> list[tuple[int, Sequence[int]]]:
    """(position, place) of each cell that ended with nothing, or was never begun since the studio stopped before."""
    ended: list[tuple[int, Sequence[int]]] = [
        (cell.position, cell.place) for cell in cells
        if made[cell.generation_id].status not in (*UNFINISHED, "done")
        and all(o.text is None and o.blob_sha256 is None for o in outputs[cell.generation_id])
    ]  # fmt: skip
    if now() - grid.created_at < _BEING_MADE:  # its cells may be on their way
        return ended
    begun = {tuple(cell.place) for cell in cells}
    places = [place for place in product(*(range(len(a["values"])) for a in grid.axes)) if place not in begun]
    taken = {cell.position for cell in cells}
    free = [position for position in range(len(places) + len(cells)) if position not in taken]
    if grid.hidden:
        random.SystemRandom().shuffle(places)
    return [*ended, *zip(free, places, strict=False)]


def go_on_with_grid(ws: Workspace, visitor: Visitor, grid_id: object) -> None:
    """Make the cells that a stop, a failure or a restart took, as they would have been; what is there stays.

    Raises NotFound where nothing is left that says how they were to be made.
    """
    grid = own_grid(ws, visitor, grid_id)
    cells = sorted(ws.store.find(GridCell, grid_id=grid.id), key=lambda cell: cell.position)
    if not cells:
        raise NotFound("Nothing of this grid is left to go on from: make it again.")
    ids = [cell.generation_id for cell in cells]
    made = {g.id: g for g in ws.store.find(Generation, id=ids)}
    held = {cell.position: cell for cell in cells}
    for position, place in _lost(grid, cells, made, outputs_of(ws.store, ids)):
        like = made[held[position].generation_id if position in held else ids[0]]
        ask = Ask(prompt_version_id=like.prompt_version_id, model=like.model_version_id, variables=like.variables,
                  settings=like.settings, inputs=like.inputs, seed=like.seed)  # fmt: skip
        anew = generate(ws, visitor, _cell_ask(ask, grid.axes, place))
        old = held.get(position)
        try:
            if old is None:
                ws.store.add(GridCell(grid_id=grid.id, generation_id=anew, position=position, place=tuple(place)))
                gone = ""
            else:
                mine = ws.store.update(
                    GridCell, old.id, {"generation_id": anew}, only_if={"generation_id": old.generation_id}
                )
                gone = old.generation_id if mine else anew
        except Conflict:  # the person's other tab went on with it at this moment
            gone = anew
        if gone:  # what is in no grid would stand in History, and tell which cell it was
            delete_outputs(ws, visitor, ws.store.find(Output, generation_id=gone))


def reveal_grid(ws: Workspace, visitor: Visitor, grid_id: object) -> None:
    """Tell which cell is which; what was judged by now can no longer be changed."""
    grid = own_grid(ws, visitor, grid_id)
    if not is_masked(grid):
        return
    ids = [cell.generation_id for cell in ws.store.find(GridCell, grid_id=grid.id)]
    judged = {act.output_id for act in live_acts(ws.store, visitor.annotator_id, ids) if isinstance(act, Rating | Edit)}
    ws.store.update(Grid, grid.id, {"revealed_at": now(), "locked": sorted(judged)}, only_if={"revealed_at": None})
