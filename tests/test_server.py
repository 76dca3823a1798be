"""The public endpoints on a real server: what a script sees, and what it cannot reach or break."""

from __future__ import annotations

import base64
import io
import json
import socket
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from collab.identity import VISITOR_COOKIE
from collab.settings import read_settings
from collab.store.verify import problems
from collab.types import Generation, new_id
from collab.ui import Served, serve
from collab.ui.endpoints import UNEXPECTED
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.conftest import counts
from tests.models.fake import FakeCatalog, fake_words

LONG = " ".join(f"word{n}" for n in range(30))
TOKEN = "the operator's token"


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


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    home = tmp_path_factory.mktemp("studio")
    settings = read_settings(
        {"COLLAB_HOME": str(home), "GRADIO_SERVER_PORT": str(free_port()), "COLLAB_OWNER_TOKEN": TOKEN}
    )
    ws = open_workspace(settings, engine=Engine(FakeCatalog(delay_s=0.01)))
    with serve(ws) as served:
        yield Studio(ws, served)
    ws.close()


@pytest.fixture(scope="module")
def ann(studio: Studio) -> Client:
    return studio.client()


@pytest.fixture(scope="module")
def bob(studio: Studio) -> Client:
    return studio.client()


def generated(client: Client, prompt: str = "a b c", **fields: Any) -> dict[str, Any]:
    """The last state that /generate streams."""
    return client.submit(prompt, api_name="/generate", **fields).result(timeout=60)


def states(client: Client, *args: Any, api_name: str, **fields: Any) -> list[dict[str, Any]]:
    return list(client.submit(*args, api_name=api_name, **fields))


# ---- the contract ---------------------------------------------------------------------------------------------------


def test_generate_streams_growing_texts_and_ends_with_the_whole(ann: Client):
    seen = states(ann, LONG, api_name="/generate", count=2, seed=7, settings={"temperature": 0.5})
    last = seen[-1]
    assert len(seen) > 2 and [s["status"] for s in seen if s["status"] != "queued"][-1] == "done"
    assert set(last) >= {
        "generation_id",
        "status",
        "prompt_version_id",
        "model_version_id",
        "outputs",
        "seed",
        "settings",
    }
    assert len({s["generation_id"] for s in seen}) == 1
    assert [o["text"] for o in last["outputs"]] == [" ".join(fake_words(LONG, seed)) for seed in (7, 8)]
    assert [(o["position"], o["seed"], o["finished"]) for o in last["outputs"]] == [(0, 7, True), (1, 8, True)]
    assert last["settings"]["temperature"] == 0.5 and last["error"] is None
    for earlier in seen:
        for before, after in zip(earlier["outputs"], last["outputs"], strict=True):
            assert before["output_id"] == after["output_id"] and after["text"].startswith(before["text"])


def test_a_generation_goes_on_without_its_client_and_another_call_reattaches(ann: Client):
    first = next(iter(ann.submit(LONG, api_name="/generate")))
    again = states(ann, first["generation_id"], api_name="/generation")
    assert again[-1]["status"] == "done" and len(again[-1]["outputs"][0]["text"].split()) == 31
    assert states(ann, first["generation_id"], api_name="/generation") == again[-1:]


def test_a_request_id_reattaches_instead_of_generating_twice(ann: Client):
    one, two = generated(ann, "a", request_id="once"), generated(ann, "a", request_id="once")
    assert one["generation_id"] == two["generation_id"]


def test_cancel_keeps_the_text_so_far(ann: Client):
    job = ann.submit(" ".join([LONG] * 20), api_name="/generate", settings={"max_new_tokens": 600})
    first = next(iter(job))
    ann.predict(first["generation_id"], api_name="/cancel")
    last = states(ann, first["generation_id"], api_name="/generation")[-1]
    assert last["status"] == "cancelled" and len((last["outputs"][0]["text"] or "").split()) < 600


def test_every_act_of_feedback_works_and_shows_in_history(ann: Client, studio: Studio):
    client = studio.client()
    made = generated(client, "judge me", count=3)
    a, b, c = (o["output_id"] for o in made["outputs"])
    rated = client.predict(a, 4, {"helpful": 5}, ["clear"], "nice", api_name="/rate")
    client.predict(a, thumb=1, spans=[{"start": 0, "end": 5, "label": "good"}], api_name="/rate")
    compared = client.predict(a, b, "a", "shorter", api_name="/compare")
    ranked = client.predict([[c], [a, b]], api_name="/rank")
    edited = client.predict(b, "other words", api_name="/edit_text")
    assert all(set(x) >= {"feedback_id", "saved_at"} for x in (rated, compared, ranked, edited))
    (item,) = client.predict(api_name="/history")["items"]
    first, second, _ = item["outputs"]
    rating = first["feedback"]["rating"]
    assert (rating["score"], rating["thumb"], rating["aspects"], rating["tags"], rating["comment"]) == (
        4,
        1,
        {"helpful": 5},
        ["clear"],
        "nice",
    )
    assert second["feedback"]["edit"]["text"] == "other words" and item["ranking"]["groups"] == [[c], [a, b]]
    undone = client.predict(edited["feedback_id"], api_name="/undo")
    assert (undone["undone_id"], undone["restored_id"]) == (edited["feedback_id"], None)
    (item,) = client.predict(api_name="/history")["items"]
    assert item["outputs"][1]["feedback"]["edit"] is None


def test_history_pages_and_searches(studio: Studio):
    client = studio.client()
    made = [generated(client, f"prompt {n} 北京 100%")["generation_id"] for n in range(5)]
    first = client.predict(2, api_name="/history")
    second = client.predict(limit=2, cursor=first["next_cursor"], api_name="/history")
    third = client.predict(limit=2, cursor=second["next_cursor"], api_name="/history")
    assert [i["generation_id"] for page in (first, second, third) for i in page["items"]] == made[::-1]
    assert third["next_cursor"] is None
    for query, found in {'"PROMPT 3"': made[3:4], "北京": made[::-1], "0%": made[::-1], "0%x": [], "_": []}.items():
        page = client.predict(query=query, api_name="/history")
        assert [i["generation_id"] for i in page["items"]] == found, query


def test_models_lists_what_can_be_chosen(ann: Client):
    listed = ann.predict(api_name="/models")
    assert [(m["name"], m["modality"]) for m in listed["models"]] == [("fake-text", "text"), ("fake-image", "image")]
    assert all(m["defaults"] for m in listed["models"])


def test_a_version_and_a_model_of_before_are_used_by_their_ids(ann: Client):
    first = generated(ann, "Greet {who}", variables={"who": "Bob"}, seed=3)
    again = generated(
        ann,
        "",
        prompt_version_id=first["prompt_version_id"],
        model=first["model_version_id"],
        variables={"who": "Bob"},
        seed=3,
    )
    assert again["outputs"][0]["text"] == first["outputs"][0]["text"]
    assert again["prompt_version_id"] == first["prompt_version_id"]


def test_requests_of_different_people_are_worked_on_at_once(studio: Studio):
    clients = [studio.client() for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda c: states(c, LONG, api_name="/generate"), clients))
    assert [a[-1]["status"] for a in answers] == ["done"] * 3
    rows = [studio.ws.store.get(Generation, a[-1]["generation_id"]) for a in answers]
    moments = [(r.created_at, r.created_at + timedelta(seconds=r.timings["total"])) for r in rows]
    assert max(start for start, _ in moments) < min(end for _, end in moments)


# ---- pictures -------------------------------------------------------------------------------------------------------


def test_a_picture_is_fetched_by_a_plain_get_of_whoever_holds_its_link(ann: Client, studio: Studio):
    made = generated(ann, "a red square", modality="image", count=2)
    urls = [o["image_url"] for o in made["outputs"]]
    assert len(set(urls)) == 2 and all(u.startswith(studio.served.url) for u in urls)
    answer = httpx.get(urls[0])
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG") and answer.headers["x-content-type-options"] == "nosniff"
    token = urlsplit(urls[0]).path.rsplit("/", 1)[1].removesuffix(".png")
    other = urlsplit(urls[1]).path.rsplit("/", 1)[1].removesuffix(".png")
    output_id = made["outputs"][0]["output_id"]
    sign = studio.served.identity.sign
    for wrong in (
        token[:-1],
        token + "x",
        token.rpartition(".")[0] + "." + other.rpartition(".")[2],
        output_id,
        "x",
        sign("picture", [output_id, 1]),  # ran out in 1970
        sign("picture", [output_id, "tomorrow"]),
        sign("picture", [new_id(), 10**10]),
        sign("picture", output_id),
        sign("visitor", [output_id, 10**10]),
    ):
        answer = httpx.get(f"{studio.served.url}collab/picture/{wrong}.png")
        assert answer.status_code == 404 and "Traceback" not in answer.text
    text = generated(ann)["outputs"][0]["output_id"]
    assert httpx.get(f"{studio.served.url}collab/picture/{sign('picture', [text, 10**10])}.png").status_code == 404


def test_a_picture_taken_away_says_how_it_was_made_and_one_shown_does_not(ann: Client, studio: Studio):
    (output,) = generated(ann, "a secret owl", modality="image")["outputs"]
    shown, taken = httpx.get(output["image_url"]), httpx.get(output["download_url"])
    assert b"secret owl" not in shown.content and b"secret owl" in taken.content
    assert taken.headers["content-disposition"].startswith("attachment") and "sandbox" in str(taken.headers)
    # whoever was shown a picture cannot make its link tell more
    assert httpx.get(output["image_url"].replace("/picture/", "/download/")).status_code == 404
    assert httpx.get(output["download_url"].replace("/download/", "/task/")).status_code == 404


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


# ---- whose ----------------------------------------------------------------------------------------------------------


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


def call(studio: Studio, path: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{studio.served.url}{path}", json=body, headers=headers, timeout=30)


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


# ---- bad input ------------------------------------------------------------------------------------------------------

HUGE = "x" * 20_001
BAD_GENERATE: list[dict[str, Any]] = [
    {"prompt": ""},
    {"prompt": " \n"},
    {"prompt": HUGE},
    {"prompt": "a\x00b"},
    {"prompt": "a\x1b[0m"},
    {"prompt": "{unfilled}"},
    {"prompt": "a", "variables": {"unknown": "x"}},
    {"prompt": "a", "model": "/etc/passwd"},
    {"prompt": "a", "model": "owner/unreachable-model"},
    {"prompt": "a", "model": "fake-image"},
    {"prompt": "a", "settings": {"temperature": 99}},
    {"prompt": "a", "settings": {"<script>": 1}},
    {"prompt": "a", "count": 9},
    {"prompt": "a", "seed": -1},
    {"prompt": "", "prompt_version_id": new_id()},
    {"prompt": "a", "modality": "sound"},
    {"prompt": "a", "inputs": {"path": "/etc/passwd"}},
    {"prompt": "a", "modality": "image", "inputs": {"init_output_id": {"path": "/etc/passwd"}}},
    # confused types
    {"prompt": 7},
    {"prompt": None},
    {"prompt": ["a"]},
    {"prompt": {"text": "a"}},
    {"prompt": "a", "count": "two"},
    {"prompt": "a", "count": None},
    {"prompt": "a", "count": [1]},
    {"prompt": "a", "seed": "seven"},
    {"prompt": "a", "seed": {"a": 1}},
    {"prompt": "a", "settings": [1, 2]},
    {"prompt": "a", "settings": "hot"},
    {"prompt": "a", "settings": {"temperature": {"a": 1}}},
    {"prompt": "a", "settings": {"stop": {"a": 1}}},
    {"prompt": "a", "variables": [1]},
    {"prompt": "{a}", "variables": {"a": {"b": 1}}},
    {"prompt": "a", "inputs": 7},
    {"prompt": "a", "examples": "a"},
    {"prompt": "a", "examples": [7]},
    {"prompt": "a", "model": 7},
    {"prompt": "a", "model": ["x"]},
    {"prompt": "a", "modality": 7},
    {"prompt": "a", "modality": ["text"]},
    {"prompt": "a", "negative_prompt": 7},
    {"prompt": "a", "system_text": ["x"]},
    {"prompt": "", "prompt_version_id": {"a": 1}},
    {"prompt": "a", "request_id": 7},
    {"prompt": "a", "request_id": "x" * 81},
]


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


def test_each_bad_request_to_generate_is_answered_with_one_sentence_and_stores_nothing(ann: Client, studio: Studio):
    generated(ann)
    before = counts(studio.ws.store)
    visitor = studio.client(**{"x-forwarded-for": "1.2.3.4"})  # no owner
    for fields in BAD_GENERATE:
        said = said_by(visitor, "/generate", **fields)
        assert is_a_sentence(said), (str(fields)[:200], said)
    assert counts(studio.ws.store) == before


def test_each_bad_act_is_answered_with_one_sentence_and_stores_nothing(ann: Client, studio: Studio):
    a, b = (o["output_id"] for o in generated(ann, "a b", count=2)["outputs"])
    before = counts(studio.ws.store)
    confused: list[Any] = ["", "x", None, 7, 1.5, True, [a], {"id": a}, "../../etc/passwd", "a" * 10_000, "\x00"]
    bad: list[tuple[str, dict[str, Any]]] = [
        *(("/rate", {"output_id": it, "score": 3}) for it in confused),
        *(("/rate", {"output_id": a, "score": it}) for it in (6, 2.5, "five", [5], True)),
        *(("/rate", {"output_id": a, "thumb": it}) for it in (2, "up")),
        *(("/rate", {"output_id": a, "aspects": it}) for it in ({"style": 9}, ["x"], "x", 7)),
        *(("/rate", {"output_id": a, "tags": it}) for it in ("x", 7, {"a": 1}, [["x"]])),
        *(("/rate", {"output_id": a, "spans": it}) for it in ("x", [7], {"a": 1})),
        *(("/rate", {"output_id": a, "comment": it}) for it in (7, ["x"], "x" * 5_001, "\x1b")),
        ("/rate", {"output_id": a}),
        *(("/compare", {"output_a_id": it, "output_b_id": b, "winner": "a"}) for it in confused[1:4]),
        *(("/compare", {"output_a_id": a, "output_b_id": b, "winner": it}) for it in ("", "left", None, 1, ["a"])),
        ("/compare", {"output_a_id": a, "output_b_id": a, "winner": "tie"}),
        *(("/rank", {"groups": it}) for it in ([], [[a]], "x", 7, None, {"a": 1}, [[a], [a]], [[a], [None]], [a, b])),
        *(("/edit_text", {"output_id": it, "text": "x"}) for it in confused[1:4]),
        *(("/edit_text", {"output_id": a, "text": it}) for it in ("", None, 7, ["x"], "\x00", "x" * 200_001)),
        *(("/edit_image", {"output_id": a, "image": it}) for it in confused),
        *(("/upload_picture", {"image": it}) for it in confused),
        *(("/upload_picture", {"image": {"path": it}}) for it in ("/etc/passwd", "../x", "", 7, None)),
        *(("/undo", {"feedback_id": it}) for it in confused[1:4]),
        *(("/generation", {"generation_id": it}) for it in confused[1:4]),
        *(("/cancel", {"generation_id": it}) for it in confused[1:4]),
        *(("/history", {"limit": it}) for it in (0, -1, 201, "x", [1], True, None)),
        *(("/history", {"cursor": it}) for it in ("x", "\x00", 7, ["x"], "a" * 1000)),
        *(("/history", {"query": it}) for it in ("x" * 201, "\x00", 7, ["x"], {"a": 1}, 10**300)),
    ]
    for api_name, fields in bad:
        said = said_by(ann, api_name, **fields)
        assert is_a_sentence(said), (api_name, str(fields)[:200], said)
    assert counts(studio.ws.store) == before


RAW = ["{}", "[]", "7", "null", "{", '{"data": null}', '{"data": []}', '{"data": {}}', '{"data": [[[[]]], 1, 2, 3]}']
HALF_A_PAIR = {  # JSON can say what no text can hold
    "generate": ["\ud800", "text", "", 1, None, None, "", "", None, None, "", "", None],
    "rate": ["\ud800", 3, None, None, "", None, None, ""],
    "edit_text": ["\ud800", "\ud800", ""],
    "undo": ["\ud800"],
    "generation": ["\ud800"],
    "history": [50, "\ud800", ""],
}


@pytest.mark.parametrize("api_name", HALF_A_PAIR)
def test_raw_bodies_that_no_client_would_send_do_no_harm(studio: Studio, api_name: str):
    before, url = counts(studio.ws.store), f"{studio.served.url}gradio_api/call/{api_name}"
    history = [json.dumps({"data": [50, "", "\ud800"]})] if api_name == "history" else []
    for body in (*RAW, *history, json.dumps({"data": HALF_A_PAIR[api_name]})):
        answer = httpx.post(url, content=body, timeout=30, headers={"content-type": "application/json"})
        assert "Traceback" not in answer.text and "event: complete" not in answer.text
        if answer.status_code == 200:
            said = httpx.get(f"{url}/{answer.json()['event_id']}", timeout=30).text
            assert "event: error" in said and "Traceback" not in said and UNEXPECTED not in said, (body, said)
    assert counts(studio.ws.store) == before


def test_hostile_words_come_back_as_they_went(ann: Client):
    for text in ("<script>alert(1)</script>", "${alert(1)} `x`", "{{7*7}} {{x}}", "\u202eגמא\u202c 👩‍👩‍👧‍👦 北京"):
        made = generated(ann, text, seed=1)
        output = made["outputs"][0]
        ann.predict(output["output_id"], comment=text, api_name="/rate")
        item = ann.predict(limit=1, api_name="/history")["items"][0]
        assert item["prompt"] == text and item["outputs"][0]["feedback"]["rating"]["comment"] == text


# ---- the page's own calls -------------------------------------------------------------------------------------------


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


def test_what_the_page_calls_is_not_offered_as_an_endpoint(ann: Client):
    offered = set(ann.view_api(return_format="dict")["named_endpoints"])
    assert offered == {
        "/generate", "/generation", "/cancel", "/rate", "/compare", "/rank", "/edit_text",
        "/edit_image", "/upload_picture", "/undo", "/history", "/branches", "/explain", "/export_my_data",
        "/delete_my_data", "/consent", "/call_me", "/models",
        "/save_prompt", "/saved_prompts", "/saved_prompt", "/change_prompt",
        "/presets", "/save_preset", "/delete_preset", "/make_grid", "/grid", "/grids", "/change_grid",
        "/create_study", "/upload_rows", "/studies", "/next_task", "/answer_task", "/skip_task",
        "/flag_task", "/renew_task", "/undo_task", "/reveal_task", "/study", "/leaderboard", "/study_table",
        "/close_study", "/export",
        "/propose", "/start_proposing", "/job", "/cancel_job", "/refinement", "/refinements", "/revise", "/reject",
        "/start_trial", "/stop_trial", "/promote", "/rollback", "/snapshot", "/train",
        "/push_adapter",
        "/resume_job",
    }  # fmt: skip


def test_a_script_keeps_prompts_and_makes_grids_whose_hidden_values_it_cannot_learn(ann: Client, bob: Client):
    first = ann.predict("a {colour} fox", "Foxes", tags=["animals"], api_name="/save_prompt")
    follows = first["prompt_version_id"]
    second = ann.predict("one {colour} fox", parent_id=follows, api_name="/save_prompt")
    assert (second["prompt_id"], second["number"]) == (first["prompt_id"], 2)
    ann.predict(first["prompt_id"], {"name": "All foxes"}, api_name="/change_prompt")
    ann.predict(first["prompt_id"], {"current_id": follows}, api_name="/change_prompt")
    told = next(p for p in ann.predict(api_name="/saved_prompts")["prompts"] if p["prompt_id"] == first["prompt_id"])
    assert (told["name"], told["tags"], told["versions"], told["text"]) == (
        "All foxes",
        ["animals"],
        2,
        "a {colour} fox",
    )
    tree = ann.predict(first["prompt_id"], api_name="/saved_prompt")
    assert [(v["number"], v["parent"]) for v in tree["versions"]] == [(1, None), (2, 1)]

    axes = [{"kind": "variable", "name": "colour", "values": "vermilion | cerulean"},
            {"kind": "setting", "name": "temperature", "values": "0.123 | 0.456"}]  # fmt: skip
    grid = ann.predict("", axes, hidden=True, prompt_version_id=follows, api_name="/make_grid")
    while grid["left"]:
        grid = ann.predict(grid["grid_id"], api_name="/grid")
    shown = [{**grid, "cells": [{**cell, "text": ""} for cell in grid["cells"]]}, ann.predict(api_name="/grids"),
             ann.predict(api_name="/history"), ann.predict(first["prompt_id"], api_name="/saved_prompt")]  # fmt: skip
    assert len(grid["cells"]) == 4 and grid["masked"]
    assert not any(word in str(shown) for word in ("vermilion", "cerulean", "0.123", "0.456", "'place'"))
    for api_name, args in (
        ("/grid", [grid["grid_id"]]), ("/change_grid", [grid["grid_id"], "reveal"]),
        ("/saved_prompt", [first["prompt_id"]]), ("/change_prompt", [first["prompt_id"], {"name": "mine"}]),
        ("/save_prompt", ["x", "", "text", "", "", None, None, follows]),
    ):  # fmt: skip
        with pytest.raises(AppError, match=r"of yours|in your library"):
            bob.predict(*args, api_name=api_name)
    for api_name, args in (("/change_grid", [grid["grid_id"], "peek"]), ("/change_prompt", [first["prompt_id"], {}]),
                           ("/save_prompt", ["x", "y", "sound"]), ("/make_grid", ["x", "axes"])):  # fmt: skip
        with pytest.raises(AppError) as refused:
            ann.predict(*args, api_name=api_name)
        assert UNEXPECTED not in str(refused.value)
    revealed = ann.predict(grid["grid_id"], "reveal", api_name="/change_grid")
    assert sorted(cell["place"] for cell in revealed["cells"]) == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert revealed["axes"][0]["values"] == ["vermilion", "cerulean"]


def test_a_script_keeps_presets_of_its_own(ann: Client, bob: Client):
    kept = ann.predict("Mine", {"temperature": 0.3}, api_name="/save_preset")
    assert kept["settings"] == {"temperature": 0.3} and kept["modality"] == "text"
    again = ann.predict("Mine", {"top_p": 0.5}, api_name="/save_preset")
    assert again == {**kept, "settings": {"top_p": 0.5}}
    listed = ann.predict(api_name="/presets")["presets"]
    assert again in listed and {"Precise", "Draft"} <= {each["name"] for each in listed if not each["preset_id"]}
    assert again not in bob.predict(api_name="/presets")["presets"]
    with pytest.raises(AppError, match="of yours"):
        bob.predict(kept["preset_id"], api_name="/delete_preset")
    for args in (["Precise", {"top_p": 0.5}], ["x", {}], ["x", 7], ["x", {"heat": 1}], ["x", {"top_p": 1}, "sound"]):
        with pytest.raises(AppError) as refused:
            ann.predict(*args, api_name="/save_preset")
        assert UNEXPECTED not in str(refused.value), args
    assert ann.predict(kept["preset_id"], api_name="/delete_preset") == again
    assert again not in ann.predict(api_name="/presets")["presets"]


def test_a_picture_is_uploaded_changed_and_edited_by_a_script(ann: Client, bob: Client, studio: Studio, tmp_path: Path):
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (80, 60), "#9fc9ee").save(photo)
    brought = ann.predict(handle_file(photo), api_name="/upload_picture")
    assert (brought["width"], brought["height"]) == (80, 60)
    assert httpx.get(brought["image_url"]).headers["content-type"] == "image/png"
    how = {"modality": "image", "inputs": {"init_output_id": brought["output_id"]}}
    with pytest.raises(AppError, match="of yours"):
        generated(bob, "mine now", **how)
    made = generated(ann, "a boat", **how)
    edited = ann.predict(brought["output_id"], made["outputs"][0]["output_id"], api_name="/edit_image")
    assert edited["output_id"] == brought["output_id"] and edited["blob_sha256"]
    Image.new("RGB", (80, 60), "red").save(photo)
    as_text = base64.b64encode(photo.read_bytes()).decode()
    for image in (as_text, handle_file(photo)):
        again = ann.predict(brought["output_id"], image, api_name="/edit_image")
        assert again["blob_sha256"] != edited["blob_sha256"]


# ---- at last --------------------------------------------------------------------------------------------------------


def test_the_store_is_sound_after_all_of_this(studio: Studio):
    assert list(problems(studio.ws.store, studio.ws.blobs)) == []


def test_a_server_for_others_without_an_owner_does_not_start(tmp_path: Path):
    from collab.errors import Misconfigured

    settings = replace(read_settings({"COLLAB_HOME": str(tmp_path / "home")}), server_name="0.0.0.0")
    ws = open_workspace(settings, engine=Engine(FakeCatalog()))
    with pytest.raises(Misconfigured, match="COLLAB_OWNER_TOKEN"), serve(ws):
        raise AssertionError("it started")
    ws.close()


# ---- the page itself ------------------------------------------------------------------------------------------------


def test_the_page_is_written_once_for_each_address_and_language_and_goes_out_compressed(studio: Studio):
    def page(query: str = "", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(f"{studio.served.url}{query}", headers=named, trust_env=False)

    first, other = page(), page("?study=abc")
    assert first.text == other.text and first.cookies[VISITOR_COOKIE] != other.cookies[VISITOR_COOKIE]
    plain = page(accept_encoding="identity")
    assert plain.text == first.text and "content-encoding" not in plain.headers
    for encoding in ("br", "gzip"):
        zipped = page(accept_encoding=encoding)
        assert zipped.headers["content-encoding"] == encoding and zipped.text == first.text
        assert int(zipped.headers["content-length"]) < len(first.content) / 3
    chinese = page(accept_language="zh")
    assert '<html\n\tlang="zh-CN"' in chinese.text and "collab/words/zh.js" in chinese.text
    assert page().text == first.text
    abroad = page(x_forwarded_host="studio.example", x_forwarded_proto="https")
    assert "https://studio.example" in abroad.text and "studio.example" not in page().text
    assert page("?deep_link=none").status_code == 200
    assert page(x_forwarded_host="x" * 2000).status_code == 200


def test_a_session_holds_what_was_answered_and_not_the_whole_page(studio: Studio):
    generated(studio.client())
    *_, newest = studio.served.page.app.state_holder.session_data.values()
    assert 0 < len(newest.config_values) < 20


def test_more_people_may_watch_their_generations_than_gradio_works_on_by_itself(studio: Studio):
    assert len(studio.served.page._queue.active_jobs) == 500  # whoever comes after the last of them waits, to rate too
