"""The command line: its last line is JSON, its errors are one line, and it uses the server that runs here."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from platformdirs import user_cache_path
from typer.testing import CliRunner

from collab import cli, workspace
from collab.identity import LOCAL, VISITOR_COOKIE, open_identity
from collab.pictures.png_parameters import read_parameters
from collab.settings import Settings, read_settings
from collab.store import open_store
from collab.types import Generation
from collab.ui import serve
from collab.workspace import open_workspace
from models.engine import Engine
from tests.models.fake import FakeCatalog, fake_words

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A studio's home with a space in its name, that the command line works on with fake models."""
    place = tmp_path / "a home"
    monkeypatch.setenv("COLLAB_HOME", str(place))
    for name in (
        "DATABASE_URL",
        "COLLAB_OWNERS",
        "COLLAB_OWNER_TOKEN",
        "COLLAB_SECRET",
        "GRADIO_SERVER_NAME",
        "SPACE_ID",
    ):
        monkeypatch.delenv(name, raising=False)
    opened = workspace.open_workspace
    monkeypatch.setattr(workspace, "open_workspace", lambda settings: opened(settings, engine=Engine(FakeCatalog())))
    return place


def run(*args: str) -> Any:
    """The finished command: exit_code, stdout, stderr."""
    return CliRunner().invoke(cli.app, list(args))


def last_line(result: Any) -> dict[str, Any]:
    return json.loads(result.stdout.rstrip("\n").splitlines()[-1])


def refused(*args: str) -> str:
    """The one line on standard error of a command that must fail."""
    result = run(*args)
    assert result.exit_code == 1 and result.stdout == "", result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    return line


# ---- without a server -----------------------------------------------------------------------------------------------


def test_generate_ends_with_the_answer_of_the_endpoint_as_json(home: Path):
    result = run(
        "generate", "Greet {who} 北京", "--var", "who=Bob=Bo", "--count", "2", "--seed", "5", "--json",
        "--set", "temperature=0.5", "--set", 'stop=["END"]', "--system", "Be kind.",
    )  # fmt: skip
    assert result.exit_code == 0 and result.stderr == ""
    answer = last_line(result)
    assert answer["status"] == "done" and answer["settings"]["temperature"] == 0.5
    assert answer["settings"]["stop"] == ["END"]
    assert [o["text"] for o in answer["outputs"]] == [" ".join(fake_words("Greet Bob=Bo 北京", s)) for s in (5, 6)]
    store = open_store(read_settings().database_url)
    made = store.get(Generation, answer["generation_id"])
    assert (made.requested_by, made.seed) == (LOCAL.annotator_id, 5)
    store.close()


def test_generate_prints_the_texts_for_people(home: Path):
    result = run("generate", "one two", "--seed", "1")
    assert result.exit_code == 0 and " ".join(fake_words("one two", 1)) in result.stdout


def test_pictures_are_written_where_they_are_wanted(home: Path, tmp_path: Path):
    out = tmp_path / "pictures of mine"
    result = run("generate", "a square", "--modality", "image", "--count", "2", "--out", str(out), "--json")
    answer = last_line(result)
    files = {out / f"{o['output_id']}.png" for o in answer["outputs"]}
    assert set(out.iterdir()) == files and all(f.read_bytes().startswith(b"\x89PNG") for f in files)
    assert all(read_parameters(f.read_bytes()).prompt == "a square" for f in files)
    assert all(o["image_url"].startswith("file://") for o in answer["outputs"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["generate", ""], "The prompt is empty"),
        (["generate", "{a}"], "The variable {a} has no value"),
        (["generate", "a", "--count", "9"], "choose 1 to 8"),
        (["generate", "a", "--seed", "-1"], "The seed is -1"),
        (["generate", "a", "--model", "no-such"], "There is no model “no-such”"),
        (["generate", "a", "--modality", "sound"], "choose text or image"),
        (["generate", "a", "--set", "heat=1"], "Unknown text setting “heat”"),
        (["generate", "a", "--set", "heat"], "--set heat is not of the form name=value"),
        (["generate", "a", "--var", "=x"], "--var =x is not of the form name=value"),
        (["generate", "a\x1bb", "--json"], "control character U+001B"),
    ],
)
def test_bad_input_is_one_line_on_standard_error(home: Path, args: list[str], said: str):
    assert said in refused(*args)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GRADIO_SERVER_PORT", "x", "GRADIO_SERVER_PORT is “x”"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL must begin"),
        ("DATABASE_URL", "postgresql://me:hushhush@127.0.0.1:1/x", "The database cannot be opened"),
        ("COLLAB_OWNER_TOKEN", "x", "COLLAB_OWNER_TOKEN is too short"),
        ("COLLAB_HOME", "/proc/nowhere", "COLLAB_HOME"),
    ],
)
def test_a_bad_environment_is_one_line_on_standard_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
):
    monkeypatch.setenv(name, value)
    for verb in (["generate", "a"], ["verify"]):
        line = refused(*verb)
        assert said in line and "hushhush" not in line


def test_serving_others_without_an_owner_is_refused_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert "COLLAB_OWNER_TOKEN" in refused("serve")


def test_a_port_in_use_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("GRADIO_SERVER_PORT", str(other.getsockname()[1]))
        assert str(other.getsockname()[1]) in refused("serve")


def test_a_generation_that_fails_exits_1_and_still_tells_it_as_json(home: Path):
    result = run("generate", "!fail", "--json")
    assert result.exit_code == 1 and result.stderr.splitlines() == ["The prompt says !fail: write another one."]
    assert last_line(result)["status"] == "failed" and last_line(result)["error"] == result.stderr.strip()


def test_verify_tells_a_sound_store_from_a_damaged_one(home: Path):
    answer = last_line(run("generate", "a square", "--modality", "image", "--json"))
    result = run("verify", "--json")
    assert result.exit_code == 0 and last_line(result) == {"sound": True, "problems": []}
    (blob,) = (home / "blobs").glob("??/*")
    blob.write_bytes(b"damaged")
    result = run("verify", "--json")
    assert result.exit_code == 1 and not last_line(result)["sound"]
    assert last_line(result)["problems"] == result.stderr.splitlines() and blob.name in result.stderr
    assert answer["status"] == "done"


def test_verify_finds_a_prompt_whose_words_were_changed(home: Path):
    run("generate", "my words")
    settings = read_settings()
    store = open_store(settings.database_url)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE prompt_versions SET text = 'your words'")
    store.close()
    result = run("verify")
    assert result.exit_code == 1 and "its words were changed" in result.stderr


def test_doctor_says_what_this_machine_can_do(home: Path):
    result = run("doctor", "--json")
    found = last_line(result)
    assert result.exit_code == 0 and found["ok"] is True
    told = " ".join(f["text"] for f in found["findings"])
    assert "Python 3" in told and "gradio 6" in told and "sqlite, at the newest schema" in told and str(home) in told


def test_doctor_goes_on_past_what_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hushhush@127.0.0.1:1/x")
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    result = run("doctor", "--json")
    missing = [f["text"] for f in last_line(result)["findings"] if f["verdict"] == "missing"]
    assert result.exit_code == 1 and len(missing) == 2 and "hushhush" not in result.output
    assert "cannot be opened" in missing[0] and "COLLAB_OWNER_TOKEN" in missing[1]


# ---- through a running server ---------------------------------------------------------------------------------------


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("GRADIO_SERVER_PORT", str(probe.getsockname()[1]))
    settings = read_settings()
    ws = open_workspace(settings, engine=Engine(FakeCatalog()))
    with serve(ws):
        yield settings
    ws.close()


def test_generate_goes_through_the_running_server_as_the_local_person(
    server: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def must_not(*_: Any, **__: Any) -> Any:
        raise AssertionError("it opened a workspace of its own")

    monkeypatch.setattr(workspace, "open_workspace", must_not)
    result = run("generate", "one two", "--seed", "3", "--json")
    answer = last_line(result)
    assert result.exit_code == 0 and answer["outputs"][0]["text"] == " ".join(fake_words("one two", 3))
    out = tmp_path / "out"
    pictures = last_line(run("generate", "a", "--modality", "image", "--out", str(out), "--json"))
    assert pictures["outputs"][0]["image_url"].startswith("http://127.0.0.1:")
    assert read_parameters(next(out.iterdir()).read_bytes()).prompt == "a"
    assert "variable {a} has no value" in refused("generate", "{a}")
    assert "There is no model “no-such”" in refused("generate", "a", "--model", "no-such")  # an owner: this machine
    cookie = f"{VISITOR_COOKIE}={open_identity(server).visitor_cookie(LOCAL)}"
    url = cli.live_server(server)
    client = Client(url, headers={"Cookie": cookie}, verbose=False, analytics_enabled=False)
    items = client.predict(api_name="/history")["items"]
    assert [i["generation_id"] for i in items] == [pictures["generation_id"], answer["generation_id"]]


def test_what_a_crashed_server_left_is_not_taken_for_one(home: Path):
    home.mkdir()
    settings, file = read_settings(), home / "server.json"
    with socket.socket() as other:  # a program that took the address since
        other.bind(("127.0.0.1", 0))
        for said in (
            "",
            "[]",
            "{}",
            '{"url": "http://127.0.0.1:1/", "pid": "x"}',
            json.dumps({"url": "http://127.0.0.1:1/", "pid": os.getpid()}),
            json.dumps({"url": f"http://127.0.0.1:{other.getsockname()[1]}/", "pid": os.getpid()}),
            json.dumps({"url": "http://127.0.0.1:1/", "pid": 2**22 + 1}),
        ):
            file.write_text(said)
            assert cli.live_server(settings) is None, said
    assert last_line(run("generate", "a", "--json"))["status"] == "done"


def test_serve_with_the_embedded_model_answers_and_leaves_tidily(tmp_path: Path):
    """The real thing, as a person starts it: `python -m collab serve`, a client, and Ctrl+C."""
    home = tmp_path / "home"
    home.mkdir()
    cache = Path(os.environ.get("COLLAB_TEST_CACHE") or user_cache_path("collab-tests"))
    cache.mkdir(parents=True, exist_ok=True)
    (home / "models").symlink_to(cache)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "COLLAB_HOME": str(home), "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1"}
    log = home / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "collab", "serve"], cwd=ROOT, env=environ, stdout=file, stderr=file
        )
    try:
        for _ in range(600):
            if server.poll() is not None:
                raise AssertionError(log.read_text())
            try:
                if httpx.get(f"http://127.0.0.1:{port}/collab/alive").text == f"collab {server.pid}":
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        client = Client(f"http://127.0.0.1:{port}", verbose=False, analytics_enabled=False)
        job = client.submit("Name a colour.", api_name="/generate", seed=1, settings={"max_new_tokens": 8})
        first = job.result(timeout=120)
        assert first["status"] == "done" and first["outputs"][0]["text"].strip()
        done = subprocess.run(
            [sys.executable, "-m", "collab", "generate", "Name a colour.", "--seed", "1", "--set", "max_new_tokens=8",
             "--json"],
            cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0 and done.stderr == "", done.stderr
        answer = json.loads(done.stdout.splitlines()[-1])
        assert answer["outputs"][0]["text"] == first["outputs"][0]["text"]
        assert answer["model_version_id"] == first["model_version_id"]
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
        assert not (home / "server.json").exists() and "Traceback" not in log.read_text()
    finally:
        server.kill()
        server.wait()
