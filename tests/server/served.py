"""A studio on a real server with a fake engine, and what its endpoints are asked with."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from gradio_client import Client
from gradio_client.exceptions import AppError

from collab.settings import read_settings
from collab.ui import Served, serve
from collab.ui.endpoints import UNEXPECTED
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.conftest import counts
from tests.models.fake import FakeCatalog

LONG = " ".join(f"word{n}" for n in range(30))
TOKEN = "the operator's token"
HUGE = "x" * 20_001
RAW = ["{}", "[]", "7", "null", "{", '{"data": null}', '{"data": []}', '{"data": {}}', '{"data": [[[[]]], 1, 2, 3]}']


@dataclass(frozen=True)
class Studio:
    ws: Workspace
    served: Served

    def client(self, **headers: str) -> Client:
        return Client(self.served.url, verbose=False, analytics_enabled=False, headers=headers or None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def open_studio(home: Path, catalog: FakeCatalog | None = None, **environ: str) -> Iterator[Studio]:
    """A served studio with fake models; it stops with the block."""
    settings = read_settings(
        {"COLLAB_HOME": str(home), "GRADIO_SERVER_PORT": str(free_port()), "COLLAB_OWNER_TOKEN": TOKEN, **environ}
    )
    ws = open_workspace(settings, engine=Engine(catalog or FakeCatalog()))
    with serve(ws) as served:
        yield Studio(ws, served)
    ws.close()


def generated(client: Client, prompt: str = "a b c", **fields: Any) -> dict[str, Any]:
    """The last state that /generate streams."""
    return client.submit(prompt, api_name="/generate", **fields).result(timeout=60)


def states(client: Client, *args: Any, api_name: str, **fields: Any) -> list[dict[str, Any]]:
    return list(client.submit(*args, api_name=api_name, **fields))


def call(studio: Studio, path: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{studio.served.url}{path}", json=body, headers=headers, timeout=30)


def said_by(client: Client, api_name: str, **fields: Any) -> str:
    try:
        answer = client.submit(api_name=api_name, **fields).result(timeout=30)
    except AppError as error:
        return str(error)
    raise AssertionError(f"{api_name} {str(fields)[:200]} was accepted: {str(answer)[:200]}")


def is_a_sentence(said: str) -> bool:
    return (
        said != UNEXPECTED
        and "Traceback" not in said
        and "\n" not in said
        and 15 < len(said) < 300
        and said[-1] in ".!"
    )


def check_harmless(studio: Studio, api_name: str, bodies: Iterable[str]) -> None:
    """Bodies that no client would send are each refused, without a trace, and store nothing."""
    before, url = counts(studio.ws.store), f"{studio.served.url}gradio_api/call/{api_name}"
    for body in bodies:
        answer = httpx.post(url, content=body, timeout=30, headers={"content-type": "application/json"})
        assert "Traceback" not in answer.text and "event: complete" not in answer.text
        if answer.status_code == 200:
            said = httpx.get(f"{url}/{answer.json()['event_id']}", timeout=30).text
            assert "event: error" in said and "Traceback" not in said and UNEXPECTED not in said, (body, said)
    assert counts(studio.ws.store) == before
