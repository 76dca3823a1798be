"""What an annotator is called on the owner's pages and in exports. Reads the store."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from sqlalchemy.engine import Connection

from collab.keys import installation_key
from collab.types import Annotator
from collab.workspace import Kept, Workspace


def pseudonym(ws: Kept, annotator_id: str) -> str:
    """A name for exports, the same in all of this installation's. Who has not its key cannot tell whose it is.

    Ids of logins and of imported people follow from names that others know, so a plain hash of an id would tell.
    """
    key = installation_key(ws.settings).encode()
    return "annotator-" + hmac.new(key, f"pseudonym {annotator_id}".encode(), hashlib.sha256).hexdigest()[:12]


def consents_of(ws: Workspace, ids: Sequence[str], *, connection: Connection | None = None) -> dict[str, str]:
    """The version of the notice that each agreed to last; "not asked" of whoever is at the machine itself, whom no
    notice is shown, and "none" of everybody else who agreed to none."""
    found = {a.id: a for a in ws.store.find(Annotator, id=list(ids), connection=connection)}
    return {
        each: found[each].consent_version or ("not asked" if found[each].origin == "local" else "none")
        if each in found else "none" for each in ids
    }  # fmt: skip


def names_of(ws: Workspace, ids: Sequence[str], *, connection: Connection | None = None) -> dict[str, str]:
    """The display name of each, or a pseudonym where they chose none."""
    found = {a.id: a.display_name for a in ws.store.find(Annotator, id=list(ids), connection=connection)}
    return {annotator_id: found.get(annotator_id) or pseudonym(ws, annotator_id) for annotator_id in ids}
