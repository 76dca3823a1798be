"""Whom a panel is made of: names, ids and “me” become annotator ids, before the first vote. Reads the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collab.checks import is_id
from collab.errors import InvalidStudy, NotFound
from collab.identity import Visitor
from collab.studies.spec import StudySpec
from collab.types import Annotator
from collab.workspace import Workspace


def with_panel(ws: Workspace, visitor: Visitor, spec: StudySpec) -> StudySpec:
    """The spec with its panel's annotator ids.

    Raises InvalidStudy for more members than see an item, and what `panel_ids` raises.
    """
    if spec.evidence["scope"] != "panel":
        return spec
    members = panel_ids(ws, visitor, spec.evidence["panel"])
    if len(members) > spec.overlap:
        raise InvalidStudy(
            f"The panel has {len(members)} members, but an item goes to {spec.overlap} people only: set the overlap "
            f"to {len(members)} or more."
        )
    return replace(spec, evidence={**spec.evidence, "panel": members})


def panel_ids(ws: Workspace, visitor: Visitor, panel: Sequence[str]) -> list[str]:
    """The annotator ids of a panel given by display names, by ids or as “me”, each once.

    Raises NotFound for a name that nobody has, and InvalidStudy for one that several have.
    """
    ids = {a.id for a in ws.store.find(Annotator, id=[member for member in panel if is_id(member)])}
    named: dict[str, list[str]] = {}
    for annotator in ws.store.find(Annotator, display_name=list(panel)):
        named.setdefault(annotator.display_name, []).append(annotator.id)
    members = []
    for member in panel:
        found = [visitor.annotator_id] if member == "me" else [member] if member in ids else named.get(member, [])
        if len(found) > 1:
            raise InvalidStudy(f"{len(found)} annotators are called “{member}”: give the id of the one you mean.")
        if not found and member != visitor.annotator_id:
            raise NotFound(
                f"There is no annotator “{member}” for the panel: give the name or id of somebody who has taken part "
                "here, or “me”."
            )
        members += found or [member]
    return list(dict.fromkeys(members))
