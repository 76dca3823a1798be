"""What a study may be made of, and every way of describing one that cannot be run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from collab.api import study as study_api
from collab.errors import CollabError, InvalidStudy, NotAllowed, NotFound
from collab.identity import Visitor
from collab.studies.access import shown_output
from collab.studies.creation import create_study
from collab.studies.pregeneration import fill_items
from collab.types import Generation, Study, StudyArm, StudyItem
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.studies.people import TWO_ARMS, fill, filled_study

ONE = {"title": "T", "task": "rate", "arms": [{"prompt": "say hi"}]}


@pytest.mark.each_database
def test_cases_and_pairs_of_arms_make_the_items(ws: Workspace, owner: Visitor):
    arms = [{"prompt": f"p{n} {{thing}}"} for n in range(4)]
    study = filled_study(ws, owner, arms=arms)
    items = ws.store.find(StudyItem, study_id=study.id)
    assert len(items) == study.items == 6 * 6 and {item.status for item in items} == {"ready"}
    assert {item.stratum for item in items} == {"0:1", "0:2", "0:3", "1:2", "1:3", "2:3"}
    assert [arm.name for arm in ws.store.find(StudyArm, study_id=study.id)] == [f"Prompt {n}" for n in range(1, 5)]
    made = ws.store.find(Generation, origin="study")
    assert len(made) == 4 * 6  # each arm and case is generated once, however many items it is in


def test_variables_make_combinations_and_draws_of_them(ws: Workspace, owner: Visitor):
    lists = {"a": ["1", "2", "3"], "b": ["x", "y"]}
    spec = {**ONE, "arms": [{"prompt": "{a} and {b}"}], "variables": lists}
    assert create_study(ws, owner, spec).items == 6
    drawn = create_study(ws, owner, {**spec, "draws": 4, "seed": 1})
    contexts = {item.context for item in ws.store.find(StudyItem, study_id=drawn.id)}
    assert len(contexts) == 4 == drawn.items


def test_prompts_to_draw_from_are_the_values_of_a_variable(ws: Workspace, owner: Visitor):
    prompts = [f"tell me of {thing}" for thing in ("rain", "snow", "wind", "fog")]
    arms = [{"prompt": "{prompt}", "settings": {"temperature": t}} for t in (0.1, 1.5)]
    spec = {**TWO_ARMS, "cases": [], "arms": arms, "variables": {"prompt": prompts}, "draws": 3}
    drawn = filled_study(ws, owner, spec)
    shown = [dict(item.context)["prompt"] for item in ws.store.find(StudyItem, study_id=drawn.id)]
    assert len(shown) == 3 and set(shown) < set(prompts)


def test_only_what_all_arms_share_is_shown_beside_the_outputs(ws: Workspace, owner: Visitor):
    different = create_study(ws, owner, TWO_ARMS)
    same = create_study(ws, owner, {**TWO_ARMS, "arms": [
        {"prompt": "say {thing}", "settings": {"temperature": 0.1}},
        {"prompt": "say {thing}", "settings": {"temperature": 1.5}}]})  # fmt: skip
    shown = {ws.store.find(StudyItem, study_id=s.id)[0].context[0][0] for s in (different,)}
    assert shown == {"thing"}
    assert ws.store.find(StudyItem, study_id=same.id)[0].context[0][0] == "prompt"


@pytest.mark.each_database
def test_outputs_that_are_there_become_items_at_once(ws: Workspace, owner: Visitor):
    _, first = make(ws, owner, "one two", count=2)
    _, second = make(ws, owner, "three four", count=2)
    spec = {"title": "Mine", "task": "compare", "outputs": [[a.id, b.id] for a, b in zip(first, second, strict=True)]}
    study = create_study(ws, owner, spec)
    items = ws.store.find(StudyItem, study_id=study.id)
    assert {item.status for item in items} == {"ready"} and len(ws.store.find(StudyArm, study_id=study.id)) == 2
    assert all(item.context == () for item in items)  # the prompts differ, so neither is shown


def test_worked_examples_show_ones_own_pictures_that_are_not_judged(ws: Workspace, owner: Visitor, ann: Visitor):
    _, shown = make(ws, owner, "a bird", count=4, modality="image")
    groups = [[shown[0].id, shown[1].id]]
    spec = {"title": "Mine", "task": "compare", "outputs": groups, "worked_examples": [{"output_ids": [shown[2].id]}]}
    study = create_study(ws, owner, spec)
    addresses = study_api.open_study(ws, ann, study.link, lambda token, place: f"{token}/{place}")["worked_examples"]
    assert addresses == [{"prompt": "", "answer": "", "why": "", "outputs": [], "image_urls": [f"{study.link}:0/0"]}]
    assert shown_output(ws, f"{study.link}:0", 0) == shown[2]
    for wrong in ((f"{study.link}:1", 0), (f"{study.link}:0", 1), ("unknown:0", 0), (f"{study.link}:x", 0)):
        assert shown_output(ws, *wrong) is None
    before = counts(ws.store)
    with pytest.raises(InvalidStudy, match="is to be judged: choose another"):
        create_study(ws, owner, {**spec, "worked_examples": [{"output_ids": [shown[1].id]}]})
    _, texts = make(ws, owner, "words")
    made = counts(ws.store)
    with pytest.raises(InvalidStudy, match="write the text itself"):
        create_study(ws, owner, {**spec, "worked_examples": [{"output_ids": [texts[0].id]}]})
    assert counts(ws.store) == made and before != made


def test_another_persons_outputs_cannot_be_put_into_a_study(ws: Workspace, owner: Visitor, ann: Visitor):
    _, theirs = make(ws, ann, "private words")
    before = counts(ws.store)
    with pytest.raises(NotFound, match="of yours"):
        create_study(ws, owner, {"title": "T", "task": "rate", "outputs": [theirs[0].id]})
    assert counts(ws.store) == before


def test_only_an_owner_makes_studies_and_sees_results(ws: Workspace, owner: Visitor, ann: Visitor):
    with pytest.raises(NotAllowed, match="owner"):
        create_study(ws, ann, TWO_ARMS)
    study = filled_study(ws, owner)
    for call in (
        lambda: study_api.results(ws, ann, study.id, str), lambda: study_api.leaderboard(ws, ann, study.id),
        lambda: study_api.set_status(ws, ann, study.id, "closed"), lambda: study_api.retry(ws, ann, study.id),
        lambda: study_api.leave_out(ws, ann, study.id, [], ""), lambda: study_api.table(ws, ann, study.id, "answers"),
        lambda: study_api.export(ws, ann, study.id), lambda: study_api.own_studies(ws, ann),
        lambda: study_api.check_study(ws, ann, TWO_ARMS), lambda: study_api.adjudicate(ws, ann, study.id, "", {}),
    ):  # fmt: skip
        with pytest.raises(NotAllowed, match="owner"):
            call()


@pytest.mark.each_database
def test_the_same_request_makes_one_study(ws: Workspace, owner: Visitor):
    first = create_study(ws, owner, TWO_ARMS, request_id="once")
    assert create_study(ws, owner, TWO_ARMS, request_id="once").id == first.id
    assert len(ws.store.find(Study)) == 1


@pytest.mark.each_database
def test_a_failed_generation_fails_its_items_with_its_reason_and_can_be_made_again(ws: Workspace, owner: Visitor):
    study = create_study(ws, owner, {**ONE, "arms": [{"name": "bad", "prompt": "!fail"}]})
    fill(ws)
    (item,) = ws.store.find(StudyItem, study_id=study.id)
    assert item.status == "failed" and item.error.startswith("bad: The prompt says !fail")
    assert any("!fail" in problem for problem in study_api.results(ws, owner, study.id, str)["study"]["problems"])
    assert study_api.retry(ws, owner, study.id)["items"] == 1
    assert ws.store.get(StudyItem, item.id).status == "waiting" and fill_items(ws)


def test_what_a_study_comes_to_is_told_before_it_is_made(ws: Workspace, owner: Visitor):
    told = study_api.check_study(ws, owner, {**TWO_ARMS, "overlap": 3})
    assert told["items"] == 6 and told["tasks"] == 18 and told["generations"] == 12
    assert "2 arms × 6 cases make 6 pairs" in told["sentence"]
    assert ws.store.find(Study) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": ""}, "title is empty"),
        ({"title": "x" * 201}, "201 characters"),
        ({"task": "guess"}, "task is “guess”"),
        ({"colour": "red"}, "no “colour”"),
        ({"arms": []}, "from nowhere"),
        ({"outputs": [["x", "y"]]}, "exactly one"),
        ({"arms": [{"prompt": "a"}]}, "1 arms: to compare takes 2 to 8"),
        ({"arms": [{"prompt": "a"}, {"prompt": "a"}], "cases": []}, "Arms 1 and 2 have the same prompt"),
        ({"arms": [{"prompt": "a"}, {}]}, "Arm 2 needs a prompt"),
        ({"arms": [{"prompt": "a"}, {"prompt": "b", "colour": 1}]}, "Arm 2 has an unknown “colour”"),
        ({"arms": [{"prompt": "a"}, {"prompt": "b", "model": "nowhere"}], "cases": []}, "Arm 2: There is no model"),
        ({"arms": [{"prompt": "a", "name": "x"}, {"prompt": "b", "name": "x"}]}, "Two arms are named “x”"),
        ({"arms": [{"prompt": "a", "settings": {"temperature": 99}}, {"prompt": "b"}], "cases": []}, "Arm 1:"),
        ({"arms": [{"prompt": "a"}, {"prompt_version_id": "x"}]}, "Arm 2: There is no prompt version"),
        ({"cases": [{"variables": {}}]}, "Case 1 has no value for {thing}, which arm 1 needs"),
        ({"cases": [{"variables": {"thing": "x", "other": "y"}}]}, "{other}, which no arm's prompt mentions"),
        ({"cases": [{"variables": {"thing": " "}}]}, "{thing} of case 1 is empty"),
        ({"cases": "x"}, "cases must be a list"),
        ({"variables": {"thing": ["x"]}}, "Both cases and variables"),
        ({"overlap": 0}, "“overlap” is 0"),
        ({"overlap": 2.5}, "whole number"),
        ({"overlap": float("nan")}, "“overlap” is nan"),
        ({"quota": -1}, "“quota” is -1"),
        ({"gold_share": 0.9}, "“gold_share” is 0.9"),
        ({"target": {"votes": 0}}, "“votes” is 0"),
        ({"worked_examples": [{"prompt": "p", "image": "a.png"}]}, "Worked example 1 has “image”"),
        ({"worked_examples": [{"outputs": ["a"], "output_ids": ["b"]}]}, "needs outputs or output_ids, not both"),
        ({"worked_examples": [{"output_ids": ["b"]}]}, "no output “b” of yours"),
        ({"target": {"glory": 1}}, "A target is"),
        ({"access": "secret"}, "access is “secret”"),
        ({"reveal": "maybe"}, "say true or false"),
        ({"questions": [{"kind": "stars"}]}, "Questions belong to a rating study"),
        ({"gold": [{"outputs": ["a"], "expected": {"winner": "a"}}]}, "Gold item 1 needs a list of 2 outputs"),
        ({"gold": [{"prompt": "p", "outputs": ["a", "b"], "expected": {"winner": "x"}}]}, "Gold item 1: Winner is “x”"),
        ({"gold": [{"prompt": "p", "outputs": ["a", "b"], "expected": {"winner": "a"}}], "reveal": True}, "no arms to"),
        ({"evidence": {"scope": "panel"}}, "needs its members"),
        ({"evidence": {"block": 6}}, "“block” is 6"),
        ({"evidence": {"block": 4}, "quota": 3}, "takes 4 votes of each person, but the quota ends with 3"),
        ({"evidence": {"panel": ["me"]}}, "the scope is population"),
        ({"evidence": {"scope": "panel", "panel": ["Nobody"]}}, "no annotator “Nobody” for the panel"),
        ({"evidence": {"scope": "panel", "panel": [""]}}, "name in the panel is empty"),
        ({"evidence": {"scope": "panel", "panel": [7]}}, "must be text"),
        ({"target": {"votes": 19}}, "target is 19 votes, but 6 items with 3 people on each can have 18 answers"),
        ({"draws": 3}, "The cases are listed, so there are no 3 to draw"),
        ({"draws": 3, "cases": []}, "nothing to make 3 draws from"),
        ({"samples": 9}, "“samples” is 9"),
        ({"lease_minutes": 0}, "“lease_minutes” is 0"),
    ],
)
def test_a_study_that_cannot_be_run_is_refused_in_a_sentence(
    ws: Workspace, owner: Visitor, changes: dict[str, Any], said: str
):
    before = counts(ws.store)
    with pytest.raises(CollabError, match=re.escape(said)) as raised:
        create_study(ws, owner, {**TWO_ARMS, **changes})
    assert "\n" not in str(raised.value) and counts(ws.store) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"questions": [{"kind": "glow"}]}, "kind of question 1 is “glow”"),
        ({"questions": [{"kind": "choice", "options": ["one"]}]}, "at least two different options"),
        ({"questions": [{"kind": "stars", "options": ["x", "y"]}]}, "only choices have options"),
        ({"questions": [{"kind": "stars", "name": "Q 1"}]}, "use small letters"),
        ({"questions": [{"kind": "stars", "name": "q"}, {"kind": "thumb", "name": "q"}]}, "Two questions are named"),
        ({"questions": [{"kind": "stars", "required": False}]}, "make one of them required"),
        ({"questions": [{"kind": "stars"}] * 13}, "at most 12"),
        ({"adaptive": True}, "Only comparing"),
        ({"task": "edit", "modality": "image"}, "for text"),
        ({"modality": "image"}, None),
    ],
)
def test_impossible_questions_are_refused(ws: Workspace, owner: Visitor, changes: dict[str, Any], said: str | None):
    if said is None:
        assert create_study(ws, owner, {**ONE, **changes}).modality == "image"
        return
    with pytest.raises(CollabError, match=re.escape(said)):
        create_study(ws, owner, {**ONE, **changes})


@pytest.mark.each_database
def test_text_in_any_script_and_markup_is_kept_as_it_is(ws: Workspace, owner: Visitor, ann: Visitor):
    hostile = "<script>alert(1)</script> ${x} {{y}} 你好 مرحبا 👩‍👩‍👧"
    study = filled_study(ws, owner, title=hostile, question=hostile, guidelines=hostile,
                         cases=[{"variables": {"thing": hostile}, "tag": "<b>"}])  # fmt: skip
    shown = study_api.next_task(ws, ann, study.id, lambda token, place: "")
    assert shown["title"] == shown["question"] == shown["guidelines"] == hostile
    assert shown["context"] == [["thing", hostile]]


def test_a_rounded_model_is_no_arm(ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch):
    resolve = ws.engine.resolve
    monkeypatch.setattr(ws.engine, "resolve", lambda *asked: replace(resolve(*asked), precision="int8"))
    before = counts(ws.store)
    with pytest.raises(InvalidStudy, match=r"Arm 1: .* is rounded .* choose it in full"):
        create_study(ws, owner, TWO_ARMS)
    assert counts(ws.store) == before
