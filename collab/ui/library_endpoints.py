"""The public endpoints of the prompt library and of grids. All return JSON; errors are sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.api import library as library_api
from collab.generation import Ask
from collab.identity import Identity
from collab.library.grids import grids_of
from collab.ui.endpoints import spoken
from collab.ui.web import client_base_url, picture_link
from collab.views import Link
from collab.workspace import Workspace


def add_library_endpoints(ws: Workspace, identity: Identity) -> None:
    """Register the endpoints of saved prompts and grids. Called inside a `gr.Blocks`."""

    def link(request: gr.Request | None) -> Link:
        return picture_link(identity, client_base_url(request) if request is not None else "")

    def save_prompt(
        prompt: str,
        name: str = "",
        modality: str = "text",
        negative_prompt: str = "",
        system_text: str = "",
        examples: list | None = None,
        tags: list | None = None,
        parent_id: str = "",
        request: gr.Request = None,
    ) -> dict:
        """Keep a prompt in your library under a name; or, with parent_id, as the version that follows that one.

        /generate takes the prompt_version_id that this answers with."""
        return library_api.save_prompt(ws, identity.whoami(request), prompt, name, modality, negative_prompt,
                                       system_text, examples, tags, parent_id)  # fmt: skip

    def saved_prompts(request: gr.Request = None) -> dict:
        """The prompts of your library, the last saved first, with their current words."""
        return library_api.saved_prompts(ws, identity.whoami(request))

    def saved_prompt(prompt_id: str, request: gr.Request = None) -> dict:
        """One prompt of your library with the tree of its versions."""
        return library_api.saved_prompt(ws, identity.whoami(request), prompt_id)

    def change_prompt(prompt_id: str, changes: dict, request: gr.Request = None) -> dict:
        """Change a prompt of your library: its name, tags or archived; or current_id, by which an earlier version is
        current again. Answers with what was before."""
        return library_api.change_prompt(ws, identity.whoami(request), prompt_id, changes)

    def make_grid(
        prompt: str,
        axes: list,
        modality: str = "text",
        model: str = "",
        hidden: bool = False,
        seed: int | None = None,
        settings: dict | None = None,
        negative_prompt: str = "",
        prompt_version_id: str = "",
        variables: dict | None = None,
        system_text: str = "",
        examples: list | None = None,
        request: gr.Request = None,
    ) -> dict:
        """Make one output for each combination of values, up to 64, and answer at once: /grid tells how far it is.

        axes: one to three of {"kind": "variable" or "setting", "name", "values": "red | blue" or "1..5"}. hidden:
        nothing tells which cell is which until /change_grid reveals it, and what was judged before then stays."""
        ask = Ask(prompt=prompt, modality=modality, model=model, seed=seed, settings=settings, variables=variables,
                  negative_prompt=negative_prompt, prompt_version_id=prompt_version_id, system_text=system_text,
                  examples=examples)  # fmt: skip
        return library_api.make_grid(ws, identity.whoami(request), ask, axes, hidden, link(request))

    def grid(grid_id: str, request: gr.Request = None) -> dict:
        """A grid of yours: its cells with what was made and what you said; of a hidden one, no cell's values."""
        return library_api.grid(ws, identity.whoami(request), grid_id, link(request))

    def grids(request: gr.Request = None) -> dict:
        """Your newest grids."""
        return {"grids": grids_of(ws, identity.whoami(request))}

    def change_grid(grid_id: str, act: str, request: gr.Request = None) -> dict:
        """Reveal a hidden grid (act: reveal), stop the cells under way (stop), or make those missing (go_on)."""
        return library_api.change_grid(ws, identity.whoami(request), grid_id, act, link(request))

    public: tuple[Callable[..., Any], ...] = (
        save_prompt, saved_prompts, saved_prompt, change_prompt, make_grid, grid, grids, change_grid,
    )  # fmt: skip
    for endpoint in public:
        gr.api(spoken(endpoint), api_name=endpoint.__name__, concurrency_limit=None)
