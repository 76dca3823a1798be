"""Trials: the best candidate is found on some votes and tested on others, blind, once, whoever looks and how often."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from collab.errors import CollabError, InvalidStudy, NotAllowed, NotFound
from collab.identity import Visitor
from collab.refinement.trying import trial_words as words
from collab.refinement.trying import trials
from collab.refinement.trying.trial_plan import make_plan
from collab.studies.access import studies_for
from collab.studies.claims import claim
from collab.studies.decisions import set_status
from collab.studies.presenting import progress
from collab.studies.spec import read_spec
from collab.types import (
    Decision,
    Generation,
    Output,
    Prompt,
    Study,
    StudyArm,
    StudyCase,
    StudyItem,
    Task,
    Trial,
)
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.refinement.trying import FEW, at_once, child, likes, prompt_with, said, vote, won
from tests.studies.people import answers_all, fill, filled_study, people


def study(ws: Workspace, study_id: str | None) -> Study:
    return ws.store.get(Study, str(study_id))


def test_the_candidate_that_people_prefer_is_found_and_confirmed_on_fresh_votes(each_ws: Workspace, owner: Visitor):
    ws = each_ws
    root, dull, good = prompt_with(ws, owner, "say hello dully", "say hello nicely")
    trial = trials.start(ws, owner, root.prompt_id, [dull.id, good.id], **FEW)
    assert trial.stage == "screening" and trial.champion_id == root.id and trial.leader_id is None
    vote(ws, trial.screening_id, likes(ws, trial.screening_id, good, root), number=4)
    trial = trials.advance(ws, trial.id)
    assert (trial.stage, trial.leader_id) == ("confirming", good.id)
    assert study(ws, trial.screening_id).status == "closed" and study(ws, trial.confirming_id).answered == 0
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, good))
    trial = trials.advance(ws, trial.id)
    assert (trial.stage, trial.verdict) == ("decided", "better")
    assert study(ws, trial.confirming_id).status == "closed"
    found = trials.evidence(ws, trial)
    assert found and found["verdict"] == "better" and found["curve"] and found["study_id"] == trial.confirming_id
    assert [d.kind for d in ws.store.find(Decision, prompt_id=root.prompt_id)] == ["trial", "confirm", "decide"]
    (sentence,) = said(ws, root.prompt_id, "decide")
    assert sentence.startswith("Version 3 beat version 1 on fresh votes: 100 % of 40 votes from 8 people (")
    assert sentence.endswith(", so it may be promoted.") and trials.standing(ws, trial) == sentence


def test_the_fresh_votes_are_about_other_outputs_than_the_screening(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello one", "say hello two")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], **FEW)
    vote(ws, trial.screening_id, likes(ws, trial.screening_id, one, two), number=4)
    trial = trials.advance(ws, trial.id)
    fill(ws)

    def made(study_id: str | None) -> tuple[set[str], set[int]]:
        ids = [o for item in ws.store.find(StudyItem, study_id=study_id) for o in item.outputs]
        return set(ids), {output.seed for output in ws.store.find(Output, id=ids)}

    before, after = made(trial.screening_id), made(trial.confirming_id)
    assert before[0] and after[0] and not before[0] & after[0] and not before[1] & after[1]
    arms = ws.store.find(StudyArm, study_id=trial.confirming_id)
    assert [arm.prompt_version_id for arm in sorted(arms, key=lambda a: a.position)] == [root.id, one.id]


def test_a_candidate_that_people_like_less_is_told_so(ws: Workspace, owner: Visitor):
    root, other = prompt_with(ws, owner, "say hello badly")
    trial = trials.start(ws, owner, root.prompt_id, [other.id], **FEW)
    assert trial.stage == "confirming" and trial.screening_id is None and trial.leader_id == other.id
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, root))
    trial = trials.advance(ws, trial.id)
    assert (trial.stage, trial.verdict) == ("decided", "worse")
    assert "lost to version 1" in said(ws, root.prompt_id, "decide")[0]


def test_votes_that_run_out_leave_it_undecided(ws: Workspace, owner: Visitor):
    root, other = prompt_with(ws, owner, "say hello again")
    trial = trials.start(ws, owner, root.prompt_id, [other.id], confirming_votes=20)
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, other), number=2)
    assert trials.advance(ws, trial.id).stage == "confirming"
    assert vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, root), number=9) == 10
    trial = trials.advance(ws, trial.id)
    assert (trial.stage, trial.verdict) == ("decided", "undecided")
    assert "so version 1 stays" in said(ws, root.prompt_id, "decide")[0]


def test_closing_its_study_decides_a_trial_with_the_votes_there_are(ws: Workspace, owner: Visitor):
    root, other = prompt_with(ws, owner, "say hello again")
    trial = trials.start(ws, owner, root.prompt_id, [other.id], **FEW)
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, other), number=2)
    set_status(ws, owner, study(ws, trial.confirming_id), "closed")
    assert trials.advance(ws, trial.id).verdict == "undecided"


def test_what_is_hardly_better_is_told_so():
    trial = Trial(prompt_id="p", champion_id="a", candidate_ids=("b",), model_version_id="m", stage="confirming",
                  spec={}, leader_id="b", created_by="o")  # fmt: skip
    found = {"n_votes": 900, "n_annotators": 180, "scope": "population", "win_rate": 0.5, "lower": 0.46, "upper": 0.54}
    sentence = words.decided(trial, "futile", found, {"a": 1, "b": 2})
    assert sentence == (
        "Version 2 is hardly better than version 1 on fresh votes, if at all: 50 % of 900 votes from 180 people "
        "(46–54 %), so version 1 stays."
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_votes_by_chance_promote_nothing(ws: Workspace, owner: Visitor, seed: int):
    root, *others = prompt_with(ws, owner, "say hello a", "say hello b", "say hello c")
    rng = Random(seed)

    def by_chance(task: Task, item: StudyItem) -> dict[str, str]:
        return {"winner": rng.choice("ab")}

    trial = trials.start(ws, owner, root.prompt_id, [v.id for v in others], seed=seed, **FEW)
    vote(ws, trial.screening_id, by_chance, number=4)
    trial = trials.advance(ws, trial.id)
    assert trial.stage == "confirming"
    for _ in range(20):  # somebody looks after every person
        vote(ws, trial.confirming_id, by_chance, number=1)
        trial = trials.advance(ws, trial.id)
        if trial.stage == "decided":
            break
    assert trial.stage == "decided" and trial.verdict != "better"


def test_the_owner_alone_can_finish_a_trial_about_their_own_taste(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello one", "say hello two")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], scope="panel", **FEW)
    for column, order in (("screening_id", (two, one)), ("confirming_id", (two,))):
        fill(ws)
        asked = study(ws, getattr(trial, column))
        assert asked.access == "link"
        answers_all(ws, owner, asked, likes(ws, asked.id, *order), at_most=30)
        trial = trials.advance(ws, trial.id)
    assert (trial.leader_id, trial.verdict) == (two.id, "better")
    found = trials.evidence(ws, trial)
    assert found and found["scope"] == "panel" and found["n_annotators"] == 1
    assert "the panel of 1 person" in said(ws, root.prompt_id, "decide")[0]


def test_a_trial_about_the_owners_own_taste_asks_for_few_votes(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello one", "say hello two")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], scope="panel")
    assert (trial.spec["screening_votes"], trial.spec["confirming_votes"]) == (45, 60)
    screening = study(ws, trial.screening_id)
    assert screening.items > 45 and progress(ws, owner, screening)["left"] == 45


def test_a_stranger_who_finds_a_panels_study_is_no_evidence(ws: Workspace, owner: Visitor):
    root, other = prompt_with(ws, owner, "say hello again")
    trial = trials.start(ws, owner, root.prompt_id, [other.id], scope="panel", confirming_votes=10)
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, other), number=1)
    trial = trials.advance(ws, trial.id)
    assert (trial.stage, trial.verdict) == ("decided", "undecided")  # the stranger took all places there were
    assert trials.evidence(ws, trial)["n_votes"] == 0  # type: ignore[index]


def test_any_number_of_lookers_move_a_trial_on_once(each_ws: Workspace, owner: Visitor):
    ws = each_ws
    root, one, two = prompt_with(ws, owner, "say hello one", "say hello two")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], **FEW)
    vote(ws, trial.screening_id, likes(ws, trial.screening_id, two, one), number=4)
    found = at_once(5, lambda: trials.advance(ws, trial.id))
    assert {each.stage for each in found} == {"confirming"} and len({each.confirming_id for each in found}) == 1
    assert len(ws.store.find(Study)) == 2
    vote(ws, found[0].confirming_id, likes(ws, found[0].confirming_id, two))
    found = at_once(5, lambda: trials.advance(ws, trial.id))
    assert {(each.stage, each.verdict) for each in found} == {("decided", "better")}
    assert [d.kind for d in ws.store.find(Decision, prompt_id=root.prompt_id)] == ["trial", "confirm", "decide"]


def test_a_prompt_has_one_open_trial_however_many_ask(each_ws: Workspace, owner: Visitor):
    ws = each_ws
    root, one = prompt_with(ws, owner, "say hello one")
    found = at_once(4, lambda: trials.start(ws, owner, root.prompt_id, [one.id], **FEW))
    begun = [each for each in found if isinstance(each, Trial)]
    refused = [each for each in found if not isinstance(each, Trial)]
    assert len(begun) == 1 and all("under way" in str(error) for error in refused), found
    assert len(ws.store.find(Trial)) == 1 and len(ws.store.find(Study)) == 1


def test_looking_again_changes_nothing(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello one", "say hello two")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], **FEW)
    before = counts(ws.store)
    assert trials.advance(ws, trial.id) == trials.advance(ws, trial.id) == ws.store.get(Trial, trial.id)
    assert counts(ws.store) == before


def test_stopping_closes_its_studies_and_lets_another_begin(ws: Workspace, owner: Visitor, ann: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello one", "say hello two")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], **FEW)
    with pytest.raises(NotAllowed):
        trials.stop(ws, ann, trial.id)
    stopped = trials.stop(ws, owner, trial.id)
    assert stopped.stage == "stopped" and study(ws, trial.screening_id).status == "closed"
    assert trials.stop(ws, owner, trial.id) == trials.advance(ws, trial.id) == stopped
    assert len(said(ws, root.prompt_id, "stop")) == 1
    assert trials.start(ws, owner, root.prompt_id, [one.id], **FEW).stage == "confirming"


def test_a_decided_trial_cannot_be_stopped(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "say hello one")
    trial = won(ws, owner, root, one)
    with pytest.raises(InvalidStudy, match="nothing to stop"):
        trials.stop(ws, owner, trial.id)


def test_a_trial_whose_outputs_cannot_be_made_says_so(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello !fail", "say hello !fail too")
    trial = trials.start(ws, owner, root.prompt_id, [one.id], **FEW)
    fill(ws)
    trial = trials.advance(ws, trial.id)
    assert (trial.stage, trial.verdict) == ("decided", "undecided")
    assert "could not be made" in said(ws, root.prompt_id, "decide")[0]
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], **FEW)
    fill(ws)
    assert trials.advance(ws, trial.id).stage == "stopped"
    assert "could not be made" in said(ws, root.prompt_id, "stop")[0]


def test_annotators_learn_nothing_about_who_is_champion(ws: Workspace, owner: Visitor, ann: Visitor):
    from collab.api import study as study_api

    root, one = prompt_with(ws, owner, "say hello one")
    trial = trials.start(ws, owner, root.prompt_id, [one.id], **FEW)
    fill(ws)
    (listed,) = studies_for(ws, ann)
    shown = study_api.next_task(ws, ann, listed.id, lambda token, place: "")
    words = repr({name: value for name, value in shown.items() if name != "options"}).lower()
    assert not any(word in words for word in ("champion", "candidate", "version", "confirm", root.id, one.id, trial.id))
    assert study(ws, trial.confirming_id).spec["gold_share"] == 0 and not shown["reveal"]


def test_the_cases_are_what_people_filled_in(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "please say {thing}", text="say {thing}", variables={"thing": "old words"})
    for thing in ("new words", "old words"):
        make(ws, owner, "say {thing}", variables={"thing": thing})
    trial = trials.start(ws, owner, root.prompt_id, [one.id], **FEW)
    cases = [case.variables["thing"] for case in ws.store.find(StudyCase, study_id=trial.confirming_id)]
    assert set(cases) == {"old words", "new words"} and trial.spec["cases"][0] == {"thing": "old words"}


def test_given_cases_come_first_and_may_be_lists_of_values(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "please say {thing}", text="say {thing}", variables={"thing": "old words"})
    prompt = ws.store.get(Prompt, root.prompt_id)
    plan = make_plan(ws, owner, prompt, [root, one], cases=[{"variables": {"thing": "this"}}, {"thing": "that"}])
    assert plan["cases"] == [{"thing": "this"}, {"thing": "that"}]
    plan = make_plan(ws, owner, prompt, [root, one], variables={"thing": ["x", "y", "z"]})
    assert [case["thing"] for case in plan["cases"]] == ["x", "y", "z"]
    with pytest.raises(InvalidStudy, match="no version mentions"):
        make_plan(ws, owner, prompt, [root, one], cases=[{"thing": "this", "tone": "kind"}])


def test_variables_that_nobody_filled_in_are_asked_for(ws: Workspace, owner: Visitor):
    root = prompt_with(ws, owner)[0]
    one = child(ws, root, "say hello to {name}")
    before = counts(ws.store)
    with pytest.raises(InvalidStudy, match=r"Nobody has filled in \{name\} yet"):
        trials.start(ws, owner, root.prompt_id, [one.id], **FEW)
    assert counts(ws.store) == before
    trial = trials.start(ws, owner, root.prompt_id, [one.id], cases=[{"name": "Ann"}])
    assert trial.stage == "confirming"


def test_a_screening_survives_candidates_with_other_variables(ws: Workspace, owner: Visitor):
    root = prompt_with(ws, owner)[0]
    named, plain = child(ws, root, "say hello to {name}"), child(ws, root, "say hello kindly")
    trial = trials.start(ws, owner, root.prompt_id, [named.id, plain.id], cases=[{"name": "Ann"}], **FEW)
    vote(ws, trial.screening_id, likes(ws, trial.screening_id, plain, named), number=4)
    assert trials.advance(ws, trial.id).leader_id == plain.id


def test_pictures_are_tried_too(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "a red fox", text="a fox", modality="image")
    trial = won(ws, owner, root, one)
    assert trial.verdict == "better" and study(ws, trial.confirming_id).modality == "image"


def test_a_screenings_rows_tell_each_arms_share(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello one", "say hello two")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], **FEW)
    assert [row["votes"] for row in trials.screening_rows(ws, trial)] == [0, 0, 0]
    votes = vote(ws, trial.screening_id, likes(ws, trial.screening_id, two, one), number=3)
    rows = trials.screening_rows(ws, trial)
    assert [row["prompt_version_id"] for row in rows] == [root.id, one.id, two.id]
    assert rows[2]["win_rate"] == 1 and rows[0]["win_rate"] == 0 and rows[2]["lower"] > rows[0]["upper"]
    assert sum(row["votes"] for row in rows) == 2 * votes


def test_leaving_out_those_who_vote_against_it_lets_no_candidate_win(ws: Workspace, owner: Visitor):
    from collab import aliases
    from collab.api import study as study_api
    from collab.refinement.trying import promotion

    root, one = prompt_with(ws, owner, "say hello one")
    trial = trials.start(ws, owner, root.prompt_id, [one.id], **FEW)
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, root), number=6)
    against = {task.annotator_id for task in ws.store.find(Task, study_id=trial.confirming_id)}
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, one), number=10)
    study_api.leave_out(ws, owner, trial.confirming_id, sorted(against), "they do not like it")
    seen = study_api.results(ws, owner, trial.confirming_id, str)["evidence"]
    assert seen["verdict"] == "better" and seen["everybody"]["verdict"] == "undecided"
    found = trials.evidence(ws, trial)
    assert found and (found["verdict"], found["left_out"]) == ("undecided", 6)
    assert {name: found[name] for name in seen["everybody"]} == seen["everybody"]
    assert "everybody counts, the 6 left out" in trials.standing(ws, trial)
    study_api.set_status(ws, owner, trial.confirming_id, "closed")
    assert trials.advance(ws, trial.id).verdict == "undecided"
    with pytest.raises(NotAllowed, match="ended “undecided”"):
        promotion.promote(ws, owner, aliases.of_prompt(root.prompt_id), one.id)


def refusals(ws: Workspace, owner: Visitor) -> list[tuple[type[CollabError], str, dict[str, Any]]]:
    root, one, bad = prompt_with(ws, owner, "say hello one", "say hello bad")
    elsewhere = prompt_with(ws, owner, text="another prompt")[0]
    rejected = {"said": "no", "prompt_version_id": bad.id}
    ws.store.add(Decision(prompt_id=root.prompt_id, kind="reject", content=rejected, created_by=owner.annotator_id))
    usual = {"prompt_id": root.prompt_id, "candidate_ids": [one.id]}
    return [
        (NotFound, "no prompt", usual | {"prompt_id": "nowhere"}),
        (InvalidStudy, "0 candidates", usual | {"candidate_ids": []}),
        (InvalidStudy, "must be a list", usual | {"candidate_ids": one.id}),
        (InvalidStudy, "serves already", usual | {"candidate_ids": [root.id]}),
        (InvalidStudy, "was rejected", usual | {"candidate_ids": [bad.id]}),
        (NotFound, "of this prompt", usual | {"candidate_ids": [elsewhere.id]}),
        (InvalidStudy, "scope", usual | {"scope": "everybody"}),
        (InvalidStudy, "members", usual | {"scope": "panel", "panel": []}),
        (NotFound, "no annotator", usual | {"scope": "panel", "panel": ["somebody"]}),
        (InvalidStudy, "screening_votes", usual | {"screening_votes": -1}),
        (InvalidStudy, "cases", usual | {"cases": "all"}),
        (NotFound, "no model", usual | {"model": "no-such-model"}),
    ]


def test_what_cannot_be_tried_is_told_in_a_sentence_and_stores_nothing(ws: Workspace, owner: Visitor, ann: Visitor):
    cases = refusals(ws, owner)
    before = counts(ws.store)
    for error, sentence, arguments in cases:
        with pytest.raises(CollabError, match=sentence) as caught:
            trials.start(ws, owner, **arguments)
        assert type(caught.value) is error, (sentence, caught.value)
    with pytest.raises(NotAllowed, match="Only the studio's owner"):
        trials.start(ws, ann, **cases[1][2])
    assert counts(ws.store) == before


def test_a_study_of_a_trial_is_a_study_like_any_other(ws: Workspace, owner: Visitor):
    from collab.api import study as study_api

    root, one = prompt_with(ws, owner, "say hello one")
    trial = won(ws, owner, root, one)
    found = study_api.results(ws, owner, trial.confirming_id, str)
    assert found["evidence"]["verdict"] == "better"
    assert [arm["name"] for arm in found["study"]["arms"]] == ["Version 1", "Version 2"]
    assert len(ws.store.find(Generation, origin="study")) > 0
    other = filled_study(ws, owner)  # and the claim is the same as that module's
    assert other.spec["allocation"] == "widths"
    with ws.store.reading() as connection:
        asked = study(ws, trial.confirming_id)
        arms = ws.store.find(StudyArm, study_id=asked.id, connection=connection)
        same = claim(ws, asked, read_spec(asked.spec), arms, 1, 0, connection=connection)
    assert {name: found["evidence"][name] for name in same} == same


def test_people_are_asked_for_one_block_each(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "say hello one")
    trial = trials.start(ws, owner, root.prompt_id, [one.id], **FEW)
    fill(ws)
    (person,) = people(1)
    assert answers_all(ws, person, study(ws, trial.confirming_id), likes(ws, trial.confirming_id, one)) == 5
