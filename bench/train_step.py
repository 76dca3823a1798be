"""What the studio's training costs over the same TRL trainer run by hand: seconds of a step, and seconds of promotion.

    python -m bench.train_step [--steps 24] [--rounds 2]

The same rows, recipe, seed and model (the embedded SmolLM2), turn by turn; the median step of all rounds is kept, the
first of each left out. The studio's writes a checkpoint eight times in a run, however short: with 8 steps at every one,
with 24 at every third. Then an adapter is promoted and rolled back while eight people's texts are being written, with
how long it took until the next request was answered by what was promoted.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.record import Figure, keep
from models.recipe import Recipe, recipe_from

WORDS = "a lamp by the window lights the slow rain and the street below it in the early morning".split()  # noqa: SIM905

TOKENS = 96
KINDS = ("sft", "dpo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    base = _base()
    found = []
    for kind in KINDS:
        recipe = recipe_from(kind, {"max_steps": asked.steps, "patience": 0})
        ours: list[float] = []
        hand: list[float] = []
        for _ in range(asked.rounds):
            ours += _ours(base, kind, recipe)
            hand += _by_hand(base, kind, recipe)
        found.append(Figure(
            f"training step ({kind})", round(statistics.median(ours), 3), "s", f"TRL's {kind} trainer by hand",
            round(statistics.median(hand), 3), f"median of {len(ours)} steps, goal ≤ 1.05 times",
        ))  # fmt: skip
    found += _promotion(base)
    keep(found, "train_step")


def _base() -> Path:
    from collab.settings import read_settings
    from collab.workspace import catalog_of

    cache = Path(os.environ.get("COLLAB_BENCH_CACHE") or Path.home() / ".cache" / "collab-bench")
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "models").symlink_to(cache)
        catalog = catalog_of(read_settings({"COLLAB_HOME": home}))
        return catalog.folder_of(catalog.resolve("smollm2-135m-instruct", "text"), lambda words, _: None).resolve()


def _rows(kind: str) -> list[dict[str, Any]]:
    """Forty rows of one length, so that every step is as long as every other."""

    def said(text: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": text}]

    rows = []
    for n in range(40):
        words = WORDS[n % 7 :] + WORDS[: n % 7]
        prompt = [{"role": "user", "content": f"Write one sentence, number {n % 10}."}]
        answers = {"completion": said(" ".join(words))} if kind == "sft" else {
            "chosen": said(" ".join(words)), "rejected": said(" ".join(reversed(words)))}  # fmt: skip
        rows.append({"prompt": prompt, **answers})
    return rows


def _ours(base: Path, kind: str, recipe: Recipe) -> list[float]:
    from models.tune_text import tune

    told: list[float] = []

    def watch(record: Any) -> None:
        if record["what"] == "step":
            told.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        tune(base, _rows(kind), [], recipe, Path(folder), watch=watch)
    return [after - before for before, after in itertools.pairwise(told)]


def _by_hand(base: Path, kind: str, recipe: Recipe) -> list[float]:
    """As TRL's documentation has it, with the same numbers."""
    import datasets
    import trl
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed

    told: list[float] = []

    class Clock(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if "loss" in (logs or {}):
                told.append(time.perf_counter())

    set_seed(recipe.seed)
    more: dict[str, Any] = {} if kind == "sft" else {
        "beta": recipe.beta, "precompute_ref_log_probs": True, "loss_type": ["sigmoid", "sft"],
        "loss_weights": [1.0, recipe.sft_weight]}  # fmt: skip
    trainer_of, config_of = (trl.SFTTrainer, trl.SFTConfig) if kind == "sft" else (trl.DPOTrainer, trl.DPOConfig)
    with tempfile.TemporaryDirectory() as folder:
        arguments = config_of(
            output_dir=folder, seed=recipe.seed, learning_rate=recipe.learning_rate, max_steps=recipe.max_steps,
            per_device_train_batch_size=recipe.batch_size, weight_decay=recipe.weight_decay, logging_steps=1,
            max_length=recipe.max_length, save_strategy="no", gradient_checkpointing=False, use_cpu=True, bf16=False,
            fp16=False, report_to=[], disable_tqdm=True, **more,
        )  # fmt: skip
        trainer = trainer_of(
            model=AutoModelForCausalLM.from_pretrained(base), args=arguments,
            train_dataset=datasets.Dataset.from_list(_rows(kind)),
            processing_class=AutoTokenizer.from_pretrained(base),
            peft_config=LoraConfig(r=recipe.rank, lora_alpha=2 * recipe.rank, lora_dropout=recipe.dropout,
                                   target_modules=["q_proj", "k_proj", "v_proj", "o_proj"], task_type="CAUSAL_LM"),
            callbacks=[Clock()],
        )  # fmt: skip
        trainer.train()
    return [after - before for before, after in itertools.pairwise(told)]


def _promotion(base: Path) -> list[Figure]:
    """An adapter promoted and rolled back while eight texts are being written, which must come out as without that."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from collab import aliases
    from collab.generation import Ask, generate
    from collab.identity import LOCAL, Visitor
    from collab.model_versions import resolve_model, stored_version
    from collab.settings import read_settings
    from collab.training.adapters import keep_adapter
    from collab.types import ModelVersion, Output, new_id
    from collab.workspace import open_workspace

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        (home / "models").symlink_to(Path(os.environ.get("COLLAB_BENCH_CACHE") or Path.home() / ".cache/collab-bench"))
        lora = LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
        get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora).save_pretrained(str(Path(folder) / "adapter"))
        (Path(folder) / "adapter" / "README.md").unlink(missing_ok=True)
        ws = open_workspace(read_settings({"COLLAB_HOME": str(home)}))
        try:
            plain = stored_version(ws, resolve_model(ws, LOCAL, "", "text"))
            version = ModelVersion(
                name="promoted", modality="text", base=plain.base, revision=plain.revision, precision=plain.precision,
                adapter_sha256=keep_adapter(ws.settings, Path(folder) / "adapter"), parent_id=plain.id,
            )  # fmt: skip
            ws.store.add(version)

            async def ended(generation_id: str) -> None:
                async for _ in ws.runs.changes(generation_id):
                    pass

            def ask(seed: int, tokens: int) -> str:
                wish = Ask(prompt="Write about the rain.", seed=seed, settings={"max_new_tokens": tokens})
                return generate(ws, Visitor(new_id(), "anonymous"), wish)

            def written(ids: Sequence[str]) -> list[str]:
                for one in ids:
                    asyncio.run(ended(one))
                return [ws.store.find(Output, generation_id=one)[0].text or "" for one in ids]

            alone = written([ask(seed, TOKENS) for seed in range(8)])
            under_way = [ask(seed, TOKENS) for seed in range(8)]
            while not all((run := ws.runs.get(one)) and run.generation.status == "running" for one in under_way):
                time.sleep(0.05)
            began_s = time.perf_counter()
            aliases.move(ws, LOCAL, "text-current", version.id, "promote")
            moved_s = time.perf_counter() - began_s
            written([ask(99, 1)])
            answered_s = time.perf_counter() - began_s
            began_s = time.perf_counter()
            aliases.move(ws, LOCAL, "text-current", plain.id, "rollback")
            back_s = time.perf_counter() - began_s
            same = sum(a == b for a, b in zip(alone, written(under_way), strict=True))
        finally:
            ws.close()
    note = f"eight texts under way, of which {same} came out as without it"
    return [
        Figure("promotion of an adapter", round(moved_s, 4), "s", note=f"goal < 1 s; {note}"),
        Figure("roll-back of an adapter", round(back_s, 4), "s", note=f"goal < 1 s; {note}"),
        Figure("promotion until one token of the next text is there", round(answered_s, 3), "s", note=note),
    ]


if __name__ == "__main__":
    main()
