"""A trained adapter as something to give away: its files with a written model card, in a folder or on the Hub.

The card tells what it learnt from in numbers, never in anybody's words: no prompt, text, name or pseudonym is in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collab.checks import is_id
from collab.datasets import snapshots
from collab.errors import InvalidSetting, NotFound
from collab.exchange import hub
from collab.exchange.new_folder import new_folder, passing_folder
from collab.identity import Visitor
from collab.training.adapters import adapter_folder
from collab.types import DatasetSnapshot, ModelVersion
from collab.workspace import Workspace

CARD = "README.md"
_KINDS = {
    "sft": "imitating texts that people wrote or liked (SFT)", "dpo": "people's comparisons of texts (DPO)",
    "kto": "what people called good and bad (KTO)", "reward": "people's comparisons; it scores texts and writes none",
    "image-sft": "imitating pictures that people liked (SFT)",
    "image-dpo": "people's comparisons of pictures (Diffusion-DPO)",
    "image-kto": "what people called good and bad pictures (Diffusion-KTO)",
}  # fmt: skip
_USE = {
    "text": "model = AutoModelForCausalLM.from_pretrained(BASE)\nmodel = PeftModel.from_pretrained(model, FOLDER)",
    "image": "pipe = AutoPipelineForText2Image.from_pretrained(BASE)\npipe.load_lora_weights(FOLDER)",
}


def write_adapter(ws: Workspace, visitor: Visitor, version_id: object, folder: Path) -> list[Path]:
    """Write a version's adapter and its card into a folder that does not exist yet, whole or not at all; the paths.

    Any peft or diffusers program loads it. Raises NotAllowed for anyone but the owner, NotFound, InvalidSetting where
    there is something already, Unavailable where the adapter is gone or damaged or the disk refuses (see new_folder).
    """
    version = trained_version(ws, visitor, version_id)
    if folder.exists():
        raise InvalidSetting(f"{folder} is there already: choose another name.")
    adapter = adapter_folder(ws.settings, version)
    with new_folder(folder) as making:
        shutil.copytree(adapter, making, dirs_exist_ok=True)
        (making / CARD).write_text(card(ws, version), encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def push_adapter(
    ws: Workspace, visitor: Visitor, version_id: object, name: object, *, private: bool = True, token: str = "",
    endpoint: str | None = None,
) -> str:  # fmt: skip
    """Make a model on the Hub of a version's adapter and card; its address. Raises as `write_adapter` and hub.push."""
    trained_version(ws, visitor, version_id)
    repo = hub.check_repo(name)
    with passing_folder(ws.settings.home) as scratch:
        folder = scratch / "adapter"
        write_adapter(ws, visitor, version_id, folder)
        return hub.push(folder, repo, kind="model", private=private, token=token, endpoint=endpoint)


def card(ws: Workspace, version: ModelVersion) -> str:
    """The model card, in Markdown with the Hub's metadata above it."""
    from huggingface_hub import ModelCardData

    parent = ws.store.find(ModelVersion, id=version.parent_id)[:1]
    found = ws.store.find(DatasetSnapshot, id=version.snapshot_id)
    kind = str(version.recipe.get("kind", ""))
    head = ModelCardData(
        library_name="peft" if version.modality == "text" else "diffusers",
        pipeline_tag="text-generation" if version.modality == "text" else "text-to-image",
        base_model=version.base if _is_hub_id(version.base) else None,
        tags=["lora", "human-feedback", "collab", kind],
    )
    lines = [
        f"---\n{head.to_yaml()}\n---\n",
        f"# {version.name}\n",
        f"A LoRA adapter of `{version.base}` (revision `{version.revision}`, {version.precision}), trained on "
        f"{_KINDS.get(kind, kind)}, gathered with Collab.\n",
        f"```python\n{_USE['image' if version.modality == 'image' else 'text']}\n```\n",
        "## What it learnt from\n", *_data(found[0] if found else None, version),
        "## How\n", *_table((name, value) for name, value in version.recipe.items() if name != "versions"),
        "Made with " + ", ".join(f"{n} {v}" for n, v in dict(version.recipe.get("versions", {})).items()) + ".\n",
        "## What was measured\n", *_measured(version),
        "## Limits\n",
        "The checks say only that it is not plainly spoilt; whether people like it better is for a blind test to say. "
        "It has the limits of its base, whose licence applies to the two together.\n",
    ]  # fmt: skip
    if parent and parent[0].adapter_sha256:
        lines.insert(4, f"It continues the adapter `{parent[0].adapter_sha256}` ({parent[0].name}).\n")
    return "\n".join(lines)


def _data(snapshot: DatasetSnapshot | None, version: ModelVersion) -> Iterator[str]:
    if snapshot is None:
        yield "Its snapshot is gone.\n"
        return
    yield (
        f"{snapshot.train_count:,} rows to learn from and {snapshot.test_count:,} held out ({snapshot.kind}, "
        f"SHA-256 `{snapshot.sha256}`), checked on {version.metrics.get('checked_on', 'nothing')}.\n"
    )
    left = {reason: n for reason, n in {**snapshot.counts, **dict(version.metrics.get("left_out", {}))}.items() if n}
    yield from (f"- {number:,} × {reason}" for reason, number in left.items())
    if gone := version.metrics.get("deleted_acts"):
        yield f"- {gone:,} acts of feedback that it learnt from were deleted since"
    yield ""


def _measured(version: ModelVersion) -> Iterator[str]:
    numbers = ((n, v) for n, v in version.metrics.items() if isinstance(v, int | float) and n != "deleted_acts")
    yield from _table(numbers)
    for gate in version.metrics.get("gates", ()):
        yield f"- {'passed' if gate['passed'] else 'failed'}: {gate['said']}"
    yield ""


def _table(rows: Any) -> Iterator[str]:
    yield from ("| | |", "|---|---|")
    yield from (f"| {name} | {value} |" for name, value in rows if isinstance(value, int | float | str) and value != "")
    yield ""


def trained_version(ws: Workspace, visitor: Visitor, version_id: object) -> ModelVersion:
    """The version with an adapter. Raises NotAllowed for anyone but the owner, NotFound."""
    snapshots.only_owner(visitor)
    found = ws.store.find(ModelVersion, id=version_id) if is_id(version_id) else []
    if not found or not found[0].adapter_sha256:
        raise NotFound(f"There is no trained model “{str(version_id)[:60]}”: `train` makes one.")
    return found[0]


def _is_hub_id(base: str) -> bool:
    return base.count("/") == 1 and not Path(base).exists() and ":" not in base
