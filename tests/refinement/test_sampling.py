"""New proposals get an output on what was asked last, so that they can be compared by eye."""

from __future__ import annotations

import time

import pytest

from collab.api import refine as refine_api
from collab.errors import Unavailable
from collab.identity import Visitor
from collab.refinement import sampling
from collab.store.history_queries import history_page
from collab.types import UNFINISHED, Generation, ModelVersion, Output, PromptVersion, new_id
from collab.workspace import Workspace
from tests.refinement.reflectors import ReflectingCatalog, judged, rewrites

BETTER = "Write exactly two short lines about {thing}, in plain words"


@pytest.fixture
def catalog() -> ReflectingCatalog:
    return ReflectingCatalog(rewrites(BETTER))


def proposed(ws: Workspace, owner: Visitor, version: PromptVersion) -> tuple[PromptVersion, list[dict[str, str]]]:
    job = refine_api.start_proposing(ws, owner, version.id, 1, ["reflect"], "reflector")
    until_s = time.monotonic() + 60
    while (told := refine_api.job(ws, owner, job.id))["status"] in UNFINISHED:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    (candidate,) = told["candidates"]
    return ws.store.get(PromptVersion, candidate["prompt_version_id"]), told["notes"]


def ended_sample(ws: Workspace, version: PromptVersion) -> Generation:
    until_s = time.monotonic() + 60
    while (found := ws.store.find(Generation, prompt_version_id=version.id)[0]).status in UNFINISHED:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    return found


def test_a_proposal_gets_a_sample_of_what_was_asked_last(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner, number=2)
    before = history_page(ws.store, owner.annotator_id, limit=50)
    last = before[0]
    candidate, notes = proposed(ws, owner, version)
    sample = ended_sample(ws, candidate)
    assert (sample.origin, sample.status, sample.count) == ("refinement", "done", 1)
    assert (sample.seed, sample.variables, sample.model_version_id) == (
        last.seed,
        last.variables,
        last.model_version_id,
    )
    (output,) = ws.store.find(Output, generation_id=sample.id)
    told = refine_api.board(ws, owner, version.prompt_id, lambda output_id: output_id)["versions"]
    (row,) = (row for row in told if row["prompt_version_id"] == candidate.id)
    assert [shown["text"] for shown in row["samples"]] == [output.text] and row["making"] == 0
    assert row["samples"][0]["asked"] == BETTER.replace("{thing}", last.variables["thing"])
    assert history_page(ws.store, owner.annotator_id, limit=50) == before  # nobody asked for it
    assert not any("sample" in note["said"] for note in notes)


def test_the_board_says_that_a_sample_is_being_made(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner, number=2)
    (made,) = ws.store.find(Generation, id=history_page(ws.store, owner.annotator_id, limit=1)[0].id)
    waiting = Generation(
        prompt_version_id=version.id, model_version_id=made.model_version_id, settings={}, seed=1, count=3,
        requested_by=owner.annotator_id, origin="refinement",
    )  # fmt: skip
    ws.store.add(waiting)
    told = refine_api.board(ws, owner, version.prompt_id, lambda output_id: output_id)["versions"]
    assert [row["making"] for row in told if row["prompt_version_id"] == version.id] == [3]
    ws.store.update(Generation, waiting.id, {"status": "failed"})


def test_a_model_that_is_gone_gives_way_to_the_current_one_and_none_at_all_is_said(
    ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch
):
    version, _ = judged(ws, owner, number=2)
    last = history_page(ws.store, owner.annotator_id, limit=1)[0]
    gone = ModelVersion(name="gone", modality="text", base="gone", revision="r", precision="fp32")
    ws.store.add(gone)
    ws.store.add(Generation(
        prompt_version_id=version.id, model_version_id=gone.id, variables=last.variables, settings={}, seed=9, count=1,
        requested_by=owner.annotator_id, status="done",
    ))  # fmt: skip
    assert sampling.start_samples(ws, owner, [version]) == ""
    sample = ws.store.find(Generation, prompt_version_id=version.id, origin="refinement")[0]
    assert sample.seed == 9 and sample.model_version_id == last.model_version_id

    def full(*_: object) -> str:
        raise Unavailable("The engine is full: try again in a minute.")

    monkeypatch.setattr(sampling, "generate", full)
    said = sampling.start_samples(ws, owner, [version])
    assert said == "Not every proposal gets a sample output: The engine is full: try again in a minute."


def test_without_anything_made_before_there_is_no_sample(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner, number=2)
    stranger = Visitor(new_id(), "anonymous", is_owner=True)
    assert sampling.start_samples(ws, stranger, [version]) == "" == sampling.start_samples(ws, owner, [])
    assert not ws.store.find(Generation, origin="refinement")
