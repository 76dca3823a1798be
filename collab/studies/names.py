"""What an annotator is called on the owner's pages and in exports. Reads the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy.engine import Connection

from collab.types import Annotator
from collab.workspace import Workspace


def pseudonym(annotator_id: str) -> str:
    """A name for exports, the same each time. No secret goes into it: whoever knows the id can compute it."""
    return "annotator-" + hashlib.sha256(f"collab pseudonym {annotator_id}".encode()).hexdigest()[:12]


def names_of(ws: Workspace, ids: Sequence[str], *, connection: Connection | None = None) -> dict[str, str]:
    """The display name of each, or a pseudonym where they chose none."""
    found = {a.id: a.display_name for a in ws.store.find(Annotator, id=list(ids), connection=connection)}
    return {annotator_id: found.get(annotator_id) or pseudonym(annotator_id) for annotator_id in ids}
