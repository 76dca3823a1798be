"""The command line's verbs about refining: proposed here or by the server that runs, shown, tried, and refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collab import feedback, workspace
from collab.identity import LOCAL
from collab.settings import read_settings
from collab.types import Job, PromptVersion, Trial, now
from collab.ui import serve
from collab.workspace import Workspace
from tests.cli.test_cli import home as home  # the studio that the command line works on
from tests.cli.test_cli import refused, run
from tests.cli.test_study import whole_json
from tests.conftest import counts, make
from tests.refinement.trying import prompt_with, won
from tests.server.served import free_port


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


def test_a_version_written_by_hand_is_a_candidate_until_it_is_turned_down(home: Path, ws: Workspace):
    root, _ = prompt_with(ws, LOCAL, "say hello kindly")
    answer = whole_json(run("refine", "revise", root.id, "--text", "say hello once", "--why", "shorter", "--json"))
    by_hand = ws.store.get(PromptVersion, answer["prompt_version_id"])
    assert (by_hand.text, by_hand.parent_id, by_hand.system_text) == ("say hello once", root.id, root.system_text)
    plan = ["--confirming-votes", "60", "--scope", "panel", "--member", "me", "--json"]
    trial = whole_json(run("refine", "trial", root.prompt_id, by_hand.id, *plan))
    kept = ws.store.get(Trial, trial["trial_id"]).spec
    assert (kept["confirming_votes"], kept["panel"]) == (60, [LOCAL.annotator_id])
    run("refine", "stop", trial["trial_id"])
    told = run("refine", "reject", by_hand.id, "--reason", "too curt")
    assert told.exit_code == 0 and "is turned down" in told.stdout
    assert "too curt" in run("refine", "log", root.prompt_id).stdout
    assert "was rejected" in refused("refine", "trial", root.prompt_id, by_hand.id)


def test_a_job_that_was_begun_elsewhere_is_looked_at_and_cancelled(home: Path, ws: Workspace, version: PromptVersion):
    done = proposed(version)
    assert whole_json(run("refine", "job", done["job_id"], "--json")) == done
    elsewhere = f"{socket.gethostname()}:{os.getppid()}:another"
    going = Job(kind="propose", spec={"prompt_id": version.prompt_id}, created_by=LOCAL.annotator_id, status="running",
                progress=0.4, message="Reading the feedback", worker=elsewhere, heartbeat=now())  # fmt: skip
    ws.store.add(going)
    assert "running, 40%. Reading the feedback" in run("refine", "job", going.id).stdout
    assert whole_json(run("refine", "cancel", going.id, "--json"))["status"] == "cancelled"
    assert ws.store.get(Job, going.id).status == "cancelled"


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
    other = ws.store.get(PromptVersion, whole_json(
        run("refine", "revise", version.id, "--text", "Write one line about {thing}", "--json")
    )["prompt_version_id"])  # fmt: skip
    before = counts(ws.store)
    for args, said in (
        (["refine", "propose", "nowhere"], "There is no prompt version"),
        (["refine", "propose", version.id, "--count", "0"], "choose 1 to 12"),
        (["refine", "propose", version.id, "--proposer", "nobody"], "There is no proposer “nobody”"),
        (["refine", "propose", version.id, "--reflector", "no-such"], "There is no model"),
        (["refine", "show", "nowhere"], "There is no prompt"),
        (["refine", "revise", "nowhere", "--text", "x"], "There is no prompt version"),
        (["refine", "revise", version.id, "--text", version.text], "same"),
        (["refine", "reject", version.id], "serves"),
        (["refine", "job", "nowhere"], "There is no job"),
        (["refine", "cancel", "nowhere"], "There is no job"),
        (["refine", "trial", version.prompt_id, other.id, "--scope", "panel", "--member", "nobody"], "no annotator"),
        (["refine", "trial", version.prompt_id, version.id], "serves already"),
        (["refine", "trial", version.prompt_id, "x", "--cases", str(tmp_path / "cases.json")], "is not JSON"),
        (["promote", f"prompt:{version.prompt_id}", version.id], "serves already"),
        (["promote", "nothing", version.id], "There is no alias"),
        (["rollback", version.prompt_id], "nothing to roll back"),
    ):
        assert said in refused(*args), args
    assert counts(ws.store) == before


def test_every_verb_explains_itself(home: Path):
    for verb in (
        ["refine"],
        ["refine", "propose"],
        ["refine", "revise"],
        ["refine", "trial"],
        ["promote"],
        ["rollback"],
    ):
        told = run(*verb, "--help")
        assert told.exit_code == 0 and "Usage" in told.stdout
    assert "propose" in run("refine").output  # on its own it shows its help
