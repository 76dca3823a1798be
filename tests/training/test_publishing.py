"""A trained adapter given away: a folder that plain peft loads, a card in numbers alone, a private model on the Hub."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from collab import cli
from collab.datasets import snapshots
from collab.errors import InvalidSetting, NotAllowed, NotFound, Unavailable
from collab.feedback import rate
from collab.identity import LOCAL, Visitor
from collab.training.adapters import keep_adapter
from collab.training.publishing import push_adapter, write_adapter
from collab.types import ModelVersion
from collab.workspace import Workspace
from tests.conftest import make
from tests.exchange.test_hub import TOKEN, StandIn
from tests.exchange.test_hub import standing as standing  # what the Hub would hold
from tests.models.tiny_llama import save_tiny_llama

SECRET = "nobody may read this xyzzy"


@pytest.fixture
def version(ws: Workspace, ann: Visitor, tmp_path: Path) -> ModelVersion:
    """An untrained adapter of a real tiny model, registered as one that learnt from what Ann said."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(save_tiny_llama(tmp_path / "tiny"))
    get_peft_model(model, LoraConfig(target_modules=["q_proj"], init_lora_weights=False)).save_pretrained(
        tmp_path / "made"
    )
    (tmp_path / "made" / "README.md").unlink(missing_ok=True)
    for output in make(ws, ann, SECRET, count=2)[1]:
        rate(ws, ann, output.id, score=5)
    base = ModelVersion(name="Tiny", modality="text", base="somebody/tiny", revision="r1", precision="fp32")
    made = ModelVersion(
        name="Tiny · sft", modality="text", base="somebody/tiny", revision="r1", precision="fp32", parent_id=base.id,
        adapter_sha256=keep_adapter(ws.settings, tmp_path / "made"),
        snapshot_id=snapshots.make(ws, LOCAL, "sft").id,
        recipe={"kind": "sft", "epochs": 3.0, "versions": {"torch": "2.13"}},
        metrics={"accuracy": 0.9, "samples": [{"prompt": SECRET, "before": "a", "after": "b"}],
                 "gates": [{"gate": "accuracy", "passed": True, "said": "90 % of 20"}], "deleted_acts": 2},
    )  # fmt: skip
    with ws.store.writing() as connection:
        ws.store.add(base, connection=connection)
        ws.store.add(made, connection=connection)
    return made


def test_the_folder_loads_in_plain_peft_and_its_card_repeats_nobody(
    ws: Workspace, version: ModelVersion, tmp_path: Path
):
    from huggingface_hub import ModelCard
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    files = write_adapter(ws, LOCAL, version.id, tmp_path / "out")
    assert {file.name for file in files} >= {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tmp_path / "tiny"), tmp_path / "out")
    assert model.active_adapter == "default"
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.base_model == "somebody/tiny" and card.data.library_name == "peft"
    assert SECRET not in card.content
    for said in (
        "passed: 90 % of 20",
        "| epochs | 3.0 |",
        "2 acts of feedback that it learnt from were deleted",
        "torch 2.13",
    ):
        assert said in card.content


def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    ws: Workspace, ann: Visitor, version: ModelVersion, tmp_path: Path
):
    out = tmp_path / "out"
    with pytest.raises(NotAllowed):
        write_adapter(ws, ann, version.id, out)
    for unknown in (version.parent_id, "nothing", None):
        with pytest.raises(NotFound, match="no trained model"):
            write_adapter(ws, LOCAL, unknown, out)
    with pytest.raises(InvalidSetting, match="there already"):
        write_adapter(ws, LOCAL, version.id, tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unavailable, match="could not be written"):
        write_adapter(ws, LOCAL, version.id, tmp_path / "file" / "out")
    assert not out.exists()


def test_it_becomes_a_private_model_on_the_hub(
    ws: Workspace, version: ModelVersion, standing: StandIn, monkeypatch: pytest.MonkeyPatch
):
    url = push_adapter(ws, LOCAL, version.id, "ann/tiny-adapter", token=TOKEN, endpoint=standing.url)
    held = standing.repos["ann/tiny-adapter"]
    assert url and held["type"] == "model" and held["private"] is True
    assert {"README.md", "adapter_config.json"} <= set(held["files"])
    monkeypatch.setenv("COLLAB_HOME", str(ws.settings.home))
    monkeypatch.setenv("HF_ENDPOINT", standing.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    again = CliRunner().invoke(cli.app, ["adapter", version.id, "--push-to", "ann/tiny-adapter"])
    assert again.exit_code == 1 and "ann/tiny-adapter is there already" in again.stderr
    for verb in ("adapter", "export"):
        nowhere = CliRunner().invoke(cli.app, [verb, version.id])
        assert nowhere.exit_code == 1 and "nowhere to write to" in nowhere.stderr
