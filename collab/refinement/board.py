"""A prompt's refinement as JSON: its versions, why each is there, how it stands in its trial, what may be done next.

Reads the store in a number of queries that does not grow with the versions; changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from collab import jobs
from collab.errors import InvalidPrompt
from collab.identity import Visitor
from collab.prompts import fill
from collab.refinement.owned import only_owner, owned_prompt
from collab.refinement.proposing import ON_REQUEST
from collab.refinement.saying import outputs_named, said_of
from collab.refinement.standing import standing_of
from collab.refinement.trying.trial_plan import CONFIRMING_VOTES, VOTES_PER_ARM
from collab.store.refine_queries import (
    Sample,
    VersionCounts,
    newest_samples,
    prompt_counts,
    version_counts,
    versions_of_outputs,
)
from collab.store.trial_queries import open_trial_stages, serving_versions
from collab.types import UNFINISHED, Act, Decision, Job, Modality, Prompt, PromptVersion, Refinement
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]
PROMPTS_SHOWN, LOG_SHOWN, EVIDENCE_SHOWN, SAMPLES_SHOWN = 200, 100, 8, 3
SAMPLE_LIMIT, ASKED_LIMIT = 1_500, 300  # characters
PROPOSERS: Mapping[Modality, Sequence[tuple[str, str, str]]] = {
    "text": (
        ("reflect", "Reflect", "A text model reads what people said and rewrites the prompt."),
        ("preferences", "Preferences", "Turns what people choose and correct again and again into rules."),
        ("demonstrations", "Demonstrations", "Adds answers that people liked or made right as examples."),
        ("search", "Search", "Rewrites many times, scored by a model of past votes, not by people. Takes minutes."),
    ),
    "image": (
        ("reflect", "Reflect", "A text model reads what people said and rewrites the prompt."),
        ("modifiers", "Modifiers", "Adds, drops and weighs words by how the pictures that had them were liked."),
        ("search", "Search", "Rewrites many times, scored by a model of past votes, not by people. Takes minutes."),
    ),
}  # fmt: skip


def prompts(ws: Workspace, visitor: Visitor) -> list[Json]:
    """The owner's prompts, the last touched first, with how far their refinement is."""
    only_owner(visitor)
    with ws.store.reading() as connection:
        counted = prompt_counts(connection, visitor.annotator_id)[:PROMPTS_SHOWN]
        ids = [counts.prompt_id for counts in counted]
        rows = {p.id: p for p in ws.store.find(Prompt, id=ids, connection=connection)}
        roots = _roots(ws, ids, connection)
        serving = serving_versions(connection, [f"prompt:{prompt_id}" for prompt_id in ids])
        stages = open_trial_stages(connection, ids)
    return [
        {
            "prompt_id": c.prompt_id,
            "title": rows[c.prompt_id].title,
            "modality": rows[c.prompt_id].modality,
            "versions": c.versions,
            "acts": c.acts,
            "current_id": serving.get(f"prompt:{c.prompt_id}", roots.get(c.prompt_id, "")),
            "trial_stage": stages.get(c.prompt_id, ""),
        }
        for c in counted
    ]


def _roots(ws: Workspace, prompt_ids: Sequence[str], connection: Connection) -> dict[str, str]:
    """The first version of each prompt."""
    found = ws.store.find(PromptVersion, prompt_id=list(prompt_ids), parent_id=None, connection=connection)
    return {version.prompt_id: version.id for version in reversed(found)}


def board(ws: Workspace, visitor: Visitor, prompt_id: object, link: Link) -> Json:
    """Everything about one prompt of the owner's. Raises NotAllowed or NotFound."""
    prompt = owned_prompt(ws, visitor, prompt_id)
    with ws.store.reading() as connection:
        versions = ws.store.find(PromptVersion, prompt_id=prompt.id, connection=connection)
        refinements = {r.child_version_id: r for r in ws.store.find(
            Refinement, prompt_id=prompt.id, connection=connection
        )}  # fmt: skip
        decisions = ws.store.find(Decision, prompt_id=prompt.id, connection=connection)
        serving = serving_versions(connection, [f"prompt:{prompt.id}"])
        current_id = serving.get(f"prompt:{prompt.id}", versions[0].id if versions else "")
        standing = standing_of(ws, visitor, prompt, versions, current_id, rejected(decisions), connection)
        ids = [version.id for version in versions]
        counts = version_counts(connection, ids)
        samples: dict[str, list[Json]] = {}
        texts = {version.id: version.text for version in versions}
        found = newest_samples(connection, ids, each=SAMPLES_SHOWN, hidden_studies=standing.hidden_studies)
        for sample in found:
            samples.setdefault(sample.prompt_version_id, []).append(_sample(sample, texts, link))
        cited = _cited(ws, refinements.values(), connection)
    job = jobs.latest(ws, visitor, "propose", prompt_id=prompt.id)
    out = rejected(decisions)
    acts = sum(each.acts for each in counts.values())
    return {
        "prompt": {"prompt_id": prompt.id, "title": prompt.title, "modality": prompt.modality,
                   "current_id": current_id},
        "versions": [
            _version(number, version, refinements.get(version.id), counts[version.id], cited)
            | {"rejected": version.id in out, "is_current": version.id == current_id,
               "samples": samples.get(version.id, []), **standing.of_version(version.id)}
            for number, version in enumerate(versions, 1)
        ],
        "acts": acts,
        "models": _models(ws, prompt.modality),
        "reflectors": _models(ws, "text"),
        "proposers": [
            {"name": name, "title": title, "said": said, "usual": name not in ON_REQUEST}
            for name, title, said in PROPOSERS[prompt.modality]
        ],
        "job": job_json(job) if job else None,
        "usual_votes": {"screening_each": VOTES_PER_ARM, "confirming": dict(CONFIRMING_VOTES)},
        "usual_scope": "panel" if ws.settings.is_loopback else "population",  # on one's own machine nobody else comes
        "trial": standing.trial,
        "watch": standing.watch,
        "log": [_logged(decision) for decision in reversed(decisions[-LOG_SHOWN:])],
        "can": {"propose": _may_propose(acts, job), **standing.may},
    }  # fmt: skip


def log(ws: Workspace, visitor: Visitor, prompt_id: object) -> list[Json]:
    """What happened to the owner's prompt, newest first."""
    prompt = owned_prompt(ws, visitor, prompt_id)
    return [_logged(decision) for decision in reversed(ws.store.find(Decision, prompt_id=prompt.id))]


def rejected(decisions: Sequence[Decision]) -> set[str]:
    """The versions that the owner turned down."""
    return {str(d.content.get("prompt_version_id", "")) for d in decisions if d.kind == "reject"}


def job_json(job: Job) -> Json:
    """A job as the page and endpoints show it."""
    return {
        "job_id": job.id,
        "kind": job.kind,
        "status": job.status,
        "progress": round(job.progress, 3),
        "message": job.message,
        "error": job.error,
        "notes": list(job.result.get("notes", ())),
    }


def _version(
    number: int, version: PromptVersion, refinement: Refinement | None, counts: VersionCounts, cited: _Cited
) -> Json:
    evidence = refinement.evidence_ids if refinement else ()
    return {
        "prompt_version_id": version.id,
        "parent_id": version.parent_id,
        "number": number,
        "text": version.text,
        "negative_text": version.negative_text,
        "system_text": version.system_text,
        "examples": [{"user": e.user, "assistant": e.assistant} for e in version.examples],
        "settings": dict(version.settings),
        "origin": version.origin,
        "proposer": refinement.proposer if refinement and version.origin == "refiner" else "",
        "rationale": version.rationale,
        "evidence": cited.said(evidence, refinement.parent_version_id) if refinement else [],
        "evidence_total": len(evidence),
        "created_at": version.created_at.isoformat(timespec="seconds"),
        "outputs": counts.outputs,
        "acts": counts.acts,
        "liking": counts.liking,
        "making": counts.making,
    }


class _Cited:
    """The acts that proposals cite first, with the outputs they are about."""

    def __init__(self, acts: Sequence[Act], made: Mapping[str, tuple[str, str]]) -> None:
        self._acts, self._made = {act.id: act for act in acts}, made

    def said(self, event_ids: Sequence[str], version_id: str) -> list[Json]:
        """What the first of these acts said about the outputs of a version."""
        return [
            {"event_id": event_id, "said": said_of(self._acts[event_id], version_id, self._made)}
            for event_id in event_ids[:EVIDENCE_SHOWN]
            if event_id in self._acts
        ]


def _cited(ws: Workspace, refinements: Collection[Refinement], connection: Connection) -> _Cited:
    ids = {event for refinement in refinements for event in refinement.evidence_ids[:EVIDENCE_SHOWN]}
    acts = ws.store.acts(list(ids), connection=connection) if ids else []
    named = {output for act in acts for output in outputs_named(act)}
    return _Cited(acts, versions_of_outputs(connection, named))


def _sample(sample: Sample, texts: Mapping[str, str], link: Link) -> Json:
    try:
        (asked,), _ = fill([texts[sample.prompt_version_id]], _needed(texts[sample.prompt_version_id], sample))
    except InvalidPrompt:  # its variables are not those of the text alone
        asked = texts[sample.prompt_version_id]
    shown = {"image_url": link(sample.output_id)} if sample.blob_sha256 else {"text": _short(sample.text or "")}
    return {**shown, "asked": _short(asked, ASKED_LIMIT)}


def _needed(text: str, sample: Sample) -> dict[str, str]:
    """The variables that stand in the text itself: others may stand in its system text."""
    from collab.prompts import placeholders

    return {name: value for name, value in sample.variables.items() if name in placeholders(text)}


def _short(text: str, limit: int = SAMPLE_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _models(ws: Workspace, modality: Modality) -> list[Json]:
    return [{"name": e.name, "title": e.title, "modality": e.modality} for e in ws.engine.entries(modality)]


def _logged(decision: Decision) -> Json:
    return {
        "at": decision.created_at.isoformat(timespec="seconds"),
        "kind": decision.kind,
        "said": _short(str(decision.content.get("said", "")), 400),
    }


def _may_propose(acts: int, job: Job | None) -> str:
    from collab.refinement.proposing import NO_FEEDBACK

    if job and job.status in UNFINISHED:
        return "Proposals are being worked out already: wait for them, or stop that first."
    return "" if acts else NO_FEEDBACK
