"""Previews of latents: by a large autoencoder's linear stand-in, and none of what no autoencoder knows."""

from __future__ import annotations

import io

import torch
from diffusers import AutoencoderKL
from PIL import Image

from models.preview import Previewer


def test_a_large_autoencoder_gets_a_linear_preview_of_the_right_colours(folder, monkeypatch):
    monkeypatch.setattr("models.preview.SMALL_VAE_PARAMETERS", 0)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    previews = Previewer(vae).previews(torch.randn(2, 8, 16, 16))
    assert [Image.open(io.BytesIO(p)).size for p in previews] == [(16, 16), (16, 16)]


def test_latents_of_an_unknown_shape_get_no_preview(folder):
    previewer = Previewer(AutoencoderKL.from_pretrained(folder / "vae"))
    for shape in ((2, 64, 32), (2, 3, 8, 8), (2, 8, 1, 8, 8), (2, 0, 0)):
        assert previewer.previews(torch.randn(shape)) == [None, None]
    assert Previewer(None).previews(torch.randn(1, 8, 8, 8)) == [None]
