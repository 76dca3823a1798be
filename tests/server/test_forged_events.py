"""What a client may forge in an event of the page: no word of it makes Gradio hand out a file of the server's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from collab.ui.endpoints import _names_a_file
from tests.server.served import Studio

ROOT = Path(__file__).parents[2]


def trigger(page: httpx.Client, name: str, said: dict[str, Any]) -> dict[str, Any]:
    """What the first event of that name answers when a client says this in it."""
    config = page.get("config").json()
    values = {each["id"]: each["props"] for each in config["components"]}
    event = next(each for each in config["dependencies"] if any(target[1] == name for target in each["targets"]))
    (widget,) = [target[0] for target in event["targets"] if target[1] == name]
    data = ["hello" if values[id_].get("elem_id") == "prompt" else values[id_].get("value") for id_ in event["inputs"]]
    asked = {"data": data, "fn_index": event["id"], "session_hash": f"forged{name}", "event_data": said,
             "trigger_id": widget}  # fmt: skip
    page.post("gradio_api/queue/join", json=asked).raise_for_status()
    with page.stream("GET", "gradio_api/queue/data", params={"session_hash": f"forged{name}"}) as lines:
        for line in lines.iter_lines():
            if "process_completed" in line:
                return json.loads(line.removeprefix("data: "))
    raise AssertionError("the event ended without an answer")


@pytest.mark.parametrize("name", ["save", "apply"])
def test_no_event_makes_the_server_hand_out_a_file(studio: Studio, name):
    file = {"path": str(ROOT / "pyproject.toml"), "meta": {"_type": "gradio.FileData"}}
    with httpx.Client(base_url=studio.served.url, timeout=60) as page:
        (uploaded,) = page.post("gradio_api/upload", files={"files": ("a.txt", b"hi")}).json()
        nested = {"path": uploaded, "in": file}
        said = {"name": "n", "ticket": nested} if name == "save" else {"settings": {"scheduler": nested}}
        answer = trigger(page, name, said)
    assert answer["success"] is False
    assert "pyproject" not in json.dumps(answer)


def test_a_file_is_seen_at_any_depth():
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    assert all(_names_a_file(said) for said in (file, [file], {"a": {"path": "x", "b": [{"c": file}]}}))
    assert not any(_names_a_file(said) for said in ({"path": "x"}, {"meta": {}}, [1, "path", None], "path"))
