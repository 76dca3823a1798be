"""The tiny model behind the backend, and adapters for it."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoTokenizer,
)

from models.text import TextBackend
from tests.models.crowd.tiny import INFO, llama


@pytest.fixture(scope="module")
def tokenizer(text_backend):
    return text_backend._tokenizer


@pytest.fixture(scope="module")
def backend(tokenizer: AutoTokenizer) -> TextBackend:
    return TextBackend(INFO, llama(), tokenizer, "cpu")


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folders = []
    for number in range(3):
        config = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
        folder = tmp_path_factory.mktemp("adapter") / str(number)
        base = llama()
        torch.manual_seed(number)
        get_peft_model(base, config).save_pretrained(folder)
        folders.append(str(folder))
    return folders
