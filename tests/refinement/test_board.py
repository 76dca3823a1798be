"""The board: a prompt's versions with their evidence in words, what may be done, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from collab import feedback
from collab.api import refine as refine_api
from collab.errors import NotAllowed, NotFound
from collab.identity import Visitor
from collab.refinement.board import board, prompts
from collab.refinement.keeping import child_version
from collab.refinement.saying import SAID_LIMIT, said_of
from collab.refinement.sieve import wording_in
from collab.types import Edit, Preference, PromptVersion, Ranking, Rating, Refinement, new_id
from collab.workspace import Workspace
from tests.conftest import make
from tests.refinement.reflectors import TEXT, judged
from tests.refinement.trying import child, likes, prompt_with, vote, won

BOARD = {"prompt", "versions", "acts", "models", "reflectors", "proposers", "job", "usual_votes", "usual_scope",
         "trial", "watch", "log", "can"}  # fmt: skip
VERSION = {
    "prompt_version_id", "parent_id", "number", "text", "negative_text", "system_text", "examples", "settings",
    "origin", "proposer", "rationale", "evidence", "evidence_total", "created_at", "rejected", "is_current", "outputs",
    "acts", "liking", "making", "win_rate", "lower", "upper", "votes", "samples",
}  # fmt: skip


def link(output_id: str) -> str:
    return f"/picture/{output_id}"


def shown(ws: Workspace, owner: Visitor, prompt_id: str) -> dict[str, Any]:
    return board(ws, owner, prompt_id, link)


@contextmanager
def counted(ws: Workspace) -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        sent.append(statement)

    sa.event.listen(ws.store.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(ws.store.engine, "before_cursor_execute", note)


def proposal(ws: Workspace, owner: Visitor, parent: PromptVersion, text: str, events: tuple[str, ...]) -> PromptVersion:
    """A stored proposal that cites these acts."""
    wording = replace(wording_in("text", parent), text=text)
    version = child_version(parent, wording, owner, origin="refiner", rationale="Because of that.")
    origin = Refinement(
        prompt_id=parent.prompt_id, parent_version_id=parent.id, child_version_id=version.id, proposer="reflect",
        evidence_ids=events, created_by=owner.annotator_id,
    )  # fmt: skip
    ws.store.add(version, origin)
    return version


def test_what_steering_shaped_is_none_of_a_versions_outputs(each_ws: Workspace, owner: Visitor):
    made, (plain,) = make(each_ws, owner, "write a line about tea")
    feedback.rate(each_ws, owner, plain.id, score=2)
    feedback.edit_text(each_ws, owner, plain.id, "A line about tea.")
    before = shown(each_ws, owner, prompt_of(each_ws, made.prompt_version_id))
    listed = prompts(each_ws, owner)
    steered, (one, two) = make(each_ws, owner, "write a line about tea", inputs={"steer": 1}, count=2)
    feedback.rate(each_ws, owner, one.id, score=5)
    feedback.compare(each_ws, owner, one.id, two.id, "a")
    assert steered.inputs["demonstrations"] and steered.prompt_version_id == made.prompt_version_id
    assert shown(each_ws, owner, prompt_of(each_ws, made.prompt_version_id)) == before
    assert prompts(each_ws, owner) == listed


def prompt_of(ws: Workspace, version_id: str) -> str:
    return ws.store.get(PromptVersion, version_id).prompt_id


def test_a_board_tells_of_every_version_what_was_made_and_said(each_ws: Workspace, owner: Visitor):
    ws = each_ws
    version, outputs = judged(ws, owner, number=3)
    bad = feedback.rate(ws, owner, outputs[1].id, score=1, comment="too long")
    better = proposal(ws, owner, version, "Write two short lines about {thing}", (bad.id,))
    make(ws, owner, "", prompt_version_id=better.id, variables={"thing": "rivers"})
    found = shown(ws, owner, version.prompt_id)
    assert set(found) == BOARD and found["prompt"] == {
        "prompt_id": version.prompt_id, "title": TEXT, "modality": "text", "current_id": version.id,
    }  # fmt: skip
    first, second = found["versions"]
    assert set(first) == set(second) == VERSION
    assert (first["number"], first["is_current"], first["outputs"], first["origin"]) == (1, True, 3, "human")
    # three ratings, an edit and a comparison; 5, 1 and 5 stars
    assert first["acts"] == found["acts"] == 5 and first["liking"] == pytest.approx(1 / 3, abs=1e-3)
    assert (
        len(first["samples"]) == 3 and first["samples"][0]["asked"] == "Write two lines about thing2 and others, please"
    )
    assert (second["proposer"], second["rationale"], second["parent_id"]) == ("reflect", "Because of that.", version.id)
    assert second["evidence"] == [{"event_id": bad.id, "said": "★☆☆☆☆ “too long”"}] and second["evidence_total"] == 1
    assert (second["outputs"], second["acts"], second["liking"], second["win_rate"]) == (1, 0, None, None)
    assert second["samples"][0]["asked"] == "Write two short lines about rivers"
    assert found["trial"] is found["watch"] is found["job"] is None
    assert [p["name"] for p in found["proposers"]] == ["reflect", "preferences", "demonstrations", "search"]
    assert [m["name"] for m in found["models"]] == ["fake-text"]
    assert found["can"]["propose"] == found["can"]["trial"] == ""
    assert "serves already" in found["can"]["promote"][version.id]
    assert "blind trial" in found["can"]["promote"][better.id] and "roll back" in found["can"]["rollback"]


def test_the_number_of_queries_does_not_grow_with_the_versions(ws: Workspace, owner: Visitor):
    version, outputs = judged(ws, owner, number=2)
    acts = [feedback.rate(ws, owner, output.id, score=4, comment="fine").id for output in outputs]
    proposal(ws, owner, version, "One about {thing}", tuple(acts))
    with counted(ws) as few:
        shown(ws, owner, version.prompt_id)
    for n in range(30):
        proposal(ws, owner, version, f"Number {n} about {{thing}}", tuple(acts))
    with counted(ws) as many:
        found = shown(ws, owner, version.prompt_id)
    assert len(found["versions"]) == 32 and len(many) == len(few) < 40


def test_a_picture_prompt_shows_its_pictures_by_links(ws: Workspace, owner: Visitor):
    made, (output,) = make(ws, owner, "a square in blue", modality="image")
    feedback.rate(ws, owner, output.id, thumb=-1)
    version = ws.store.get(PromptVersion, made.prompt_version_id)
    found = shown(ws, owner, version.prompt_id)
    assert found["versions"][0]["samples"] == [{"image_url": f"/picture/{output.id}", "asked": "a square in blue"}]
    assert [p["name"] for p in found["proposers"]] == ["reflect", "modifiers", "search"]
    assert [m["name"] for m in found["models"]] == ["fake-image"] and found["reflectors"][0]["name"] == "fake-text"
    assert found["versions"][0]["liking"] == -1


def test_ones_prompts_are_listed_with_the_last_touched_first(each_ws: Workspace, owner: Visitor, bob: Visitor):
    ws = each_ws
    first, (output,) = make(ws, owner, "first prompt")
    second, _ = make(ws, owner, "second prompt")
    make(ws, bob, "not mine")
    feedback.rate(ws, owner, output.id, score=3)
    feedback.undo(ws, owner, feedback.edit_text(ws, owner, output.id, "other").id)
    listed = prompts(ws, owner)
    assert [(p["title"], p["versions"], p["acts"], p["trial_stage"]) for p in listed] == [
        ("first prompt", 1, 1, ""), ("second prompt", 1, 0, ""),
    ]  # fmt: skip
    assert [p["current_id"] for p in listed] == [first.prompt_version_id, second.prompt_version_id]


def test_an_open_trial_is_told_without_showing_what_people_judge_blind(ws: Workspace, owner: Visitor):
    root, other, more = prompt_with(ws, owner, "say hello kindly", "say hello curtly")
    started = refine_api.start_trial(ws, owner, root.prompt_id, [other.id, more.id], votes=40)
    found = shown(ws, owner, root.prompt_id)
    trial = found["trial"]
    assert (trial["trial_id"], trial["stage"], trial["champion_id"]) == (started["trial_id"], "screening", root.id)
    assert trial["screening"]["wanted"] == 40 and trial["screening"]["link"].startswith("/?study=")
    assert "under way" in found["can"]["trial"] and trial["said"].endswith(".") and trial["confirming"] is None
    assert prompts(ws, owner)[0]["trial_stage"] == "screening"
    vote(ws, trial["screening"]["study_id"], likes(ws, trial["screening"]["study_id"], other), 2, at_most=6)
    found = shown(ws, owner, root.prompt_id)
    assert found["trial"]["screening"]["votes"] > 0 and found["trial"]["screening"]["items_ready"] > 0
    results = {v["prompt_version_id"]: v for v in found["versions"]}
    assert results[other.id]["votes"] and results[other.id]["win_rate"] > 0.5 and results[root.id]["votes"] is None
    assert results[other.id]["samples"] == [] and results[other.id]["outputs"] > 0  # still judged blind


def test_a_trial_that_was_won_may_be_promoted_and_then_rolled_back(ws: Workspace, owner: Visitor):
    root, better = prompt_with(ws, owner, "say hello kindly")
    third = child(ws, root, "say hello curtly")
    won(ws, owner, root, better)
    found = shown(ws, owner, root.prompt_id)
    assert found["trial"]["verdict"] == "better" and found["trial"]["confirming"]["evidence"]["curve"]
    assert found["can"]["promote"][better.id] == "" and found["can"]["promote"][third.id]
    mine = {v["prompt_version_id"]: v for v in found["versions"]}[better.id]
    assert mine["win_rate"] > 0.5 and 0 < mine["lower"] < mine["upper"] <= 1 and mine["samples"]
    after = refine_api.promote(ws, owner, root.prompt_id, better.id, link)
    assert after["prompt"]["current_id"] == better.id and after["can"]["rollback"] == ""
    assert after["watch"]["link"].startswith("/?study=") and after["watch"]["evidence"] is None
    assert after["log"][0]["kind"] in ("promote", "watch") and len(after["log"]) >= 3
    back = refine_api.rollback(ws, owner, root.prompt_id, "people complained", link)
    assert back["prompt"]["current_id"] == root.id and "people complained" in back["log"][0]["said"]


def test_boards_of_others_are_told_like_boards_that_are_not_there(ws: Workspace, owner: Visitor, ann: Visitor):
    (version,) = prompt_with(ws, owner)
    other = replace(owner, annotator_id=new_id())
    for visitor, prompt_id in ((other, version.prompt_id), (owner, new_id()), (owner, "x"), (owner, None), (owner, 7)):
        with pytest.raises(NotFound, match="There is no prompt"):
            board(ws, visitor, prompt_id, link)
    for ask in (lambda: board(ws, ann, version.prompt_id, link), lambda: prompts(ws, ann)):
        with pytest.raises(NotAllowed, match="Only the studio's owner"):
            ask()


# ---- acts in words --------------------------------------------------------------------------------------------------

COMMON: dict[str, Any] = {"annotator_id": "a", "subject": "s", "generation_id": "g"}
MADE = {"one": ("v", "a b c d"), "two": ("w", "x"), "three": ("w", "y")}


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (Rating(**COMMON, output_id="one", score=2, comment="too long"), "★★☆☆☆ “too long”"),
        (Rating(**COMMON, output_id="one", thumb=-1), "👎"),
        (Rating(**COMMON, output_id="one", score=4, tags=("great tone",)), "★★★★☆ great tone"),
        (Rating(**COMMON, output_id="one", spans=({"start": 0, "end": 1, "label": "bad"},)), "1 place marked bad"),
        (Rating(**COMMON, output_id="one", score=1, aspects={"help": 2}, thumb=-1), "★☆☆☆☆ 👎, help 2/5"),
        (Edit(**COMMON, output_id="one", text="a b z", edit_distance=2),
         "edited: −2 +1 words, “c d” became “z”"),
        (Edit(**COMMON, output_id="one", text="b c d e", edit_distance=2),
         "edited: −1 +1 words, “a” cut, “e” added"),
        (Edit(**COMMON, output_id="one", blob_sha256="0" * 64), "corrected as a picture"),
        (Preference(**COMMON, output_a_id="one", output_b_id="two", winner="a"), "won against another output"),
        (Preference(**COMMON, output_a_id="one", output_b_id="two", winner="b"), "lost to another output"),
        (Preference(**COMMON, output_a_id="two", output_b_id="one", winner="b"), "won against another output"),
        (Preference(**COMMON, output_a_id="two", output_b_id="three", winner="b"),
         "one output was preferred to another"),
        (Preference(**COMMON, output_a_id="one", output_b_id="two", winner="tie", comment="hm"),
         "as good as another output “hm”"),
        (Preference(**COMMON, output_a_id="one", output_b_id="two", winner="both_bad"), "both outputs are bad"),
        (Ranking(**COMMON, groups=(("one",), ("two", "three"))), "put first of 3"),
        (Ranking(**COMMON, groups=(("two", "three"), ("one",))), "put last of 3"),
    ],
)  # fmt: skip
def test_an_act_is_told_in_a_few_words(act: Any, said: str):
    assert said_of(act, "v", MADE) == said


def test_what_people_wrote_is_cut_and_stays_one_line():
    act = Rating(**COMMON, output_id="one", score=3, comment="long\n" * 1000, tags=("t" * 40,) * 10)
    said = said_of(act, "v", MADE)
    assert len(said) <= SAID_LIMIT and "\n" not in said and said.startswith("★★★☆☆")
