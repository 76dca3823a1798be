"""Stores what was proposed: versions with the feedback they rest on and the log's entry, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from collab.errors import Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.prompts import Wording
from collab.refinement.proposal import Candidate, NothingToLearn
from collab.refinement.sieve import Note
from collab.store import Conflict
from collab.store.refine_queries import known_acts
from collab.types import Decision, PromptOrigin, PromptVersion, Refinement
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Proposals:
    """What was stored: the versions, best guess first, where each came from (by version id), and the notes."""

    versions: tuple[PromptVersion, ...]
    notes: tuple[Note, ...] = ()
    refinements: Mapping[str, Refinement] = field(default_factory=dict)


def keep_proposals(
    ws: Workspace, visitor: Visitor, parent: PromptVersion, accepted: Sequence[Candidate], notes: Sequence[Note]
) -> Proposals:
    """The candidates as versions with where they came from, in one transaction with the log's entry."""
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                versions, refinements = _rows(ws, visitor, parent, accepted, connection)
                if not versions:
                    raise NothingToLearn("These very proposals were stored a moment ago: look at them first.")
                said = f"Proposed {_count(len(versions), 'version')} by {_names(accepted)}."
                content = {"said": said, "parent_id": parent.id, "version_ids": [v.id for v in versions],
                           "notes": [note.as_json() for note in notes]}  # fmt: skip
                logged = Decision(prompt_id=parent.prompt_id, kind="propose", content=content,
                                  created_by=visitor.annotator_id)  # fmt: skip
                ws.store.add(*versions, *refinements, logged, connection=connection)
            return Proposals(tuple(versions), tuple(notes), {r.child_version_id: r for r in refinements})
        except Conflict:  # the owner's first act elsewhere at this moment
            continue
    raise Unavailable("The store is busy with the same prompt: try again in a moment.")


def _rows(
    ws: Workspace, visitor: Visitor, parent: PromptVersion, accepted: Sequence[Candidate], connection: Connection
) -> tuple[list[PromptVersion], list[Refinement]]:
    tree = ws.store.find(PromptVersion, prompt_id=parent.prompt_id, connection=connection)
    there = {version.content_sha256 for version in tree}
    known = known_acts(connection, [event for c in accepted for event in c.evidence_ids])
    versions, refinements = [], []
    for candidate in accepted:
        wording = candidate.wording
        if wording.sha256 in there:  # another tab's proposals were a moment quicker
            continue
        there.add(wording.sha256)
        child = child_version(parent, wording, visitor, origin="refiner", rationale=candidate.rationale)
        versions.append(child)
        refinements.append(
            Refinement(
                prompt_id=parent.prompt_id, parent_version_id=parent.id, child_version_id=child.id,
                proposer=candidate.proposer, details=dict(candidate.details), created_by=visitor.annotator_id,
                evidence_ids=tuple(e for e in dict.fromkeys(candidate.evidence_ids) if e in known),
            )
        )  # fmt: skip
    return versions, refinements


def child_version(
    parent: PromptVersion, wording: Wording, visitor: Visitor, *, origin: PromptOrigin, rationale: str
) -> PromptVersion:
    """A new version under `parent` with this wording, not yet stored."""
    return PromptVersion(
        prompt_id=parent.prompt_id, parent_id=parent.id, text=wording.text, negative_text=wording.negative_text,
        system_text=wording.system_text, examples=wording.examples, settings=wording.settings, origin=origin,
        rationale=rationale, content_sha256=wording.sha256, created_by=visitor.annotator_id,
    )  # fmt: skip


def _names(accepted: Sequence[Candidate]) -> str:
    return ", ".join(dict.fromkeys(candidate.proposer for candidate in accepted))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
