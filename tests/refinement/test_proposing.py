"""Proposing: every fitting proposer is asked, what passes is stored with its evidence, and nothing is made up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from collab import feedback
from collab.errors import CollabError, InvalidPrompt, NotAllowed, NotFound, Stopped, Unavailable
from collab.identity import Visitor
from collab.jobs import JobControl
from collab.refinement import asking, proposing
from collab.refinement.asking import about_tokens, asker
from collab.refinement.proposal import NothingToLearn
from collab.refinement.proposing import NO_FEEDBACK, propose
from collab.store.refine_queries import known_acts
from collab.types import Decision, Job, PromptVersion, Refinement, new_id
from collab.workspace import Workspace, open_workspace
from models import embedding
from models.engine import Engine
from tests.conftest import counts, make
from tests.refinement.reflectors import TEXT, ReflectingCatalog, judged, rewrites

BETTER = "Write exactly two short lines about {thing}, in plain words"
OTHER = "About {thing}: give two lines of at most eight words each"


@pytest.fixture
def catalog() -> ReflectingCatalog:
    return ReflectingCatalog(rewrites(BETTER, OTHER))


@pytest.fixture(autouse=True)
def quick_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are told apart by their spelling: the model that knows meanings takes its time to load."""
    monkeypatch.setattr(embedding, "embed_texts", embedding.embed_by_spelling)


def test_proposals_are_stored_with_their_evidence_and_a_line_in_the_log(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner)
    found = propose(ws, owner, version.id, 2, proposers=["reflect"], reflector="reflector")
    assert {v.text for v in found.versions} == {BETTER, OTHER}
    for child in found.versions:
        assert (child.parent_id, child.prompt_id, child.origin) == (version.id, version.prompt_id, "refiner")
        assert child.rationale and child.created_by == owner.annotator_id
        (origin,) = ws.store.find(Refinement, child_version_id=child.id)
        assert origin == found.refinements[child.id] and origin.proposer == "reflect"
        with ws.store.reading() as connection:
            assert origin.evidence_ids and known_acts(connection, origin.evidence_ids) == set(origin.evidence_ids)
    (logged,) = ws.store.find(Decision, prompt_id=version.prompt_id)
    assert logged.kind == "propose" and logged.content["said"] == "Proposed 2 versions by reflect."
    assert logged.content["version_ids"] == [v.id for v in found.versions]


def test_all_proposers_that_fit_take_turns(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner)
    found = propose(ws, owner, version.id, 3, reflector="reflector")
    proposers = [found.refinements[v.id].proposer for v in found.versions]
    assert len(proposers) == 3 and {"reflect", "demonstrations"} <= set(proposers)


def test_the_search_is_asked_by_name_only_and_needs_votes_to_learn_from(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner)
    assert "search" not in {p.name for p in proposing.check_asked(ws, owner, version.id, 2)[2]}
    with pytest.raises(NothingToLearn, match="do not say what people prefer well enough for a search"):
        propose(ws, owner, version.id, 2, proposers=["search"], reflector="reflector")


def test_what_one_proposer_lacks_is_noted_and_the_others_go_on(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner)
    found = propose(ws, owner, version.id, 4, proposers=["reflect", "demonstrations"], reflector="babbler")
    assert {found.refinements[v.id].proposer for v in found.versions} == {"demonstrations"}  # nonsense is no proposal
    assert any(note.proposer == "reflect" and note.said.endswith(".") for note in found.notes)


def test_a_version_is_not_stored_twice(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner)
    first = propose(ws, owner, version.id, 2, proposers=["reflect"], reflector="reflector")
    before = counts(ws.store)
    with pytest.raises(NothingToLearn, match="is there already"):
        propose(ws, owner, version.id, 2, proposers=["reflect"], reflector="reflector")
    assert counts(ws.store) == before and len(first.versions) == 2


def test_proposals_of_a_proposal_go_under_it(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner)
    child = propose(ws, owner, version.id, 1, proposers=["demonstrations"]).versions[0]
    grandchild = propose(ws, owner, child.id, 1, proposers=["reflect"], reflector="reflector").versions[0]
    assert grandchild.parent_id == child.id and grandchild.examples == child.examples


def test_a_prompts_id_means_its_version_that_serves(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner)
    (child,) = propose(ws, owner, version.prompt_id, 1, proposers=["demonstrations"]).versions
    assert child.parent_id == version.id


def test_progress_is_told_with_the_proposers_name_and_only_grows(ws: Workspace, owner: Visitor):
    version, _ = judged(ws, owner)
    told: list[tuple[float, str]] = []
    control = JobControl(ws.store, Job(kind="propose", spec={}, created_by=owner.annotator_id))
    control.tell = lambda fraction, words="": told.append((fraction, words))  # type: ignore[method-assign]
    propose(ws, owner, version.id, 2, reflector="reflector", control=control)
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[0] > 0 and fractions[-1] < 1
    assert any(words.startswith("reflect: ") for _, words in told)


def test_a_model_of_past_votes_orders_the_proposals_by_what_they_make(
    ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch
):
    import numpy as np

    from collab.refinement.proposers import surrogate

    version, _ = judged(ws, owner, number=2)
    ranker = surrogate.Surrogate(
        features=lambda outputs: np.array([[float(len(str(output).split()))] for output in outputs]),
        weights=np.array([-1.0]), accuracy=0.8, lower=0.7, upper=0.9, ceiling=None, pairs=40, held_out_by="prompts",
        penalty=1.0,
    )  # fmt: skip
    monkeypatch.setattr(surrogate, "fit", lambda *args: ranker)  # as one fitted to people who like it short
    before = counts(ws.store)
    found = propose(ws, owner, version.id, 2, proposers=["reflect"], reflector="reflector")
    assert [v.text for v in found.versions] == [BETTER, OTHER]  # the fake model repeats the words of its prompt
    foreseen = [found.refinements[v.id].details["foreseen"] for v in found.versions]
    assert foreseen == sorted(foreseen, reverse=True) and foreseen[0] > foreseen[1]
    assert any("80% of past votes" in note.said for note in found.notes)
    assert counts(ws.store)["generations"] == before["generations"]  # what they were tried on is not kept


def test_proposals_that_cannot_be_tried_keep_their_order(
    ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch
):
    from collab.refinement import foreseeing
    from collab.refinement.proposers import surrogate

    version, _ = judged(ws, owner, number=2)
    monkeypatch.setattr(surrogate, "fit", lambda *args: object())
    monkeypatch.setattr(foreseeing, "TRYING_S", -1)
    found = propose(ws, owner, version.id, 2, proposers=["reflect"], reflector="reflector")
    assert [v.text for v in found.versions] == [BETTER, OTHER] and "could not be tried" in found.notes[-1].said


# ---- what stores nothing --------------------------------------------------------------------------------------------


@pytest.fixture
def untouched(ws: Workspace, owner: Visitor) -> Iterator[PromptVersion]:
    """A version with feedback; at the end the store must hold what it held."""
    version, _ = judged(ws, owner)
    before = counts(ws.store)
    yield version
    assert counts(ws.store) == before


def test_without_feedback_there_is_nothing_to_learn(ws: Workspace, owner: Visitor):
    made, _ = make(ws, owner, "say hello")
    before = counts(ws.store)
    with pytest.raises(NothingToLearn) as refused:
        propose(ws, owner, made.prompt_version_id, 2)
    assert str(refused.value) == NO_FEEDBACK and counts(ws.store) == before


def test_outputs_made_with_steering_are_no_feedback_on_the_prompt_and_that_is_told(ws: Workspace, owner: Visitor):
    liked, (one,) = make(ws, owner, "say hello to a friend")
    feedback.rate(ws, owner, one.id, score=5)
    made, (output,) = make(ws, owner, "say hello to a friend of mine", inputs={"steer": 1})
    feedback.edit_text(ws, owner, output.id, "Hello friend!")
    assert made.inputs["demonstrations"]
    with pytest.raises(NothingToLearn, match="made with steering do not count"):
        propose(ws, owner, made.prompt_version_id, 2)
    _, (steered,) = make(ws, owner, "", prompt_version_id=liked.prompt_version_id, inputs={"steer": 1})
    feedback.edit_text(ws, owner, steered.id, "Hello to you!")
    found = propose(ws, owner, liked.prompt_version_id, 2, proposers=["demonstrations"])
    assert "1 judged output made with steering left out: not what this prompt makes." in [n.said for n in found.notes]
    assert "Hello to you!" not in str(found.versions)


def test_feedback_that_was_taken_back_is_none(ws: Workspace, owner: Visitor):
    made, (output,) = make(ws, owner, "say hello")
    feedback.undo(ws, owner, feedback.rate(ws, owner, output.id, score=5).id)
    with pytest.raises(NothingToLearn, match="Nobody has said anything"):
        propose(ws, owner, made.prompt_version_id, 2)


def test_contradictory_edits_are_told_once_and_no_proposer_makes_anything_of_them(ws: Workspace, owner: Visitor):
    made, outputs = make(ws, owner, "say something about rivers and seas", count=4)
    for output, text in zip(outputs, ("short", "long " * 40, "brief", "more words " * 20), strict=True):
        feedback.edit_text(ws, owner, output.id, text.strip())
    before = counts(ws.store)
    for asked in ({}, {"reflector": "reflector"}, {"proposers": ["demonstrations"]}, {"proposers": ["preferences"]}):
        with pytest.raises(NothingToLearn) as refused:
            propose(ws, owner, made.prompt_version_id, 4, **asked)  # type: ignore[arg-type]
        said = str(refused.value)
        assert said.count("The feedback contradicts itself: ") == 1
        assert "2 made it shorter" in said and "2 made it longer" in said and said.endswith("a few more outputs.")
    assert counts(ws.store) == before


def test_a_vote_against_the_ratings_proposes_no_change_of_a_picture(ws: Workspace, owner: Visitor):
    made, (one, two) = make(ws, owner, "a cat in flat style", modality="image", count=2)
    feedback.compare(ws, owner, one.id, two.id, "a")
    feedback.rate(ws, owner, one.id, thumb=-1)
    feedback.rate(ws, owner, two.id, thumb=1)
    before = counts(ws.store)
    with pytest.raises(NothingToLearn, match=r"contradicts itself: every output was put above others as often as be"):
        propose(ws, owner, made.prompt_version_id, 4, reflector="reflector")
    assert counts(ws.store) == before


def test_a_term_that_nobody_spoke_of_is_stored_without_evidence_and_says_so(ws: Workspace, owner: Visitor):
    made, (one,) = make(ws, owner, "a cat in flat style", modality="image")
    feedback.rate(ws, owner, one.id, thumb=1)
    found = propose(ws, owner, made.prompt_version_id, 2, proposers=["modifiers"])
    assert len(found.versions) == 2
    for version in found.versions:
        assert found.refinements[version.id].evidence_ids == ()
        assert "No feedback speaks for it or against it. Only a blind trial can tell." in version.rationale


def test_counts_out_of_range_are_refused(ws: Workspace, owner: Visitor, untouched: PromptVersion):
    for count in (0, 13, -1, 2.5, "two", None, True, [1], float("nan")):
        with pytest.raises(InvalidPrompt, match="choose 1 to 12"):
            propose(ws, owner, untouched.id, count)  # type: ignore[arg-type]


def test_proposers_that_do_not_fit_are_refused(ws: Workspace, owner: Visitor, untouched: PromptVersion):
    for names in (["nobody"], ["modifiers"], [7], {"a": 1}, 7, ["reflect"] * 9, "\ud800"):
        with pytest.raises(InvalidPrompt, match="choose from reflect, preferences, demonstrations"):
            propose(ws, owner, untouched.id, 2, proposers=names)  # type: ignore[arg-type]


def test_versions_that_are_not_ones_own_are_told_alike(
    ws: Workspace, owner: Visitor, ann: Visitor, untouched: PromptVersion
):
    other = replace(owner, annotator_id=new_id())
    for visitor, version_id in ((other, untouched.id), (other, untouched.prompt_id), (owner, new_id()), (owner, "x"),
                                (owner, None), (owner, ["x"]), (owner, "\ud800")):  # fmt: skip
        with pytest.raises(NotFound, match="of yours"):
            propose(ws, visitor, version_id, 2)  # type: ignore[arg-type]
    with pytest.raises(NotAllowed, match="Only the studio's owner"):
        propose(ws, ann, untouched.id, 2)


def test_an_unknown_reflector_is_told_at_once(ws: Workspace, owner: Visitor, untouched: PromptVersion):
    for model in ("no-such", "fake-image"):
        with pytest.raises(CollabError, match=r"choose another model|There is no model"):
            propose(ws, owner, untouched.id, 2, reflector=model)


def test_a_reflector_that_talks_nonsense_proposes_nothing(ws: Workspace, owner: Visitor, untouched: PromptVersion):
    with pytest.raises(NothingToLearn, match=r"Nothing could be proposed\. reflect: "):
        propose(ws, owner, untouched.id, 2, proposers=["reflect"], reflector="babbler")


def test_a_reflector_that_never_answers_is_given_up(
    ws: Workspace, owner: Visitor, untouched: PromptVersion, catalog: ReflectingCatalog, monkeypatch: pytest.MonkeyPatch
):
    made = asking.asker
    monkeypatch.setattr(proposing, "asker", lambda *a, **k: made(*a, **k, timeout_s=0.3))
    with pytest.raises(NothingToLearn, match=r"silent gave no whole answer in 0\.3 seconds"):
        propose(ws, owner, untouched.id, 2, proposers=["reflect"], reflector="silent")
    until_s = time.monotonic() + 10
    while not (catalog.silent and catalog.silent.evicted):  # its place is free again
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_stopping_interrupts_the_question_that_is_being_asked(
    ws: Workspace, owner: Visitor, untouched: PromptVersion, catalog: ReflectingCatalog
):
    until_s = time.monotonic() + 0.5
    ask = asker(ws, owner, "silent", Random(0), lambda: time.monotonic() > until_s)
    with pytest.raises(Stopped):
        ask("Say something")
    assert time.monotonic() < until_s + 5


def test_a_model_that_cannot_load_is_unavailable(ws: Workspace, owner: Visitor, untouched: PromptVersion):
    with pytest.raises(Unavailable, match="900 GB"):
        asker(ws, owner, "fake-broken", Random(0), lambda: False)("Say something")


def test_a_proposal_that_loses_a_variable_is_refused(settings: object, owner: Visitor, tmp_path: object):
    catalog = ReflectingCatalog(rewrites("Write exactly two short lines about it, in plain words"))
    ws = open_workspace(settings, engine=Engine(catalog))  # type: ignore[arg-type]
    version, _ = judged(ws, owner)
    before = counts(ws.store)
    with pytest.raises(NothingToLearn, match=r"\{thing\}|variable"):
        propose(ws, owner, version.id, 1, proposers=["reflect"], reflector="reflector")
    assert counts(ws.store) == before
    ws.close()


def test_a_proposer_with_a_bug_is_noted_and_keeps_no_other_from_working(
    ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch
):
    from collab.refinement.proposers.reflect import Reflect

    version, _ = judged(ws, owner)

    def fail(*args: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(Reflect, "propose", fail)
    found = propose(ws, owner, version.id, 2, proposers=["reflect", "demonstrations"])
    assert found.versions and [n.said for n in found.notes if n.proposer == "reflect"] == [
        "it failed unexpectedly; the server's log says more."
    ]


def test_a_candidate_without_real_evidence_is_refused(
    ws: Workspace, owner: Visitor, untouched: PromptVersion, monkeypatch: pytest.MonkeyPatch
):
    from collab.refinement.proposers.reflect import Reflect

    honest = Reflect.propose

    def invented(self: Reflect, *args: object) -> list[object]:
        return [replace(c, evidence_ids=(new_id(), "x")) for c in honest(self, *args)]  # type: ignore[arg-type]

    monkeypatch.setattr(Reflect, "propose", invented)
    with pytest.raises(NothingToLearn, match="names no feedback"):
        propose(ws, owner, untouched.id, 1, proposers=["reflect"], reflector="reflector")


def test_tokens_are_estimated_in_any_script():
    assert about_tokens("one two three four") == 5 and about_tokens("北京欢迎你") == 5
    assert about_tokens("") == 0 and about_tokens("say 北京 now") == 5
    assert TEXT and about_tokens(TEXT) > 5
