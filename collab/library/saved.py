"""The prompt library: a prompt under a name, with tags, and its versions as a tree. Knows nothing of the page.

Versions are immutable; what moves is which of them is current. Nothing here deletes, so every act can be taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.engine import Connection

from collab.checks import clean_text, is_id
from collab.errors import InvalidPrompt, NotFound, Unavailable
from collab.feedback import check_tags
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.people.consent import check_consent
from collab.prompts import Wording, typed_version
from collab.store import Conflict
from collab.types import Prompt, PromptVersion, SavedPrompt
from collab.workspace import Workspace

Json = dict[str, Any]
NAME_LIMIT = 120  # characters
PROMPTS_LIMIT, VERSIONS_LIMIT = 1_000, 500  # of one person, of one prompt


def listed(ws: Workspace, visitor: Visitor) -> list[Json]:
    """One's saved prompts, the last saved first, archived ones too: name, tags, modality, how many versions, current
    version's number and words."""
    saved = ws.store.find(SavedPrompt, created_by=visitor.annotator_id)
    ids = [s.prompt_id for s in saved]
    prompts = {p.id: p for p in ws.store.find(Prompt, id=ids)}
    versions: dict[str, list[PromptVersion]] = {i: [] for i in ids}
    for version in ws.store.find(PromptVersion, prompt_id=ids):
        versions[version.prompt_id].append(version)
    return [
        {
            "prompt_id": s.prompt_id, "name": s.name, "tags": list(s.tags), "archived": s.archived,
            "modality": prompts[s.prompt_id].modality, "versions": len(versions[s.prompt_id]),
            "current_id": s.current_id,
            "current": 1 + [v.id for v in versions[s.prompt_id]].index(s.current_id),
            "text": next(v.text for v in versions[s.prompt_id] if v.id == s.current_id)[:300],
        }
        for s in sorted(saved, key=lambda s: max(v.id for v in versions[s.prompt_id]), reverse=True)
    ]  # fmt: skip


def tree(ws: Workspace, visitor: Visitor, prompt_id: object) -> Json:
    """A saved prompt with its versions, the first first: number, parent, words, when. Raises NotFound."""
    saved = _own(ws, visitor, prompt_id)
    versions = ws.store.find(PromptVersion, prompt_id=saved.prompt_id)
    numbers = {version.id: n for n, version in enumerate(versions, 1)}
    children = Counter(version.parent_id for version in versions)
    return {
        "prompt_id": saved.prompt_id, "name": saved.name, "current_id": saved.current_id,
        "modality": ws.store.get(Prompt, saved.prompt_id).modality,
        "versions": [
            {
                "prompt_version_id": v.id, "number": numbers[v.id], "parent": numbers.get(v.parent_id or ""),
                "children": children[v.id], "text": v.text, "negative_text": v.negative_text,
                "system_text": v.system_text, "examples": [asdict(e) for e in v.examples], "origin": v.origin,
                "created_at": v.created_at.isoformat(timespec="seconds"),
            }
            for v in versions
        ],
    }  # fmt: skip


def save(
    ws: Workspace, visitor: Visitor, wording: Wording, *, name: object = "", tags: object = (),
    parent_id: object = "",
) -> Json:  # fmt: skip
    """Keep a wording: under a new name, or as a version that follows `parent_id`, a version of a saved prompt.

    A wording that the prompt has already only becomes current. Raises InvalidPrompt, or NotFound for another's parent.
    """
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                check_consent(ws, visitor, connection)
                if parent_id:
                    return _next_version(ws, visitor, wording, parent_id, connection)
                return _first_save(ws, visitor, wording, name, tags, connection)
        except Conflict:  # this person's other tab saved the same at this moment
            continue
    raise Unavailable("The store is very busy with the same prompt: try again in a moment.")


def _first_save(
    ws: Workspace, visitor: Visitor, wording: Wording, name: object, tags: object, connection: Connection
) -> Json:
    said, marks = _name(name), check_tags(tags)
    if len(ws.store.find(SavedPrompt, created_by=visitor.annotator_id, connection=connection)) >= PROMPTS_LIMIT:
        raise InvalidPrompt(f"The library holds {PROMPTS_LIMIT:,} prompts already: no more are possible.")
    version = typed_version(ws.store, wording, visitor, connection=connection)
    kept = ws.store.find(SavedPrompt, prompt_id=version.prompt_id, connection=connection)
    if kept:
        raise InvalidPrompt(f"This wording is in the library already, in “{kept[0].name}”: open it there.")
    saved = SavedPrompt(
        prompt_id=version.prompt_id, current_id=version.id, name=said, tags=marks, created_by=visitor.annotator_id
    )
    ws.store.add(saved, connection=connection)
    return _made(ws, version, connection)


def _next_version(ws: Workspace, visitor: Visitor, wording: Wording, parent_id: object, connection: Connection) -> Json:
    found = ws.store.find(PromptVersion, id=parent_id, connection=connection) if is_id(parent_id) else []
    saved = _own(ws, visitor, found[0].prompt_id if found else "", connection)
    if ws.store.get(Prompt, saved.prompt_id, connection=connection).modality != wording.modality:
        raise InvalidPrompt(f"“{saved.name}” is not a prompt for {wording.modality}: save this under a new name.")
    versions = ws.store.find(PromptVersion, prompt_id=saved.prompt_id, connection=connection)
    same = [version for version in versions if version.content_sha256 == wording.sha256]
    if not same and len(versions) >= VERSIONS_LIMIT:
        raise InvalidPrompt(f"“{saved.name}” has {VERSIONS_LIMIT} versions: save this under a new name.")
    version = same[0] if same else PromptVersion(
        prompt_id=saved.prompt_id, parent_id=found[0].id, text=wording.text, negative_text=wording.negative_text,
        system_text=wording.system_text, examples=wording.examples, settings=wording.settings,
        content_sha256=wording.sha256, created_by=visitor.annotator_id,
    )  # fmt: skip
    if not same:
        ws.store.add(version, connection=connection)
    ws.store.update(SavedPrompt, saved.id, {"current_id": version.id}, connection=connection)
    return _made(ws, version, connection)


def _made(ws: Workspace, version: PromptVersion, connection: Connection) -> Json:
    ids = [v.id for v in ws.store.find(PromptVersion, prompt_id=version.prompt_id, connection=connection)]
    return {"prompt_id": version.prompt_id, "prompt_version_id": version.id, "number": 1 + ids.index(version.id)}


def restore(ws: Workspace, visitor: Visitor, version_id: object) -> Json:
    """Make a version of a saved prompt current; what was before is told, so that it can be taken back."""
    version = own_version(ws, visitor, version_id)
    saved = _own(ws, visitor, version.prompt_id)
    ws.store.update(SavedPrompt, saved.id, {"current_id": version.id})
    return {"prompt_id": saved.prompt_id, "before": {"current_id": saved.current_id}}


def change(ws: Workspace, visitor: Visitor, prompt_id: object, changes: Mapping[str, Any]) -> Json:
    """Rename, tag, archive or take out of the archive; what was before is told, so that it can be taken back."""
    saved = _own(ws, visitor, prompt_id)
    new: Json = {}
    if "name" in changes:
        new["name"] = _name(changes["name"])
    if "tags" in changes:
        new["tags"] = check_tags(changes["tags"])
    if "archived" in changes:
        new["archived"] = changes["archived"] is True
    if new:
        ws.store.update(SavedPrompt, saved.id, new)
    before = {name: getattr(saved, name) for name in new}
    return {"prompt_id": saved.prompt_id, "before": {k: list(v) if k == "tags" else v for k, v in before.items()}}


def own_version(ws: Workspace, visitor: Visitor, version_id: object) -> PromptVersion:
    """A version of one's own library. Raises NotFound."""
    found = ws.store.find(PromptVersion, id=version_id) if is_id(version_id) else []
    _own(ws, visitor, found[0].prompt_id if found else "")
    return found[0]


def _own(ws: Workspace, visitor: Visitor, prompt_id: object, connection: Connection | None = None) -> SavedPrompt:
    mine: Json = {"created_by": visitor.annotator_id}
    found = ws.store.find(SavedPrompt, prompt_id=prompt_id, connection=connection, **mine) if is_id(prompt_id) else []
    if not found:
        raise NotFound("There is no such prompt in your library: it may be deleted.")
    return found[0]


def _name(name: object) -> str:
    said = clean_text(name, "prompt's name", limit=NAME_LIMIT, error=InvalidPrompt, required=True)
    return " ".join(said.split())
