"""Promotion: on evidence about what serves now and on nothing else, once; rollback always."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collab import aliases
from collab.errors import CollabError, InvalidStudy, NotAllowed, NotFound
from collab.generation import Ask, generate
from collab.identity import Visitor
from collab.refinement.trying import promotion, trials
from collab.store import Blobs
from collab.store.verify import problems
from collab.types import Alias, Decision, Generation, ModelVersion, Study, Trial
from collab.workspace import Workspace
from tests.conftest import counts, ended
from tests.models.fake import FAKE_TEXT, FakeCatalog
from tests.refinement.trying import at_once, child, likes, prompt_with, said, vote, vote_alone, won
from tests.studies.people import answers_all, filled_study, people, prefers


def test_what_won_its_trial_is_promoted_with_its_evidence_and_watched(each_ws: Workspace, owner: Visitor):
    ws = each_ws
    root, one = prompt_with(ws, owner, "say hello nicely")
    name = aliases.of_prompt(root.prompt_id)
    trial = won(ws, owner, root, one)
    moved = promotion.promote(ws, owner, name, one.id)
    assert (moved.move, moved.trial_id, moved.version_id) == ("promote", trial.id, one.id)
    assert moved.evidence["verdict"] == "better" and "curve" not in moved.evidence
    assert ws.store.get(Generation, generate(ws, owner, Ask(prompt_version_id=name))).prompt_version_id == one.id
    trial = ws.store.get(Trial, trial.id)
    watch = ws.store.get(Study, str(trial.watch_id))
    assert watch.status == "open" and watch.answered == 0 and watch.spec["target"] == {}
    assert "serves in place of version 1: it won 100 %" in said(ws, root.prompt_id, "promote")[0]
    assert "goes on being compared with version 1" in said(ws, root.prompt_id, "watch")[0]
    assert not list(problems(ws.store, Blobs(ws.settings.home / "blobs")))


def refused(ws: Workspace, visitor: Visitor, name: str, version_id: Any, words: str, error: type[CollabError]) -> None:
    before = counts(ws.store)
    with pytest.raises(CollabError, match=words) as caught:
        promotion.promote(ws, visitor, name, version_id)
    assert type(caught.value) is error, caught.value
    assert counts(ws.store) == before
    if visitor.is_owner:
        assert promotion.why_not_promote(ws, visitor, name, version_id) == str(caught.value)


def test_without_evidence_nothing_is_promoted(ws: Workspace, owner: Visitor, ann: Visitor):
    root, one, bad = prompt_with(ws, owner, "say hello nicely", "say hello badly")
    elsewhere = prompt_with(ws, owner, text="another")[0]
    name = aliases.of_prompt(root.prompt_id)
    refused(ws, owner, name, root.id, "serves already", InvalidStudy)
    refused(ws, owner, name, one.id, "Version 2 has not beaten version 1 in a blind trial", NotAllowed)
    refused(ws, owner, name, elsewhere.id, "of this prompt", NotFound)
    refused(ws, owner, name, "nowhere", "no prompt version", NotFound)
    refused(ws, owner, "prompt:x", one.id, "no alias", NotFound)
    refused(ws, ann, name, one.id, "Only the studio's owner", NotAllowed)
    trial = trials.start(ws, owner, root.prompt_id, [bad.id], scope="panel", confirming_votes=8)
    refused(ws, owner, name, bad.id, "not decided yet", NotAllowed)
    vote_alone(ws, owner, trial.confirming_id, likes(ws, trial.confirming_id, root))
    assert trials.advance(ws, trial.id).verdict == "worse"
    refused(ws, owner, name, bad.id, "ended “worse”", NotAllowed)


def test_votes_that_lead_without_being_enough_promote_nothing(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "say hello nicely")
    trial = trials.start(ws, owner, root.prompt_id, [one.id], confirming_votes=10)
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, one), number=2)
    assert trials.advance(ws, trial.id).verdict == "undecided"
    refused(ws, owner, aliases.of_prompt(root.prompt_id), one.id, "ended “undecided”", NotAllowed)


def test_evidence_about_another_champion_is_none(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello nicely", "say hello warmly")
    name = aliases.of_prompt(root.prompt_id)
    won(ws, owner, root, one)
    won(ws, owner, root, two)
    promotion.promote(ws, owner, name, one.id)
    refused(ws, owner, name, two.id, "Version 3 beat version 1, but now version 2 serves", NotAllowed)
    refused(ws, owner, name, one.id, "serves already", InvalidStudy)


def test_a_trials_evidence_promotes_once(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "say hello nicely")
    name = aliases.of_prompt(root.prompt_id)
    won(ws, owner, root, one)
    promotion.promote(ws, owner, name, one.id)
    promotion.rollback(ws, owner, name, "a complaint")
    refused(ws, owner, name, one.id, "rolled back since", NotAllowed)


def test_what_was_rejected_since_is_not_promoted(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "say hello nicely")
    won(ws, owner, root, one)
    no = {"said": "no", "prompt_version_id": one.id}
    ws.store.add(Decision(prompt_id=root.prompt_id, kind="reject", content=no, created_by=owner.annotator_id))
    refused(ws, owner, aliases.of_prompt(root.prompt_id), one.id, "was rejected", NotAllowed)


def test_of_promotions_at_the_same_moment_one_is_made(each_ws: Workspace, owner: Visitor):
    ws = each_ws
    root, one = prompt_with(ws, owner, "say hello nicely")
    name = aliases.of_prompt(root.prompt_id)
    won(ws, owner, root, one)
    found = at_once(4, lambda: promotion.promote(ws, owner, name, one.id))
    assert sum(isinstance(each, Alias) for each in found) == 1, found
    assert all("serves already" in str(each) for each in found if not isinstance(each, Alias)), found
    assert len(aliases.history(ws, name)) == 1 and len(said(ws, root.prompt_id, "promote")) == 1


def test_a_rollback_is_always_possible_and_closes_the_watch(ws: Workspace, owner: Visitor, ann: Visitor):
    root, one = prompt_with(ws, owner, "say hello nicely")
    name = aliases.of_prompt(root.prompt_id)
    with pytest.raises(InvalidStudy, match="Nothing served before version 1"):
        promotion.rollback(ws, owner, name)
    assert promotion.why_not_roll_back(ws, owner, root.prompt_id)
    trial = won(ws, owner, root, one)
    promotion.promote(ws, owner, name, one.id)
    assert promotion.why_not_roll_back(ws, owner, root.prompt_id) == ""
    with pytest.raises(NotAllowed):
        promotion.rollback(ws, ann, name)
    moved = promotion.rollback(ws, owner, name, "people complain")
    assert (moved.move, moved.version_id, moved.reason) == ("rollback", root.id, "people complain")
    assert aliases.serving_version(ws, root.prompt_id).id == root.id
    assert ws.store.get(Study, str(ws.store.get(Trial, trial.id).watch_id)).status == "closed"
    assert said(ws, root.prompt_id, "rollback") == ["Version 1 serves again in place of version 2: people complain"]


def test_the_next_champion_is_what_was_promoted(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "say hello nicely")
    name = aliases.of_prompt(root.prompt_id)
    first = won(ws, owner, root, one)
    promotion.promote(ws, owner, name, one.id)
    two = child(ws, one, "say hello warmly")
    second = won(ws, owner, one, two)
    assert second.champion_id == one.id
    promotion.promote(ws, owner, name, two.id)
    assert ws.store.get(Study, str(ws.store.get(Trial, first.id).watch_id)).status == "closed"
    assert promotion.rollback(ws, owner, name).version_id == one.id
    assert promotion.rollback(ws, owner, name).version_id == root.id


# ---- weights --------------------------------------------------------------------------------------------------------


def compared(ws: Workspace, owner: Visitor, winner: int, number: int = 8) -> list[ModelVersion]:
    """Two models, blind on one prompt, and people who like one of them better: (the default, the other)."""
    arms = [{"name": m, "prompt": "say {thing}", "model": m} for m in ("fake-text", "fake-other")]
    study = filled_study(ws, owner, arms=arms, overlap=20)
    for person in people(number):
        answers_all(ws, person, study, prefers(winner))
    by_name = {model.name: model for model in ws.store.find(ModelVersion)}
    return [by_name["fake-text"], by_name["fake-other"]]


def test_weights_are_promoted_on_a_blind_study_of_both(ws: Workspace, owner: Visitor, two_models: FakeCatalog):
    _, new = compared(ws, owner, winner=1)
    moved = promotion.promote(ws, owner, "text-current", new.id)
    assert moved.version_id == new.id and moved.evidence["verdict"] == "better"
    made = ended(ws, generate(ws, owner, Ask(prompt="hello")))
    assert made.model_version_id == new.id
    with pytest.raises(InvalidStudy, match="serves already"):
        promotion.promote(ws, owner, "text-current", new.id)
    old = promotion.rollback(ws, owner, "text-current", "too slow")
    made = ended(ws, generate(ws, owner, Ask(prompt="hello")))
    assert made.model_version_id == old.version_id != new.id
    with pytest.raises(InvalidStudy, match="nothing to roll back"):
        promotion.rollback(ws, owner, "text-current")


@pytest.mark.parametrize(("winner", "number"), [(0, 8), (1, 2)])
def test_weights_without_enough_votes_are_not(
    ws: Workspace, owner: Visitor, two_models: FakeCatalog, winner: int, number: int
):
    _, new = compared(ws, owner, winner, number)
    with pytest.raises(NotAllowed, match="No blind study"):
        promotion.promote(ws, owner, "text-current", new.id)
    with pytest.raises(NotFound, match="no image model"):
        promotion.promote(ws, owner, "image-current", new.id)
    assert aliases.current(ws, "text-current") is None


@pytest.fixture
def two_models(catalog: FakeCatalog) -> FakeCatalog:
    """A catalog with a second model of texts."""
    catalog.infos["fake-other"] = replace(FAKE_TEXT, name="fake-other", base="fake-other")
    return catalog
