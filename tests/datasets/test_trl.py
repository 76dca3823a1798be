"""TRL's own trainers take what is written, unchanged, and make a step on the embedded model with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from collab import datasets
from collab.feedback import edit_text, rate
from collab.workspace import Workspace
from models.catalog import Catalog
from tests.conftest import make
from tests.models.conftest import cache_folder as cache_folder
from tests.studies.people import people

COMMON: dict[str, Any] = {
    "max_steps": 1, "per_device_train_batch_size": 4, "max_length": 64, "use_cpu": True, "bf16": False,
    "report_to": "none", "save_strategy": "no", "disable_tqdm": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def embedded(cache_folder: Path) -> Path:
    """The embedded model's folder, as transformers loads it."""
    catalog = Catalog(cache_folder)
    catalog.load(catalog.resolve("", "text"), lambda *_: None).close()  # makes the folder at its first use
    return next(cache_folder.glob("**/config.json")).parent


@pytest.mark.parametrize("format", datasets.FORMATS)
def test_a_trainer_takes_a_step(ws: Workspace, embedded: Path, format: str, tmp_path: Path):
    import trl
    from datasets import load_dataset
    from peft import LoraConfig

    for number, person in enumerate(people(4)):
        a, b = make(ws, person, f"some words for subject {number}", count=2)[1]
        edit_text(ws, person, a.id, f"{a.text} and more")
        rate(ws, person, b.id, thumb=1 if number % 2 else -1)
    datasets.write(datasets.build(ws, format), tmp_path / "data")
    rows = load_dataset(str(tmp_path / "data"), split="train", cache_dir=str(tmp_path / "cache"))
    kind = {"trl-sft": "SFT", "trl-dpo": "DPO", "trl-kto": "KTO", "trl-reward": "Reward"}[format]
    more = {"trl-dpo": {"precompute_ref_log_probs": True}, "trl-kto": {"train_sampling_strategy": "sequential"}}
    arguments = getattr(trl, f"{kind}Config")(output_dir=str(tmp_path / "run"), **COMMON, **more.get(format, {}))
    task = "SEQ_CLS" if format == "trl-reward" else "CAUSAL_LM"
    trainer = getattr(trl, f"{kind}Trainer")(
        model=str(embedded), args=arguments, train_dataset=rows, peft_config=LoraConfig(r=4, task_type=task)
    )
    result = trainer.train()
    assert result.global_step == 1 and math.isfinite(result.training_loss)
