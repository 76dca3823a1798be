"""What the Data tab's widget asks for: counts, exports and looks at them, files, the Hub, and one's own data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab.api import data as data_api
from collab.errors import InvalidImport, NotAllowed
from collab.exchange import hub
from collab.exchange.export_files import Part
from collab.exchange.new_folder import passing_folder
from collab.identity import Identity, Visitor
from collab.people.my_export import own_prefix
from collab.ui.answering import answering
from collab.ui.archives import new_archive
from collab.ui.data_builds import Builds, Step
from collab.ui.history_acts import history_acts
from collab.ui.web import archive_link
from collab.workspace import Workspace

Json = dict[str, Any]
_MINE = ("my_data", "export_my_data", "delete_my_data")  # as on History


def data_acts(ws: Workspace, identity: Identity, hub_endpoint: str | None = None) -> Callable[[dict, gr.Request], dict]:
    """The server function of the Data tab. hub_endpoint: another Hub than the public one."""
    mine, builds = history_acts(ws, identity), Builds()

    own = answering(identity, lambda visitor, said: _answer(ws, identity, builds, visitor, said, hub_endpoint))

    def act(payload: dict, request: gr.Request) -> dict:
        is_mine = isinstance(payload, Mapping) and payload.get("act") in _MINE
        return (mine if is_mine else own)(payload, request)

    return act


def _answer(
    ws: Workspace, identity: Identity, builds: Builds, visitor: Visitor, said: Mapping[str, Any],
    hub_endpoint: str | None,
) -> Json:  # fmt: skip
    match said.get("act"):
        case "overview":
            return {"overview": data_api.overview(ws, visitor)}
        case "offers":
            return {"offers": data_api.offers(ws, visitor)}
        case "preview":
            return data_api.preview(ws, visitor, said.get("format"), said.get("source"))
        case "build":
            return builds.start(visitor.annotator_id, _archive(ws, identity, visitor, said)).told()
        case "push":
            return builds.start(visitor.annotator_id, _push(ws, visitor, said, hub_endpoint)).told()
        case "build_state":
            return builds.get(visitor.annotator_id, said.get("build_id")).told()
        case "build_stop":
            return builds.stop(visitor.annotator_id, said.get("build_id")).told()
        case other:
            raise InvalidImport(f"There is no act named “{str(other)[:40]}”.")


def _archive(ws: Workspace, identity: Identity, visitor: Visitor, said: Mapping[str, Any]) -> Callable[[Step], Json]:
    format, part = data_api.format_name(said.get("format")), said.get("part") or "all"
    parts: Mapping[object, Part] = {"all": "all", "parquet": "parquet", "jsonl": "jsonl"}
    if part not in parts:
        raise InvalidImport(f"There are no files as {str(part)[:20]!r}: choose all, parquet or jsonl.")

    def work(step: Step) -> Json:
        token, path = new_archive(ws, own_prefix(ws, visitor))
        files = data_api.write_archive(ws, visitor, format, said.get("source"), parts[part], path, step=step)
        return {"url": archive_link(identity, token), "files": files, "bytes": path.stat().st_size}

    return work


def _push(ws: Workspace, visitor: Visitor, said: Mapping[str, Any], endpoint: str | None) -> Callable[[Step], Json]:
    format, name = data_api.format_name(said.get("format")), hub.check_repo(said.get("name"))
    token = str(said.get("token") or "")
    if not token and not visitor.is_owner:
        raise NotAllowed("Enter a Hugging Face token of your own: only the studio's owner uses the machine's login.")
    private = said.get("public") is not True

    def work(step: Step) -> Json:
        with passing_folder(ws.settings.home) as folder:
            data_api.write(ws, visitor, format, said.get("source"), folder / "data", step=step)
            step("sending")
            url = hub.push(folder / "data", name, private=private, token=token, endpoint=endpoint,
                           machine_login=visitor.is_owner)  # fmt: skip
        return {"url": url, "private": private}

    return work
