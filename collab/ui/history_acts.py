"""What History's widget asks for beside judging: pages, choices, what is done with several, and one's own data.

Answers numbers and names; the words are the widget's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab import api
from collab.bulk import tag_outputs
from collab.identity import Identity, Visitor
from collab.people.erasing import chosen_outputs, delete_my_data, delete_outputs, would_delete, would_delete_all
from collab.store.history_queries import history_choices
from collab.ui.acts import PAGE, board_acts
from collab.ui.answering import answering
from collab.ui.archives import write_own_archive
from collab.ui.web import archive_link, picture_link
from collab.workspace import Workspace

Json = dict[str, Any]


def history_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of a history list; what it does not know is an act about an output."""
    judge = board_acts(ws, identity)

    own = answering(identity, lambda visitor, said: _ACTS[said["act"]](ws, identity, visitor, said))

    def act(payload: dict, request: gr.Request) -> dict:
        name = payload.get("act") if isinstance(payload, Mapping) else None
        return (own if isinstance(name, str) and name in _ACTS else judge)(payload, request)

    return act


def _page(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    return api.history(ws, visitor, picture_link(identity), limit=PAGE, cursor=asked.get("cursor") or "",
                       query=asked.get("query") or "", filters=asked.get("filters"))  # fmt: skip


def _choices(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    return history_choices(ws.store, visitor.annotator_id)._asdict()


def _tag(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    chosen = chosen_outputs(ws, visitor, asked.get("generation_ids"), asked.get("output_ids"))
    return {"tagged": tag_outputs(ws, visitor, chosen, asked.get("tag"))}


def _download(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    chosen = chosen_outputs(ws, visitor, asked.get("generation_ids"), asked.get("output_ids"))
    token, written = write_own_archive(ws, visitor, chosen)
    return {"url": archive_link(identity, token), "counts": written}


def _would_delete(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    chosen = chosen_outputs(ws, visitor, asked.get("generation_ids"), asked.get("output_ids"))
    return {"counts": would_delete(ws, visitor, chosen)}


def _delete(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    chosen = chosen_outputs(ws, visitor, asked.get("generation_ids"), asked.get("output_ids"))
    return {"counts": delete_outputs(ws, visitor, chosen)}


def _my_data(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    return {"counts": would_delete_all(ws, visitor)}


def _export(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    token, written = write_own_archive(ws, visitor)
    return {"url": archive_link(identity, token), "counts": written}


def _delete_all(ws: Workspace, identity: Identity, visitor: Visitor, asked: Mapping[str, Any]) -> Json:
    counts = delete_my_data(ws, visitor, asked.get("confirm"))
    return {"counts": counts}


_ACTS: Mapping[str, Callable[[Workspace, Identity, Visitor, Mapping[str, Any]], Json]] = {
    "page": _page, "choices": _choices, "tag": _tag, "download": _download, "would_delete": _would_delete,
    "delete": _delete, "my_data": _my_data, "export_my_data": _export, "delete_my_data": _delete_all,
}  # fmt: skip
