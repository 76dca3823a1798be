"""What one person, or somebody who is nobody, cannot reach."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from collab.errors import Misconfigured
from collab.identity import VISITOR_COOKIE
from collab.settings import read_settings
from collab.ui import serve
from collab.ui.endpoints import UNEXPECTED
from collab.workspace import open_workspace
from models.engine import Engine
from tests.conftest import counts
from tests.models.fake import FakeCatalog
from tests.server.served import (
    TOKEN,
    Studio,
    call,
    generated,
)


def test_ones_data_is_exported_and_erased_and_the_export_with_it(studio: Studio, bob: Client):
    client = studio.client()
    made = generated(client, "a quetzal")
    client.predict(made["outputs"][0]["output_id"], 5, comment="so green", api_name="/rate")
    theirs = generated(bob, "an owl")["generation_id"]
    exported = client.predict(api_name="/export_my_data")
    with zipfile.ZipFile(io.BytesIO(httpx.get(exported["url"]).content)) as file:
        assert b"a quetzal" in file.read("generations.jsonl") and b"so green" in file.read("feedback.jsonl")
        assert b"an owl" not in b"".join(file.read(name) for name in file.namelist())
    with pytest.raises(AppError, match="confirm it with the word delete"):
        client.predict("yes", api_name="/delete_my_data")
    deleted = client.predict("delete", api_name="/delete_my_data")["deleted"]
    assert (deleted["generations"], deleted["acts"]) == (1, 1)
    assert client.predict(api_name="/history")["items"] == []
    assert httpx.get(exported["url"]).status_code == 404
    assert bob.predict(api_name="/history")["items"][0]["generation_id"] == theirs
    assert client.predict("delete", api_name="/delete_my_data")["deleted"]["outputs"] == 0  # again: nothing is left


def test_files_of_the_studio_are_not_served(ann: Client, studio: Studio):
    home = studio.ws.settings.home
    for path in (home / "collab.db", home / "secret", Path("/etc/passwd"), Path("collab/identity.py").resolve()):
        for route in ("gradio_api/file=", "file="):
            answer = httpx.get(f"{studio.served.url}{route}{path}")
            assert answer.status_code in (403, 404), (path, route)


def test_two_clients_never_see_or_touch_each_others_work(ann: Client, bob: Client, studio: Studio):
    mine = generated(ann, "Ann's secret plan", count=2)
    a = mine["outputs"][0]["output_id"]
    act = ann.predict(a, 5, api_name="/rate")
    his = generated(bob, "Bob's")["outputs"][0]["output_id"]
    before = counts(studio.ws.store)
    attempts = [
        ("/generation", [mine["generation_id"]]),
        ("/cancel", [mine["generation_id"]]),
        ("/rate", [a, 1]),
        ("/compare", [a, his, "b"]),
        ("/compare", [his, a, "b"]),
        ("/rank", [[[his], [a]]]),
        ("/edit_text", [a, "mine"]),
        ("/edit_image", [a, "mine"]),
        ("/undo", [act["feedback_id"]]),
    ]
    for api_name, args in attempts:
        with pytest.raises(AppError, match="of yours"):
            bob.submit(*args, api_name=api_name).result(timeout=30)
    with pytest.raises(AppError, match="of yours"):
        generated(bob, "", prompt_version_id=mine["prompt_version_id"])
    assert counts(studio.ws.store) == before
    for query in ("", "secret plan"):
        page = bob.predict(200, "", query, api_name="/history")
        assert "secret plan" not in str(page) and mine["generation_id"] not in str(page)
    page = bob.predict(200, mine["generation_id"], "", api_name="/history")  # another's id as a cursor shows nothing
    assert "secret plan" not in str(page)


def test_a_client_keeps_its_identity_and_a_forged_cookie_gives_none(ann: Client, studio: Studio):
    generated(ann, "remembered words")
    assert ann.predict(query="remembered words", api_name="/history")["items"]
    forged = studio.client(Cookie=f"{VISITOR_COOKIE}=WyJ4IiwibG9jYWwiXQ.forged")
    assert forged.predict(api_name="/history")["items"] == []


def owner_says(studio: Studio, **headers: str) -> str:
    """What the server answers to somebody who asks for a model that only an owner may name."""
    try:
        generated(studio.client(**headers), "a", model="no-such")
    except AppError as error:
        return str(error)
    raise AssertionError("an unlisted model was accepted")


def test_only_an_owner_may_name_unlisted_models(studio: Studio):
    allowed, refused = "There is no model", "not in this studio's list"
    assert allowed in owner_says(studio)  # this machine, a local Host header
    for headers in (
        {"x-forwarded-for": "1.2.3.4"},
        {"origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"via": "proxy"},
    ):
        assert refused in owner_says(studio, **headers), headers
    assert allowed in owner_says(studio, **{"x-forwarded-for": "1.2.3.4", "authorization": f"Bearer {TOKEN}"})
    assert refused in owner_says(studio, **{"x-forwarded-for": "1.2.3.4", "authorization": "Bearer wrong"})


def test_the_owners_form_takes_the_token_alone(studio: Studio):
    url = f"{studio.served.url}collab/owner"
    assert "Owner token" in httpx.get(url).text
    wrong = httpx.post(url, data={"token": "<script>alert(1)</script>"})
    assert wrong.status_code == 403 and "<script>alert" not in wrong.text and "collab_owner=" not in str(wrong.headers)
    right = httpx.post(url, data={"token": TOKEN})
    assert right.status_code == 303 and "HttpOnly" in right.headers["set-cookie"]
    cookie = next(c for c in right.headers.get_list("set-cookie") if c.startswith("collab_owner=")).split(";")[0]
    asked = {"x-forwarded-for": "1.2.3.4", "cookie": cookie}
    assert "There is no model" in owner_says(studio, **asked)
    assert httpx.post(url, content=b"x" * 5000).status_code == 413


def server_functions(studio: Studio) -> list[tuple[int, str]]:
    config = httpx.get(f"{studio.served.url}config").json()
    return [
        (component["id"], name)
        for component in config["components"]
        for name in component.get("props", {}).get("server_fns") or component.get("server_fns") or []
    ]


def test_the_widgets_calls_reach_ones_own_work_only(ann: Client, bob: Client, studio: Studio):
    mine = generated(ann, "Ann's secret words", count=2)
    a = mine["outputs"][0]["output_id"]
    act = ann.predict(a, 5, api_name="/rate")
    before = counts(studio.ws.store)
    functions = server_functions(studio)
    assert functions
    payloads: list[Any] = [
        {"act": "rate", "output_id": a, "score": 1},
        {"act": "clear", "output_id": a, "fields": ["score"]},
        {"act": "edit", "output_id": a, "text": "mine now"},
        {"act": "rank", "groups": [[o["output_id"]] for o in mine["outputs"]]},
        {"act": "undo", "feedback_id": act["feedback_id"]},
        {"act": "open", "generation_id": mine["generation_id"]},
        {"act": "page", "cursor": ""},
        {"act": "rate", "output_id": {"a": 1}},
        {"act": ["rate"]},
        {"act": None},
        {},
        [],
        None,
        "rate",
        7,
    ]
    for component_id, name in functions:
        for payload in payloads:
            answer = call(
                studio,
                "gradio_api/component_server",
                {"session_hash": "s", "component_id": component_id, "fn_name": name, "data": payload},
            )
            assert "secret words" not in answer.text, payload
            assert "Traceback" not in answer.text and UNEXPECTED not in answer.text, payload
            if answer.status_code == 200 and answer.json().get("ok"):
                assert payload["act"] == "page" and answer.json()["items"] == []
    assert counts(studio.ws.store) == before


def test_a_server_for_others_without_an_owner_does_not_start(tmp_path: Path):
    settings = replace(read_settings({"COLLAB_HOME": str(tmp_path / "home")}), server_name="0.0.0.0")
    ws = open_workspace(settings, engine=Engine(FakeCatalog()))
    with pytest.raises(Misconfigured, match="COLLAB_OWNER_TOKEN"), serve(ws):
        raise AssertionError("it started")
    ws.close()
