"""The public functions, typed, returning JSON: what endpoints, tools and the command line call. Knows no Gradio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from collab import feedback, generation, views
from collab.chain import own_act
from collab.checks import is_id
from collab.errors import InvalidPrompt
from collab.finding import read_wanted
from collab.generation import Ask, own_generation
from collab.identity import Visitor
from collab.pictures import editing as picture_editing
from collab.pictures.own import bring_picture, given_bytes
from collab.store.history_queries import history_page
from collab.studies.answering import undo_act
from collab.texts import branches as growing
from collab.texts import explaining
from collab.types import Feedback
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]
HISTORY_LIMIT = 200


async def generate(ws: Workspace, visitor: Visitor, ask: Ask, link: Link) -> AsyncIterator[Json]:
    """Start a generation and stream its state until it has ended. Leaving early does not stop it."""
    generation_id = await asyncio.to_thread(generation.generate, ws, visitor, ask)
    async for state in follow(ws, visitor, generation_id, link):
        yield state


async def follow(ws: Workspace, visitor: Visitor, generation_id: str, link: Link) -> AsyncIterator[Json]:
    """Stream the state of one's own generation, wherever it is carried out, until it has ended."""
    await asyncio.to_thread(own_generation, ws, visitor, generation_id)
    async for run in ws.runs.changes(generation_id):
        if run is not None:
            yield views.of_run(run, link)
            continue
        async for stored in ws.runs.until_stored(generation_id):
            yield await asyncio.to_thread(views.stored, ws, stored, link)


def cancel(ws: Workspace, visitor: Visitor, generation_id: str) -> Json:
    """Stop one's own generation; `/generation` then tells what was kept."""
    stopped = generation.cancel(ws, visitor, generation_id)
    return {"generation_id": stopped.id, "status": stopped.status}


def saved(act: Feedback) -> Json:
    """What every act of feedback answers."""
    return {"feedback_id": act.id, "saved_at": act.created_at.isoformat(timespec="milliseconds")}


def rate(
    ws: Workspace,
    visitor: Visitor,
    output_id: str,
    score: Any = None,
    aspects: Any = None,
    tags: Any = None,
    comment: Any = None,
    thumb: Any = None,
    spans: Any = None,
    request_id: str = "",
) -> Json:
    """Add to one's rating of an output; what is left out stays as it was."""
    act = feedback.rate(
        ws, visitor, output_id, score=score, aspects=aspects, tags=tags, comment=comment or None, thumb=thumb,
        spans=spans, request_id=request_id,
    )  # fmt: skip
    return {**saved(act), "output_id": output_id}


def compare(
    ws: Workspace, visitor: Visitor, a: str, b: str, winner: str, comment: str = "", request_id: str = ""
) -> Json:
    """Say which of two outputs is better."""
    return saved(feedback.compare(ws, visitor, a, b, winner, comment=comment, request_id=request_id))


def rank(ws: Workspace, visitor: Visitor, groups: Sequence[Sequence[str]], request_id: str = "") -> Json:
    """Order outputs, best first, ties inside a group."""
    return saved(feedback.rank(ws, visitor, groups, request_id=request_id))


def edit_text(ws: Workspace, visitor: Visitor, output_id: str, text: str, request_id: str = "") -> Json:
    """Keep a corrected text."""
    act = feedback.edit_text(ws, visitor, output_id, text, request_id=request_id)
    return {**saved(act), "output_id": output_id, "edit_distance": act.edit_distance}


def edit_image(
    ws: Workspace, visitor: Visitor, output_id: str, image: Any, mask: Any = None, request_id: str = "",
    uploads: Any = None,
) -> Json:  # fmt: skip
    """Keep a picture that a person made of another. uploads: the folder in which files that were sent may lie."""
    act = picture_editing.edit_image(ws, visitor, output_id, image, mask, request_id=request_id, uploads=uploads)
    return {**saved(act), "output_id": output_id, "blob_sha256": act.blob_sha256, "mask_sha256": act.mask_sha256}


def upload_picture(ws: Workspace, visitor: Visitor, image: Any, link: Link, uploads: Any = None) -> Json:
    """Keep a picture of one's own, to start generations from: its output id, size, and what was changed of it."""
    output, picture = bring_picture(ws, visitor, given_bytes(image, uploads=uploads))
    return {"output_id": output.id, "image_url": link(output.id), "width": picture.width, "height": picture.height,
            "notes": list(picture.notes)}  # fmt: skip


def undo(ws: Workspace, visitor: Visitor, feedback_id: str) -> Json:
    """Take back one's act; what it had replaced is in force again."""
    target = own_act(ws, visitor, feedback_id)
    act = undo_act(ws, visitor, target) if target.task_id else feedback.undo(ws, visitor, feedback_id)
    return {**saved(act), "undone_id": act.retracts_id, "restored_id": act.restores_id}


def history(
    ws: Workspace, visitor: Visitor, link: Link, limit: int = 50, cursor: str = "", query: str = "",
    filters: Any = None,
) -> Json:  # fmt: skip
    """One's own generations, newest first, with one's feedback. cursor: `next_cursor` of the page before.

    query, filters: see `finding.read_wanted`.
    """
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 1 <= limit <= HISTORY_LIMIT:
        raise InvalidPrompt(f"Limit is {str(limit)[:40]}: choose 1 to {HISTORY_LIMIT}.")
    if cursor and not is_id(cursor):
        raise InvalidPrompt(f"The cursor is “{str(cursor)[:40]}”: use the next_cursor of the page before.")
    wanted = read_wanted(query, filters)
    found = history_page(
        ws.store, visitor.annotator_id, limit=int(limit) + 1, before_id=cursor or "", wanted=wanted
    )  # fmt: skip
    page = found[: int(limit)]
    return {
        "items": views.cards(ws, visitor, page, link),
        "next_cursor": page[-1].id if len(found) > len(page) else None,
    }


def detail(ws: Workspace, visitor: Visitor, generation_id: str, link: Link) -> Json:
    """One of one's generations with its whole provenance and its replays."""
    made = own_generation(ws, visitor, generation_id)
    (card,) = views.cards(ws, visitor, [made], link)
    for output in card["outputs"]:
        if (edit := output["feedback"]["edit"]) and edit["blob_sha256"]:
            edit["made_in"] = picture_editing.made_in(ws, visitor, edit["blob_sha256"])
    return {
        **card,
        "provenance": [list(row) for row in views.provenance(ws, visitor, generation_id)],
        "replays": views.replays(ws, visitor, generation_id),
        "branches": growing.tree(ws, visitor, generation_id) if card["modality"] == "text" else None,
    }


def branches(ws: Workspace, visitor: Visitor, generation_id: str) -> Json:
    """The tree of branches and replies that one of one's generations belongs to."""
    return growing.tree(ws, visitor, generation_id)


def explain(ws: Workspace, visitor: Visitor, output_id: str, edited: object = False) -> Json:
    """How likely the model thought each piece of one of one's texts, and what else could have stood there."""
    return explaining.explain(ws, visitor, output_id, edited=edited is True)


def models(ws: Workspace) -> Json:
    """The models this studio lists, and which of them are loaded now. What is not listed is nobody's business."""
    listed = {e.title for e in ws.engine.entries()}
    return {
        "models": [
            {"name": e.name, "title": e.title, "modality": e.modality, "base": e.base, "notes": e.notes,
             "defaults": dict(e.defaults)}
            for e in ws.engine.entries()
        ],
        "loaded": [
            {"name": s.name, "state": s.state, "message": s.message, "fraction": s.fraction}
            for s in ws.engine.status()
            if s.name in listed
        ],
    }  # fmt: skip
