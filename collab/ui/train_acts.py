"""What the Train widget sends: dispatched to `collab/api/train_board.py`, answered as JSON. Keeps counts alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab.api import train as train_api
from collab.api import train_board
from collab.errors import InvalidSetting
from collab.identity import Identity, Visitor
from collab.training.teaching import Lessons
from collab.ui.answering import answering
from collab.ui.archives import new_archive
from collab.ui.web import archive_link
from collab.workspace import Workspace

Json = dict[str, Any]


def train_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of the Train page."""
    known = Lessons(ws)

    def act(visitor: Visitor, said: Mapping[str, Any]) -> Json:
        get = said.get
        job_id, version_id = get("job_id"), get("version_id")
        match said.get("act"):
            case "overview":
                return train_board.overview(ws, visitor)
            case "lessons":
                return {"lessons": train_board.lessons(ws, visitor, known)}
            case "plan":
                return {"plan": train_board.plan(ws, visitor, known, get("kind"), get("settings"))}
            case "start":
                job_id = train_api.start(ws, visitor, get("kind"), get("settings"))["job_id"]
            case "training":
                pass
            case "cancel":
                train_api.cancel(ws, visitor, job_id)
            case "resume":
                train_api.resume(ws, visitor, job_id)
            case "test":
                train_board.test_blind(ws, visitor, version_id)
            case "promote":
                train_board.promote(ws, visitor, version_id)
            case "rollback":
                return train_board.rollback(ws, visitor, get("modality"), get("reason"))
            case "acts":
                return train_board.acts(ws, visitor, get("snapshot_id"), get("start"))
            case "adapter":
                token, path = new_archive(ws)
                files = train_board.write_adapter(ws, visitor, version_id, path)
                return {"url": archive_link(identity, token), "files": files}
            case other:
                raise InvalidSetting(f"There is no act named “{str(other)[:40]}”.")
        return {"training": train_board.training_board(ws, visitor, job_id)}

    return answering(identity, act)
