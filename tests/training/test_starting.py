"""Fine-tuning from feedback to a served version: real processes on a tiny model, killed, resumed, gated, promoted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collab import aliases, cli, jobs
from collab.api import refine as refine_api
from collab.api import train as train_api
from collab.api import train_board
from collab.errors import InvalidPrompt, InvalidSetting, InvalidStudy, NotAllowed, NotFound, Unavailable
from collab.feedback import edit_text, rate
from collab.identity import LOCAL, Visitor
from collab.model_versions import model_version, resolve_model
from collab.settings import Settings, read_settings
from collab.store.verify import problems
from collab.studies.creation import create_study
from collab.training import starting as training
from collab.training.adapters import adapter_problems
from collab.training.gates import gates
from collab.training.teaching import Lessons
from collab.types import (
    UNFINISHED,
    DatasetSnapshot,
    Job,
    ModelVersion,
    PromptVersion,
    Study,
    StudyArm,
    StudyCase,
)
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.conftest import counts, make
from tests.models.fake import FakeCatalog
from tests.models.tiny_llama import save_tiny_llama
from tests.studies.people import TWO_ARMS, answers_all, filled_study, people, prefers
from tests.training.killing import killed_and_resumed, until
from tests.visitors import new_visitor, same_visitors

FAST = {"max_steps": 8, "learning_rate": 3e-3, "evaluations": 2, "max_length": 256}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A studio whose text model is tiny and whose people have corrected and rated what a fake one wrote."""
    folder = tmp_path_factory.mktemp("studio")
    tiny = save_tiny_llama(folder / "tiny")
    made = read_settings({"COLLAB_HOME": str(folder / "home"), "COLLAB_TEXT_MODEL": str(tiny)})
    same_visitors("training")
    ws = open_workspace(made, engine=Engine(FakeCatalog()))
    for n in range(26):
        person = new_visitor()
        a, b = make(ws, person, f"kaban loder mifil rugor tenet {n}", count=2, seed=n)[1]
        edit_text(ws, person, a.id, f"{a.text} sopim teban")
        if n < 4:
            rate(ws, person, b.id, thumb=1)
    ws.close()
    return made


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    """The studio, with the real engine."""
    opened = open_workspace(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def trained(settings: Settings) -> dict[str, Any]:
    """What `train sft --json` ended with."""
    before = dict(os.environ)
    os.environ |= {"COLLAB_HOME": str(settings.home), "COLLAB_TEXT_MODEL": settings.text_model, "OMP_NUM_THREADS": "1"}
    try:
        result = CliRunner().invoke(cli.app, ["train", "sft", "--settings", json.dumps(FAST), "--json"])
    finally:
        os.environ.clear()
        os.environ |= before
    assert result.exit_code == 0, (result.output, [f.read_text() for f in settings.home.glob("training/*/log.txt")])
    return json.loads(result.stdout.splitlines()[-1])


# ---- from feedback to a version ----


def test_a_training_ends_in_a_version_with_its_whole_lineage(
    ws: Workspace, settings: Settings, trained: dict[str, Any]
):
    version = ws.store.get(ModelVersion, trained["model_version_id"])
    base = resolve_model(ws, LOCAL, "", "text")
    parent = ws.store.get(ModelVersion, version.parent_id or "")
    assert (parent.base, parent.revision, parent.adapter_sha256) == (base.base, base.revision, None)
    assert (version.base, version.revision, version.precision) == (base.base, base.revision, base.precision)
    snapshot = ws.store.get(DatasetSnapshot, version.snapshot_id or "")
    assert snapshot.kind == "sft" and snapshot.train_count + snapshot.test_count == 30
    assert version.recipe["max_steps"] == 8 and version.recipe["seed"] == 0 and "trl" in version.recipe["versions"]
    assert version.metrics["checked_on"] == "other prompts and other people" and version.metrics["held_out"] >= 2
    assert version.metrics["perplexity_after"] < version.metrics["perplexity_before"]
    assert [gate["passed"] for gate in version.metrics["gates"]] == [True] * 4
    assert all(s.keys() == {"prompt", "before", "after"} for s in version.metrics["samples"])
    folder = settings.home / "adapters" / (version.adapter_sha256 or "")
    assert sorted(p.name for p in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    told = refine_api.job(ws, LOCAL, trained["job_id"])
    assert (told["status"], told["progress"], told["message"]) == ("done", 1.0, "Ready for a blind test")
    assert [s["step"] for s in told["steps"]] == list(range(1, 9)) and len(told["evaluations"]) == 2
    assert [s["step"] for s in told["samples"]] == [0, 4, 8] and told["model_version_id"] == version.id
    left = {p.name for p in training.folder_of(settings, trained["job_id"]).iterdir()}
    assert left == {"log.txt", "metrics.jsonl", "tensorboard"}
    assert list(problems(ws.store, ws.blobs)) == list(adapter_problems(settings, ws.store)) == []


def test_a_version_is_what_a_request_asks_for_by_its_id(ws: Workspace, ann: Visitor, trained: dict[str, Any]):
    version = ws.store.get(ModelVersion, trained["model_version_id"])
    info = resolve_model(ws, LOCAL, version.id, "text")
    assert (
        info.adapter == str(ws.settings.home / "adapters" / str(version.adapter_sha256)) and info.name == version.name
    )
    with ws.store.writing() as connection:
        assert model_version(ws.store, info, connection=connection).id == version.id
        with pytest.raises(NotFound):  # weights that were never registered get no row by being used
            model_version(ws.store, replace(info, adapter="/elsewhere/" + "a" * 64), connection=connection)
    with pytest.raises(NotAllowed, match="not open to all"):
        resolve_model(ws, ann, version.id, "text")


def test_the_engine_writes_with_the_adapter_what_the_training_showed(ws: Workspace, trained: dict[str, Any]):
    """Both in one resident model, and what was promoted with the next request."""
    version = ws.store.get(ModelVersion, trained["model_version_id"])
    shown = version.metrics["samples"][0]
    asked = shown["prompt"].splitlines()[1]
    plain = {"temperature": 0, "repetition_penalty": 1.1, "max_new_tokens": 64}
    written = [make(ws, LOCAL, asked, settings=plain, model=model) for model in ("", version.id)]
    assert [made[1][0].text.strip() for made in written] == [shown["before"], shown["after"]]
    assert written[1][0].model_version_id == version.id != written[0][0].model_version_id
    aliases.move(ws, LOCAL, "text-current", version.id, "promote")
    assert make(ws, LOCAL, asked, settings=plain)[1][0].text.strip() == shown["after"]
    aliases.move(ws, LOCAL, "text-current", written[0][0].model_version_id, "rollback")
    assert make(ws, LOCAL, asked, settings=plain)[1][0].text.strip() == shown["before"]
    assert len(ws.engine.status()) == 1


def test_a_version_is_promoted_on_a_blind_study_against_what_serves_and_can_be_taken_back(
    ws: Workspace, ann: Visitor, trained: dict[str, Any]
):
    version_id = trained["model_version_id"]
    with pytest.raises(NotAllowed, match="No blind study of yours shows"):
        refine_api.promote_alias(ws, LOCAL, "text-current", version_id)
    arms = [{"prompt": "say {thing}"}, {"prompt": "say {thing}", "model": version_id}]
    settings = {"max_new_tokens": 4}
    study = filled_study(ws, LOCAL, arms=[{**arm, "settings": settings} for arm in arms], overlap=20)
    for person in people(8):
        answers_all(ws, person, study, prefers(1))
    moved = refine_api.promote_alias(ws, LOCAL, "text-current", version_id)
    assert moved["evidence"]["verdict"] == "better" and resolve_model(ws, ann, "", "text").adapter
    assert refine_api.rollback_alias(ws, LOCAL, "text-current")["move"] == "rollback"
    assert resolve_model(ws, ann, "", "text").adapter is None
    assert resolve_model(ws, ann, version_id, "text").adapter  # what once served may be asked for again
    with pytest.raises(InvalidStudy):
        refine_api.rollback_alias(ws, LOCAL, "text-current")


def test_one_click_puts_a_version_to_people_against_what_serves(
    ws: Workspace, ann: Visitor, owner: Visitor, trained: dict[str, Any], tmp_path: Path
):
    board = train_board.training_board(ws, owner, trained["job_id"])  # another owner than who began it
    version = board["version"]
    assert board["command"].startswith("python -m collab train sft --settings ") and board["now"]["step"] == 8
    assert version["can"]["trial"] == ""
    assert "No blind study of yours shows" in version["can"]["promote"][version["version_id"]]
    assert [bool(each["adapter"]) for each in version["line"]] == [True, False]
    train_board.test_blind(ws, owner, version["version_id"])
    (told,) = train_board.training_board(ws, owner, trained["job_id"])["version"]["tests"]
    study = ws.store.get(Study, told["study_id"])
    assert (told["serves"], told["wanted"], told["evidence"]["verdict"]) == (True, 60, "undecided")
    assert study.access == "link" and study.spec["evidence"]["panel"] == [owner.annotator_id]
    arms = sorted(ws.store.find(StudyArm, study_id=study.id), key=lambda arm: arm.position)
    assert [arm.model_version_id for arm in arms] == [version["line"][1]["version_id"], version["version_id"]]
    wording = ws.store.get(PromptVersion, arms[0].prompt_version_id)
    assert wording.text == "{request}" and arms[1].prompt_version_id == wording.id
    cases = [case.variables["request"] for case in ws.store.find(StudyCase, study_id=study.id)]
    assert len(cases) == 24 and all(case.startswith("kaban loder mifil") for case in cases)
    with pytest.raises(InvalidStudy, match="is open already"):
        train_board.test_blind(ws, owner, version["version_id"])
    with pytest.raises(NotAllowed):
        train_board.test_blind(ws, ann, version["version_id"])
    names = train_board.write_adapter(ws, owner, version["version_id"], tmp_path / "adapter.zip")
    assert {"README.md", "adapter_config.json", "adapter_model.safetensors"} == set(names)
    again = train_board.plan(ws, owner, Lessons(ws), "sft", FAST)
    assert again["seconds"] > 0 and again["steps"] == 8  # known from this training


def test_what_did_not_pass_its_checks_is_neither_tested_nor_promoted(ws: Workspace, trained: dict[str, Any]):
    good = ws.store.get(ModelVersion, trained["model_version_id"])
    found = {"accuracy": 0.4, "accuracy_lower": 0.1, "held_out": 5, "perplexity_before": 10.0, "perplexity_after": 16.0}
    looping = [{"before": "all is well here", "after": "so it goes on " * 9}, {"before": "yes", "after": ""}]
    failed = gates("dpo", found, looping)
    assert [g["gate"] for g in failed] == ["accuracy", "perplexity", "empty", "repetition"]
    assert not any(g["passed"] for g in failed)
    bad = ModelVersion(name="bad", modality="text", base=good.base, revision=good.revision, precision=good.precision,
                       adapter_sha256="b" * 64, parent_id=good.parent_id, metrics={"gates": failed})  # fmt: skip
    ranker = ModelVersion(name="ranker", modality="text", base=good.base, revision=good.revision,
                          precision=good.precision, adapter_sha256="c" * 64, recipe={"kind": "reward"})  # fmt: skip
    ws.store.add(bad, ranker)
    for version, why in ((bad, "did not pass its checks"), (ranker, "ranks texts and writes none")):
        with pytest.raises(NotAllowed, match=why):
            refine_api.promote_alias(ws, LOCAL, "text-current", version.id)
        arms = [{"prompt": "say {thing}"}, {"prompt": "say {thing}", "model": version.id}]
        with pytest.raises(NotAllowed, match=why):
            create_study(ws, LOCAL, {**TWO_ARMS, "arms": arms})
    with pytest.raises(Unavailable, match="no longer there"):
        resolve_model(ws, LOCAL, bad.id, "text")
    with pytest.raises(InvalidPrompt, match="ranks texts"):
        resolve_model(ws, LOCAL, ranker.id, "text")
    assert len(list(adapter_problems(ws.settings, ws.store))) == 2


# ---- a process of its own ----


def test_a_training_outlives_its_server_is_killed_and_resumed(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    asked = {**FAST, "max_steps": 60, "evaluations": 15, "patience": 0, "epochs": 100, "seed": 3}
    killed_and_resumed(settings, "sft", asked, after=5)


def test_a_process_that_cannot_start_is_told(settings: Settings):
    ws = open_workspace(replace(settings, train_launcher="false"))
    job_id = train_api.start(ws, LOCAL, "sft", FAST)["job_id"]
    until(lambda: jobs.get(ws, LOCAL, job_id).status == "failed")
    ws.close()
    ws = open_workspace(replace(settings, train_launcher="no-such-program --x"))
    with pytest.raises(Unavailable, match="COLLAB_TRAIN_LAUNCHER"):
        train_api.start(ws, LOCAL, "sft", FAST)
    assert not ws.store.find(Job, status=list(UNFINISHED))
    ws.close()


# ---- what is refused ----


@pytest.mark.parametrize(
    ("kind", "asked", "error", "said"),
    [
        ("kto", None, InvalidSetting, "20 more rows of kto"),
        ("sft", {"rank": 0}, InvalidSetting, "Training setting rank"),
        ("sft", [1], InvalidSetting, "must be an object"),
        ("sft", {"mix": [1]}, InvalidSetting, "by their ids"),
        ("sft", {"mix": {"x": -1}}, InvalidSetting, "gives “x” the weight '-1'"),
        ("sft", {"mix": {"x": 2}}, InvalidSetting, "No row belongs to prompt “x”"),
        ("video", None, InvalidSetting, "take one of"),
        ("sft", {"snapshot_id": "x"}, NotFound, "There is no snapshot"),
        ("sft", {"continue_from": "x"}, NotFound, "There is no trained text model"),
        ("sft", {"model": "remote:m@http://127.0.0.1:9/v1"}, InvalidSetting, "runs at 127.0.0.1, out of reach"),
        ("sft", {"model": "no such model"}, NotFound, "There is no model"),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(
    ws: Workspace, ann: Visitor, kind: str, asked: Any, error: type[Exception], said: str
):
    before = counts(ws.store)
    with pytest.raises(error, match=said):
        train_api.start(ws, LOCAL, kind, asked)
    with pytest.raises(NotAllowed):
        train_api.start(ws, ann, kind, asked)
    assert counts(ws.store) == before
    assert not list(Path(ws.settings.home / "training").glob("*/adapter"))
