"""What lets a proposed wording pass: it says something new, breaks nothing, and names feedback that exists or says that
it rests on none.

Knows nothing of proposers; keeps a note of what it refused and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collab.errors import Unavailable
from collab.generation import wording_of
from collab.prompts import Wording
from collab.refinement.proposal import Candidate
from collab.store.refine_queries import known_acts
from collab.types import Modality, PromptVersion
from collab.workspace import Workspace

NOTES_LIMIT = 24


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know of a proposer's work. said: one sentence."""

    proposer: str
    said: str

    def __str__(self) -> str:
        return f"{self.proposer}: {self.said}" if self.proposer else self.said

    def as_json(self) -> dict[str, str]:
        return {"proposer": self.proposer, "said": self.said}


def embed_texts(texts: Sequence[str]) -> Any:
    from models import embedding
    from models.base import ModelError

    try:
        return embedding.embed_texts(texts)
    except ModelError as error:
        raise Unavailable(str(error)) from error


class Sieve:
    """What lets a candidate pass: it says something new, breaks nothing, and names feedback that exists."""

    def __init__(self, ws: Workspace, version: PromptVersion, known: Sequence[str] = ()) -> None:
        from models import embedding

        self.ws, self.parent, self.known = ws, wording_of(ws.store, version), known
        self.tree = {v.content_sha256 for v in ws.store.find(PromptVersion, prompt_id=version.prompt_id)}
        children = ws.store.find(PromptVersion, parent_id=version.id)
        modality = self.parent.modality
        self.siblings = [wording_in(modality, child) for child in children]
        self.embed = embed_texts if embedding.available() else None
        self.notes: list[Note] = []

    def note(self, proposer: str, said: str) -> None:
        made = Note(proposer, " ".join(said.split())[:400])
        if made not in self.notes and len(self.notes) < NOTES_LIMIT:
            self.notes.append(made)

    def passes(self, candidate: Candidate) -> bool:
        """Whether it is kept; why not is noted."""
        from collab.refinement import guardrails

        wording = candidate.wording
        if wording.sha256 in self.tree:
            self.note(candidate.proposer, "a proposal was left out: a version with these very words is there already.")
            return False
        with self.ws.store.reading() as connection:
            known = known_acts(connection, candidate.evidence_ids)
        if not known and (candidate.evidence_ids or not candidate.exploratory):
            self.note(candidate.proposer, "a proposal was refused: it names no feedback that it rests on.")
            return False
        objection = guardrails.objection(wording, self.parent, self.siblings, self.embed, self.known)
        if objection:
            self.note(candidate.proposer, f"a proposal was refused: {objection[:1].lower()}{objection[1:]}")
            return False
        self.tree.add(wording.sha256)
        self.siblings.append(wording)
        return True


def wording_in(modality: Modality, version: PromptVersion) -> Wording:
    return Wording(
        modality=modality, text=version.text, negative_text=version.negative_text, system_text=version.system_text,
        examples=version.examples, settings=version.settings,
    )  # fmt: skip
