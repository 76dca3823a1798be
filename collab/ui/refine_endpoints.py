"""The public endpoints of refining, for owners about their own prompts. All return JSON; errors are sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.api import refine as refine_api
from collab.identity import Identity, Visitor
from collab.ui.endpoints import spoken
from collab.ui.web import client_base_url, picture_link
from collab.views import Link
from collab.workspace import Workspace


def add_refine_endpoints(ws: Workspace, identity: Identity) -> None:
    """Register the endpoints of refining. Called inside a `gr.Blocks`."""

    def who(request: gr.Request | None) -> Visitor:
        return identity.whoami(request)

    def pictures(request: gr.Request | None) -> Link:
        return picture_link(identity, client_base_url(request) if request is not None else "")

    async def propose(
        prompt_version_id: str,
        count: int = 4,
        proposers: list | None = None,
        reflector: str = "",
        request: gr.Request = None,
    ) -> dict:
        """Propose new versions of a prompt from the feedback on its outputs (owner only), each with its evidence.

        proposers: some of reflect, preferences, demonstrations and search for text, of reflect, modifiers and search
        for pictures; all but search by default.
        reflector: the text model that reads the feedback, by name; the current default where empty.
        """
        return await refine_api.propose_and_wait(ws, who(request), prompt_version_id, count, proposers, reflector)

    def start_proposing(
        prompt_version_id: str,
        count: int = 4,
        proposers: list | None = None,
        reflector: str = "",
        request: gr.Request = None,
    ) -> dict:
        """Begin what /propose does and answer at once (owner only): /job tells how far it is, and then what came."""
        started = refine_api.start_proposing(ws, who(request), prompt_version_id, count, proposers, reflector)
        return {"job_id": started.id, "prompt_id": started.spec["prompt_id"]}

    def job(job_id: str, request: gr.Request = None) -> dict:
        """How far one of your jobs is: status, progress 0 to 1, message, error, notes; and when done, what came."""
        return refine_api.job(ws, who(request), job_id)

    def cancel_job(job_id: str, request: gr.Request = None) -> dict:
        """Stop one of your jobs; it ends at its next step."""
        return refine_api.cancel(ws, who(request), job_id)

    def refinement(prompt_id: str, request: gr.Request = None) -> dict:
        """A prompt's versions with their evidence, its trial, its log and what may be done (owner only)."""
        return refine_api.board(ws, who(request), prompt_id, pictures(request))

    def refinements(request: gr.Request = None) -> dict:
        """Your prompts with how far their refinement is, the last touched first (owner only)."""
        return {"prompts": refine_api.prompts(ws, who(request))}

    def revise(
        prompt_version_id: str,
        text: str | None = None,
        negative_text: str | None = None,
        system_text: str | None = None,
        examples: list | None = None,
        settings: dict | None = None,
        why: str = "",
        request: gr.Request = None,
    ) -> dict:
        """Write a version by hand under another one (owner only); what is left out stays as it is there."""
        changed: dict[str, Any] = {"text": text, "negative_text": negative_text, "system_text": system_text,
                                   "examples": examples, "settings": settings}  # fmt: skip
        return refine_api.write_version(ws, who(request), prompt_version_id, why, **changed)

    def reject(prompt_version_id: str, reason: str = "", request: gr.Request = None) -> dict:
        """Turn a version down (owner only): it enters no trial any more."""
        return refine_api.turn_down(ws, who(request), prompt_version_id, reason)

    def start_trial(
        prompt_id: str,
        prompt_version_ids: list,
        model: str = "",
        cases: list | None = None,
        scope: str = "population",
        votes: int | None = None,
        confirming_votes: int | None = None,
        panel: list | None = None,
        request: gr.Request = None,
    ) -> dict:
        """Try versions blind against the one that serves (owner only).

        votes: of the screening at most; confirming_votes: fresh ones at most, which are the evidence.
        panel: annotator ids, or "me", that scope "panel" is about; you alone where empty.
        """
        plan: dict[str, Any] = {"model": model, "cases": cases, "scope": scope, "votes": votes,
                                "confirming_votes": confirming_votes, "panel": panel}  # fmt: skip
        return refine_api.start_trial(ws, who(request), prompt_id, prompt_version_ids, **plan)

    def stop_trial(trial_id: str, request: gr.Request = None) -> dict:
        """Stop a trial (owner only): nothing is decided by it."""
        return refine_api.end_trial(ws, who(request), trial_id)

    def promote(alias: str, version_id: str, request: gr.Request = None) -> dict:
        """Let an alias ("prompt:ID") mean another version (owner only), on the evidence of a decided trial alone."""
        return refine_api.promote_alias(ws, who(request), alias, version_id)

    def rollback(alias: str, reason: str = "", request: gr.Request = None) -> dict:
        """Let an alias mean what it meant before its last promotion (owner only)."""
        return refine_api.rollback_alias(ws, who(request), alias, reason)

    public: tuple[Callable[..., Any], ...] = (
        propose, start_proposing, job, cancel_job, refinement, refinements, revise, reject, start_trial, stop_trial,
        promote, rollback,
    )  # fmt: skip
    for endpoint in public:
        gr.api(spoken(endpoint), api_name=endpoint.__name__, concurrency_limit=None)
