"""The command line's verbs about refining: proposed here or by the server that runs, shown, tried, and refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collab import feedback, workspace
from collab.identity import LOCAL
from collab.settings import read_settings
from collab.types import Job, PromptVersion
from collab.ui import serve
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.refinement.trying import prompt_with, won
from tests.test_cli import home as home  # the studio that the command line works on
from tests.test_cli import refused, run
from tests.test_server import free_port
from tests.test_study_cli import whole_json


@pytest.fixture
def ws(home: Path) -> Iterator[Workspace]:
    """The same studio, to put something in."""
    opened = workspace.open_workspace(read_settings())
    yield opened
    opened.close()


@pytest.fixture
def version(ws: Workspace) -> PromptVersion:
    """A version of the command line's own, with feedback on the one output that it made."""
    made, (output,) = make(ws, LOCAL, "Write two lines about {thing}", variables={"thing": "rivers"})
    feedback.rate(ws, LOCAL, output.id, score=5)
    return ws.store.get(PromptVersion, made.prompt_version_id)


def proposed(version: PromptVersion, *more: str) -> dict[str, Any]:
    return whole_json(
        run("refine", "propose", version.id, "--count", "1", "--proposer", "demonstrations", *more, "--json")
    )


def test_proposals_are_made_shown_and_logged(home: Path, version: PromptVersion):
    answer = proposed(version)
    assert set(answer) == {"candidates", "notes", "job_id"}
    (candidate,) = answer["candidates"]
    assert candidate["proposer"] == "demonstrations" and candidate["examples"] and candidate["evidence_ids"]
    (listed,) = whole_json(run("refine", "list", "--json"))["prompts"]
    assert listed["prompt_id"] == version.prompt_id and listed["versions"] == 2
    board = whole_json(run("refine", "show", version.prompt_id, "--json"))
    assert [v["prompt_version_id"] for v in board["versions"]] == [version.id, candidate["prompt_version_id"]]
    told = run("refine", "show", version.prompt_id)
    assert "2 versions" in told.stdout and "serves" in told.stdout and "demonstrations" in told.stdout
    (entry,) = whole_json(run("refine", "log", version.prompt_id, "--json"))["log"]
    assert entry["said"] == "Proposed 1 version by demonstrations."
    trial = whole_json(run("refine", "trial", version.prompt_id, candidate["prompt_version_id"], "--json"))
    assert trial["stage"] == "confirming"
    assert whole_json(run("refine", "stop", trial["trial_id"], "--json"))["stage"] == "stopped"


def test_a_server_that_runs_works_the_proposals_out(
    home: Path, ws: Workspace, version: PromptVersion, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(free_port()))
    served = workspace.open_workspace(read_settings())
    with serve(served):
        answer = proposed(version)
        job = served.store.get(Job, answer["job_id"])
        assert job.worker == served.jobs.worker and len(answer["candidates"]) == 1
        assert "choose 1 to 12" in refused("refine", "propose", version.id, "--count", "99")
        trial = run("refine", "trial", version.prompt_id, answer["candidates"][0]["prompt_version_id"])
        assert trial.exit_code == 0 and "is confirming" in trial.stdout
    served.close()


def test_what_won_its_trial_is_promoted_and_rolled_back(home: Path, ws: Workspace):
    root, better = prompt_with(ws, LOCAL, "say hello kindly")
    won(ws, LOCAL, root, better)
    moved = whole_json(run("promote", f"prompt:{root.prompt_id}", better.id, "--json"))
    assert (moved["move"], moved["version_id"]) == ("promote", better.id) and moved["evidence"]["verdict"] == "better"
    told = run("rollback", root.prompt_id, "--reason", "people complained")
    assert told.exit_code == 0 and root.id in told.stdout
    assert "people complained" in run("refine", "log", root.prompt_id).stdout


def test_what_cannot_be_is_one_line_and_stores_nothing(
    home: Path, ws: Workspace, version: PromptVersion, tmp_path: Path
):
    (tmp_path / "cases.json").write_text("{", encoding="utf-8")
    before = counts(ws.store)
    for args, said in (
        (["refine", "propose", "nowhere"], "There is no prompt version"),
        (["refine", "propose", version.id, "--count", "0"], "choose 1 to 12"),
        (["refine", "propose", version.id, "--proposer", "nobody"], "There is no proposer “nobody”"),
        (["refine", "propose", version.id, "--reflector", "no-such"], "There is no model"),
        (["refine", "show", "nowhere"], "There is no prompt"),
        (["refine", "trial", version.prompt_id, version.id], "serves already"),
        (["refine", "trial", version.prompt_id, "x", "--cases", str(tmp_path / "cases.json")], "is not JSON"),
        (["promote", f"prompt:{version.prompt_id}", version.id], "serves already"),
        (["promote", "nothing", version.id], "There is no alias"),
        (["rollback", version.prompt_id], "nothing to roll back"),
    ):
        assert said in refused(*args), args
    assert counts(ws.store) == before


def test_every_verb_explains_itself(home: Path):
    for verb in (["refine"], ["refine", "propose"], ["refine", "trial"], ["promote"], ["rollback"]):
        told = run(*verb, "--help")
        assert told.exit_code == 0 and "Usage" in told.stdout
    assert "propose" in run("refine").output  # on its own it shows its help
