"""Training rows as a model will see them: rendered as at inference, long ones left out, in tokens for measuring.

Rows are in the columns that TRL reads (conversational). Knows tokenizers, no torch and no trainer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import TemplateError

from models.base import InvalidRequest, Message
from models.chat import rendered
from models.recipe import Kind, Recipe

Row = Mapping[str, Any]
ANSWERS: Mapping[Kind, tuple[str, ...]] = {
    "sft": ("completion",), "kto": ("completion",), "dpo": ("chosen", "rejected"), "reward": ("chosen", "rejected"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Encoded:
    """A row in tokens. answers: of each of its kind's columns. good: KTO's label, else True."""

    prompt: list[int]
    answers: tuple[list[int], ...]
    good: bool = True


@dataclass(slots=True)
class Prepared:
    """What the trainer is given, and the same in tokens. left_out: how many rows, by reason."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    encoded: list[Encoded] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def prepared(rows: Sequence[Row], recipe: Recipe, tokenizer: Any) -> Prepared:
    """The rows that the model can learn from, in the words it will be asked in."""
    made = Prepared()
    for row in rows:
        turned = _turned(row, recipe.kind, tokenizer)
        if turned is None:
            made.left_out["left out: the model's chat template does not take the conversation"] += 1
            continue
        encoded = _encoded(turned, recipe.kind, tokenizer)
        longest = max(len(answer) for answer in encoded.answers)
        if len(encoded.prompt) + longest > recipe.max_length:
            made.left_out[f"left out: longer than {recipe.max_length:,} tokens"] += 1
            continue
        made.rows.append(turned)
        made.encoded.append(encoded)
    return made


def messages_of(row: Row) -> list[Message]:
    """What was asked."""
    return [Message(turn["role"], turn["content"]) for turn in row["prompt"]]


def encoded_pair(asked: Sequence[Mapping[str, str]], answer: str, tokenizer: Any) -> Encoded:
    """One answer to what was asked, in tokens. Raises InvalidRequest if the template takes no such conversation."""
    row = {"prompt": list(asked), "completion": [{"role": "assistant", "content": answer}]}
    turned = _turned(row, "sft", tokenizer)
    if turned is None:
        raise InvalidRequest("This model's chat template refuses these messages: end with the user's.")
    return _encoded(turned, "sft", tokenizer)


def _turned(row: Row, kind: Kind, tokenizer: Any) -> dict[str, Any] | None:
    """The row in the turns that the template takes, or as plain text where there is none."""
    names = ANSWERS[kind]
    try:
        asked = rendered(tokenizer, messages_of(row))
    except InvalidRequest:
        return None
    label = {"label": bool(row["label"])} if kind == "kto" else {}
    if not tokenizer.chat_template:
        return {"prompt": asked, **{name: f" {row[name][0]['content']}" for name in names}, **label}
    prompt = [{"role": turn["role"], "content": turn["content"]} for turn in row["prompt"]]
    if _templated(tokenizer, prompt, True) != asked:  # the template drops a system turn: it went to the user's
        prompt = _folded(prompt)
        if _templated(tokenizer, prompt, True) != asked:
            return None
    answers = {name: [{"role": "assistant", "content": row[name][0]["content"]}] for name in names}
    return {"prompt": prompt, **answers, **label}


def _templated(tokenizer: Any, turns: Sequence[Mapping[str, str]], ask: bool) -> str:
    try:
        return str(tokenizer.apply_chat_template(list(turns), tokenize=False, add_generation_prompt=ask))
    except (TemplateError, ValueError):
        return ""


def _folded(prompt: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Without a system turn, its words before the first of the user's (as chat.rendered does)."""
    system, *rest = (dict(turn) for turn in prompt)
    for turn in rest:
        if turn["role"] == "user":
            turn["content"] = f"{system['content']}\n\n{turn['content']}"
            break
    return rest


def _encoded(row: Row, kind: Kind, tokenizer: Any) -> Encoded:
    """In tokens, as TRL's trainers make them: the answer is what the template adds to the prompt."""
    good = bool(row.get("label", True))
    if isinstance(row["prompt"], str):
        prompt = list(tokenizer(row["prompt"])["input_ids"])
        ends = [tokenizer.eos_token_id]
        plain = (list(tokenizer(row[name], add_special_tokens=False)["input_ids"]) + ends for name in ANSWERS[kind])
        return Encoded(prompt, tuple(plain), good)
    asked = _templated(tokenizer, row["prompt"], True)
    prompt = list(tokenizer(asked, add_special_tokens=False)["input_ids"])
    answers = []
    for name in ANSWERS[kind]:
        whole = _templated(tokenizer, [*row["prompt"], *row[name]], False)
        answers.append(list(tokenizer(whole, add_special_tokens=False)["input_ids"])[len(prompt) :])
    return Encoded(prompt, tuple(answers), good)
