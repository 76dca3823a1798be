"""The endpoints of studies and whatever a script may send them: a sentence, nothing stored, nothing of others told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from gradio_client import Client

from collab.store.verify import problems
from collab.types import Task, new_id
from tests.conftest import counts
from tests.server.served import RAW, Studio, check_harmless, is_a_sentence, open_studio, said_by
from tests.studies.served import annotator, made, spec

CONFUSED: list[Any] = [
    None, True, 7, -1, 1.5, 10**300, "", "x", "a\x00b", "\x1b[0m", "../../etc/passwd", "' OR 1=1 --", "x" * 200_000, [],
    ["x"], [["x"]], [None], {}, {"a": 1}, {"id": {"a": [1]}}, [[[[[[]]]]]],
]  # fmt: skip
FALSY = (None, "", [], {}, 0)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(scope="module")
def owner(studio: Studio) -> Client:
    return studio.client()


@pytest.fixture(scope="module")
def ann(studio: Studio) -> Client:
    return annotator(studio)


@pytest.fixture(scope="module")
def study(studio: Studio, owner: Client) -> str:
    study_id: str = made(studio, owner, spec("compare", cases=3))["study_id"]
    return study_id


@pytest.fixture(scope="module")
def token(ann: Client, study: str) -> str:
    task_id: str = ann.predict(study, api_name="/next_task")["task_id"]
    return task_id


def others(studio: Studio) -> list[str]:
    """Words that name something, but nothing that this person may name: ids, and a stranger's task."""
    (first, *_) = studio.ws.store.find(Task)
    return [new_id(), first.id, first.item_id, first.annotator_id]


def are_refused(studio: Studio, client: Client, api_name: str, calls: list[dict[str, Any]]) -> None:
    before = counts(studio.ws.store)
    for fields in calls:
        said = said_by(client, api_name, **fields)
        assert is_a_sentence(said), (api_name, str(fields)[:200], said[:300])
    assert counts(studio.ws.store) == before


@pytest.mark.parametrize("api_name", ["/study", "/next_task", "/leaderboard", "/study_table", "/close_study"])
def test_a_study_that_is_none_is_told(studio: Studio, owner: Client, token: str, api_name: str):
    names = [*CONFUSED, *others(studio), token, f"/?study={token}"]
    are_refused(studio, owner, api_name, [{"study_id": it} for it in names])


@pytest.mark.parametrize(
    ("api_name", "more"),
    [
        ("/answer_task", {"answer": {"winner": "a"}}), ("/skip_task", {}), ("/flag_task", {"note": "x"}),
        ("/renew_task", {}), ("/undo_task", {}), ("/reveal_task", {}),
    ],
)  # fmt: skip
def test_a_task_that_is_none_or_anothers_is_told(
    studio: Studio, owner: Client, ann: Client, token: str, api_name: str, more: dict[str, Any]
):
    names = [*CONFUSED, *others(studio), token[:-1], token + "x", token.swapcase()]
    are_refused(studio, ann, api_name, [{"task_id": it, **more} for it in names])
    are_refused(studio, owner, api_name, [{"task_id": token, **more}])  # an owner answers for nobody else


def test_an_answer_that_is_none_is_told(studio: Studio, ann: Client, token: str):
    whole = [{"answer": it} for it in CONFUSED]
    winner = [{"answer": {"winner": it}} for it in [*CONFUSED, "A", "left"]]
    beside = [
        {"answer": {"winner": "a", name: it}}
        for name, bad in (("comment", (7, ["x"], "x" * 5_001, "\x00")), ("dwell_ms", (-1, "x", [1], 10**300, True)),
                          ("request_id", (7, "x" * 81, "\n", [1])))
        for it in bad
    ]  # fmt: skip
    are_refused(studio, ann, "/answer_task", [{"task_id": token, **it} for it in (*whole, *winner, *beside)])
    notes = [{"task_id": token, "note": it} for it in (None, 7, "", " ", ["x"], {"a": 1}, "x" * 501, "\x00")]
    are_refused(studio, ann, "/flag_task", notes)
    reasons = [{"task_id": token, "reason": it} for it in (7, ["x"], {"a": 1}, "x" * 501, "\x1b")]
    are_refused(studio, ann, "/skip_task", reasons)
    are_refused(studio, ann, "/undo_task", [{"task_id": token}])
    are_refused(studio, ann, "/reveal_task", [{"task_id": token}])


def test_what_is_held_must_be_a_list(studio: Studio, ann: Client, study: str):
    bad = [it for it in CONFUSED if it not in FALSY and not isinstance(it, list)]
    are_refused(studio, ann, "/next_task", [{"study_id": study, "held": it} for it in (*bad, ["x"] * 101)])
    assert "task_id" in ann.predict(study, [7, None, {"a": 1}, "\x00"], api_name="/next_task")


def test_a_grouping_tag_or_format_that_is_none_is_told(studio: Studio, owner: Client, study: str):
    confused = [it for it in CONFUSED if it not in FALSY]
    for api_name in ("/study", "/leaderboard"):
        are_refused(studio, owner, api_name, [{"study_id": study, "by": it} for it in (*confused, None, "Arm")])
        are_refused(studio, owner, api_name, [{"study_id": study, "tag": it} for it in confused])
    tables = [{"study_id": study, "table": it} for it in (*CONFUSED, "Answers", "secrets")]
    are_refused(studio, owner, "/study_table", tables)
    formats = [{"format": it, "study_id": study} for it in (*CONFUSED, "open-webui", "TABLE", "arena.json")]
    are_refused(studio, owner, "/export", formats)
    are_refused(studio, owner, "/export", [{"format": "table", "study_id": it} for it in CONFUSED])
    are_refused(studio, owner, "/export", [{"format": "pick-a-pic", "study_id": study}])  # it holds pictures alone
    are_refused(studio, owner, "/export", [{"format": "trl-sft", "study_id": it} for it in confused])
    assert not list((studio.ws.settings.home / "exports").glob("*"))


def test_a_spec_that_is_none_is_told(studio: Studio, owner: Client):
    whole = [{"spec": it} for it in CONFUSED]
    parts = [{"spec": {**spec("compare"), name: it}} for name in ("title", "task", "arms") for it in CONFUSED
             if not (name == "title" and it in ("x", "../../etc/passwd", "' OR 1=1 --"))]  # fmt: skip
    keys = [{"spec": spec("compare"), "request_id": it} for it in (7, ["x"], {"a": 1}, "x" * 81, "\x00", "a\nb")]
    are_refused(studio, owner, "/create_study", [*whole, *parts, *keys])


# what no client would send: half of a pair of code units, which JSON can say and no text can hold
HALF: dict[str, list[Any]] = {
    "create_study": [{"title": "\ud800", "task": "\ud800"}, ""],
    "next_task": ["\ud800", []],
    "answer_task": ["\ud800", {"winner": "\ud800"}],
    "skip_task": ["\ud800", "\ud800"],
    "flag_task": ["\ud800", "\ud800"],
    "renew_task": ["\ud800"],
    "undo_task": ["\ud800"],
    "reveal_task": ["\ud800"],
    "study": ["\ud800", "arm", ""],
    "leaderboard": ["\ud800", "\ud800", "\ud800"],
    "study_table": ["\ud800", "\ud800"],
    "close_study": ["\ud800", False],
    "export": ["\ud800", "\ud800"],
}


@pytest.mark.parametrize("api_name", HALF)
def test_raw_bodies_do_no_harm(studio: Studio, study: str, api_name: str):
    check_harmless(studio, api_name, (*RAW, json.dumps({"data": HALF[api_name]})))


def test_the_widgets_calls_are_sound_json_whatever_they_quote(studio: Studio, study: str):
    page = httpx.get(f"{studio.served.url}config").json()
    (desk,) = [c for c in page["components"] if c["props"].get("elem_id") == "desk"]
    (name,) = desk["props"].get("server_fns") or desk["server_fns"]
    for data in ({"act": "\ud800"}, {"act": "open", "study_id": "\ud800"}, {"act": "open", "study_id": "\x00"}, [], 7):
        body = {"session_hash": "s", "component_id": desk["id"], "fn_name": name, "data": data}
        sent = json.dumps(body).encode()
        answer = httpx.post(f"{studio.served.url}gradio_api/component_server", content=sent, timeout=30,
                            headers={"content-type": "application/json"})  # fmt: skip
        assert answer.status_code == 200 and is_a_sentence(answer.json()["error"]), (data, answer.text[:300])


def test_the_store_is_sound_after_all_of_this(studio: Studio):
    assert list(problems(studio.ws.store, studio.ws.blobs)) == []
