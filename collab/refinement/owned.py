"""Whose prompt is it: refining is for owners alone, about their own prompts. Reads the store, changes nothing."""

from __future__ import annotations

from collab.checks import is_id
from collab.errors import NotAllowed, NotFound
from collab.identity import Visitor
from collab.types import Prompt, PromptVersion
from collab.workspace import Workspace


def only_owner(visitor: Visitor) -> None:
    """Raises NotAllowed for anyone but the studio's owner."""
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner may refine prompts: enter the owner's token first, or ask them.")


def owned_prompt(ws: Workspace, visitor: Visitor, prompt_id: object) -> Prompt:
    """The owner's own prompt. Raises NotAllowed, or NotFound alike for unknown ids and for other people's."""
    only_owner(visitor)
    found = ws.store.find(Prompt, id=prompt_id) if is_id(prompt_id) else []
    if not found or found[0].created_by != visitor.annotator_id:
        raise NotFound(f"There is no prompt “{str(prompt_id)[:60]}” of yours: check the id.")
    return found[0]


def owned_version(ws: Workspace, visitor: Visitor, version_id: object) -> tuple[Prompt, PromptVersion]:
    """A version of the owner's own prompt, with that prompt. Raises as `owned_prompt`."""
    only_owner(visitor)
    found = ws.store.find(PromptVersion, id=version_id) if is_id(version_id) else []
    prompts = ws.store.find(Prompt, id=found[0].prompt_id, created_by=visitor.annotator_id) if found else []
    if not prompts:
        raise NotFound(f"There is no prompt version “{str(version_id)[:60]}” of yours: check the id.")
    return prompts[0], found[0]
