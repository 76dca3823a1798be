"""Bad requests: one sentence each, and the store as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gradio_client import Client

from collab.types import new_id
from tests.conftest import counts
from tests.server.served import (
    HUGE,
    RAW,
    Studio,
    check_harmless,
    generated,
    is_a_sentence,
    said_by,
)

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
    history = [json.dumps({"data": [50, "", "\ud800"]})] if api_name == "history" else []
    check_harmless(studio, api_name, (*RAW, *history, json.dumps({"data": HALF_A_PAIR[api_name]})))


def test_hostile_words_come_back_as_they_went(ann: Client):
    for text in ("<script>alert(1)</script>", "${alert(1)} `x`", "{{7*7}} {{x}}", "\u202eגמא\u202c 👩‍👩‍👧‍👦 北京"):
        made = generated(ann, text, seed=1)
        output = made["outputs"][0]
        ann.predict(output["output_id"], comment=text, api_name="/rate")
        item = ann.predict(limit=1, api_name="/history")["items"][0]
        assert item["prompt"] == text and item["outputs"][0]["feedback"]["rating"]["comment"] == text
