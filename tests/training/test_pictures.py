"""Training of an image model from feedback to a served version: a real process, a tiny pipeline, the real engine."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from collab import aliases, jobs
from collab.api import refine as refine_api
from collab.api import train as train_api
from collab.errors import InvalidSetting, NotAllowed, NotFound
from collab.feedback import compare, rate
from collab.generation import Ask, generate
from collab.identity import LOCAL, Visitor
from collab.model_versions import resolve_model
from collab.people.erasing import delete_my_data
from collab.settings import Settings, read_settings
from collab.store.verify import problems
from collab.training import starting as training
from collab.training.adapters import adapter_problems
from collab.training.gates import gates
from collab.types import UNFINISHED, DatasetSnapshot, ModelVersion, Output
from collab.workspace import Workspace, open_workspace
from tests.conftest import ended, make
from tests.models.tiny_pipeline import save_tiny_pipeline
from tests.studies.people import TWO_ARMS, answers_all, filled_study, people, prefers
from tests.training.killing import killed_and_resumed, until
from tests.visitors import new_visitor, same_visitors

FAST = {"max_steps": 4, "epochs": 100, "learning_rate": 1e-2, "evaluations": 1, "rank": 4, "batch_size": 4}
# weights of chance become better at any picture within a few steps, so this passes its checks by a wide margin
IMITATION = {**FAST, "max_steps": 12, "evaluations": 3, "patience": 0}
DRAWN = {"num_inference_steps": 2, "guidance_scale": 1.0, "width": 64, "height": 64}
PEOPLE: list[Visitor] = []


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A studio with a tiny image model, whose people prefer what is darker, and give that a thumb."""
    folder = tmp_path_factory.mktemp("pictures")
    tiny = save_tiny_pipeline(folder / "tiny")
    made = read_settings({"COLLAB_HOME": str(folder / "home"), "COLLAB_IMAGE_MODEL": str(tiny)})
    same_visitors("pictures")
    ws = open_workspace(made)
    PEOPLE[:] = [new_visitor() for _ in range(26)]
    for n, person in enumerate(PEOPLE):
        a, b = make(ws, person, f"subject {n}", modality="image", count=2, seed=n * 10, settings=DRAWN)[1]
        darker = brightness(ws, a) < brightness(ws, b)
        compare(ws, person, a.id, b.id, "a" if darker else "b")
        rate(ws, person, (a if darker else b).id, thumb=1)
    ws.close()
    return made


def brightness(ws: Workspace, output: Output) -> float:
    return float(pixels(ws, output).mean())


def pixels(ws: Workspace, output: Output) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(ws.blobs.get(output.blob_sha256 or ""))), dtype=float)


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    yield opened
    opened.close()


def trained(settings: Settings, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    ws = open_workspace(settings)
    job_id = train_api.start(ws, LOCAL, kind, asked)["job_id"]
    until(lambda: jobs.get(ws, LOCAL, job_id).status not in UNFINISHED)
    done = train_api.look(ws, LOCAL, job_id)
    log = (training.folder_of(settings, job_id) / "log.txt").read_text()
    ws.close()
    assert done["status"] == "done", (done["error"], log[-2000:])
    return done


@pytest.fixture(scope="module")
def first(settings: Settings) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        return trained(settings, "image-dpo", FAST)


@pytest.fixture(scope="module")
def second(settings: Settings, first: dict[str, Any]) -> dict[str, Any]:
    """Another version of the same base, that passed its checks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        return trained(settings, "image-sft", IMITATION)


def test_pairs_of_pictures_end_in_a_version_with_its_lineage_and_samples(
    ws: Workspace, settings: Settings, first: dict[str, Any]
):
    version = ws.store.get(ModelVersion, first["model_version_id"])
    base = resolve_model(ws, LOCAL, "", "image")
    assert (version.modality, version.base, version.revision) == ("image", base.base, base.revision)
    snapshot = ws.store.get(DatasetSnapshot, version.snapshot_id or "")
    assert snapshot.train_count + snapshot.test_count == 26 and version.recipe["kind"] == "image-dpo"
    assert {gate["gate"] for gate in version.metrics["gates"]} == {"accuracy", "error", "empty", "alike"}
    folder = settings.home / "adapters" / (version.adapter_sha256 or "")
    assert {p.name for p in folder.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "pytorch_lora_weights.safetensors",
    }  # fmt: skip
    for sample in first["metrics"]["samples"]:
        assert (
            sample["before_url"].startswith("data:image/webp;base64,") and sample["before_url"] != sample["after_url"]
        )
    assert all(s["image_url"].startswith("data:image/webp") for step in first["samples"] for s in step["samples"])
    assert list(problems(ws.store, ws.blobs)) == list(adapter_problems(settings, ws.store)) == []


def test_two_versions_and_their_base_serve_side_by_side_and_as_if_alone(
    settings: Settings, ws: Workspace, first: dict[str, Any], second: dict[str, Any]
):
    models = ["", first["model_version_id"], second["model_version_id"]]
    ask = {"modality": "image", "settings": DRAWN, "seed": 3}
    alone = [pixels(ws, make(ws, LOCAL, "a hat", model=model, **ask)[1][0]) for model in models]
    assert not np.allclose(alone[0], alone[1], atol=1) and not np.allclose(alone[1], alone[2], atol=1)
    at_once = [generate(ws, LOCAL, Ask(prompt="a hat", model=model, **ask)) for model in models]  # type: ignore[arg-type]
    for generation_id, expected in zip(at_once, alone, strict=True):
        (output,) = ws.store.find(Output, generation_id=ended(ws, generation_id).id)
        assert np.abs(pixels(ws, output) - expected).max() <= 1
    # what is promoted answers the next request, and what is rolled back the one after, while others are being drawn
    under_way = generate(ws, LOCAL, Ask(prompt="a hat", model=models[2], **ask))  # type: ignore[arg-type]
    serving = make(ws, LOCAL, "a hat", **ask)[0].model_version_id
    aliases.move(ws, LOCAL, "image-current", models[1], "promote")
    assert np.abs(pixels(ws, make(ws, LOCAL, "a hat", **ask)[1][0]) - alone[1]).max() <= 1
    aliases.move(ws, LOCAL, "image-current", serving, "rollback")
    assert np.abs(pixels(ws, make(ws, LOCAL, "a hat", **ask)[1][0]) - alone[0]).max() <= 1
    assert ended(ws, under_way).status == "done"


def test_a_training_of_pictures_that_is_killed_ends_in_the_weights_it_would_have_ended_in(
    settings: Settings, ws: Workspace, second: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = killed_and_resumed(settings, "image-sft", IMITATION, after=4)
    assert done["model_version_id"] == second["model_version_id"]  # the same bytes of an adapter are one version
    assert [step["loss"] for step in done["steps"]] == [step["loss"] for step in second["steps"]]
    assert list(adapter_problems(settings, ws.store)) == []


def test_a_version_is_promoted_on_a_blind_study_of_pictures_serves_and_is_taken_back(
    ws: Workspace, second: dict[str, Any]
):
    version = ws.store.get(ModelVersion, second["model_version_id"])
    assert [gate["passed"] for gate in version.metrics["gates"]] == [True] * 4
    with pytest.raises(NotAllowed, match="No blind study of yours shows"):
        refine_api.promote_alias(ws, LOCAL, "image-current", version.id)
    arms = [{"prompt": "a {thing}", "settings": DRAWN, **more} for more in ({}, {"model": version.id})]
    study = filled_study(ws, LOCAL, {**TWO_ARMS, "modality": "image"}, arms=arms, overlap=20)
    for person in people(8):
        answers_all(ws, person, study, prefers(1))
    ask = {"modality": "image", "settings": DRAWN, "seed": 3}
    base_id = make(ws, LOCAL, "a hat", **ask)[0].model_version_id
    moved = refine_api.promote_alias(ws, LOCAL, "image-current", version.id)
    assert moved["evidence"]["verdict"] == "better"
    assert make(ws, new_visitor(), "a hat", **ask)[0].model_version_id == version.id != base_id
    assert refine_api.rollback_alias(ws, LOCAL, "image-current")["move"] == "rollback"
    assert make(ws, new_visitor(), "a hat", **ask)[0].model_version_id == base_id


def test_pictures_that_got_worse_blank_or_alike_pass_no_check():
    failed = gates("image-dpo", {"accuracy": 0.5, "accuracy_lower": 0.2, "held_out": 4, "error_before": 0.1,
                                 "error_after": 0.2, "blank": 1, "alike": 1}, [{}] * 3)  # fmt: skip
    assert [gate["passed"] for gate in failed] == [False] * 4


def test_what_cannot_be_trained_is_refused_at_once(ws: Workspace, first: dict[str, Any]):
    version_id = first["model_version_id"]
    for kind, asked, error, said in (
        ("image-kto", None, InvalidSetting, "6 more pictures called bad"),
        ("image-dpo", {"freeze_layers": 1}, InvalidSetting, "Unknown training setting"),
        ("image-dpo", {"model": "smollm2-135m-instruct"}, NotFound, "texts, not images"),
        ("dpo", {"continue_from": version_id}, NotFound, "There is no trained text model"),
    ):
        with pytest.raises(error, match=said):
            train_api.start(ws, LOCAL, kind, asked)


def test_samples_go_with_the_feedback_that_was_learnt_from(settings: Settings, ws: Workspace, first: dict[str, Any]):
    folder = training.folder_of(settings, first["job_id"])
    assert list(folder.glob("samples/*.png"))
    delete_my_data(ws, PEOPLE[0], "delete")
    version = ws.store.get(ModelVersion, first["model_version_id"])
    assert not folder.exists() and version.metrics["samples"] == [] and version.metrics["deleted_acts"] == 1
