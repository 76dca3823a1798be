"""What is gathered about a prompt: every act in force about its outputs, by whom and where ever, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from collab import feedback
from collab.errors import NotFound
from collab.identity import Visitor
from collab.prompts import Wording
from collab.refinement import digest as digests
from collab.refinement.digest import OTHER_WEIGHT, Digest, gather, gather_own
from collab.studies.answering import answer_task, undo_answer
from collab.types import Generation, Output, PromptVersion
from collab.workspace import Workspace
from tests.conftest import make
from tests.studies.people import TWO_ARMS, answers_all, filled_study, given, people, prefers


def digest_of(ws: Workspace, visitor: Visitor, generation: Generation) -> Digest:
    return gather(ws, visitor, ws.store.get(PromptVersion, generation.prompt_version_id))


def child(ws: Workspace, parent: PromptVersion, text: str) -> PromptVersion:
    """A version under another one, as a refiner would store it."""
    made = PromptVersion(
        prompt_id=parent.prompt_id, parent_id=parent.id, text=text, origin="refiner", created_by=parent.created_by,
        content_sha256=Wording(modality="text", text=text).sha256,
    )  # fmt: skip
    ws.store.add(made)
    return made


def made_with(ws: Workspace, visitor: Visitor, version: PromptVersion, **ask: Any) -> list[Output]:
    return make(ws, visitor, "", prompt_version_id=version.id, **ask)[1]


def test_an_output_holds_all_that_was_said_of_it(each_ws: Workspace, owner: Visitor):
    made, (one, two) = make(each_ws, owner, "say {what} loudly", variables={"what": "a word"}, count=2)
    rated = feedback.rate(
        each_ws, owner, one.id, score=5, tags=["great tone"], comment="  nice and short ",
        spans=[{"start": 0, "end": 4, "label": "bad", "note": "odd word"}],
    )  # fmt: skip
    edit = feedback.edit_text(each_ws, owner, two.id, "quite another text")
    told = digest_of(each_ws, owner, made)
    assert list(told.outputs) == [two.id, one.id] and told.acts == 2
    first, second = told.outputs[one.id], told.outputs[two.id]
    assert (first.asked, first.weight, first.liking, first.event_ids) == ("say a word loudly", 1.0, 1.0, (rated.id,))
    assert first.wording.text == "say {what} loudly" and first.variables == {"what": "a word"}
    assert [(r.label, r.text) for r in first.remarks] == [
        ("bad", str(one.text)[:4].strip()), ("comment", "odd word"), ("comment", "nice and short"),
        ("tag", "great tone"),
    ]  # fmt: skip
    (correction,) = second.corrections
    assert (correction.text, correction.event_id) == ("quite another text", edit.id)
    assert correction.distance == edit.edit_distance and second.liking is None


def test_liking_is_the_mean_over_people_of_stars_and_thumbs(ws: Workspace, owner: Visitor):
    study = filled_study(
        ws, owner, task="rate", overlap=3,
        questions=[{"name": "stars", "kind": "stars"},
                   {"name": "thumb", "kind": "thumb", "required": False}],
        arms=[{"name": "only", "prompt": "say {thing}"}], cases=[{"variables": {"thing": "hello there"}}],
    )  # fmt: skip
    for person, values in zip(people(3), ({"stars": 5}, {"stars": 2, "thumb": -1}, {"stars": 3}), strict=True):
        task, _ = given(ws, person, study)
        answer_task(ws, person, task.token, {"values": values})
    version = next(v for v in ws.store.find(PromptVersion, created_by=owner.annotator_id))
    (judged,) = gather(ws, owner, version).outputs.values()
    assert judged.liking == pytest.approx((1.0 + (-0.5 - 1) / 2 + 0.0) / 3)
    assert judged.asked == "say hello there"


def test_only_acts_in_force_count(each_ws: Workspace, owner: Visitor):
    made, (one, two) = make(each_ws, owner, "some words to say", count=2)
    feedback.rate(each_ws, owner, one.id, score=1)
    second = feedback.rate(each_ws, owner, one.id, score=4)
    first_choice = feedback.compare(each_ws, owner, one.id, two.id, "a")
    feedback.compare(each_ws, owner, two.id, one.id, "a")
    told = digest_of(each_ws, owner, made)
    assert told.outputs[one.id].liking == 0.5
    assert [(p.better, p.worse) for p in told.pairs] == [(two.id, one.id)]
    feedback.undo(each_ws, owner, second.id)
    feedback.undo(each_ws, owner, told.pairs[0].event_id)
    told = digest_of(each_ws, owner, made)
    assert told.outputs[one.id].liking == -1.0
    assert [(p.better, p.worse, p.event_id) for p in told.pairs] == [(one.id, two.id, first_choice.id)]
    feedback.undo(each_ws, owner, first_choice.id)
    assert not digest_of(each_ws, owner, made).pairs


def test_an_undone_edit_leaves_no_output_behind(ws: Workspace, owner: Visitor):
    made, (one,) = make(ws, owner, "some words to say")
    feedback.undo(ws, owner, feedback.edit_text(ws, owner, one.id, "better words").id)
    assert not digest_of(ws, owner, made).outputs


def test_a_ranking_becomes_pairs_across_its_groups_alone(each_ws: Workspace, owner: Visitor):
    made, outputs = make(each_ws, owner, "five words to be ranked", count=4)
    a, b, c, d = (output.id for output in outputs)
    ranking = feedback.rank(each_ws, owner, [[a], [b, c], [d]])
    told = digest_of(each_ws, owner, made)
    assert {(p.better, p.worse) for p in told.pairs} == {(a, b), (a, c), (a, d), (b, d), (c, d)}
    assert {p.event_id for p in told.pairs} == {ranking.id} and told.acts == 1


def test_ties_are_no_pairs(ws: Workspace, owner: Visitor):
    made, (one, two) = make(ws, owner, "some words to say", count=2)
    feedback.compare(ws, owner, one.id, two.id, "both_bad")
    told = digest_of(ws, owner, made)
    assert not told.pairs and set(told.outputs) == {one.id, two.id}


def test_blind_votes_of_others_on_versions_of_the_prompt_count(each_ws: Workspace, owner: Visitor):
    made, _ = make(each_ws, owner, "say {thing}", variables={"thing": "it"})
    root = each_ws.store.get(PromptVersion, made.prompt_version_id)
    better = child(each_ws, root, "please say {thing}")
    study = filled_study(
        each_ws, owner, overlap=2, cases=TWO_ARMS["cases"][:3],
        arms=[{"name": "old", "prompt_version_id": root.id}, {"name": "new", "prompt_version_id": better.id}],
    )  # fmt: skip
    ann, bob = people(2)
    assert answers_all(each_ws, ann, study, prefers(1)) == 3
    answers_all(each_ws, bob, study, prefers(0), at_most=1)
    for version in (root, better):
        told = gather(each_ws, owner, version)
        assert len(told.pairs) == 4 and {p.weight for p in told.pairs} == {1.0}
        wins = [told.outputs[p.better].prompt_version_id for p in told.pairs if p.annotator_id == ann.annotator_id]
        assert wins == [better.id] * 3
        assert {output.weight for output in told.outputs.values()} == {1.0} and len(told.own) == 6


def test_an_answer_taken_back_and_the_checks_of_a_study_do_not_count(ws: Workspace, owner: Visitor):
    gold = [{"prompt": "gold", "outputs": ["good", "bad"], "expected": {"winner": "a"}} for _ in range(2)]
    study = filled_study(ws, owner, gold=gold, gold_share=0.4, repeat_share=0.2, overlap=1,
                         cases=TWO_ARMS["cases"][:4])  # fmt: skip
    (ann,) = people(1)
    answers_all(ws, ann, study, prefers(1))
    versions = ws.store.find(PromptVersion, created_by=owner.annotator_id)
    asked = next(v for v in versions if v.text == "please say {thing}")
    assert len(gather(ws, owner, asked).pairs) == 4
    (bob,) = people(1)
    other = filled_study(ws, owner, title="another", cases=[{"variables": {"thing": "x y"}}], seed=11)
    task, item = given(ws, bob, other)
    answer_task(ws, bob, task.token, prefers(0)(task, item))
    assert len(gather(ws, owner, asked).pairs) == 5
    undo_answer(ws, bob, task.token)
    assert len(gather(ws, owner, asked).pairs) == 4


def test_ones_other_feedback_of_the_same_modality_weighs_less(each_ws: Workspace, owner: Visitor):
    made, (one,) = make(each_ws, owner, "this prompt it is")
    _, (other,) = make(each_ws, owner, "quite another prompt")
    _, (picture,) = make(each_ws, owner, "a picture", modality="image")
    for output in (one, other, picture):
        feedback.rate(each_ws, owner, output.id, score=5)
    across = feedback.compare(each_ws, owner, other.id, one.id, "b")
    told = digest_of(each_ws, owner, made)
    assert {o.output_id: o.weight for o in told.outputs.values()} == {one.id: 1.0, other.id: OTHER_WEIGHT}
    assert next(iter(told.outputs)) == one.id and [o.output_id for o in told.own] == [one.id]
    (pair,) = told.pairs
    assert (pair.better, pair.weight, pair.event_id) == (one.id, 1.0, across.id)


def test_other_peoples_prompts_and_feedback_stay_theirs(each_ws: Workspace, owner: Visitor, bob: Visitor):
    made, (one,) = make(each_ws, owner, "the very same prompt")
    theirs, (two,) = make(each_ws, bob, "the very same prompt")
    feedback.rate(each_ws, owner, one.id, score=5, comment="mine")
    feedback.edit_text(each_ws, bob, two.id, "bob's own words")
    told = digest_of(each_ws, owner, made)
    assert set(told.outputs) == {one.id} and "bob" not in str(told)
    assert set(gather_own(each_ws, bob, "text").outputs) == {two.id}
    with pytest.raises(NotFound, match="of yours"):
        digest_of(each_ws, owner, theirs)


def test_what_steering_shaped_is_left_out_and_counted(each_ws: Workspace, owner: Visitor):
    made, (plain, other) = make(each_ws, owner, "write a line about {thing}", variables={"thing": "tea"}, count=2)
    feedback.edit_text(each_ws, owner, plain.id, "A line about tea.")
    version = each_ws.store.get(PromptVersion, made.prompt_version_id)
    again = make(each_ws, owner, "", prompt_version_id=version.id, variables={"thing": "tea"}, inputs={"steer": 1})
    generation, (steered,) = again
    assert generation.inputs["demonstrations"], "it was shaped by the edit"
    for output in (plain, steered):
        feedback.rate(each_ws, owner, output.id, score=5)
    feedback.edit_text(each_ws, owner, steered.id, "Quite another line about tea.")
    feedback.compare(each_ws, owner, plain.id, steered.id, "b")
    feedback.rank(each_ws, owner, [[plain.id], [steered.id], [other.id]])
    told = digest_of(each_ws, owner, made)
    assert set(told.outputs) == {plain.id, other.id} and told.steered == 1
    assert [(p.better, p.worse) for p in told.pairs] == [(plain.id, other.id)]
    elsewhere, (one,) = make(each_ws, owner, "another prompt about it")
    feedback.rate(each_ws, owner, one.id, score=4)
    beside = digest_of(each_ws, owner, elsewhere)
    assert steered.id not in beside.outputs and plain.id in beside.outputs and beside.steered == 0
    own = gather_own(each_ws, owner, "text")
    assert own.outputs[steered.id].corrections, "what a person wants of their own texts it does tell"


def test_with_nothing_to_steer_by_an_output_is_what_its_prompt_makes(ws: Workspace, owner: Visitor):
    made, (one,) = make(ws, owner, 'say "rules": and "liked": loudly', inputs={"steer": 1})
    feedback.rate(ws, owner, one.id, score=5)
    assert made.inputs == {"steer": 1.0} and set(digest_of(ws, owner, made).outputs) == {one.id}
    made, (prefixed,) = make(ws, owner, "go on with it", inputs={"prefix": '{"rules": ["x"], "liked": [1]}'})
    feedback.rate(ws, owner, prefixed.id, score=5)
    assert [output.output_id for output in digest_of(ws, owner, made).own] == [prefixed.id]


def test_steered_pictures_teach_no_term(ws: Workspace, owner: Visitor):
    made, (plain,) = make(ws, owner, "a cat, on a blue background", modality="image")
    feedback.rate(ws, owner, plain.id, thumb=1)
    shaped, (output,) = make(ws, owner, "a cat, on a blue background", modality="image", inputs={"steer": 1})
    feedback.rate(ws, owner, output.id, thumb=1)
    assert shaped.inputs["liked"] == [plain.id] and shaped.prompt_version_id == made.prompt_version_id
    told = digest_of(ws, owner, made)
    assert set(told.outputs) == {plain.id} and told.steered == 1


def test_the_newest_outputs_are_read_in_a_fixed_number_of_queries(
    ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch
):
    def rated(number: int) -> tuple[Generation, list[Output]]:
        made, outputs = make(ws, owner, "some words to say", count=number)
        for output in outputs:
            feedback.rate(ws, owner, output.id, score=4)
        return made, outputs

    made, first = rated(2)
    version = ws.store.get(PromptVersion, made.prompt_version_id)
    few = queries(ws, lambda: gather(ws, owner, version))
    later = [output for _ in range(2) for output in rated(8)[1]]
    assert queries(ws, lambda: gather(ws, owner, version)) == few
    monkeypatch.setattr(digests, "OUTPUTS_LIMIT", 5)
    newest = sorted((output.id for output in later), reverse=True)[:5]
    assert list(gather(ws, owner, version).outputs) == newest and first[0].id not in newest


def queries(ws: Workspace, work: Callable[[], object]) -> int:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    sa.event.listen(ws.store.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        sa.event.remove(ws.store.engine, "before_cursor_execute", note)
    return len(asked)
