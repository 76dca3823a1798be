"""What a spec comes to with its items: blocks that are completed, panels that are found, what cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from collab.api import study as study_api
from collab.errors import CollabError, InvalidStudy
from collab.exchange import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.identity import Visitor
from collab.studies.creation import create_study, import_set
from collab.types import Annotator, Study
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.studies.people import TWO_ARMS, answers_all, filled_study, people, prefers

THREE = [{"name": name, "prompt": f"{name} {{thing}}"} for name in ("one", "two", "three")]


def block_of(ws: Workspace, owner: Visitor, **changes: Any) -> int:
    return int(create_study(ws, owner, {**TWO_ARMS, **changes}).spec["evidence"]["block"])


def test_three_arms_and_few_cases_still_make_evidence(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, arms=THREE, cases=TWO_ARMS["cases"][:3], overlap=12)
    for person in people(12):
        assert answers_all(ws, person, study, prefers(1)) == 9
    found = study_api.results(ws, owner, study.id, str)["evidence"]
    assert found["n_annotators"] == 12 and found["n_votes"] == 36 and found["verdict"] == "better"


def test_a_block_is_what_one_person_can_give_on_one_pair(ws: Workspace, owner: Visitor):
    assert block_of(ws, owner) == 5 and block_of(ws, owner, quota=2) == 2
    four = [*THREE, {"name": "four", "prompt": "four {thing}"}]
    assert block_of(ws, owner, arms=THREE) == 5  # six items of each pair
    assert block_of(ws, owner, arms=THREE, cases=TWO_ARMS["cases"][:2]) == 2
    assert block_of(ws, owner, arms=THREE, quota=9) == 3 and block_of(ws, owner, arms=THREE, quota=2) == 1
    assert block_of(ws, owner, arms=THREE, reveal=True) == 2  # one pair of a case each, as no output is shown twice
    assert block_of(ws, owner, arms=four, reveal=True) == 2
    assert block_of(ws, owner, task="rank", arms=THREE, cases=TWO_ARMS["cases"][:4]) == 4
    assert block_of(ws, owner, evidence={"alpha": 0.01}, quota=2) == 2  # it says nothing of the block
    assert block_of(ws, owner, arms=THREE, cases=TWO_ARMS["cases"][:2], evidence={"block": 3}) == 3  # as fixed


def test_a_block_of_imported_votes_is_what_people_gave_on_a_pair(ws: Workspace, owner: Visitor):
    def item(n: int) -> JudgedItem:
        outputs = tuple(JudgedOutput(arm=arm, text=f"{arm} {n}") for arm in ("xyz"[n % 3], "yzx"[n % 3]))
        return JudgedItem(item_id=str(n), prompt=f"p{n}", outputs=outputs,
                          answers=(JudgedAnswer(annotator=f"j{n % 5}", answer={"winner": "a"}),))  # fmt: skip

    study = import_set(ws, owner, JudgedSet(title="Votes", task="compare", items=[item(n) for n in range(30)]))
    assert study.spec["evidence"]["block"] == 2  # five people, six answers each on three pairs


def test_a_panel_is_named_by_names_or_ids(ws: Workspace, owner: Visitor, ann: Visitor, bob: Visitor):
    ws.store.add(Annotator(id=ann.annotator_id, display_name="Ann"), Annotator(id=bob.annotator_id))
    claim = {"scope": "panel", "panel": ["Ann", bob.annotator_id, "me", ann.annotator_id]}
    study = filled_study(ws, owner, evidence=claim, cases=TWO_ARMS["cases"][:2])
    assert study.spec["evidence"]["panel"] == [ann.annotator_id, bob.annotator_id, owner.annotator_id]
    for person in (ann, bob, owner):
        answers_all(ws, person, study, prefers(1))
    found = study_api.results(ws, owner, study.id, str)["evidence"]
    assert found["scope"] == "panel" and found["n_annotators"] == 3 and found["n_votes"] == 6


def test_a_panel_that_nobody_can_tell_is_refused(ws: Workspace, owner: Visitor, ann: Visitor, bob: Visitor):
    ws.store.add(*(Annotator(id=who.annotator_id, display_name="Sam") for who in (ann, bob)))
    before = counts(ws.store)
    for panel, said in (
        (["Sam"], "2 annotators are called “Sam”"), (["Pat"], "no annotator “Pat”"),
        ([people(1)[0].annotator_id], "no an"),
        (["me", ann.annotator_id, bob.annotator_id], "panel has 3 members, but an item goes to 2 people only"),
    ):  # fmt: skip
        for call in (create_study, study_api.check_study):
            with pytest.raises(CollabError, match=said):
                call(ws, owner, {**TWO_ARMS, "overlap": 2, "evidence": {"scope": "panel", "panel": panel}})
    assert counts(ws.store) == before


def test_a_target_out_of_reach_is_told_before_the_study_is_made(ws: Workspace, owner: Visitor):
    spec = {**TWO_ARMS, "arms": THREE, "overlap": 2, "target": {"votes": 36}}
    assert study_api.check_study(ws, owner, spec)["tasks"] == 36
    with pytest.raises(InvalidStudy, match="18 items with 2 people on each can have 36 answers"):
        study_api.check_study(ws, owner, {**spec, "target": {"votes": 37}})


def test_answers_about_outputs_of_one_arm_are_said_to_rank_nothing(ws: Workspace, owner: Visitor, ann: Visitor):
    _, first = make(ws, owner, "one two", count=2)
    _, second = make(ws, owner, "three four", count=2)
    alike, mixed = [output.id for output in first], [first[0].id, second[0].id]
    spec = {"title": "Mine", "task": "compare", "outputs": [alike, mixed], "overlap": 1}
    said = "1 of the 2 items compare outputs of one arm: answers to them are preferences for training and rank nothing."
    assert said in study_api.check_study(ws, owner, spec)["sentence"]
    study = create_study(ws, owner, spec)
    assert answers_all(ws, ann, study, lambda task, item: {"winner": "a"}) == 2
    found = study_api.results(ws, owner, study.id, str)
    assert found["counts"]["votes"] == 1 and said in found["study"]["problems"]
    mine = create_study(ws, owner, {**spec, "outputs": [alike]})
    assert problems_of(ws, owner, mine) == [
        "Every item compares outputs of one arm: the answers are preferences for training and rank nothing."
    ]
    assert problems_of(ws, owner, create_study(ws, owner, {**spec, "outputs": [mixed]})) == []


def problems_of(ws: Workspace, owner: Visitor, study: Study) -> list[str]:
    return study_api.results(ws, owner, study.id, str)["study"]["problems"]


def test_imported_rows_of_one_model_against_itself_are_kept_and_told(ws: Workspace, owner: Visitor, tmp_path: Any):
    rows = [
        f'{{"question_id": "q{n}", "model_a": "m", "model_b": "{b}", "winner": "model_a", "judge": "j", "turn": 1, '
        f'"conversation_a": [{{"role": "user", "content": "q"}}, {{"role": "assistant", "content": "a{n}"}}], '
        f'"conversation_b": [{{"role": "user", "content": "q"}}, {{"role": "assistant", "content": "b{n}"}}]}}'
        for n, b in enumerate("mmx")
    ]
    (tmp_path / "votes.jsonl").write_text("\n".join(rows))
    made = study_api.import_file(ws, owner, "arena", tmp_path / "votes.jsonl")
    assert made["answers"] == 3 and made["items"] == 3
    assert any("2 of the 3 items compare outputs of one arm" in note for note in made["notes"])
    found = study_api.results(ws, owner, made["study_id"], str)
    assert any("2 of the 3 items" in problem for problem in found["study"]["problems"])
