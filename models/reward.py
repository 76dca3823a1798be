"""Ranks texts by a trained reward model: offline, for whoever must choose before people do. Writes nothing.

A score means something only against another of the same model: the difference of two is the log-odds that people
would prefer the one (Bradley & Terry 1952).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from peft import PeftModel

from models.base import ModelUnavailable
from models.recipe import recipe_from
from models.tune_measures import measure
from models.tune_text import load_scorer
from models.tuning_rows import encoded_pair


def scores(
    base: Path, adapter: Path, asked: Sequence[Mapping[str, str]], texts: Sequence[str], *, precision: str = "fp32"
) -> list[float]:
    """How much people would like each of these answers to `asked` (turns of role and content), higher is better.

    Raises ModelUnavailable where the model or its adapter cannot be loaded.
    """
    tokenizer, model = load_scorer(base, recipe_from("reward", None), precision)
    try:
        model = PeftModel.from_pretrained(model, str(adapter))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnavailable(f"The reward model in {adapter} could not be loaded: train it anew.") from error
    rows = [encoded_pair(asked, text, tokenizer) for text in texts]
    return [row[0] for row in measure(model, rows, "reward", tokenizer.pad_token_id).scores]
