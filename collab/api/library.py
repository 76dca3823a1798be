"""What people keep to use again, and grids, as scripts ask for them. Knows no Gradio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collab.errors import InvalidPrompt
from collab.generation import Ask
from collab.identity import Visitor
from collab.library import grids, saved
from collab.prompts import check_wording
from collab.types import MODALITIES, Modality
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]


def save_prompt(
    ws: Workspace, visitor: Visitor, text: object, name: object = "", modality: object = "text",
    negative_prompt: object = "", system_text: object = "", examples: Any = None, tags: Any = None,
    parent_id: object = "",
) -> Json:  # fmt: skip
    """Keep a prompt under a name, or as a version that follows `parent_id`: its prompt, version and number."""
    kinds: dict[object, Modality] = {kind: kind for kind in MODALITIES}
    if not isinstance(modality, str) or modality not in kinds:
        raise InvalidPrompt(f"Modality is “{str(modality)[:40]}”: choose text or image.")
    wording = check_wording(kinds[modality], text, negative_text=negative_prompt, system_text=system_text,
                            examples=examples)  # fmt: skip
    return saved.save(ws, visitor, wording, name=name, tags=tags or (), parent_id=parent_id)


def saved_prompts(ws: Workspace, visitor: Visitor) -> Json:
    """One's prompts, the last saved first."""
    return {"prompts": saved.listed(ws, visitor)}


def saved_prompt(ws: Workspace, visitor: Visitor, prompt_id: object) -> Json:
    """One of one's prompts with all its versions."""
    return saved.tree(ws, visitor, prompt_id)


def change_prompt(ws: Workspace, visitor: Visitor, prompt_id: object, changes: object) -> Json:
    """Rename, tag or archive a prompt, or make another version current; what was before, to take it back with."""
    known = ("name", "tags", "archived", "current_id")
    if not isinstance(changes, Mapping) or not changes or not set(changes) <= set(known):
        raise InvalidPrompt(f"Say what to change of the prompt: one or more of {', '.join(known)}.")
    wanted = dict(changes)
    restored: Json = {}
    if "current_id" in wanted:
        version = saved.own_version(ws, visitor, wanted.pop("current_id"))
        if version.prompt_id != prompt_id:
            raise InvalidPrompt("That version belongs to another prompt: name one of this prompt's own.")
        if wanted:
            raise InvalidPrompt("Make another version current by itself, then change the rest.")
        restored = saved.restore(ws, visitor, version.id)
    return restored or saved.change(ws, visitor, prompt_id, wanted)


def make_grid(ws: Workspace, visitor: Visitor, ask: Ask, axes: object, hidden: object, link: Link) -> Json:
    """Start a cell for each combination of values; the grid as it is then."""
    return grid(ws, visitor, grids.make_grid(ws, visitor, ask, axes, hidden=hidden is True), link)


def grid(ws: Workspace, visitor: Visitor, grid_id: object, link: Link) -> Json:
    """A grid of one's own. Of a hidden one nothing tells which cell is which."""
    return grids.shown_grid(ws, visitor, grid_id, link)


def change_grid(ws: Workspace, visitor: Visitor, grid_id: object, act: object, link: Link) -> Json:
    """Reveal a hidden grid, stop the cells under way, or make those that are missing; the grid as it is then."""
    acts = {"reveal": grids.reveal_grid, "stop": grids.cancel_grid, "go_on": grids.go_on_with_grid}
    if not isinstance(act, str) or act not in acts:
        raise InvalidPrompt(f"There is no act named “{str(act)[:40]}”.")
    acts[act](ws, visitor, grid_id)
    return grid(ws, visitor, grid_id, link)
