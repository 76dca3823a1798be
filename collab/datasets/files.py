"""A dataset in files: Parquet and JSON Lines as TRL reads them, with a card that tells what was left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from collab.collector import paused_collector
from collab.datasets.building import Dataset
from collab.datasets.rows import Kind
from collab.datasets.sifting import PER_ANNOTATOR
from collab.exchange.new_folder import new_folder
from collab.exchange.study_file import columns_and_licence
from collab.exchange.table_files import write_tables

_TITLES: Mapping[Kind, str] = {
    "sft": "Texts to imitate", "dpo": "Preferred and rejected texts", "kto": "Texts called good or bad",
    "reward": "Preferred and rejected texts, for a reward model",
}  # fmt: skip


def write(dataset: Dataset, folder: Path) -> list[Path]:
    """Write `train` and, if any is held out, `test`, each as Parquet and JSON Lines, and the card; the paths.

    Raises InvalidStudy for a folder in use, Unavailable if the disk refuses; then nothing is left.
    """
    with paused_collector(), new_folder(folder) as temporary:
        paths = write_tables(dataset.columns, dataset.train, temporary, "train")
        if dataset.test:
            paths += write_tables(dataset.columns, dataset.test, temporary, "test")
        card = temporary / "README.md"
        card.write_text(_card(dataset), encoding="utf-8")
        paths.append(card)
    return [folder / path.relative_to(temporary) for path in paths]


def _card(dataset: Dataset) -> str:
    format = f"trl-{dataset.kind}"
    splits = {"train": dataset.train, "test": dataset.test} if dataset.test else {"train": dataset.train}
    files = [{"split": name, "path": f"{name}.parquet"} for name in splits]
    held = (
        "`test` holds whole groups out: no prompt and no person is on both sides."
        if dataset.test
        else "Nothing is held out: these people's judgements hang together too much to be split without a prompt or a "
        "person on both sides. `split_group` tells what hangs together."
    )
    lines = [
        "---",
        f"pretty_name: {json.dumps(_TITLES[dataset.kind])}",
        "license: other",
        "annotations_creators:\n- crowdsourced",
        "task_categories:\n- text-generation",
        f"tags:\n- human-feedback\n- trl\n- {format}",
        f"configs:\n- config_name: default\n  data_files: {json.dumps(files)}",
        "---",
        "",
        f"# {_TITLES[dataset.kind]}",
        "",
        f"Feedback of people on generated texts, in the columns that TRL reads for `{format}`, then where every row "
        "came from. One row may rest on several acts; every act is named.",
        "",
        "| | number |\n|---|---|",
        *(f"| {name} | {len(rows):,} |" for name, rows in splits.items()),
        *(f"| {reason} | {count:,} |" for reason, count in dataset.counts.items()),
        "",
        f"{held} At most {PER_ANNOTATOR:,} rows rest on one person alone.",
        "",
        f"SHA-256 of the rows: `{dataset.sha256}`",
        "",
        *columns_and_licence(dataset.columns),
    ]
    return "\n".join(lines)
