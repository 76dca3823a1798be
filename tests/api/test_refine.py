"""Refining as scripts use it: proposals, revisions and rejections, in one process and through a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from collab import jobs
from collab.api import refine as refine_api
from collab.errors import (
    CollabError,
    InvalidPrompt,
    InvalidSetting,
    InvalidStudy,
    NotAllowed,
    NotFound,
    Stopped,
    Unavailable,
)
from collab.identity import Visitor
from collab.store.verify import problems
from collab.types import UNFINISHED, Job, PromptVersion, new_id
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.refinement.reflectors import TEXT, ReflectingCatalog, judged, rewrites
from tests.refinement.trying import prompt_with, said
from tests.server.served import Studio, is_a_sentence, open_studio
from tests.studies.served import annotator

BETTER = "Write exactly two short lines about {thing}, in plain words"
CANDIDATE = {
    "prompt_version_id", "text", "proposer", "rationale", "evidence_ids", "negative_text", "system_text", "examples",
    "settings",
}  # fmt: skip


@pytest.fixture
def catalog() -> ReflectingCatalog:
    return ReflectingCatalog(rewrites(BETTER))


def link(output_id: str) -> str:
    return output_id


def until_ended(ws: Workspace, owner: Visitor, job_id: str) -> dict[str, Any]:
    until_s = time.monotonic() + 60
    while (found := refine_api.job(ws, owner, job_id))["status"] in UNFINISHED:
        assert time.monotonic() < until_s, found
        time.sleep(0.05)
    return found


# ---- proposing ------------------------------------------------------------------------------------------------------


def test_waiting_for_proposals_answers_with_them(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner, number=2)
    answer = asyncio.run(refine_api.propose_and_wait(ws, owner, version.id, 1, ["reflect"], "reflector"))
    (candidate,) = answer["candidates"]
    assert set(answer) == {"candidates", "notes", "job_id"} and set(candidate) == CANDIDATE
    assert (candidate["text"], candidate["proposer"]) == (BETTER, "reflect") and candidate["evidence_ids"]
    told = refine_api.job(ws, owner, answer["job_id"])
    assert (told["status"], told["message"]) == ("done", "1 of 1 proposals")
    assert told["candidates"] == answer["candidates"]


def test_proposing_answers_with_the_board_at_once_and_a_second_time_is_refused(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner, number=2)
    board = refine_api.propose(ws, owner, version.id, 1, ["reflect"], "silent", link)
    assert board["job"]["status"] == "running" and "already" in board["can"]["propose"]
    with pytest.raises(Unavailable, match="already"):
        refine_api.propose(ws, owner, version.id, 1, ["demonstrations"], "", link)
    stopped = refine_api.cancel_job(ws, owner, board["job"]["job_id"], link)
    assert stopped["job"]["status"] == "cancelled" and stopped["can"]["propose"] == ""
    assert len(stopped["versions"]) == 1


def test_whoever_waits_for_a_stopped_job_is_told(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner, number=2)

    async def act() -> None:
        waiting = asyncio.create_task(refine_api.propose_and_wait(ws, owner, version.id, 1, ["reflect"], "silent"))
        while (job := jobs.latest(ws, owner, "propose", prompt_id=version.prompt_id)) is None:
            await asyncio.sleep(0.02)
        refine_api.cancel(ws, owner, job.id)
        await waiting

    with pytest.raises(Stopped, match="nothing was stored"):
        asyncio.run(act())


def test_a_proposing_that_fails_says_why_to_whoever_waits_and_on_the_board(ws: Workspace, owner: Visitor):
    made, _ = make(ws, owner, "say hello")
    with pytest.raises(CollabError, match="Nobody has said anything"):
        asyncio.run(refine_api.propose_and_wait(ws, owner, made.prompt_version_id))
    (job,) = ws.store.find(Job)
    prompt_id = ws.store.get(PromptVersion, made.prompt_version_id).prompt_id
    shown = refine_api.board(ws, owner, prompt_id, link)["job"]
    assert (shown["job_id"], shown["status"]) == (job.id, "failed") and "Nobody" in shown["error"]


# ---- by hand --------------------------------------------------------------------------------------------------------


def test_a_revision_by_hand_is_a_candidate_like_any_other(ws: Workspace, owner: Visitor):
    (root,) = prompt_with(ws, owner, text="say hello to {who}", variables={"who": "Bob"})
    board = refine_api.revise(ws, owner, root.id, "say hello warmly to {who}", why="warmer", link=link)
    second = board["versions"][1]
    assert (second["origin"], second["proposer"], second["rationale"]) == ("human", "", "warmer")
    assert second["parent_id"] == root.id and second["evidence"] == [] and not second["is_current"]
    assert board["log"][0]["said"] == "Version 2 was written by hand from version 1: warmer"
    third = refine_api.write_version(ws, owner, second["prompt_version_id"], settings={"temperature": 0.1})
    version = ws.store.get(PromptVersion, third["prompt_version_id"])
    assert version.settings == {"temperature": 0.1} and version.text == "say hello warmly to {who}"
    started = refine_api.start_trial(ws, owner, root.prompt_id, [version.id])  # what people filled in is tried again
    assert started["stage"] == "confirming"
    assert list(problems(ws.store, ws.blobs)) == []


def test_a_long_revision_is_kept_with_a_warning(ws: Workspace, owner: Visitor):
    (root,) = prompt_with(ws, owner)
    made = refine_api.write_version(ws, owner, root.id, text="say hello " + "very " * 200 + "kindly")
    assert "its parent 2" in made["warning"]
    assert refine_api.write_version(ws, owner, root.id, text="say hello kindly")["warning"] == ""


def test_revisions_that_cannot_be_are_refused_and_store_nothing(ws: Workspace, owner: Visitor, ann: Visitor):
    (root,) = prompt_with(ws, owner, text="say hello to {who}", variables={"who": "Bob"})
    refine_api.write_version(ws, owner, root.id, text="greet {who}", samples=False)
    before = counts(ws.store)
    bad: list[tuple[dict[str, Any], type[CollabError], str]] = [
        ({}, InvalidPrompt, "change something"),
        ({"text": "say hello to {who}"}, InvalidPrompt, "change something"),
        ({"text": "greet {who}"}, InvalidPrompt, "Version 2 says exactly that already"),
        ({"text": "say hello to everyone"}, InvalidPrompt, "variable {who}"),
        ({"text": "say hello to {who} and {whom}"}, InvalidPrompt, "{whom}"),
        ({"text": ""}, InvalidPrompt, "is empty"),
        ({"text": 7}, InvalidPrompt, "must be text"),
        ({"text": "a\x00 {who}"}, InvalidPrompt, "control character"),
        ({"text": "x" * 20_001}, InvalidPrompt, "shorten it"),
        ({"negative_text": "blur"}, InvalidPrompt, "for pictures"),
        ({"settings": {"heat": 1}}, InvalidSetting, "Unknown text setting"),
        ({"settings": {"temperature": 99}}, InvalidSetting, "temperature"),
        ({"settings": "hot"}, InvalidSetting, "object"),
        ({"examples": [{"user": "a"}]}, InvalidPrompt, "example"),
        ({"text": "hi {who}", "why": "x" * 1001}, InvalidPrompt, "reason"),
        ({"text": "hi {who}", "why": ["x"]}, InvalidPrompt, "reason"),
    ]
    for changed, family, words in bad:
        with pytest.raises(family) as refused:
            refine_api.write_version(ws, owner, root.id, **changed)
        assert words in str(refused.value) and is_a_sentence(str(refused.value)), (changed, str(refused.value))
    with pytest.raises(NotFound):
        refine_api.write_version(ws, replace(owner, annotator_id=new_id()), root.id, text="mine {who}")
    with pytest.raises(NotAllowed):
        refine_api.write_version(ws, ann, root.id, text="mine {who}")
    assert counts(ws.store) == before


def test_a_rejected_version_stays_to_be_seen_and_enters_no_trial(ws: Workspace, owner: Visitor):
    root, other = prompt_with(ws, owner, "say hello kindly")
    board = refine_api.reject(ws, owner, other.id, "too sweet", link)
    assert board["versions"][1]["rejected"] and "turned down: too sweet" in board["log"][0]["said"]
    assert "nothing to try" in board["can"]["trial"]
    before = counts(ws.store)
    assert refine_api.turn_down(ws, owner, other.id, "once more")["reason"] == "too sweet"  # changes nothing
    with pytest.raises(InvalidStudy, match="was rejected"):
        refine_api.start_trial(ws, owner, root.prompt_id, [other.id])
    assert counts(ws.store) == before and len(said(ws, root.prompt_id, "reject")) == 1


def test_what_serves_or_is_being_tried_cannot_be_rejected(ws: Workspace, owner: Visitor, ann: Visitor):
    root, other = prompt_with(ws, owner, "say hello kindly")
    trial = refine_api.start_trial(ws, owner, root.prompt_id, other.id)
    for version, words in ((root, "Version 1 serves"), (other, "Version 2 is being tried")):
        with pytest.raises(NotAllowed, match=words):
            refine_api.turn_down(ws, owner, version.id)
    with pytest.raises(NotAllowed, match="Only the studio's owner"):
        refine_api.turn_down(ws, ann, other.id)
    stopped = refine_api.stop_trial(ws, owner, trial["trial_id"], link)
    assert stopped["trial"]["stage"] == "stopped" and stopped["can"]["trial"] == ""
    assert refine_api.turn_down(ws, owner, other.id)["prompt_version_id"] == other.id


def test_nothing_serves_without_a_trial_that_it_won(ws: Workspace, owner: Visitor):
    root, other = prompt_with(ws, owner, "say hello kindly")
    before = counts(ws.store)
    for act in (
        lambda: refine_api.promote(ws, owner, root.prompt_id, other.id, link),
        lambda: refine_api.promote_alias(ws, owner, root.prompt_id, other.id),
        lambda: refine_api.rollback(ws, owner, root.prompt_id, "", link),
        lambda: refine_api.promote_alias(ws, owner, "nothing", other.id),
        lambda: refine_api.promote_alias(
            ws, replace(owner, annotator_id=new_id()), f"prompt:{root.prompt_id}", other.id
        ),
        lambda: refine_api.promote_alias(ws, replace(owner, is_owner=False), f"prompt:{root.prompt_id}", other.id),
    ):
        with pytest.raises(CollabError) as refused:
            act()
        assert is_a_sentence(str(refused.value)), str(refused.value)
    assert counts(ws.store) == before


# ---- on a real server -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio"), ReflectingCatalog(rewrites(BETTER))) as opened:
        yield opened


@pytest.fixture(scope="module")
def script(studio: Studio) -> Client:
    return studio.client()


def refused(client: Client, api_name: str, **fields: Any) -> str:
    with pytest.raises(AppError) as error:
        client.submit(api_name=api_name, **fields).result(timeout=60)
    assert is_a_sentence(str(error.value)), (api_name, fields, str(error.value))
    return str(error.value)


def test_a_script_refines_a_prompt_through_the_endpoints(studio: Studio, script: Client):
    made = None
    for n in range(3):
        made = script.submit(
            TEXT, api_name="/generate", variables={"thing": f"rivers and lakes {n}"}, seed=n
        ).result(timeout=60)  # fmt: skip
        output_id = made["outputs"][0]["output_id"]
        script.predict(output_id, 2, comment="too long", api_name="/rate")
    script.predict(output_id, "Two short lines.", api_name="/edit_text")
    version_id = made["prompt_version_id"]
    answer = script.predict(version_id, 2, ["reflect", "demonstrations"], "reflector", api_name="/propose")
    assert {c["proposer"] for c in answer["candidates"]} == {"reflect", "demonstrations"}
    assert all(set(c) == CANDIDATE for c in answer["candidates"])
    told = script.predict(answer["job_id"], api_name="/job")
    assert told["status"] == "done" and told["candidates"] == answer["candidates"]
    (listed,) = script.predict(api_name="/refinements")["prompts"]
    board = script.predict(listed["prompt_id"], api_name="/refinement")
    assert len(board["versions"]) == 3 and board["prompt"]["current_id"] == version_id
    revised = script.predict(version_id, text="Two lines on {thing}", why="shorter", api_name="/revise")
    rejected = script.predict(answer["candidates"][0]["prompt_version_id"], "no", api_name="/reject")
    assert rejected["reason"] == "no"
    trial = script.predict(listed["prompt_id"], [revised["prompt_version_id"]], api_name="/start_trial")
    assert trial["stage"] == "confirming"
    assert script.predict(trial["trial_id"], api_name="/stop_trial")["stage"] == "stopped"
    alias = f"prompt:{listed['prompt_id']}"
    assert "blind trial" in refused(script, "/promote", alias=alias, version_id=revised["prompt_version_id"])
    assert "roll back" in refused(script, "/rollback", alias=alias)
    # a candidate is used like any other version
    used = script.submit(
        "", api_name="/generate", prompt_version_id=revised["prompt_version_id"], variables={"thing": "x"}
    ).result(timeout=60)  # fmt: skip
    assert used["status"] == "done"


def test_each_bad_request_is_one_sentence_and_stores_nothing(studio: Studio, script: Client):
    made = script.submit("say it", api_name="/generate").result(timeout=60)
    version_id = made["prompt_version_id"]
    before = counts(studio.ws.store)
    bad: list[tuple[str, dict[str, Any]]] = [
        *(("/propose", {"prompt_version_id": it}) for it in (new_id(), None, ["x"])),
        *(("/propose", {"prompt_version_id": version_id, "count": it}) for it in (13, "two")),
        ("/propose", {"prompt_version_id": version_id, "proposers": ["nobody"]}),
        ("/propose", {"prompt_version_id": version_id, "reflector": "no-such"}),
        ("/propose", {"prompt_version_id": version_id, "reflector": {"a": 1}}),
        *((name, {"job_id": it}) for name, it in (("/job", new_id()), ("/cancel_job", None))),
        ("/refinement", {"prompt_id": "x"}),
        ("/revise", {"prompt_version_id": version_id}),
        ("/reject", {"prompt_version_id": version_id}),
        ("/start_trial", {"prompt_id": "x", "prompt_version_ids": []}),
        ("/stop_trial", {"trial_id": "x"}),
        ("/promote", {"alias": ["x"], "version_id": None}),
        ("/rollback", {"alias": 7}),
        *(("/snapshot", {"kind": it}) for it in ("video", None)),
        *(("/train", {"kind": "sft", "settings": it}) for it in ({"rank": 0}, {"model": "no-such"}, {"a": 1}, None)),
        *(("/resume_job", {"job_id": it}) for it in (new_id(), None)),
    ]
    for api_name, fields in bad:
        refused(script, api_name, **fields)
    assert counts(studio.ws.store) == before
    refused(script, "/propose", prompt_version_id=version_id)  # nothing was said of it; the job tells so
    after = counts(studio.ws.store)
    assert {name: n for name, n in after.items() if n != before[name]} == {"jobs": before["jobs"] + 1}


def test_refining_is_for_owners_about_their_own_prompts(studio: Studio, script: Client):
    made = script.submit("mine alone", api_name="/generate").result(timeout=60)
    version_id = made["prompt_version_id"]
    prompt_id = studio.ws.store.get(PromptVersion, version_id).prompt_id
    before = counts(studio.ws.store)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/propose", {"prompt_version_id": version_id}),
        ("/start_proposing", {"prompt_version_id": version_id}),
        ("/refinement", {"prompt_id": prompt_id}),
        ("/revise", {"prompt_version_id": version_id, "text": "yours"}),
        ("/reject", {"prompt_version_id": version_id}),
        ("/start_trial", {"prompt_id": prompt_id, "prompt_version_ids": [version_id]}),
        ("/promote", {"alias": f"prompt:{prompt_id}", "version_id": version_id}),
        ("/rollback", {"alias": f"prompt:{prompt_id}"}),
    ]
    stranger, another_owner = annotator(studio), studio.client()
    for api_name, fields in calls:
        assert "owner" in refused(stranger, api_name, **fields), api_name
        assert "There is no" in refused(another_owner, api_name, **fields), api_name
    assert "owner" in refused(stranger, "/refinements")
    for api_name, fields in (
        ("/snapshot", {"kind": "sft"}),
        ("/train", {"kind": "sft"}),
        ("/resume_job", {"job_id": "x"}),
    ):
        assert "owner" in refused(stranger, api_name, **fields), api_name
    assert counts(studio.ws.store) == before


def test_the_store_is_sound_after_all_of_this(studio: Studio):
    assert list(problems(studio.ws.store, studio.ws.blobs)) == []
