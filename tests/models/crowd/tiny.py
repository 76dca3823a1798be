"""A random Llama with a real tokenizer, and requests of every kind to crowd it with."""

from __future__ import annotations

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
)

from models.base import TEXT_DEFAULTS, ModelInfo, TextSample
from tests.models.conftest import text_request

SHAPE = {
    "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 6,
    "num_key_value_heads": 2, "vocab_size": 49152, "max_position_embeddings": 1024, "initializer_range": 0.4,
    "eos_token_id": 2, "bos_token_id": 1,
}  # fmt: skip


INFO = ModelInfo("tiny", "text", "tiny", "r", "fp32", {**TEXT_DEFAULTS, "max_new_tokens": 12, "top_k": 0})


def llama() -> LlamaForCausalLM:
    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(**SHAPE)).eval()


def texts(samples: dict[tuple[str, int], list[TextSample]]) -> dict[tuple[str, int], str]:
    return {key: each[-1].text for key, each in samples.items()}


def everybody() -> list:
    """Requests of every kind: other lengths, seeds, settings, counts and stop strings."""
    return [
        text_request(INFO, "Hi", id="short", seed=1),
        text_request(INFO, "one two three " * 30, id="long", seed=2, max_new_tokens=20),
        text_request(INFO, "Hi there", id="four", seed=2**32 - 2, count=4, top_k=7, top_p=0.8, temperature=1.7),
        text_request(INFO, "Again", id="greedy", temperature=0, repetition_penalty=1.4),
        text_request(INFO, "Plain", id="plain", seed=5, repetition_penalty=1.0, top_p=1.0, temperature=1.0),
        text_request(INFO, "Narrow", id="narrow", seed=6, top_k=2, stop=["e"]),
    ]
