"""The embedded image model and its recipe: the folder loads like any other, and the captions say what the pictures
show."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, AutoPipelineForText2Image
from PIL import Image
from transformers import CLIPTokenizer

from models.pretrain.icon_captions import (
    BACKGROUNDS,
    COUNT_WORDS,
    STYLES,
    WITHHELD_SHARE,
    Scene,
    is_withheld,
    sample_scene,
    write_caption,
)
from models.pretrain.icon_concepts import read_concepts
from models.pretrain.icon_denoiser import build_denoiser, build_optimizer, tokenize
from models.pretrain.icon_networks import build_autoencoder, build_tokenizer
from models.pretrain.icon_pictures import COLOUR, compose
from models.pretrain.icon_thumbnail_start import start_as_thumbnail
from models.pretrain.icons import start_from
from models.pretrain.training_run import load_checkpoint

FOLDER = Path(__file__).parents[2] / "models" / "embedded" / "icons"
CONCEPTS = read_concepts()


@pytest.fixture(scope="module")
def pipeline():
    loaded = AutoPipelineForText2Image.from_pretrained(FOLDER, dtype=torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def draw(pipeline, prompt: str, **settings) -> Image.Image:
    settings = {
        "num_inference_steps": 2,
        "guidance_scale": 3.0,
        "generator": torch.Generator().manual_seed(0),
        **settings,
    }
    return pipeline(prompt, **settings).images[0]


@pytest.mark.parametrize("prompt", ["a cat", "", "猫 кот 🐱 \x00", "cat " * 500, "{[}]<|endoftext|>"])
def test_any_prompt_becomes_a_picture(pipeline, prompt):
    picture = draw(pipeline, prompt)
    assert picture.size == (64, 64)
    assert np.isfinite(np.asarray(picture, dtype=float)).all()


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(pipeline):
    first, again = draw(pipeline, "a cat"), draw(pipeline, "a cat")
    other = draw(pipeline, "a cat", generator=torch.Generator().manual_seed(1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_folder_changes_a_given_picture(pipeline):
    image_to_image = AutoPipelineForImage2Image.from_pretrained(FOLDER, dtype=torch.float32)
    image_to_image.set_progress_bar_config(disable=True)
    start = Image.new("RGB", (64, 64), "red")
    assert draw(image_to_image, "a cat", image=start, strength=0.6, num_inference_steps=4).size == (64, 64)


def test_the_folder_paints_inside_a_mask_only(pipeline):
    inpainting = AutoPipelineForInpainting.from_pretrained(FOLDER, dtype=torch.float32)
    inpainting.set_progress_bar_config(disable=True)
    start = Image.new("RGB", (64, 64), COLOUR["blue"])
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    painted = draw(inpainting, "a cat", image=start, mask_image=mask, height=64, width=64, num_inference_steps=4)
    outside = np.asarray(painted, dtype=float)[:, :20]
    assert abs(outside - COLOUR["blue"]).mean() < 40


def test_a_background_colour_in_the_prompt_is_the_background_of_the_picture(pipeline):
    for background in ("red", "blue", "black"):
        picture = np.asarray(draw(pipeline, f"a cat on a {background} background", num_inference_steps=10), dtype=float)
        corners = picture[[2, 2, -3, -3], [2, -3, 2, -3]].mean(axis=0)
        nearest = min(BACKGROUNDS, key=lambda name: np.abs(corners - COLOUR[name]).sum())
        assert nearest == background


def test_no_training_scene_is_a_withheld_combination():
    rng, slugs = Random(0), list(CONCEPTS)
    for _ in range(5000):
        scene = sample_scene(rng.choice(slugs), rng.choice(STYLES), slugs, 0.3, rng)
        assert not any(is_withheld(slug, scene.style, scene.background) for slug in scene.slugs)


def test_about_the_promised_share_is_withheld_and_a_plain_background_never():
    coloured = [(slug, style, background) for slug in CONCEPTS for style in STYLES for background in BACKGROUNDS[1:]]
    share = sum(is_withheld(*each) for each in coloured) / len(coloured)
    assert abs(share - WITHHELD_SHARE) < 0.01
    assert not any(is_withheld(slug, style, "none") for slug in CONCEPTS for style in STYLES)


def test_a_caption_says_all_that_can_be_measured_from_the_picture():
    rng, slugs = Random(1), list(CONCEPTS)
    for _ in range(2000):
        scene = sample_scene(rng.choice(slugs), rng.choice(STYLES), slugs, 0.3, rng)
        words = write_caption(scene, CONCEPTS, {}, rng).replace(",", " ").split()
        assert scene.style != "line" or "line" in words
        assert scene.background == "none" or scene.background in words
        assert scene.position == "centre" or scene.position in words
        assert scene.count == 1 or COUNT_WORDS[scene.count] in words
        assert scene.size != "small" or {"small", "little", "tiny"} & set(words)


def test_scenes_are_the_same_for_the_same_seed():
    slugs = list(CONCEPTS)
    drawn = [[sample_scene("cat", "flat", slugs, 0.3, rng) for _ in range(50)] for rng in (Random(3), Random(3))]
    assert drawn[0] == drawn[1]


def test_a_composed_picture_has_the_background_and_the_position_its_scene_names():
    icon = Image.new("RGBA", (128, 128), (0, 0, 0, 255))
    picture = compose(Scene(("cat",), "flat", "green", "small", "left"), {("cat", "flat"): icon})
    assert tuple(picture[0, 63]) == COLOUR["green"]
    _, columns = np.nonzero(picture.sum(axis=2) == 0)
    assert columns.max() < 32


def test_names_are_told_apart_and_every_concept_has_one():
    names = [concept.name for concept in CONCEPTS.values()]
    assert len(set(names)) == len(names) >= 100
    assert not any("oclock" in slug or "thirty" in slug or "flag" in slug for slug in CONCEPTS)


def test_a_word_of_the_captions_is_one_token_and_anything_else_still_encodes(tmp_path):
    tokenizer = build_tokenizer(["two cats, line style", "a t shirt"], tmp_path / "tokenizer")
    assert tokenizer.tokenize("two cats, line style") == ["two</w>", "cats</w>", ",</w>", "line</w>", "style</w>"]
    assert len(tokenizer("猫" * 100, truncation=True, padding="max_length").input_ids) == 24


def test_an_untrained_autoencoder_starts_as_a_thumbnail_codec():
    torch.manual_seed(0)
    pictures = torch.nn.functional.interpolate(torch.rand(4, 3, 4, 4) * 2 - 1, scale_factor=16)
    autoencoder = build_autoencoder()
    start_as_thumbnail(autoencoder, pictures)
    with torch.no_grad():
        latents = autoencoder.encode(pictures).latent_dist.mean
    assert (latents[:, :3] - torch.nn.functional.avg_pool2d(pictures, 4)).abs().mean() < 0.1


def test_a_run_that_starts_from_finished_weights_goes_on_with_just_these(pipeline, tmp_path):
    start_from(FOLDER, tmp_path)
    kept = load_checkpoint(tmp_path / "denoiser.pt", torch.device("cpu"))
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path / "tokenizer")
    denoiser = build_denoiser(tokenizer, torch.device("cpu")).eval()
    denoiser.load_state_dict(kept["model"])
    ids, noise = tokenize(tokenizer, ["a cat in line style"]), torch.randn(1, 4, 16, 16)
    with torch.no_grad():
        wanted = pipeline.unet(noise, torch.tensor([500]), pipeline.text_encoder(ids)[0]).sample
        assert torch.allclose(denoiser(noise, torch.tensor([500]), ids), wanted, atol=1e-4)
    kept["optimizer"]["param_groups"][0]["lr"] = 1e-3
    build_optimizer(denoiser, 1e-3).load_state_dict(kept["optimizer"])
