"""A chat model so small that a step of training takes milliseconds: random Llama, real tokenizer and chat template."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru", "te", "so") for b in ("ban", "der", "fil", "gor", "net", "pim")]


def save_tiny_llama(folder: Path, *, seed: int = 0) -> Path:
    """The folder with everything that from_pretrained reads. Two layers, 32 wide, about 400 tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 20 + ["system user assistant good bad"] * 20, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = CHATML
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, eos_token_id=fast.eos_token_id, bos_token_id=None,
        pad_token_id=fast.pad_token_id, initializer_range=0.2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def said(rng: Random, words: list[str], number: int = 6) -> str:
    return " ".join(rng.choice(words) for _ in range(number))


def training_rows(kind: str, number: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Rows in TRL's columns with one taste: the first half of the words is liked, the second is not."""
    rng, rows = Random(seed), []
    liked, others = WORDS[: len(WORDS) // 2], WORDS[len(WORDS) // 2 :]
    for n in range(number):
        good, bad = said(rng, liked), said(rng, others)
        row: dict[str, Any] = {"prompt": [{"role": "user", "content": f"say {said(rng, WORDS, 2)} {n}"}]}
        if kind in ("dpo", "reward"):
            row |= {"chosen": [turn(good)], "rejected": [turn(bad)]}
        else:
            label = kind == "sft" or n % 2 == 0
            row["completion"] = [turn(good if label else bad)]
            row |= {"label": label} if kind == "kto" else {}
        rows.append(row)
    return rows


def turn(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}
