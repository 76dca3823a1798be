"""From a request to stored outputs: what is kept, what happens once, and what a generation may start from."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from collab.errors import InvalidPrompt, NotFound
from collab.generation import Ask, generate, own_generation
from collab.identity import Visitor
from collab.types import Generation, ModelVersion, OutputTokens, PromptVersion, new_id
from collab.workspace import Workspace
from tests.conftest import counts, ended, make
from tests.models.fake import FAKE_TEXT, fake_words

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
