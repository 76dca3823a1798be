"""From a request to stored outputs: what is kept, what is refused, and what comes out again on a replay."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

from collab.errors import CollabError, InvalidPrompt, InvalidSetting, NotAllowed, NotFound, Unavailable
from collab.generation import Ask, generate, own_generation, own_outputs, replay
from collab.identity import Visitor
from collab.settings import Settings
from collab.training.planning import trainable
from collab.training.starting import check_asked
from collab.types import Generation, ModelVersion, Output, OutputTokens, PromptVersion, new_id
from collab.views import provenance, replays
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.conftest import counts, ended, make
from tests.models.fake import FAKE_TEXT, FakeCatalog, fake_words

# ---- what is kept ---------------------------------------------------------------------------------------------------


def test_everything_about_a_generation_is_kept(ws: Workspace, ann: Visitor):
    made, outputs = make(
        ws,
        ann,
        "Greet {who}",
        system_text="Be kind.",
        examples=[{"user": "a", "assistant": "b"}],
        variables={"who": "Bob"},
        count=2,
        seed=2**32 - 1,
        settings={"temperature": 0, "stop": "END"},
        inputs={"prefix": "Well,"},
    )
    assert made.status == "done" and made.error == "" and made.requested_by == ann.annotator_id
    assert made.rendered == "Greet Bob" and made.variables == {"who": "Bob"} and made.inputs == {"prefix": "Well,"}
    assert made.settings == {**FAKE_TEXT.defaults, "temperature": 0.0, "stop": ["END"]}
    assert set(made.timings) >= {"queued", "first", "total"}
    assert [o.seed for o in outputs] == [2**32 - 1, 0]  # the seed after the last is the first
    assert [o.text for o in outputs] == ["Well," + " ".join(fake_words("Greet Bob", o.seed)) for o in outputs]
    assert [(o.position, o.finish_reason, o.media_type) for o in outputs] == [
        (0, "stop", "text/plain"),
        (1, "stop", "text/plain"),
    ]
    assert all(o.prompt_tokens == 2 and o.completion_tokens == 3 and o.seconds is not None for o in outputs)
    tokens = ws.store.get(OutputTokens, outputs[0].id).tokens
    assert "Well," + "".join(t[0] for t in tokens) == outputs[0].text and tokens[0][1:] == [
        -0.5,
        [[tokens[0][0], -0.5], [" other", -1.5]],
    ]
    version = ws.store.get(PromptVersion, made.prompt_version_id)
    assert (version.text, version.system_text, version.created_by) == ("Greet {who}", "Be kind.", ann.annotator_id)
    model = ws.store.get(ModelVersion, made.model_version_id)
    assert (model.base, model.revision, model.precision) == ("fake-text", "f" * 40, "fp32")


def test_a_picture_is_kept_as_a_blob_that_is_a_png(ws: Workspace, ann: Visitor):
    made, (output,) = make(ws, ann, "a red square", modality="image", settings={"width": 32, "height": 40})
    assert made.status == "done" and output.text is None and output.media_type == "image/png"
    assert output.blob_sha256 and ws.blobs.get(output.blob_sha256).startswith(b"\x89PNG")


def test_without_a_seed_each_generation_draws_one_and_keeps_it(ws: Workspace, ann: Visitor):
    seeds = {make(ws, ann)[0].seed for _ in range(3)}
    assert len(seeds) == 3 and all(0 <= seed < 2**32 for seed in seeds)


def test_the_same_words_and_weights_are_stored_once(ws: Workspace, ann: Visitor, bob: Visitor):
    first, second, his = (make(ws, who)[0] for who in (ann, ann, bob))
    assert first.prompt_version_id == second.prompt_version_id != his.prompt_version_id
    assert len(ws.store.find(ModelVersion)) == 1


def test_a_visitor_who_only_looks_leaves_no_trace(ws: Workspace, ann: Visitor):
    with pytest.raises(NotFound):
        own_generation(ws, ann, new_id())
    assert counts(ws.store)["annotators"] == 0


def test_many_tabs_that_ask_at_once_all_get_an_answer(ws: Workspace, ann: Visitor):
    made: list[Any] = []
    barrier = threading.Barrier(6)

    def ask(n: int) -> None:
        barrier.wait()
        try:
            made.append(generate(ws, ann, Ask(prompt="the same words", seed=n)))
        except Exception as error:
            made.append(error)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [m for m in made if isinstance(m, Exception)]
    assert [ended(ws, m).status for m in made] == ["done"] * 6
    assert counts(ws.store) | {"output_tokens": 0} == {
        **dict.fromkeys(counts(ws.store), 0), "annotators": 1, "prompts": 1, "prompt_versions": 1, "model_versions": 1,
        "generations": 6, "outputs": 6, "history_words": 6,
    }  # fmt: skip


# ---- idempotent -----------------------------------------------------------------------------------------------------


def test_a_request_id_makes_one_generation_however_often_it_is_sent(ws: Workspace, ann: Visitor, bob: Visitor):
    barrier, made = threading.Barrier(5), []

    def ask() -> None:
        barrier.wait()
        made.append(generate(ws, ann, Ask(prompt="once", request_id="r")))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 5 and len(set(made)) == 1 and len(ws.store.find(Generation)) == 1
    assert ended(ws, made[0]).status == "done"
    assert generate(ws, ann, Ask(prompt="", request_id="r")) == made[0]
    assert generate(ws, bob, Ask(prompt="once", request_id="r")) != made[0]


# ---- refused --------------------------------------------------------------------------------------------------------

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


# ---- inputs ---------------------------------------------------------------------------------------------------------


def test_a_picture_can_begin_from_ones_own(ws: Workspace, ann: Visitor):
    _, (output,) = make(ws, ann, "first", modality="image")
    made, _ = make(ws, ann, "second", modality="image", inputs={"init_output_id": output.id, "mask_output_id": ""})
    assert made.status == "done" and made.inputs == {"init_output_id": output.id}
    _, (text,) = make(ws, ann)
    with pytest.raises(InvalidPrompt, match="is not a picture"):
        generate(ws, ann, Ask(prompt="x", modality="image", inputs={"init_output_id": text.id}))


def test_a_stored_prompt_version_is_used_again_with_other_variables(ws: Workspace, ann: Visitor):
    first, _ = make(ws, ann, "Greet {who}", variables={"who": "Bob"})
    again = ended(ws, generate(ws, ann, Ask(prompt_version_id=first.prompt_version_id, variables={"who": "Eve"})))
    assert again.prompt_version_id == first.prompt_version_id and again.rendered == "Greet Eve"


# ---- replay ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modality", ["text", "image"])
def test_a_replay_gives_the_same_outputs_and_says_so(ws: Workspace, ann: Visitor, modality: str):
    first, outputs = make(
        ws, ann, "one two {n} four", modality=modality, count=3, variables={"n": "three"}, seed=2**32 - 2
    )
    again = ended(ws, replay(ws, ann, first.id))
    same = ws.store.find(Output, generation_id=again.id)
    assert {(o.position, o.seed, o.text, o.blob_sha256) for o in same} == {
        (o.position, o.seed, o.text, o.blob_sha256) for o in outputs
    }
    assert (again.origin, again.inputs) == ("replay", {"replay_of": first.id})
    assert replays(ws, ann, first.id) == [{"generation_id": again.id, "same": True}]
    assert ended(ws, replay(ws, ann, again.id)).inputs == {"replay_of": again.id}


def test_a_replay_with_a_new_seed_is_a_new_generation(ws: Workspace, ann: Visitor):
    first, (output,) = make(ws, ann, "one two three", seed=1)
    again = ended(ws, replay(ws, ann, first.id, seed=2))
    (other,) = ws.store.find(Output, generation_id=again.id)
    assert again.origin == "person" and again.inputs == {} and other.text != output.text


def test_a_replay_is_refused_when_the_weights_have_changed(ws: Workspace, ann: Visitor, catalog: FakeCatalog):
    first, _ = make(ws, ann)
    catalog.infos["fake-text"] = replace(FAKE_TEXT, revision="0" * 40)
    before = counts(ws.store)
    with pytest.raises(Unavailable, match=r"files of fake-text are no longer those of that time \(ffffffffffff"):
        replay(ws, ann, first.id)
    assert counts(ws.store) == before
    later, _ = make(ws, ann)
    assert later.model_version_id != first.model_version_id


@pytest.fixture
def real(settings: Settings) -> Iterator[Workspace]:
    """A studio with the embedded models, whose prepared files outlive the test run."""
    cache = Path(os.environ.get("COLLAB_TEST_CACHE") or user_cache_path("collab-tests"))
    cache.mkdir(parents=True, exist_ok=True)
    settings.home.mkdir(parents=True)
    (settings.home / "models").symlink_to(cache)
    opened = open_workspace(settings)
    yield opened
    opened.close()


def test_the_embedded_model_writes_and_its_replay_is_letter_by_letter_the_same(real: Workspace, ann: Visitor):
    first, outputs = make(
        real, ann, "Name three colours.", count=2, seed=11, settings={"max_new_tokens": 12, "temperature": 0.9}
    )
    assert first.status == "done" and "<|im_start|>" in first.rendered and "Name three colours." in first.rendered
    assert all(o.text and o.text.strip() and (o.completion_tokens or 0) <= 12 for o in outputs)
    assert outputs[0].text != outputs[1].text
    again = ended(real, replay(real, ann, first.id))
    assert [o.text for o in sorted(real.store.find(Output, generation_id=again.id), key=lambda o: o.position)] == [
        o.text for o in outputs
    ]
    assert replays(real, ann, first.id)[0]["same"] is True
    _, (third,) = make(real, ann, "Name three colours.", seed=12, settings={"max_new_tokens": 12, "temperature": 0.9})
    assert third.text == outputs[1].text  # an output depends on its own seed, not on its neighbours


def test_a_digit_model_is_a_picture_model_like_any_other(real: Workspace, ann: Visitor):
    assert {"digits-gan", "digits-vae"} <= {entry.name for entry in real.engine.entries("image")}
    first, (output, other) = make(real, ann, "a handwritten seven", modality="image", model="digits-gan", count=2)
    assert (first.status, first.rendered, output.media_type) == ("done", "7", "image/png")
    assert output.blob_sha256 != other.blob_sha256
    again = ended(real, replay(real, ann, first.id))
    assert {o.blob_sha256 for o in real.store.find(Output, generation_id=again.id)} == {
        output.blob_sha256, other.blob_sha256,
    }  # fmt: skip
    refused, _ = make(real, ann, "a cat", modality="image", model="digits-gan")
    assert refused.status == "failed" and "draws handwritten digits only" in refused.error
    inputs = {"init_output_id": output.id, "parent_output_id": output.id}
    redrawn, _ = make(real, ann, "7", modality="image", model="digits-vae", inputs=inputs)
    assert redrawn.status == "done", redrawn.error
    cannot, _ = make(real, ann, "7", modality="image", model="digits-gan", inputs=inputs)
    assert cannot.status == "failed" and "cannot do image-to-image" in cannot.error
    assert "digits-gan" not in {entry.name for entry in trainable(real, "image")}
    with pytest.raises(InvalidSetting, match="cannot be trained further here"):
        check_asked(real, replace(ann, is_owner=True), "image-dpo", model="digits-gan")
