"""Texts of the embedded language model in batches, each made once and kept on disk. Knows no taste and no studio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collab.prompts import Wording, fill

NEW_TOKENS = 48
BATCH = 24


class Writer:
    """Greedy answers with a repetition penalty of 1.1, so that a prompt's answer is the same in every arm."""

    def __init__(self, cache: Path) -> None:
        self._file = cache / "texts.jsonl"
        self._kept: dict[str, str] = {}
        if self._file.exists():
            self._kept = dict(json.loads(line) for line in self._file.read_text().splitlines())
        self._model: Any = None

    def write(self, wordings: Sequence[Wording], subjects: Sequence[str]) -> list[str]:
        """The answer to each wording, its {thing} being the subject beside it."""
        chats = [_messages(w, s) for w, s in zip(wordings, subjects, strict=True)]
        keys = [hashlib.sha256(json.dumps(chat).encode()).hexdigest() for chat in chats]
        missing = {k: c for k, c in zip(keys, chats, strict=True) if k not in self._kept}
        todo = sorted(missing.items(), key=lambda item: len(str(item[1])))
        for start in range(0, len(todo), BATCH):
            some = todo[start : start + BATCH]
            for (key, _), text in zip(some, self._generate([chat for _, chat in some]), strict=True):
                self._kept[key] = text
                with self._file.open("a") as file:
                    file.write(json.dumps([key, text]) + "\n")
        return [self._kept[key] for key in keys]

    def _generate(self, chats: Sequence[list[dict[str, str]]]) -> list[str]:
        import torch

        if self._model is None:
            self._model = _load()
        tokenizer, model = self._model
        rendered = [tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in rendered]
        fewest = min(map(len, ids)) - 1  # at least one token is left to go on from
        shared = next((at for at in range(fewest) if len({one[at] for one in ids}) > 1), fewest)
        longest = max(map(len, ids)) - shared
        rows, seen = [], []
        for one in ids:  # what all begin with, padding, what is each one's own
            padding = longest - (len(one) - shared)
            rows.append(one[:shared] + [tokenizer.pad_token_id] * padding + one[shared:])
            seen.append([1] * shared + [0] * padding + [1] * (len(one) - shared))
        batch = {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(seen)}
        with torch.inference_mode():
            if shared > 0:
                cache = model(batch["input_ids"][:1, :shared], use_cache=True).past_key_values
                cache.batch_repeat_interleave(len(rows))
                batch["past_key_values"] = cache
            made = model.generate(**batch, max_new_tokens=NEW_TOKENS, do_sample=False, repetition_penalty=1.1,
                                  pad_token_id=tokenizer.pad_token_id)  # fmt: skip
        return [_whole(t) for t in tokenizer.batch_decode(made[:, batch["input_ids"].shape[1] :], True)]


def _whole(text: str) -> str:
    """Without the sentence that the limit cut off, where a whole one stands before it."""
    end = max(text.rfind(mark) for mark in ".!?\n")
    return (text[: end + 1] if end > 20 else text).strip()


def _messages(wording: Wording, subject: str) -> list[dict[str, str]]:
    from collab.generation import messages_of

    (text, system), _ = fill([wording.text, wording.system_text], {"thing": subject})
    return [{"role": m.role, "content": m.content} for m in messages_of(system, wording.examples, text)]


def _load() -> tuple[Any, Any]:
    from collab.settings import read_settings
    from models.catalog import Catalog

    settings = read_settings()
    catalog = Catalog(settings.home / "models")
    info = catalog.resolve("", "text")
    catalog.load(info, lambda *_: None).close()  # makes the folder at its first use
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = next((settings.home / "models").glob("**/config.json")).parent
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, AutoModelForCausalLM.from_pretrained(folder).eval()
