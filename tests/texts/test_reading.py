"""“Why these words?” of texts that no model here wrote as they stand, with a real model of two layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import exp

import pytest

from collab.errors import CollabError, InvalidPrompt, Unavailable
from collab.feedback import edit_text, undo
from collab.generation import Ask, generate
from collab.identity import LOCAL, Visitor
from collab.settings import read_settings
from collab.texts.explaining import explain
from collab.texts.reading import read_by_model
from collab.types import Generation, ModelVersion, Output
from collab.workspace import Workspace, open_workspace
from tests.conftest import ended
from tests.models.tiny_llama import save_tiny_llama

OWNER = replace(LOCAL, is_owner=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    home = tmp_path_factory.mktemp("home")
    folder = save_tiny_llama(tmp_path_factory.mktemp("tiny"))
    ws = open_workspace(read_settings({"COLLAB_HOME": str(home), "COLLAB_TEXT_MODEL": str(folder)}))
    yield ws
    ws.close()


@pytest.fixture(scope="module")
def written(tiny: Workspace) -> tuple[Generation, Output]:
    ask = Ask(prompt="say {what}", variables={"what": "kaban"}, system_text="Be kind.", seed=3,
              settings={"max_new_tokens": 12, "top_k": 0, "temperature": 1.0})  # fmt: skip
    made = ended(tiny, generate(tiny, OWNER, ask))
    return made, tiny.store.find(Output, generation_id=made.id)[0]


def plain(tiny: Workspace, made: Generation, text: str) -> list[float]:
    """The probabilities of the tokens of an answer and of its end, by transformers alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(tiny.settings.text_model)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    before = tokenizer(made.rendered, add_special_tokens=False)["input_ids"]
    ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    with torch.inference_mode():
        found = model(torch.tensor([before + ids])).logits.softmax(-1)[0, len(before) - 1 : -1]
    return [found[n, id_].item() for n, id_ in enumerate(ids)]


def test_an_edited_text_is_read_as_the_answer_it_is_and_undone_again_told_as_written(
    tiny: Workspace, written: tuple[Generation, Output], bob: Visitor
):
    made, output = written
    with pytest.raises(InvalidPrompt, match="not changed"):
        explain(tiny, OWNER, output.id, edited=True)
    text = "lofil kaban, 好 mipim"
    act = edit_text(tiny, OWNER, output.id, text)
    told = explain(tiny, OWNER, output.id, edited=True)
    assert told["read"] and told["settings"] == {} and "".join(piece["text"] for piece in told["pieces"]) == text
    _, tokens = read_by_model(tiny, OWNER, made, text)
    wanted = plain(tiny, made, text)
    assert [exp(token.logprob) for token in tokens] == pytest.approx(wanted, abs=1e-4)
    assert told["pieces"][-1]["end"] and told["pieces"][-1]["probability"] == pytest.approx(wanted[-1], abs=1e-4)
    assert sum(bool(piece["alternatives"]) for piece in told["pieces"]) > 4
    with pytest.raises(CollabError, match="of yours"):
        explain(tiny, bob, output.id, edited=True)
    undo(tiny, OWNER, act.id)
    assert not explain(tiny, OWNER, output.id)["read"]


def test_a_text_from_elsewhere_is_read_by_the_model_that_serves(tiny: Workspace, written: tuple[Generation, Output]):
    made, _ = written
    elsewhere = ModelVersion(
        name="far-away", modality="text", base="imported:far-away", revision="?", precision="remote"
    )
    brought = replace(made, id=made.id[:-4] + "aaaa", model_version_id=elsewhere.id, request_id=None)
    output = Output(generation_id=brought.id, position=0, seed=0, text="tenet rupim", media_type="text/plain")
    tiny.store.add(elsewhere, brought, output)
    told = explain(tiny, OWNER, output.id)
    assert told["read"] and told["model"] != "far-away"
    assert "".join(piece["text"] for piece in told["pieces"]) == output.text
    several = replace(brought, id=made.id[:-4] + "bbbb", inputs={"turns": [{"role": "user", "content": "x"}]})
    with pytest.raises(Unavailable, match="not known here"):
        read_by_model(tiny, OWNER, several, "tenet")
    with pytest.raises(CollabError, match="tokens"):
        read_by_model(tiny, OWNER, made, "kaban " * 300)
