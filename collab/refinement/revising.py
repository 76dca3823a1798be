"""What the owner does to versions by hand: writing one, which is a candidate like any other, and turning one down."""

from __future__ import annotations

from typing import Any

from collab.aliases import serving_version
from collab.checks import clean_text
from collab.errors import InvalidPrompt, NotAllowed, Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.refinement.keeping import child_version
from collab.refinement.owned import owned_version
from collab.refinement.sieve import wording_in
from collab.store import Conflict
from collab.types import TRIALS_UNDER_WAY, Decision, Prompt, PromptVersion, Refinement, Trial
from collab.workspace import Workspace

WHY_LIMIT = 1_000  # characters


def revise(
    ws: Workspace, visitor: Visitor, version_id: object, *, text: Any = None, negative_text: Any = None,
    system_text: Any = None, examples: Any = None, settings: Any = None, why: object = "",
) -> PromptVersion:  # fmt: skip
    """Store a version written by hand under another one; what is None stays as it is there.

    Raises InvalidPrompt where it changes nothing, says what another version says, or does what no proposal may do
    (guardrails.fault). It may be much like another version, and as long as its author likes: `lengthened` tells.
    """
    from collab.refinement import guardrails, human

    prompt, parent = owned_version(ws, visitor, version_id)
    before = wording_in(prompt.modality, parent)
    wording = human.revise(
        before, text=text, negative_text=negative_text, system_text=system_text, examples=examples, settings=settings
    )
    said = clean_text(why, "reason", limit=WHY_LIMIT, error=InvalidPrompt).strip()
    objection = guardrails.fault(wording, before)
    if objection:
        raise InvalidPrompt(objection)
    child = child_version(parent, wording, visitor, origin="human", rationale=said)
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                tree = ws.store.find(PromptVersion, prompt_id=prompt.id, connection=connection)
                numbers = {v.id: n for n, v in enumerate(tree, 1)}
                for other in tree:
                    if other.content_sha256 == wording.sha256:
                        raise InvalidPrompt(f"Version {numbers[other.id]} says exactly that already: use it instead.")
                origin = Refinement(prompt_id=prompt.id, parent_version_id=parent.id, child_version_id=child.id,
                                    proposer="human", created_by=visitor.annotator_id)  # fmt: skip
                words = f"Version {len(tree) + 1} was written by hand from version {numbers[parent.id]}"
                content = {"said": f"{words}: {said}" if said else f"{words}.", "version_ids": [child.id],
                           "parent_id": parent.id}  # fmt: skip
                logged = Decision(prompt_id=prompt.id, kind="propose", content=content,
                                  created_by=visitor.annotator_id)  # fmt: skip
                ws.store.add(child, origin, logged, connection=connection)
            return child
        except Conflict:  # the owner's first act elsewhere at this moment
            continue
    raise Unavailable("The store is busy with the same prompt: try again in a moment.")


def lengthened(ws: Workspace, version: PromptVersion) -> str:
    """That a version is far longer than its parent, as a warning; "" where it is not."""
    from collab.refinement import guardrails

    modality = ws.store.get(Prompt, version.prompt_id).modality
    parent = wording_in(modality, ws.store.get(PromptVersion, version.parent_id or version.id))
    words, before = guardrails.words_in(wording_in(modality, version)), guardrails.words_in(parent)
    if words <= guardrails.words_allowed(parent):
        return ""
    return f"It has {words} words, its parent {before}: models follow short prompts better, and each word costs time."


def reject(ws: Workspace, visitor: Visitor, version_id: object, reason: object = "") -> Decision:
    """Turn a version down: it stays to be seen, and enters no trial. Turning it down again changes nothing.

    Raises NotAllowed for the version that serves, and for one that people are judging at the moment.
    """
    prompt, version = owned_version(ws, visitor, version_id)
    said = clean_text(reason, "reason", limit=WHY_LIMIT, error=InvalidPrompt).strip()
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                earlier = rejection_of(ws, version, connection)
                if earlier is not None:
                    return earlier
                tree = ws.store.find(PromptVersion, prompt_id=prompt.id, connection=connection)
                number = next(n for n, v in enumerate(tree, 1) if v.id == version.id)
                _check_free(ws, version, number, connection)
                ensure_annotator(ws, visitor, connection)
                words = f"Version {number} was turned down"
                content = {"said": f"{words}: {said}" if said else f"{words}.", "prompt_version_id": version.id,
                           "reason": said}  # fmt: skip
                made = Decision(prompt_id=prompt.id, kind="reject", content=content, created_by=visitor.annotator_id)
                ws.store.add(made, connection=connection)
            return made
        except Conflict:
            continue
    raise Unavailable("The store is busy with the same prompt: try again in a moment.")


def rejection_of(ws: Workspace, version: PromptVersion, connection: Any) -> Decision | None:
    """The decision that turned this version down, or None."""
    found = ws.store.find(Decision, prompt_id=version.prompt_id, kind="reject", connection=connection)
    return next((d for d in found if d.content.get("prompt_version_id") == version.id), None)


def _check_free(ws: Workspace, version: PromptVersion, number: int, connection: Any) -> None:
    if serving_version(ws, version.prompt_id, connection=connection).id == version.id:
        raise NotAllowed(f"Version {number} serves: promote another one or roll back before you turn it down.")
    for trial in ws.store.find(Trial, prompt_id=version.prompt_id, connection=connection):
        if trial.stage in TRIALS_UNDER_WAY and version.id in trial.candidate_ids:
            raise NotAllowed(f"Version {number} is being tried: stop the trial before you turn it down.")
