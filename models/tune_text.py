"""Trains a LoRA adapter of a text model on people's feedback, by TRL's own trainers; measures it on held-out rows.

What is left after an interruption is a folder of checkpoints, from which the same call goes on. Knows no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
import trl
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, set_seed

from models.base import ModelUnavailable
from models.device import pick_device
from models.recipe import Recipe, TrainingFailed
from models.tune_measures import figures, measure, sampled
from models.tune_shared import (
    DTYPES,
    FIXED_PROMPTS,
    MEASURED_MOST,
    Tuned,
    carry_through,
    check_finite,
    failing_in_words,
    first_line,
    keep_whole,
    stopping_early,
    training_arguments,
    versions_of,
)
from models.tune_watch import Follower, Watch, memory_gb
from models.tuning_rows import Prepared, Row, prepared

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")


def tune(
    base: Path, train: Sequence[Row], test: Sequence[Row], recipe: Recipe, folder: Path, *, precision: str = "fp32",
    base_name: str = "", start: Path | None = None, watch: Watch = lambda record: None,
) -> Tuned:  # fmt: skip
    """Train an adapter of the model in `base` on rows in TRL's columns, and leave it in `folder`/adapter.

    folder: also of checkpoints and TensorBoard's events; with the checkpoints of an earlier, interrupted call it goes
    on from the last of them, to the same result. start: an adapter to train further. base_name: what the adapter says
    it belongs to. watch: told every record of models.tune_watch.Follower; what it raises ends the training.
    Raises ModelUnavailable for a model that cannot be loaded, TrainingFailed with one sentence for anything else that
    goes wrong on the way; no adapter is there then.
    """
    with failing_in_words(folder, recipe):
        return _Run(base, recipe, folder, precision, start, watch).carried_out(train, test, base_name)


class _Run:
    """One training: the model with its adapter, and what it is shown."""

    def __init__(
        self, base: Path, recipe: Recipe, folder: Path, precision: str, start: Path | None, watch: Watch
    ) -> None:
        self.recipe, self.folder, self.watch = recipe, folder, watch
        self.precision = precision
        set_seed(recipe.seed)
        datasets.disable_progress_bars()
        self.tokenizer = _tokenizer(base)
        self.model = _model(base, recipe, precision, self.tokenizer)
        if start is not None:
            self.model = PeftModel.from_pretrained(self.model, str(start), is_trainable=True)
            self.model.peft_config["default"].base_model_name_or_path = str(base)  # peft would look for it on the hub
        self.lora = None if start is not None else _lora(self.model, recipe)

    def carried_out(self, train: Sequence[Row], test: Sequence[Row], base_name: str) -> Tuned:
        ready, held = (prepared(rows, self.recipe, self.tokenizer) for rows in (train, test))
        self._leave_unreached(ready)
        left_out = ready.left_out + held.left_out
        if len(ready.rows) < self.recipe.batch_size:
            raise TrainingFailed(
                f"Of {len(train)} rows only {len(ready.rows)} can be learned from, fewer than one step takes "
                f"({self.recipe.batch_size}): raise max_length, lower batch_size or gather more."
            )
        trainer = self._trainer(ready, held)
        model, kind, pad = trainer.model, self.recipe.kind, self.tokenizer.pad_token_id
        prompts = self._fixed_prompts(held if held.rows else ready)
        asked = [self.tokenizer.decode(p, skip_special_tokens=True) for p in prompts]
        measured = held.encoded[:MEASURED_MOST]

        def samples() -> list[dict[str, str]]:
            return [{"prompt": p, "text": t}
                    for p, t in zip(asked, sampled(model, self.tokenizer, prompts), strict=True)]  # fmt: skip

        # a new adapter changes nothing yet, and one that is trained further is what it was
        before, first = measure(model, measured, kind, pad), samples()
        self.watch({"what": "samples", "step": 0, "samples": first})
        trainer.add_callback(Follower(self.watch, samples))
        done = carry_through(trainer, self.folder)
        after, last = measure(model, measured, kind, pad), samples()
        numbers = figures(kind, measured, before, after)
        check_finite(numbers)
        return Tuned(
            folder=self._saved(trainer, base_name),
            metrics={
                "steps": done.global_step, "train_loss": round(done.training_loss, 6), "rows": len(ready.rows),
                "memory_gb": memory_gb(), "best_step": trainer.state.best_global_step or done.global_step, **numbers,
            },
            samples=[{"prompt": b["prompt"], "before": b["text"], "after": a["text"]}
                     for b, a in zip(first, last, strict=True)],
            left_out=dict(left_out),
            versions=versions_of(PACKAGES),
        )  # fmt: skip

    def _leave_unreached(self, ready: Prepared) -> None:
        """Leave out, by lot, rows that max_steps never reaches: the reference would read them for nothing."""
        reached = self.recipe.max_steps * self.recipe.batch_size
        if not 0 < reached < len(ready.rows) or self.recipe.epochs < 1:
            return
        drawn = torch.randperm(len(ready.rows), generator=torch.Generator().manual_seed(self.recipe.seed))
        kept = sorted(drawn[:reached].tolist())
        ready.left_out["left out: max_steps ends the training before them"] += len(ready.rows) - reached
        ready.rows, ready.encoded = [ready.rows[n] for n in kept], [ready.encoded[n] for n in kept]

    def _trainer(self, ready: Prepared, held: Prepared) -> Any:
        kind = {"sft": "SFT", "dpo": "DPO", "kto": "KTO", "reward": "Reward"}[self.recipe.kind]
        evaluated = len(held.rows) >= (2 if self.recipe.kind == "kto" else 1)
        arguments = getattr(trl, f"{kind}Config")(**self._arguments(len(ready.rows), evaluated))
        rows = ready.rows
        if self.recipe.kind == "kto":  # which must read its rows in one order: people's come first to last
            order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(self.recipe.seed)).tolist()
            rows = [rows[n] for n in order]
        return getattr(trl, f"{kind}Trainer")(
            model=self.model, args=arguments, train_dataset=datasets.Dataset.from_list(rows),
            eval_dataset=datasets.Dataset.from_list(held.rows) if evaluated else None,
            processing_class=self.tokenizer, peft_config=self.lora, callbacks=stopping_early(self.recipe, evaluated),
        )  # fmt: skip

    def _arguments(self, rows: int, evaluated: bool) -> dict[str, Any]:
        recipe = self.recipe
        common = training_arguments(recipe, self.folder, rows, evaluated, self.precision)
        common |= {"max_length": recipe.max_length, "gradient_checkpointing": recipe.save_memory}
        if recipe.kind in ("dpo", "kto"):
            common |= {"beta": recipe.beta, "precompute_ref_log_probs": True}
        if recipe.kind == "dpo" and recipe.sft_weight:
            common |= {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, recipe.sft_weight]}
        return common

    def _fixed_prompts(self, shown: Prepared) -> list[list[int]]:
        """The same few prompts throughout, in tokens; a reward model answers none."""
        if self.recipe.kind == "reward":
            return []
        different = {tuple(row.prompt): None for row in shown.encoded}
        return [list(prompt) for prompt in list(different)[:FIXED_PROMPTS]]

    def _saved(self, trainer: Any, base_name: str) -> Path:
        """The adapter as any peft program loads it."""
        model = trainer.accelerator.unwrap_model(trainer.model)
        model.peft_config["default"].base_model_name_or_path = base_name or None
        # “auto” would ask the hub whether the base's vocabulary was changed; it never is here
        return keep_whole(trainer, self.folder, lambda making: model.save_pretrained(
            str(making), selected_adapters=["default"], save_embedding_layers=False))  # fmt: skip


def _tokenizer(base: Path) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(base))
    except (OSError, ValueError, KeyError, ImportError) as e:
        raise ModelUnavailable(f"The words of {base.name} could not be loaded: {first_line(e)}") from e
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _model(base: Path, recipe: Recipe, precision: str, tokenizer: Any) -> Any:
    try:
        if recipe.kind == "reward":
            model = AutoModelForSequenceClassification.from_pretrained(
                str(base), num_labels=1, dtype=DTYPES[precision], pad_token_id=tokenizer.pad_token_id
            )
        else:
            model = AutoModelForCausalLM.from_pretrained(str(base), dtype=DTYPES[precision])
    except (OSError, ValueError, KeyError, ImportError) as e:
        raise ModelUnavailable(f"{base.name} could not be loaded for training: {first_line(e)}") from e
    model.config.use_cache = False
    return model.to(pick_device())


def load_scorer(base: Path, recipe: Recipe, precision: str) -> tuple[Any, Any]:
    """The tokenizer, and the base with a head that scores and is not trained yet. Raises ModelUnavailable."""
    tokenizer = _tokenizer(base)
    return tokenizer, _model(base, recipe, precision, tokenizer)


def _lora(model: Any, recipe: Recipe) -> LoraConfig:
    linear = {name.rpartition(".")[2] for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
    attention = [name for name in _ATTENTION if name in linear]
    layers = int(getattr(model.config.get_text_config(), "num_hidden_layers", 0))
    if recipe.freeze_layers and recipe.freeze_layers >= layers:
        raise TrainingFailed(
            f"freeze_layers is {recipe.freeze_layers}, but the model has {layers} layers: leave one at least."
        )
    return LoraConfig(
        r=recipe.rank, lora_alpha=2 * recipe.rank, lora_dropout=recipe.dropout,
        target_modules=attention if {"q_proj", "v_proj"} <= set(attention) else "all-linear",
        layers_to_transform=list(range(recipe.freeze_layers, layers)) if recipe.freeze_layers else None,
        task_type="SEQ_CLS" if recipe.kind == "reward" else "CAUSAL_LM",
    )  # fmt: skip
