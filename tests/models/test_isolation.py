"""What breaks for one request leaves the others, and whoever comes later, as they would be without it."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.base import IMAGE_DEFAULTS, TEXT_DEFAULTS, Ended, ImageRequest, ModelInfo, canonical_settings
from models.image import ImageBackend
from models.rows import Together
from models.sampling import Sampler
from models.sharing import grant
from models.text import TextBackend
from tests.models.conftest import text_request
from tests.models.test_fabric import save_tiny_xl
from tests.models.tiny_llama import save_tiny_llama
from tests.models.tiny_pipeline import info_of

pytestmark = pytest.mark.usefixtures("one_thread")
LONG = "say " + "kaban " * 30


def run_out(*args, **kwargs):
    raise torch.OutOfMemoryError("out of memory")


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> ModelInfo:
    folder = save_tiny_llama(tmp_path_factory.mktemp("llama"))
    return ModelInfo("tiny", "text", str(folder), "r", "fp32", TEXT_DEFAULTS)


@pytest.fixture
def writer(llama) -> TextBackend:
    """It writes as long as it may."""
    model = AutoModelForCausalLM.from_pretrained(llama.base, dtype=torch.float32).eval()
    backend = TextBackend(llama, model, AutoTokenizer.from_pretrained(llama.base), "cpu")
    assert isinstance(backend._batch, Together)
    backend._eos, backend.context = frozenset(), 2000
    return backend


def admit(writer: TextBackend, id_: str, prompt: str = "say kaban", tokens: int = 30) -> None:
    writer.admit(text_request(writer.info, prompt, id=id_, max_new_tokens=tokens))


def ends(writer: TextBackend) -> dict[str, str]:
    """Step until nothing is left; each request's last text, or its error."""
    found = {}
    while writer.active():
        for sample in writer.step():
            found[sample.request_id] = sample.error if isinstance(sample, Ended) else sample.text
    return found


def test_values_that_are_no_numbers_do_not_outlive_their_request(writer, monkeypatch):
    admit(writer, "alone", tokens=10)
    alone = ends(writer)["alone"]
    admit(writer, "long", LONG, tokens=200)
    writer.step()
    admit(writer, "broken", tokens=100)
    for _ in range(60):
        writer.step()
    every = writer._forward.every

    def overflow(ids, cache, adapters, **more):
        logits = every(ids, cache, adapters, **more).clone()
        for layer in cache.layers:
            layer.values[1, :, writer._batch._past[1]] = torch.nan
        logits[1] = torch.nan
        return logits

    with monkeypatch.context() as patch:
        patch.setattr(writer._forward, "every", overflow)
        (error,) = [sample for sample in writer.step() if isinstance(sample, Ended)]
    assert (error.request_id, "not numbers" in error.error) == ("broken", True)
    admit(writer, "later", tokens=10)  # in the very place of the broken one
    assert ends(writer)["later"] == alone


def test_whoever_needs_more_memory_than_there_is_fails_alone(writer, monkeypatch):
    grown = Together._layer

    def layer(self, like, rows, tokens):
        return run_out() if tokens > 256 else grown(self, like, rows, tokens)

    monkeypatch.setattr(Together, "_layer", layer)
    admit(writer, "short", tokens=60)
    admit(writer, "long", "say " + "kaban " * 60, tokens=400)
    admit(writer, "also short", "say loder", tokens=60)
    found = ends(writer)
    assert "ran out of memory" in found.pop("long")
    assert len(found) == 2 and not any("memory" in text for text in found.values())


def test_the_memory_of_a_failed_pass_is_free_before_its_halves_are_tried(writer, monkeypatch):
    for name in ("a", "b"):
        admit(writer, name)
    writer.step()
    writer.step()
    norm = writer._forward._adapters.model.model.norm
    forward, held, alive = norm.forward, [], []

    def tight(hidden):
        if len(hidden) == 2:
            activation = torch.zeros(1000)
            held.append(weakref.ref(activation))
            run_out()
        alive.extend(ref() is not None for ref in held)
        return forward(hidden)

    monkeypatch.setattr(norm, "forward", tight)
    assert [sample.request_id for sample in writer.step()] == ["a", "b"]
    assert alive == [False, False]


def test_a_request_that_cannot_begin_leaves_no_rows_behind(writer, monkeypatch):
    for name in ("a", "b"):
        admit(writer, name)
    writer.step()
    with monkeypatch.context() as patch:
        patch.setattr(writer._sampler, "add", run_out)
        admit(writer, "c")
        assert [sample.request_id for sample in writer.step() if isinstance(sample, Ended)] == ["c"]
    assert set(ends(writer)) == {"a", "b"}


def test_rows_that_memory_does_not_let_draw_together_are_drawn_apart(monkeypatch):
    sampler, other = Sampler("cpu"), Sampler("mps")  # Apple's GPUs know no float64: what is drawn there is drawn here
    for each in (sampler, other):
        each.add(dict(TEXT_DEFAULTS), [1, 2, 3], [0], 50)
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    wanted = other.draw(logits)
    draw = Sampler._draw

    def tight(self, logits, first):
        return run_out() if len(logits) > 1 else draw(self, logits, first)

    monkeypatch.setattr(Sampler, "_draw", tight)
    assert sampler.draw(logits) == wanted
    logits[1] = torch.nan
    assert [isinstance(each, FloatingPointError) for each in sampler.draw(logits)] == [False, True, False]


# ---- pictures ----------------------------------------------------------------------------------------------------


def picture(info: ModelInfo, id_: str, owner: str = "ada", count: int = 1, steps: int = 2) -> ImageRequest:
    settings = canonical_settings("image", {"width": 64, "height": 64, "num_inference_steps": steps}, IMAGE_DEFAULTS)
    return ImageRequest(id_, owner, info, settings, 1, count, prompt="a cat")


def last_of(painter: ImageBackend, request: ImageRequest):
    painter.admit(request)
    while painter.active():
        for sample in painter.step():
            last = sample
    return last


def test_a_decoding_that_runs_out_of_memory_leaves_the_autoencoder_as_it_was(folder, tmp_path, monkeypatch):
    info = info_of(save_tiny_xl(tmp_path / "xl", folder), precision="fp16")
    painter = ImageBackend.load(info, lambda message, fraction: None)
    vae = painter._pipelines["text-to-image"].vae
    with monkeypatch.context() as patch:
        patch.setattr(vae, "decode", run_out)
        assert "Memory ran out" in last_of(painter, picture(info, "large", count=4)).error
    assert vae.dtype == torch.float16
    assert last_of(painter, picture(info, "small")).finish_reason == "stop"


def test_whoever_asked_for_one_picture_is_served_in_turn_with_whoever_asked_for_twelve(backend, folder, monkeypatch):
    info = info_of(folder)
    monkeypatch.setattr(backend, "_batch_pixels", 64 * 64)  # one picture a pass
    monkeypatch.setattr("models.image.SLICE_S", 0.02)

    def slow(*args):
        time.sleep(0.03)  # so that a step is one pass
        return grant(*args)

    monkeypatch.setattr("models.image.grant", slow)
    for number in range(12):
        backend.admit(picture(info, f"ada {number}", steps=20))
    backend.step()
    backend.admit(picture(info, "bob", "bob", steps=20))
    passes = {"ada": 0, "bob": 0}
    while "bob" in backend._running:
        for sample in backend.step():
            passes[sample.request_id.split()[0]] += sample.image is None
    assert passes["bob"] == 20
    assert passes["ada"] <= 40


def test_an_unloaded_model_leaves_no_weights_behind_though_it_had_adapters(folder, tmp_path):
    lora = LoraConfig(r=4, target_modules=["to_q", "to_v"], init_lora_weights=False)
    trained = get_peft_model(StableDiffusionPipeline.from_pretrained(folder).unet, lora)
    layers = {key.removeprefix("base_model.model."): v for key, v in get_peft_model_state_dict(trained).items()}
    StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=layers)
    info = info_of(folder)
    painter = ImageBackend.load(info, lambda message, fraction: None)
    assert last_of(painter, picture(replace(info, adapter=str(tmp_path)), "a")).finish_reason == "stop"
    weights = [weakref.ref(each) for each in painter._pipelines["text-to-image"].unet.parameters()]
    painter.close()  # which collects
    gc.disable()
    try:
        assert sum(each() is not None for each in weights) == 0
    finally:
        gc.enable()
