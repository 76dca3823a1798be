"""The public functions of refining, returning JSON: what endpoints, page and command line call. Knows no Gradio.

All of it is for owners, about their own prompts. What changes something answers with the prompt's board.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from collab import jobs
from collab.api import train as train_api
from collab.errors import CollabError, InvalidPrompt, Stopped
from collab.identity import Visitor
from collab.jobs import JobControl
from collab.refinement import board as boards
from collab.refinement import proposing, revising
from collab.refinement.board import job_json
from collab.refinement.owned import only_owner, owned_prompt
from collab.refinement.sampling import start_samples
from collab.refinement.sieve import Note
from collab.types import UNFINISHED, Alias, Job, Prompt, PromptVersion, Refinement, Trial
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]
_LOOK_S = 0.25  # how often a job that is waited for is looked up


# ---- looking --------------------------------------------------------------------------------------------------------


def prompts(ws: Workspace, visitor: Visitor) -> list[Json]:
    """One's prompts, the last touched first."""
    return boards.prompts(ws, visitor)


def board(ws: Workspace, visitor: Visitor, prompt_id: object, link: Link) -> Json:
    """One prompt with its versions, their evidence, its trial and what may be done."""
    return boards.board(ws, visitor, prompt_id, link)


def log(ws: Workspace, visitor: Visitor, prompt_id: object) -> list[Json]:
    """What happened to a prompt, newest first."""
    return boards.log(ws, visitor, prompt_id)


def job(ws: Workspace, visitor: Visitor, job_id: object) -> Json:
    """How far a job of one's own is; with what came of it where proposals were worked out or a model was trained."""
    found = jobs.get(ws, visitor, job_id)
    if found.kind == train_api.KIND:
        return {**job_json(found), **train_api.told(ws, found)}
    came = proposed(ws, found) if found.kind == "propose" and found.status == "done" else {}
    return {**came, **job_json(found)}


# ---- proposing ------------------------------------------------------------------------------------------------------


def start_proposing(
    ws: Workspace, visitor: Visitor, version_id: object, count: object = 4, proposers: object = (),
    reflector: object = "", *, samples: bool = True,
) -> Job:  # fmt: skip
    """Begin to work out proposals; raises at once what can be told at once. samples: outputs of them are made after."""
    version, number, chosen = proposing.check_asked(ws, visitor, version_id, count, proposers, reflector)
    names, model = [p.name for p in chosen], str(reflector or "")
    spec = {"prompt_id": version.prompt_id, "prompt_version_id": version.id, "count": number, "proposers": names,
            "reflector": model}  # fmt: skip

    def work(control: JobControl) -> Mapping[str, Any]:
        found = proposing.propose(ws, visitor, version.id, number, proposers=names, reflector=model, control=control)
        notes = list(found.notes)
        if samples and (refused := start_samples(ws, visitor, found.versions)):
            notes.append(Note("", refused))
        return {
            "message": f"{len(found.versions)} of {number} proposals",
            "version_ids": [v.id for v in found.versions],
            "notes": [note.as_json() for note in notes],
        }

    return jobs.start(ws, visitor, "propose", spec, work, alone=("prompt_id",))


def propose(
    ws: Workspace, visitor: Visitor, version_id: object, count: object, proposers: object, reflector: object, link: Link
) -> Json:  # fmt: skip
    """Begin to work out proposals, and answer with the board at once."""
    started = start_proposing(ws, visitor, version_id, count, proposers, reflector)
    return board(ws, visitor, started.spec["prompt_id"], link)


async def propose_and_wait(
    ws: Workspace, visitor: Visitor, version_id: object, count: object = 4, proposers: object = (),
    reflector: object = "",
) -> Json:  # fmt: skip
    """Work out proposals and answer with them. Whoever stops waiting does not stop the work: `/cancel_job` does."""
    started = await asyncio.to_thread(start_proposing, ws, visitor, version_id, count, proposers, reflector)
    ended = started
    while ended.status in UNFINISHED:
        await asyncio.sleep(_LOOK_S)
        ended = await asyncio.to_thread(jobs.get, ws, visitor, started.id)
    return await asyncio.to_thread(proposed, ws, ended)


def proposed(ws: Workspace, ended: Job) -> Json:
    """What `/propose` answers about a job that has ended. Raises the sentence of one that failed or was stopped."""
    if ended.status == "cancelled":
        raise Stopped("The proposing was stopped: nothing was stored.")
    if ended.status != "done":
        raise CollabError(ended.error)
    ids = list(ended.result["version_ids"])
    versions = {v.id: v for v in ws.store.find(PromptVersion, id=ids)}
    refinements = {r.child_version_id: r for r in ws.store.find(Refinement, child_version_id=ids)}
    return {
        "candidates": [_candidate(versions[i], refinements[i]) for i in ids if i in versions],
        "notes": list(ended.result["notes"]),
        "job_id": ended.id,
    }


def _candidate(version: PromptVersion, refinement: Refinement) -> Json:
    return {
        "prompt_version_id": version.id,
        "text": version.text,
        "proposer": refinement.proposer,
        "rationale": version.rationale,
        "evidence_ids": list(refinement.evidence_ids),
        "negative_text": version.negative_text,
        "system_text": version.system_text,
        "examples": [{"user": e.user, "assistant": e.assistant} for e in version.examples],
        "settings": dict(version.settings),
    }


def cancel(ws: Workspace, visitor: Visitor, job_id: object) -> Json:
    """Stop one's own job."""
    return job_json(jobs.cancel(ws, visitor, job_id))


def cancel_job(ws: Workspace, visitor: Visitor, job_id: object, link: Link) -> Json:
    """Stop one's own job, and answer with the board of its prompt."""
    stopped = jobs.cancel(ws, visitor, job_id)
    return board(ws, visitor, stopped.spec.get("prompt_id", ""), link)


# ---- by hand --------------------------------------------------------------------------------------------------------


def write_version(
    ws: Workspace, visitor: Visitor, version_id: object, why: object = "", *, samples: bool = True, **changed: Any
) -> Json:
    """Write a version by hand under another; what is left out stays as it is there. samples: outputs of it are made
    after."""
    version = revising.revise(ws, visitor, version_id, why=why, **changed)
    warning = revising.lengthened(ws, version)
    refused = start_samples(ws, visitor, [version]) if samples else ""
    return {"prompt_version_id": version.id, "prompt_id": version.prompt_id,
            "warning": " ".join(filter(None, (warning, refused)))}  # fmt: skip


def revise(
    ws: Workspace, visitor: Visitor, version_id: object, text: Any = None, negative_text: Any = None,
    system_text: Any = None, settings: Any = None, why: object = "", *, link: Link,
) -> Json:  # fmt: skip
    """Write a version by hand, and answer with the board."""
    made = write_version(ws, visitor, version_id, why, text=text, negative_text=negative_text, system_text=system_text,
                         settings=settings)  # fmt: skip
    return board(ws, visitor, made["prompt_id"], link)


def turn_down(ws: Workspace, visitor: Visitor, version_id: object, reason: object = "") -> Json:
    """Turn a version down; again changes nothing."""
    made = revising.reject(ws, visitor, version_id, reason)
    return {"prompt_version_id": made.content["prompt_version_id"], "prompt_id": made.prompt_id,
            "reason": made.content["reason"]}  # fmt: skip


def reject(ws: Workspace, visitor: Visitor, version_id: object, reason: object, link: Link) -> Json:
    """Turn a version down, and answer with the board."""
    return board(ws, visitor, turn_down(ws, visitor, version_id, reason)["prompt_id"], link)


# ---- trying and serving ---------------------------------------------------------------------------------------------


def start_trial(
    ws: Workspace, visitor: Visitor, prompt_id: object, version_ids: object, *, model: object = "",
    cases: object = None, scope: object = "population", votes: object = None, confirming_votes: object = None,
    panel: object = None,
) -> Json:  # fmt: skip
    """Try versions blind against the one that serves. votes: of the screening at most; confirming_votes: fresh ones at
    most; None: as many as fit. panel: ids of the people whom scope “panel” is about; None: whoever asks."""
    from collab.refinement.trying import trials

    prompt = owned_prompt(ws, visitor, prompt_id)
    if isinstance(version_ids, str):
        version_ids = [version_ids]
    if not isinstance(version_ids, Sequence):
        raise InvalidPrompt("The versions to try must be a list of ids.")
    asked: Json = {"model": model or "", "cases": cases or (), "scope": scope or "population"}
    if votes not in (None, "", 0):
        asked["screening_votes"] = votes
    if confirming_votes not in (None, "", 0):
        asked["confirming_votes"] = confirming_votes
    if panel not in (None, "", [], ()):
        asked["panel"] = panel
    started = trials.start(ws, visitor, prompt.id, tuple(version_ids), **asked)
    ws.pregeneration.wake()
    return {"trial_id": started.id, "prompt_id": prompt.id, "stage": started.stage}


def trial(
    ws: Workspace, visitor: Visitor, prompt_id: object, version_ids: object, *, model: object = "",
    cases: object = None, scope: object = "population", votes: object = None, confirming_votes: object = None,
    link: Link,
) -> Json:  # fmt: skip
    """Begin a trial, and answer with the board."""
    made = start_trial(ws, visitor, prompt_id, version_ids, model=model, cases=cases, scope=scope, votes=votes,
                       confirming_votes=confirming_votes)  # fmt: skip
    return board(ws, visitor, made["prompt_id"], link)


def end_trial(ws: Workspace, visitor: Visitor, trial_id: object) -> Json:
    """Stop a trial: nothing is decided by it."""
    from collab.refinement.trying import trials

    stopped: Trial = trials.stop(ws, visitor, trial_id)  # type: ignore[arg-type]
    return {"trial_id": stopped.id, "prompt_id": stopped.prompt_id, "stage": stopped.stage}


def stop_trial(ws: Workspace, visitor: Visitor, trial_id: object, link: Link) -> Json:
    """Stop a trial, and answer with the board."""
    return board(ws, visitor, end_trial(ws, visitor, trial_id)["prompt_id"], link)


def promote_alias(ws: Workspace, visitor: Visitor, alias: object, version_id: object) -> Json:
    """Let an alias mean another version, on a trial's evidence alone."""
    from collab.refinement.trying import promotion

    only_owner(visitor)
    return _moved(promotion.promote(ws, visitor, _alias_name(ws, alias), version_id))  # type: ignore[arg-type]


def rollback_alias(ws: Workspace, visitor: Visitor, alias: object, reason: object = "") -> Json:
    """Let an alias mean what it meant before."""
    from collab.refinement.trying import promotion

    only_owner(visitor)
    return _moved(promotion.rollback(ws, visitor, _alias_name(ws, alias), reason or ""))  # type: ignore[arg-type]


def promote(ws: Workspace, visitor: Visitor, prompt_id: object, version_id: object, link: Link) -> Json:
    """Let a prompt serve another version, and answer with the board."""
    prompt = owned_prompt(ws, visitor, prompt_id)
    promote_alias(ws, visitor, f"prompt:{prompt.id}", version_id)
    return board(ws, visitor, prompt.id, link)


def rollback(ws: Workspace, visitor: Visitor, prompt_id: object, reason: object, link: Link) -> Json:
    """Let a prompt serve what it served before, and answer with the board."""
    prompt = owned_prompt(ws, visitor, prompt_id)
    rollback_alias(ws, visitor, f"prompt:{prompt.id}", reason)
    return board(ws, visitor, prompt.id, link)


def _alias_name(ws: Workspace, alias: object) -> object:
    """The alias; the id of a prompt alone means that prompt's."""
    from collab.checks import is_id

    return f"prompt:{alias}" if is_id(alias) and ws.store.find(Prompt, id=alias) else alias


def _moved(alias: Alias) -> Json:
    return {"alias": alias.name, "version_id": alias.version_id, "move": alias.move, "reason": alias.reason,
            "trial_id": alias.trial_id, "evidence": dict(alias.evidence)}  # fmt: skip
