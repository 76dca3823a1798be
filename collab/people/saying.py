"""What a person says of themselves: that they agree to the notice, and what they are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from collab.errors import InvalidSetting, Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.people.consent import agreed_to, check_consent, check_version, version_of
from collab.store import schema
from collab.store.store import Conflict
from collab.types import Annotator, Consent
from collab.workspace import Workspace

NAME_LIMIT = 40  # characters
# what would pass for whoever runs the studio, for a pseudonym, or for the product
_RESERVED = re.compile(
    r"(the)?(owner|admin|administrator|moderator|operator|system|studio|collab|local|me|root)\d*"
    r"|annotator[0-9a-f]*|(工作室|系统)?(所有者|管理员|运营者|主人)|系统|官方|工作室"
)


def agree(ws: Workspace, visitor: Visitor, version: object) -> str:
    """Keep that the visitor agrees to the notice in force. Raises InvalidSetting for another version of it."""
    wanted = check_version(ws.settings, version)

    def write(connection: Any) -> None:
        row = ws.store.find(Annotator, id=visitor.annotator_id, connection=connection)[0]
        if row.consent_version != wanted:
            ws.store.add(Consent(annotator_id=visitor.annotator_id, version=wanted), connection=connection)
            ws.store.update(Annotator, visitor.annotator_id, {"consent_version": wanted}, connection=connection)

    _as_somebody(ws, visitor, write)
    return wanted


def call_me(ws: Workspace, visitor: Visitor, name: object) -> str:
    """Keep what the visitor wants to be called; "" for nothing. Raises InvalidSetting for what cannot be a name here.

    Somebody who is logged in is called as their login, which proves it.
    """
    if visitor.origin == "huggingface":
        raise InvalidSetting("You are logged in, so you are called as your login is: log out to choose another name.")
    wanted = _check_name(ws, name)

    def write(connection: Any) -> None:
        people = schema.annotators
        taken = sa.select(people.c.display_name).where(
            people.c.id != visitor.annotator_id, sa.func.lower(people.c.display_name) == wanted.lower()
        )
        if wanted and connection.execute(taken.limit(1)).first():
            raise InvalidSetting(f"Somebody else is called “{wanted}” already: choose another name.")
        check_consent(ws, visitor, connection)
        ws.store.update(Annotator, visitor.annotator_id, {"display_name": wanted}, connection=connection)

    _as_somebody(ws, visitor, write)
    return wanted


def myself(ws: Workspace, visitor: Visitor) -> dict[str, Any]:
    """`name`, `can_be_named`, `agreed` (to the notice in force) and `must_agree` of the visitor."""
    found = ws.store.find(Annotator, id=visitor.annotator_id)
    return {
        "name": found[0].display_name if found else visitor.display_name,
        "can_be_named": visitor.origin != "huggingface",
        "agreed": agreed_to(ws, visitor) == version_of(ws.settings),
        "must_agree": visitor.must_consent,
    }


def _check_name(ws: Workspace, name: object) -> str:
    if not isinstance(name, str):
        raise InvalidSetting("A name is text: write what you want to be called, or leave it empty.")
    said = " ".join(unicodedata.normalize("NFKC", name).split())
    if len(said) > NAME_LIMIT:
        raise InvalidSetting(f"The name has {len(said)} characters: at most {NAME_LIMIT} are possible.")
    if not all(c.isalnum() or unicodedata.category(c).startswith("M") or c in " .,-_'’·" for c in said):
        raise InvalidSetting("A name holds letters, digits, spaces and . , - _ ' only: leave the rest out.")
    bare = "".join(c for c in said.casefold() if c.isalnum())
    if said and not bare:
        raise InvalidSetting("A name needs a letter or a digit: write one, or leave it empty.")
    owners = {"".join(c for c in owner if c.isalnum()) for owner in ws.settings.owners}
    if _RESERVED.fullmatch(bare) or bare in owners:
        raise InvalidSetting(f"“{said}” could pass for whoever runs this studio: choose another name.")
    return said


def _as_somebody(ws: Workspace, visitor: Visitor, write: Callable[[Any], None]) -> None:
    """One transaction in which the visitor has a row."""
    for _ in range(20):
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                write(connection)
            return
        except Conflict:  # this person's other tab made their row at this moment
            continue
    raise Unavailable("The store is very busy: try again in a moment.")
