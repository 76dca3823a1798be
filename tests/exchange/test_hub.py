"""Pushing to the Hub, against a real HTTP server that answers as the Hub's interface does."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collab import datasets
from collab.cli import app
from collab.errors import CollabError
from collab.exchange import hub
from collab.feedback import rate
from collab.identity import LOCAL, Visitor
from collab.settings import Settings
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.conftest import make
from tests.models.fake import FakeCatalog

TOKEN = "hf_" + "x" * 34


@dataclass
class StandIn:
    """What the Hub would hold. refuse_commit: fail at the last moment."""

    url: str = ""
    repos: dict[str, dict[str, Any]] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    refuse_commit: bool = False


def handler_of(held: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def _say(self, status: int, body: Any, **headers: str) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def do_PUT(self) -> None:
            held.lfs[self.path.rsplit("/", 1)[-1]] = self._body()
            self._say(200, {})

        def do_GET(self) -> None:
            self._say(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")

        do_HEAD = do_GET

        def do_DELETE(self) -> None:
            asked = json.loads(self._body())
            held.repos.pop(f"{asked['organization']}/{asked['name']}", None)
            self._say(200, {})

        def do_POST(self) -> None:
            data = self._body()
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            held.tokens.add(token)
            path = self.path.partition("?")[0]
            if token != TOKEN:
                return self._say(401, {"error": f"Invalid credentials {token}"})
            if path == "/api/validate-yaml":
                return self._say(200, {"errors": [], "warnings": []})
            if path == "/api/repos/create":
                asked = json.loads(data)
                name = f"{asked['organization']}/{asked['name']}"
                if asked["organization"] == "stranger":
                    return self._say(403, {"error": "no"})
                if name in held.repos:
                    return self._say(409, {"error": "You already created this dataset repo"})
                held.repos[name] = {
                    "private": asked.get("private") or asked.get("visibility") == "private",
                    "type": asked["type"],
                    "files": {},
                }
                return self._say(200, {"url": f"{held.url}/datasets/{name}"})
            if found := re.fullmatch(r"/api/(?:datasets|models)/(.+)/preupload/main", path):
                modes = [
                    {"path": f["path"], "shouldIgnore": False,
                     "uploadMode": "lfs" if f["path"].endswith((".parquet", ".safetensors")) else "regular"}
                    for f in json.loads(data)["files"]
                ]  # fmt: skip
                return self._say(200, {"files": modes})
            if path.endswith("/info/lfs/objects/batch"):
                objects = [
                    {**each, "actions": {"upload": {"href": f"{held.url}/lfs/{each['oid']}"}}}
                    for each in json.loads(data)["objects"]
                ]
                return self._say(200, {"transfer": "basic", "objects": objects})
            if found := re.fullmatch(r"/api/(?:datasets|models)/(.+)/commit/main", path):
                if held.refuse_commit:
                    return self._say(400, {"error": "refused"})
                files = held.repos[found[1]]["files"]
                for line in map(json.loads, data.splitlines()):
                    value = line["value"]
                    if line["key"] == "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    elif line["key"] == "lfsFile":
                        files[value["path"]] = held.lfs[value["oid"]]
                return self._say(
                    200,
                    {"success": True, "commitOid": "0" * 40, "commitUrl": f"{held.url}/datasets/{found[1]}/commit/0"},
                )
            return self._say(404, {"error": path})

    return Handler


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    from huggingface_hub import constants

    # the machine that tests may say it is offline, or be logged in
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub._commit_api.is_xet_available", lambda: False)
    held = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(held))
    held.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture
def written(ws: Workspace, ann: Visitor, tmp_path: Path) -> Path:
    for output in make(ws, ann, count=2)[1]:
        rate(ws, ann, output.id, score=5)
    datasets.write(datasets.build(ws, "trl-kto"), tmp_path / "data")
    return tmp_path / "data"


def test_a_push_makes_a_private_dataset_with_every_file(standing: StandIn, written: Path):
    url = hub.push(written, "ann/feedback", token=TOKEN, endpoint=standing.url)
    held = standing.repos["ann/feedback"]
    assert url.endswith("/datasets/ann/feedback") and held["private"] is True and held["type"] == "dataset"
    here = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in written.iterdir()}
    assert here == {n: hashlib.sha256(d).hexdigest() for n, d in held["files"].items() if n != ".gitattributes"}
    hub.push(written, "ann/open", token=TOKEN, endpoint=standing.url, private=False)
    assert standing.repos["ann/open"]["private"] is False


def test_the_command_line_pushes_an_export_of_many_files_in_one_commit(
    standing: StandIn, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """huggingface_hub sends the content of large files beforehand, then names all files in one commit."""
    monkeypatch.setenv("COLLAB_HOME", str(settings.home))
    monkeypatch.setenv("HF_ENDPOINT", standing.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with closing(open_workspace(settings, engine=Engine(FakeCatalog()))) as ws:
        for output in make(ws, LOCAL, count=2)[1]:
            rate(ws, LOCAL, output.id, score=5)
    run = CliRunner().invoke(app, ["export", "trl-kto", "--push-to", "ann/feedback", "--json"])
    assert run.exit_code == 0, run.output
    held, said = standing.repos["ann/feedback"], json.loads(run.stdout.splitlines()[-1])
    assert held["private"] and {"README.md", "train.parquet", "train.jsonl"} <= set(held["files"])
    assert said == {"files": [], "url": f"{standing.url}/datasets/ann/feedback"} and TOKEN not in run.output
    again = CliRunner().invoke(app, ["export", "trl-kto", "--push-to", "ann/feedback"])
    assert again.exit_code == 1 and "is there already" in again.stderr and again.stdout == ""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(120):
        (folder / f"part-{number:03}.{('parquet', 'jsonl')[number % 2]}").write_bytes(b"%d" % number * 1000)
    hub.push(folder, "ann/many", token=TOKEN, endpoint=standing.url)
    sent = {name: data for name, data in standing.repos["ann/many"]["files"].items() if name != ".gitattributes"}
    assert sent == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_refusal_is_one_sentence_that_never_says_the_token(
    standing: StandIn, written: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.DEBUG)

    def refused(name: str = "ann/feedback", endpoint: str = standing.url, token: str = TOKEN, **more: Any) -> str:
        with pytest.raises(CollabError) as error:
            hub.push(written, name, token=token, endpoint=endpoint, **more)
        said = str(error.value)
        assert said.count("\n") == 0 and (not token or token not in said) and error.value.__cause__ is None
        return said

    assert "no Hugging Face token" in refused(token="")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "no Hugging Face token" in refused(token="", machine_login=False)  # the machine's is the owner's alone
    assert "(401)" in refused(token="hf_wrong" + "y" * 30)
    assert "may not write" in refused("stranger/feedback")
    assert "no name on the Hub" in refused("../../etc")
    hub.push(written, "ann/feedback", token="", endpoint=standing.url)
    assert "is there already" in refused()
    assert "cannot be reached" in refused(endpoint="http://127.0.0.1:9")
    standing.refuse_commit = True
    assert "refused" in refused("ann/half")
    assert list(standing.repos) == ["ann/feedback"]  # what was begun is gone again
    assert TOKEN not in caplog.text and not any(TOKEN in p.read_text("utf-8", "replace") for p in written.iterdir())
