"""Which studies a person may see, and which tasks are theirs. Reads the store, changes nothing."""

from __future__ import annotations

import re
from typing import Any

from collab.checks import is_id
from collab.errors import NotAllowed, NotFound
from collab.identity import Visitor
from collab.store.study_queries import listed_studies
from collab.studies.spec import read_spec
from collab.types import Output, Study, StudyItem, Task
from collab.workspace import Workspace

LINK_PREFIX = "?study="  # what stands before a study's link in the page's address
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what tokens, links and ids are made of: a database takes no other words
_ADDRESS_LIMIT = 500


def address_of(study: Study) -> str:
    """Where a study is opened, as a path on this server."""
    return f"/{LINK_PREFIX}{study.link}"


def find_study(ws: Workspace, visitor: Visitor, name: object) -> Study:
    """The study by its id, its link or its whole address.

    One that is not listed is found by its link, or by whoever takes part in it already.
    Raises NotFound, alike for unknown studies and for those that the visitor was not given the link of.
    """
    text = name.rpartition(LINK_PREFIX)[2] if isinstance(name, str) and len(name) <= _ADDRESS_LIMIT else ""
    if _TOKEN.fullmatch(text) and (by_link := ws.store.find(Study, link=text)):
        return by_link[0]
    found = ws.store.find(Study, id=text) if is_id(text) else []
    if found and (found[0].access == "open" or visitor.is_owner or _takes_part(ws, visitor, found[0])):
        return found[0]
    raise NotFound(f"There is no study “{str(name)[:60]}”: check the link.")


def owned_study(ws: Workspace, visitor: Visitor, name: object) -> Study:
    """The study, for whoever may see its results. Raises NotAllowed for anyone but the studio's owner."""
    study = find_study(ws, visitor, name)
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner sees a study's results.")
    return study


def _takes_part(ws: Workspace, visitor: Visitor, study: Study) -> bool:
    return bool(ws.store.find(Task, study_id=study.id, annotator_id=visitor.annotator_id, limit=1))


def own_task(ws: Workspace, visitor: Visitor, token: object, *, connection: Any = None) -> Task:
    """The visitor's task by its token; locked where the caller's transaction, which must be a writing one, is given.
    Raises NotFound, alike for unknown tokens and for other people's."""
    known = isinstance(token, str) and _TOKEN.fullmatch(token)
    found = ws.store.find(Task, token=token, connection=connection, lock=connection is not None) if known else []
    if not found or found[0].annotator_id != visitor.annotator_id:
        raise NotFound(f"There is no task “{str(token)[:60]}” of yours: take the next one.")
    return found[0]


def item_of(ws: Workspace, task: Task, *, connection: Any = None) -> StudyItem:
    """The item that a task leases."""
    return ws.store.get(StudyItem, task.item_id, connection=connection)


def studies_for(ws: Workspace, visitor: Visitor) -> list[Study]:
    """What the visitor may take part in, newest first: open and listed, or theirs already; an owner sees all."""
    return listed_studies(ws.store, visitor.annotator_id, everything=visitor.is_owner)


def example_token(link: str, number: int) -> str:
    """What a study's worked example is called where a task's token is asked for; no token has a colon."""
    return f"{link}:{number}"


def shown_output(ws: Workspace, token: str, place: int) -> Output | None:
    """What stands at a place of a task's screen, or of a worked example; None where there is nothing."""
    if ":" in token:
        link, _, number = token.partition(":")
        return _example_output(ws, link, number, place)
    found = ws.store.find(Task, token=token)
    if not found or not 0 <= place < len(found[0].arrangement):
        return None
    item = item_of(ws, found[0])
    return ws.store.get(Output, item.outputs[found[0].arrangement[place]])


def _example_output(ws: Workspace, link: str, number: str, place: int) -> Output | None:
    for study in ws.store.find(Study, link=link):
        examples = dict(enumerate(read_spec(study.spec).worked_examples))
        pictures = examples.get(int(number) if number.isdecimal() else -1, {}).get("output_ids", ())
        return next(iter(ws.store.find(Output, id=pictures[place])), None) if 0 <= place < len(pictures) else None
    return None
