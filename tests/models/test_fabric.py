"""Steering by liked and disliked pictures: real, tiny pipelines of the SD 1 and XL layouts, and the embedded model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from PIL import Image, ImageDraw
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from models.base import SCHEDULERS, InvalidRequest
from models.fabric import DISLIKED_SHARE, LIKED_WEIGHT, References, _hooked, _self_attentions, _SteeredUNet
from models.image import ImageBackend
from models.pipelines import EMBEDDED
from tests.models.drawing import SIZE, encoded, gradient, request, run
from tests.models.tiny_pipeline import info_of

pytestmark = pytest.mark.filterwarnings("ignore")


def disc(ground: str, colour: str) -> bytes:
    picture = Image.new("RGB", (SIZE, SIZE), ground)
    ImageDraw.Draw(picture).ellipse((20, 20, 44, 44), fill=colour)
    return encoded(picture)


BLUE, RED = disc("blue", "yellow"), disc("red", "white")
STEERED = {"liked": (BLUE,), "disliked": (RED, gradient()), "steering": 1.0}


def pixels(backend: ImageBackend, id_: str = "r", **rest: object) -> np.ndarray:
    return run(backend, request(id_, **rest)).pixels(id_)


def distance(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a - b).max())


def hooks(unet: torch.nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) for module in unet.modules())


# ---- what it changes, and what it leaves alone ----------------------------------------------------------------------


def test_who_is_not_steered_gets_the_very_same_pixels_beside_someone_who_is(backend):
    alone = pixels(backend)
    crowd = run(backend, request("r"), request("s", prompt="a dog", seed=3, **STEERED))
    assert distance(alone, crowd.pixels("r")) == 0
    assert distance(alone, pixels(backend)) == 0  # nor is anything left behind


def test_who_is_steered_gets_the_same_pixels_alone_and_in_a_crowd(backend):
    alone = pixels(backend, **STEERED)
    others = [request("s", seed=3), request("t", prompt="a dog", liked=(RED,), steering=0.4, count=2)]
    assert distance(alone, run(backend, request("r", **STEERED), *others).pixels("r")) <= 1
    assert distance(alone, pixels(backend, **STEERED)) == 0


def test_four_steered_outputs_equal_four_single_ones_of_consecutive_seeds(backend):
    together = run(backend, request("r", count=4, **STEERED))
    for position in range(4):
        assert distance(together.pixels("r", position), pixels(backend, seed=7 + position, **STEERED)) <= 1


def test_liked_and_disliked_pictures_each_change_the_outcome_and_strength_0_changes_nothing(backend):
    plain = pixels(backend)
    liked, disliked = pixels(backend, liked=(BLUE,), steering=1.0), pixels(backend, disliked=(BLUE,), steering=1.0)
    assert distance(plain, liked) > 1 and distance(plain, disliked) > 1 and distance(liked, disliked) > 1
    assert distance(plain, pixels(backend, liked=(BLUE,), disliked=(RED,), steering=0.0)) == 0
    assert distance(plain, pixels(backend, steering=1.0)) == 0
    weak = pixels(backend, liked=(BLUE,), steering=0.05)
    assert np.abs(plain - weak).mean() < np.abs(plain - liked).mean()


def test_the_order_of_references_does_not_matter(backend):
    first = pixels(backend, liked=(BLUE, RED, gradient()), steering=1.0)
    assert distance(first, pixels(backend, liked=(gradient(), BLUE, RED), steering=1.0)) <= 1


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_can_be_steered(backend, scheduler):
    plain, steered = pixels(backend, scheduler=scheduler), pixels(backend, scheduler=scheduler, **STEERED)
    assert distance(plain, steered) > 1 and steered.std() > 0


def test_redrawing_and_repainting_and_drawing_without_guidance_can_be_steered(backend):
    mask = Image.new("L", (SIZE, SIZE), 0)
    mask.paste(255, (16, 16, 48, 48))
    for how in ({"init_image": gradient()}, {"init_image": gradient(), "mask": encoded(mask)}, {"guidance_scale": 1.0}):
        assert distance(pixels(backend, **how), pixels(backend, **how, **STEERED)) > 1
    kept = pixels(backend, init_image=gradient(), mask=encoded(mask), **STEERED)
    assert distance(kept[:16], np.asarray(Image.open(io.BytesIO(gradient())), dtype=np.int16)[:16]) == 0


# ---- the method -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processor", [AttnProcessor, AttnProcessor2_0])
def test_attention_with_references_is_that_of_the_authors_code(backend, processor):
    """Probabilities times weights, normalised again (FABRIC's attn_with_weights), for both passes."""
    pipe = backend._pipelines["text-to-image"]
    layer = _self_attentions(pipe.unet)[0]
    before = layer.processor
    layer.set_processor(processor())
    references = References([Image.new("RGB", (SIZE, SIZE), "blue")] * 2, [Image.new("RGB", (SIZE, SIZE))], 0.7)
    steered = _SteeredUNet(pipe, references, rows=1)
    torch.manual_seed(0)
    hidden, kept = torch.randn(2, 16, layer.query_dim), torch.randn(3, 16, layer.query_dim)
    with torch.no_grad():
        got = layer(hidden, **steered._with_references(hidden, kept, guided=True))
        for row, part, weight in (
            (0, kept[2:], 0.7 * LIKED_WEIGHT * DISLIKED_SHARE),
            (1, kept[:2], 0.7 * LIKED_WEIGHT),
        ):
            keys = torch.cat([hidden[row], part.flatten(0, 1)])[None]
            q, k, v = (
                layer.head_to_batch_dim(t) for t in (layer.to_q(hidden[[row]]), layer.to_k(keys), layer.to_v(keys))
            )
            weights = torch.ones(keys.shape[1])
            weights[16:] = weight
            probabilities = layer.get_attention_scores(q, k) * weights
            probabilities = probabilities / probabilities.sum(-1, keepdim=True)
            wanted = layer.to_out[0](layer.batch_to_head_dim(probabilities @ v))
            torch.testing.assert_close(got[[row]], wanted, atol=1e-5, rtol=1e-4)
    layer.set_processor(before)


def test_a_reference_that_is_the_picture_itself_changes_nothing(backend):
    pipe = backend._pipelines["text-to-image"]
    layer = _self_attentions(pipe.unet)[0]
    steered = _SteeredUNet(pipe, References([Image.new("RGB", (SIZE, SIZE))], [], 1.0), rows=1)
    hidden = torch.randn(1, 16, layer.query_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        own = layer(hidden)
        torch.testing.assert_close(layer(hidden, **steered._with_references(hidden, hidden, guided=False)), own)


def test_no_hook_is_left_between_steps_or_after_a_failure(backend):
    unet = backend._pipelines["text-to-image"].unet
    backend.admit(request("r", **STEERED))
    for _ in range(3):
        backend.step()
        assert hooks(unet) == 0
    backend.evict("r")
    with pytest.raises(ZeroDivisionError), _hooked(_self_attentions(unet), lambda layer, hidden: None):
        assert hooks(unet) > 0
        raise ZeroDivisionError
    assert hooks(unet) == 0


def test_the_last_fifth_of_the_noise_levels_is_the_pictures_own(backend, monkeypatch):
    """From there on the UNet is called once a step, not twice."""
    unet, calls = backend._pipelines["text-to-image"].unet, []
    watched = unet.register_forward_pre_hook(lambda module, args: calls.append(float(args[1])))
    pixels(backend, num_inference_steps=10, scheduler="ddim", **STEERED)
    watched.remove()
    twice = {at for at in calls if calls.count(at) == 2}
    assert twice == {at for at in calls if at >= 200} and len(set(calls)) == 10


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"liked": (BLUE,) * 5, "steering": 1.0}, "There are 5 liked pictures to steer by: at most 4"),
        ({"disliked": (BLUE,) * 5, "steering": 1.0}, "There are 5 disliked pictures"),
        ({"liked": (BLUE,), "steering": 1.5}, "Steering is 1.5: choose a strength from 0 to 1"),
        ({"liked": (BLUE,), "steering": -0.1}, "Steering is -0.1"),
        ({"liked": (BLUE,), "steering": float("nan")}, "Steering is nan"),
        ({"liked": (b"no picture",), "steering": 1.0}, "not a PNG, JPEG or WebP"),
    ],
)
def test_bad_references_are_refused_before_anything_runs(backend, given, said):
    with pytest.raises(InvalidRequest, match=said):
        backend.admit(request(**given))
    assert backend.active() == 0


def test_a_family_that_takes_no_references_says_so(backend, monkeypatch):
    monkeypatch.setattr("models.planning.takes_references", lambda pipe: False)
    monkeypatch.setattr("models.image.takes_references", lambda pipe: False)
    assert "references" not in backend.can
    with pytest.raises(InvalidRequest, match="cannot be steered by pictures: turn that off"):
        backend.admit(request(**STEERED))
    backend.admit(request(steering=1.0))  # nothing to steer by is nothing to refuse


# ---- other layouts --------------------------------------------------------------------------------------------------


def save_tiny_xl(folder: Path, base: Path) -> Path:
    """An XL pipeline: two text encoders, pooled words and sizes beside the sequence, layers of depth 2."""
    plain = ImageBackend.load(info_of(base), lambda message, fraction: None)._pipelines["text-to-image"]
    torch.manual_seed(1)
    config = CLIPTextConfig.from_dict({**plain.text_encoder.config.to_dict(), "projection_dim": 32})
    unet = UNet2DConditionModel(
        sample_size=SIZE // 8, in_channels=8, out_channels=8, block_out_channels=(16, 32), norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1, cross_attention_dim=64, attention_head_dim=(2, 4), transformer_layers_per_block=(1, 2),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=32 + 6 * 8,
    )  # fmt: skip
    StableDiffusionXLPipeline(
        vae=plain.vae, text_encoder=plain.text_encoder, text_encoder_2=CLIPTextModelWithProjection(config),
        tokenizer=plain.tokenizer, tokenizer_2=plain.tokenizer, unet=unet, scheduler=plain.scheduler,
        add_watermarker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def test_an_xl_pipeline_can_be_steered_with_its_sizes_and_pooled_words(folder, tmp_path):
    xl = ImageBackend.load(info_of(save_tiny_xl(tmp_path / "xl", folder)), lambda message, fraction: None)
    assert "references" in xl.can
    alone = pixels(xl, **STEERED)
    assert distance(pixels(xl), alone) > 1
    plain = run(xl, request("s", seed=2)).pixels("s")
    crowd = run(xl, request("r", count=2, **STEERED), request("s", seed=2), request("t", prompt="dog", count=2))
    assert distance(alone, crowd.pixels("r")) <= 1 and np.abs(plain - crowd.pixels("s")).max() <= 1
    xl.close()


def test_an_adapter_and_steering_work_together(folder):
    from peft import LoraConfig

    adapted = ImageBackend.load(info_of(folder), lambda message, fraction: None)
    plain = pixels(adapted, **STEERED)
    unet = adapted._pipelines["text-to-image"].unet
    torch.manual_seed(0)
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_k", "to_v"], init_lora_weights=False))
    assert any(isinstance(m, BasicTransformerBlock) for m in unet.modules())
    with_adapter = pixels(adapted, **STEERED)
    assert distance(plain, with_adapter) > 1 and distance(pixels(adapted), with_adapter) > 1
    adapted.close()


def test_the_embedded_model_follows_liked_backgrounds_where_words_leave_them_open():
    """Without words it draws grounds of any colour, mostly white; steered by blue ones, blue."""
    icons = ImageBackend.load(info_of(EMBEDDED / "icons"), lambda message, fraction: None)
    how = {"prompt": "", "count": 6, "num_inference_steps": 8, "seed": 0}

    def blues(**steer: object) -> int:
        made = run(icons, request("r", **how, **steer))
        corners = [np.median(made.pixels("r", n)[[1, 1, -2, -2], [1, -2, 1, -2]], axis=0) for n in range(6)]
        return sum(bool(c[2] > 120 and c[2] > 1.5 * c[0]) for c in corners)

    liked = tuple(disc("#3a6fe0", colour) for colour in ("yellow", "red", "white"))
    assert blues(liked=liked, steering=1.0) >= blues() + 3
    icons.close()
