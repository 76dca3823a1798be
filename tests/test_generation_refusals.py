"""What is asked and not made: refused before anything is stored, or failed alone, each with one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import CollabError, InvalidPrompt, InvalidSetting, NotAllowed, NotFound, Unavailable
from collab.generation import Ask, generate, own_generation, own_outputs, replay
from collab.identity import Visitor
from collab.settings import Settings
from collab.types import Generation, new_id
from collab.views import provenance
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.conftest import counts, ended, make
from tests.models.fake import FakeCatalog

BAD: list[tuple[dict[str, Any], type[CollabError], str]] = [
    ({"prompt": ""}, InvalidPrompt, "prompt is empty"),
    ({"prompt": "x" * 20_001}, InvalidPrompt, "20,000 are possible"),
    ({"prompt": 7}, InvalidPrompt, "prompt must be text"),
    ({"prompt": "{a}"}, InvalidPrompt, "variable {a} has no value"),
    ({"variables": {"a": 1}}, InvalidPrompt, "no variable {a}"),
    ({"variables": [1]}, InvalidPrompt, "Variables must be an object"),
    ({"modality": "sound"}, InvalidPrompt, "choose text or image"),
    ({"modality": None}, InvalidPrompt, "choose text or image"),
    ({"modality": ["text"]}, InvalidPrompt, "choose text or image"),
    ({"negative_prompt": "no"}, InvalidPrompt, "negative prompt is for pictures"),
    ({"examples": 7}, InvalidPrompt, "Examples must be a list"),
    ({"count": 0}, InvalidSetting, "number of outputs is 0: choose 1 to 8"),
    ({"count": 9}, InvalidSetting, "choose 1 to 8"),
    ({"count": 1.5}, InvalidSetting, "choose 1 to 8"),
    ({"count": "2"}, InvalidSetting, "choose 1 to 8"),
    ({"count": True}, InvalidSetting, "choose 1 to 8"),
    ({"count": None}, InvalidSetting, "choose 1 to 8"),
    ({"count": float("nan")}, InvalidSetting, "choose 1 to 8"),
    ({"count": float("inf")}, InvalidSetting, "choose 1 to 8"),
    ({"count": [1]}, InvalidSetting, "choose 1 to 8"),
    ({"seed": -1}, InvalidSetting, "seed is -1"),
    ({"seed": 2**32}, InvalidSetting, "whole number from 0 to 4294967295"),
    ({"seed": 0.5}, InvalidSetting, "seed is 0.5"),
    ({"seed": "7"}, InvalidSetting, "seed is 7"),
    ({"seed": float("nan")}, InvalidSetting, "seed is nan"),
    ({"seed": float("inf")}, InvalidSetting, "seed is inf"),
    ({"seed": []}, InvalidSetting, "seed is []"),
    ({"settings": {"heat": 1}}, InvalidSetting, "Unknown text setting “heat”"),
    ({"settings": {"width": 64}}, InvalidSetting, "Unknown text setting “width”"),
    ({"settings": {"temperature": 5.1}}, InvalidSetting, "temperature is 5.1"),
    ({"settings": {"temperature": -0.1}}, InvalidSetting, "temperature is -0.1"),
    ({"settings": {"temperature": "hot"}}, InvalidSetting, "temperature is 'hot', not a number"),
    ({"settings": {"temperature": None}}, InvalidSetting, "temperature is None"),
    ({"settings": {"temperature": float("nan")}}, InvalidSetting, "temperature is nan"),
    ({"settings": {"max_new_tokens": 0}}, InvalidSetting, "max_new_tokens is 0"),
    ({"settings": {"max_new_tokens": 1.5}}, InvalidSetting, "max_new_tokens is 1.5"),
    ({"settings": {"max_new_tokens": float("inf")}}, InvalidSetting, "max_new_tokens is inf"),
    ({"settings": {"stop": ["a"] * 9}}, InvalidSetting, "at most 8"),
    ({"settings": {"stop": [""]}}, InvalidSetting, "stop must be a list"),
    ({"settings": {"stop": ["\ud800"]}}, InvalidSetting, "stop string holds the control character U+D800"),
    ({"settings": {"stop": ["\x00"]}}, InvalidSetting, "stop string holds the control character U+0000"),
    ({"settings": [1]}, InvalidSetting, "Settings must be an object"),
    ({"settings": "hot"}, InvalidSetting, "Settings must be an object"),
    ({"settings": {7: 1}}, InvalidSetting, "Unknown text setting “7”"),
    ({"modality": "image", "settings": {"width": 33}}, InvalidSetting, "multiple of 8"),
    ({"modality": "image", "settings": {"width": 4096}}, InvalidSetting, "width is 4096"),
    ({"modality": "image", "settings": {"scheduler": "magic"}}, InvalidSetting, "choose one of"),
    ({"modality": "image", "settings": {"scheduler": ["ddim"]}}, InvalidSetting, "choose one of"),
    ({"model": "no-such"}, NotAllowed, "not in this studio's list"),
    ({"model": "/etc"}, NotAllowed, "not in this studio's list"),
    ({"model": "remote:x@http://169.254.169.254/v1"}, NotAllowed, "not in this studio's list"),
    ({"model": "fake-image"}, NotFound, "choose another model"),
    ({"model": new_id()}, NotFound, "no model version"),
    ({"model": 7}, NotFound, "model must be text"),
    ({"model": "x" * 401}, NotFound, "400 are possible"),
    ({"model": "a\x00"}, NotFound, "U+0000"),
    ({"inputs": {"init_output_id": new_id()}}, InvalidPrompt, "Unknown input “init_output_id” for text"),
    ({"inputs": {"path": "/etc/passwd"}}, InvalidPrompt, "Unknown input “path”"),
    ({"inputs": ["x"]}, InvalidPrompt, "Inputs must be an object"),
    ({"inputs": {"prefix": "\x00"}}, InvalidPrompt, "beginning holds"),
    ({"inputs": {"prefix": 7}}, InvalidPrompt, "beginning must be text"),
    ({"inputs": {"prefix": "x" * 20_001}}, InvalidPrompt, "20,000 are possible"),
    ({"inputs": {"replay_of": new_id()}}, NotFound, "no generation"),
    ({"inputs": {"replay_of": ["x"]}}, NotFound, "no generation"),
    ({"modality": "image", "inputs": {"prefix": "x"}}, InvalidPrompt, "Unknown input “prefix” for image"),
    ({"modality": "image", "inputs": {"init_output_id": new_id()}}, NotFound, "no output"),
    ({"modality": "image", "inputs": {"init_output_id": {"path": "/etc/passwd"}}}, NotFound, "no output"),
    ({"prompt_version_id": new_id(), "prompt": ""}, NotFound, "no prompt version"),
    ({"prompt_version_id": new_id()}, InvalidPrompt, "both given"),
    ({"prompt_version_id": ["x"], "prompt": ""}, NotFound, "no prompt version"),
    ({"request_id": "x" * 81}, InvalidPrompt, "80 are possible"),
    ({"request_id": ["x"]}, InvalidPrompt, "request id must be text"),
]


def test_each_bad_request_gets_one_sentence_and_stores_nothing(ws: Workspace, ann: Visitor):
    make(ws, ann)
    before = counts(ws.store)
    for ask, kind, said in BAD:
        with pytest.raises(CollabError) as raised:
            generate(ws, ann, Ask(**{"prompt": "a b", **ask}))
        assert said in str(raised.value), ask
        assert isinstance(raised.value, kind) and "\n" not in str(raised.value) and len(str(raised.value)) < 300
        assert counts(ws.store) == before, ask


def test_an_owner_may_name_models_that_are_not_listed(ws: Workspace, ann: Visitor, owner: Visitor):
    with pytest.raises(NotAllowed):
        generate(ws, ann, Ask(prompt="a", model="fake-broken"))
    made, _ = make(ws, owner, "a", model="fake-broken")
    assert made.status == "failed" and made.error.startswith("fake-broken needs 900 GB, but 8 GB are free")
    with pytest.raises(NotFound, match="no model “no-such”"):
        generate(ws, owner, Ask(prompt="a", model="no-such"))
    # having been used once does not list it
    with pytest.raises(NotAllowed):
        generate(ws, ann, Ask(prompt="a", model=made.model_version_id))


def test_another_persons_things_are_told_like_unknown_ones(ws: Workspace, ann: Visitor, bob: Visitor):
    made, (output,) = make(ws, ann, "a picture", modality="image")
    attempts = [
        lambda it: own_generation(ws, bob, it[0]),
        lambda it: own_outputs(ws, bob, [it[1]]),
        lambda it: replay(ws, bob, it[0]),
        lambda it: provenance(ws, bob, it[0]),
        lambda it: generate(ws, bob, Ask(prompt_version_id=it[2])),
        lambda it: generate(ws, bob, Ask(prompt="x", modality="image", inputs={"init_output_id": it[1]})),
        lambda it: generate(ws, bob, Ask(prompt="x", modality="image", inputs={"replay_of": it[0]})),
    ]
    before = counts(ws.store)
    for attempt in attempts:
        told = []
        for ids in ((made.id, output.id, made.prompt_version_id), (unknown := new_id(), unknown, unknown)):
            with pytest.raises(NotFound) as raised:
                attempt(ids)
            told.append(str(raised.value).translate({ord(c): None for c in "0123456789abcdef-"}))
        assert told[0] == told[1]
    assert counts(ws.store) == before


def test_what_fails_in_the_model_fails_alone_with_a_sentence(ws: Workspace, ann: Visitor):
    for prompt, said in [
        ("!fail", "says !fail"),
        ("!refuse", "says !refuse"),
        ("!crash", "stopped with an unexpected error: try again"),
    ]:
        made, outputs = make(ws, ann, prompt)
        assert made.status == "failed" and said in made.error and "\n" not in made.error
        assert all(o.text is None for o in outputs)
    assert make(ws, ann)[0].status == "done"


def test_a_full_engine_refuses_with_a_sentence_and_the_generation_says_so(settings: Settings, ann: Visitor):
    engine = Engine(FakeCatalog(load_s=0.5), max_waiting_per_owner=2)
    ws = open_workspace(settings, engine=engine)
    first = [generate(ws, ann, Ask(prompt=f"a {n}")) for n in range(2)]
    with pytest.raises(Unavailable, match="2 of your requests are waiting already: let some finish first"):
        generate(ws, ann, Ask(prompt="one too many"))
    assert [ended(ws, g).status for g in first] == ["done", "done"]
    (refused,) = [g for g in ws.store.find(Generation) if g.id not in first]
    assert (refused.status, refused.error) == (
        "failed",
        "2 of your requests are waiting already: let some finish first.",
    )
    ws.close()
