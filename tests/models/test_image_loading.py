"""Image models from a folder to a backend: progress in words, and one sentence for what is missing or damaged."""

from __future__ import annotations

import pytest

from models.base import ModelNotFound, ModelUnavailable
from models.image import ImageBackend
from tests.models.drawing import request, run
from tests.models.tiny_pipeline import info_of, save_tiny_pipeline


def test_loading_reports_progress_in_words(folder):
    heard = []
    ImageBackend.load(info_of(folder), lambda message, fraction: heard.append((message, fraction))).close()
    assert any("tiny" in message for message, _ in heard)


def test_an_empty_folder_and_an_unknown_path_are_not_found(tmp_path):
    for base in (tmp_path, tmp_path / "missing", "no-such-model"):
        with pytest.raises(ModelNotFound):
            ImageBackend.load(info_of(base), lambda message, fraction: None)


def test_damaged_weights_are_unavailable_in_one_sentence(tmp_path):
    folder = save_tiny_pipeline(tmp_path / "damaged")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelUnavailable) as caught:
        ImageBackend.load(info_of(folder, "broken"), lambda message, fraction: None)
    assert "broken" in str(caught.value) and "\n" not in str(caught.value)


def test_half_precision_draws_a_picture_too(folder):
    backend = ImageBackend.load(info_of(folder, precision="bf16"), lambda message, fraction: None)
    assert run(backend, request(count=2)).of("r", 1)[-1].image is not None
