"""What people answer: kept at once and once, undone, skipped, revealed; and what is refused, in a sentence."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from collab import api
from collab.api import study as study_api
from collab.errors import CollabError, InvalidFeedback, InvalidStudy, NotFound
from collab.identity import Visitor
from collab.store import Blobs, schema
from collab.store.queries import live_acts
from collab.store.verify import problems
from collab.studies.answering import answer_task, flag_task, reveal_task, skip_task, undo_answer
from collab.studies.assignment import next_task
from collab.types import Edit, Output, Preference, Ranking, Rating, Study, Task
from collab.workspace import Workspace
from tests.conftest import counts
from tests.studies.people import TWO_ARMS, filled_study, given

RATE: dict[str, Any] = {
    "title": "Rate these", "task": "rate", "gold_share": 0, "seed": 3,
    "arms": [{"prompt": "say {thing} twice or more"}], "cases": [{"variables": {"thing": f"t{n}"}} for n in range(3)],
    "questions": [
        {"name": "quality", "title": "Quality", "kind": "stars"},
        {"name": "clear", "title": "Clear", "kind": "stars", "required": False},
        {"name": "liked", "title": "Liked", "kind": "thumb", "required": False},
        {"name": "tone", "title": "Tone", "kind": "choice", "options": ["warm", "cold"], "required": False},
        {"name": "faults", "title": "Faults", "kind": "multi_choice", "options": ["long", "wrong"], "required": False},
        {"name": "why", "title": "Why", "kind": "text", "required": False},
        {"name": "places", "title": "Places", "kind": "span", "required": False},
    ],
}  # fmt: skip
THREE = [{"name": n, "prompt": f"{n} {{thing}}"} for n in ("one", "two", "three")]


def votes_of(ws: Workspace, study: Study) -> list[Any]:
    with ws.store.reading() as connection:
        return list(connection.execute(sa.select(schema.votes).where(schema.votes.c.study_id == study.id)))


def test_a_vote_is_a_blind_preference_an_answer_and_a_vote(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, item = given(ws, ann, study)
    act = answer_task(ws, ann, task.token, {"winner": "a", "dwell_ms": 1234, "comment": " neat "})
    assert isinstance(act, Preference) and act.blind and act.comment == "neat" and act.dwell_ms == 1234
    assert (act.output_a_id, act.output_b_id) == item.outputs and act.task_id == task.id
    assert act.left_id == item.outputs[task.arrangement[0]]
    assert act.winner == ("a" if task.arrangement[0] == 0 else "b")
    (vote,) = votes_of(ws, study)
    assert (vote.arm_a, vote.arm_b, vote.side) == (0, 1, 1) and vote.winner == (1 if act.winner == "a" else 2)
    assert ws.store.get(Task, task.id).answer_id == act.id
    assert list(problems(ws.store, Blobs(ws.settings.home / "blobs"))) == []


@pytest.mark.each_database
def test_the_same_answer_sent_twice_is_one_answer(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    first = answer_task(ws, ann, task.token, {"winner": "a", "request_id": "r1"})
    before = counts(ws.store)
    assert answer_task(ws, ann, task.token, {"winner": "a"}).id == first.id
    assert answer_task(ws, ann, task.token, {"winner": "b", "request_id": "r1"}).id == first.id
    with pytest.raises(InvalidStudy, match="undo that answer"):
        answer_task(ws, ann, task.token, {"winner": "b"})
    assert counts(ws.store) == before and len(votes_of(ws, study)) == 1


@pytest.mark.each_database
def test_an_undo_takes_the_vote_back_and_the_task_can_be_answered_anew(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, item = given(ws, ann, study)
    answer_task(ws, ann, task.token, {"winner": "b", "comment": "hm"})
    held, said = undo_answer(ws, ann, task.token)
    assert said == {"winner": "b", "comment": "hm"} and held.task.status == "leased"
    assert votes_of(ws, study) == [] and ws.store.get(Study, study.id).answered == 0
    assert live_acts(ws.store, ann.annotator_id, [ws.store.get(Output, item.outputs[0]).generation_id]) == []
    answer_task(ws, ann, task.token, {"winner": "a"})
    assert len(votes_of(ws, study)) == 1 and ws.store.get(Study, study.id).answered == 1
    with pytest.raises(InvalidStudy, match="nothing to undo"):
        undo_answer(ws, ann, given(ws, ann, study)[0].token)


@pytest.mark.each_database
def test_an_answer_can_be_undone_by_its_act_too(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    act = answer_task(ws, ann, task.token, {"winner": "tie"})
    answer = api.undo(ws, ann, act.id)
    assert answer["undone_id"] == act.id and votes_of(ws, study) == []
    assert ws.store.get(Task, task.id).status == "leased"


def test_a_revealed_answer_is_locked(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, reveal=True)
    task, item = given(ws, ann, study)
    with pytest.raises(InvalidStudy, match="Answer first"):
        reveal_task(ws, ann, task.token)
    act = answer_task(ws, ann, task.token, {"winner": "a"})
    shown = [item.cells[at][0] for at in task.arrangement]
    assert reveal_task(ws, ann, task.token) == {"A": ("plain", "kind")[shown[0]], "B": ("plain", "kind")[shown[1]]}
    for undo in (lambda: undo_answer(ws, ann, task.token), lambda: api.undo(ws, ann, act.id)):
        with pytest.raises(InvalidStudy, match="stays as it is"):
            undo()


def test_a_study_that_does_not_reveal_never_tells(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    answer_task(ws, ann, task.token, {"winner": "a"})
    with pytest.raises(InvalidStudy, match="does not tell"):
        reveal_task(ws, ann, task.token)


def test_a_closed_study_takes_no_answers_and_no_undo(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    answer_task(ws, ann, task.token, {"winner": "a"})
    other, _ = given(ws, ann, study)
    study_api.set_status(ws, owner, study.id, "closed")
    before = counts(ws.store)
    with pytest.raises(InvalidStudy, match=r"“Which is better\?” is closed"):
        answer_task(ws, ann, other.token, {"winner": "a"})
    with pytest.raises(InvalidStudy, match="is closed"):
        undo_answer(ws, ann, task.token)
    assert counts(ws.store) == before
    study_api.set_status(ws, owner, study.id, "open")
    undo_answer(ws, ann, task.token)


def test_another_persons_task_is_not_there(ws: Workspace, owner: Visitor, ann: Visitor, bob: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    for act in (
        lambda: answer_task(ws, bob, task.token, {"winner": "a"}),
        lambda: skip_task(ws, bob, task.token, ""),
        lambda: flag_task(ws, bob, task.token, "x"),
        lambda: undo_answer(ws, bob, task.token),
        lambda: reveal_task(ws, bob, task.token),
        lambda: answer_task(ws, ann, task.id, {"winner": "a"}),  # its row's id is no token
    ):
        with pytest.raises(NotFound, match="of yours"):
            act()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "An answer is an object"),
        ({}, "Winner is “None”"),
        ({"winner": "left"}, "Winner is “left”"),
        ({"winner": ["a"]}, "Winner is"),
        ({"winner": "a", "dwell_ms": -1}, "dwell_ms is -1"),
        ({"winner": "a", "dwell_ms": float("nan")}, "dwell_ms is nan"),
        ({"winner": "a", "comment": "x" * 5001}, "5,001 characters"),
        ({"winner": "a", "comment": "\x00"}, "control character"),
        ({"winner": "a", "request_id": "x" * 81}, "81 characters"),
    ],
)
def test_an_impossible_vote_is_refused_and_stores_nothing(
    ws: Workspace, owner: Visitor, ann: Visitor, answer: Any, said: str
):
    study = filled_study(ws, owner, cases=TWO_ARMS["cases"][:1])
    task, _ = given(ws, ann, study)
    before = counts(ws.store)
    with pytest.raises(CollabError, match=re.escape(said)):
        answer_task(ws, ann, task.token, answer)
    assert counts(ws.store) == before


def test_a_rating_answers_every_kind_of_question(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, RATE)
    task, item = given(ws, ann, study)
    spans = [{"start": 0, "end": 3, "label": "good"}]
    values = {"quality": 4, "clear": 2, "liked": -1, "tone": "warm", "faults": ["wrong", "long"], "why": "so",
              "places": spans}  # fmt: skip
    act = answer_task(ws, ann, task.token, {"values": values})
    assert isinstance(act, Rating) and act.output_id == item.outputs[0]
    assert (act.score, act.thumb, act.aspects, act.tags) == (4, -1, {"clear": 2}, ("warm", "long", "wrong"))
    assert act.spans == tuple(spans)
    _, said = undo_answer(ws, ann, task.token)
    assert said["values"] == {**values, "faults": ["long", "wrong"]}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (None, "needs “values”"),
        ({}, "“Quality” is not answered"),
        ({"quality": 6}, "“Quality” 6 is outside 1–5"),
        ({"quality": 3.5}, "“Quality” 3.5 is outside"),
        ({"quality": 3, "liked": 0}, "“Liked” is 0"),
        ({"quality": 3, "tone": "loud"}, "has no “loud”"),
        ({"quality": 3, "faults": "long"}, "takes a list"),
        ({"quality": 3, "faults": ["short"]}, "has no “short”"),
        ({"quality": 3, "why": "x" * 5001}, "5,001 characters"),
        ({"quality": 3, "places": [{"start": 5, "end": 2, "label": "good"}]}, "Span end"),
        ({"quality": 3, "nonsense": 1}, "no question “nonsense”"),
    ],
)
def test_an_impossible_rating_names_the_question(ws: Workspace, owner: Visitor, ann: Visitor, values: Any, said: str):
    study = filled_study(ws, owner, RATE)
    task, _ = given(ws, ann, study)
    with pytest.raises(InvalidFeedback, match=re.escape(said)):
        answer_task(ws, ann, task.token, {"values": values})


def test_a_ranking_gives_a_vote_for_each_pair_and_ties_inside_groups(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, task="rank", arms=THREE)
    task, item = given(ws, ann, study)
    act = answer_task(ws, ann, task.token, {"groups": [["B"], ["A", "C"]]})
    best = item.outputs[task.arrangement[1]]
    assert isinstance(act, Ranking) and act.groups[0] == (best,) and len(act.groups[1]) == 2
    rows = votes_of(ws, study)
    assert {(row.arm_a, row.arm_b) for row in rows} == {(0, 1), (0, 2), (1, 2)}
    assert sorted(row.winner for row in rows if row.winner == 3) == [3]
    _, said = undo_answer(ws, ann, task.token)
    assert said["groups"] == [["B"], ["A", "C"]]


@pytest.mark.parametrize("groups", [None, [], [["A", "B"]], [["A"], ["A"], ["B", "C"]], ["ABC"], [["A"], ["B"], ["D"]]])
def test_an_impossible_ranking_is_refused(ws: Workspace, owner: Visitor, ann: Visitor, groups: Any):
    study = filled_study(ws, owner, task="rank", arms=THREE)
    task, _ = given(ws, ann, study)
    with pytest.raises(InvalidFeedback, match="ranking"):
        answer_task(ws, ann, task.token, {"groups": groups})


def test_a_correction_keeps_the_text_and_its_distance_in_words(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, task="edit", arms=[{"prompt": "make {thing} right"}])
    task, item = given(ws, ann, study)
    before = ws.store.get(Output, item.outputs[0]).text or ""
    act = answer_task(ws, ann, task.token, {"text": before + " indeed"})
    assert isinstance(act, Edit) and act.edit_distance == 1 and act.text == before + " indeed"
    other, second = given(ws, ann, study)
    fine = answer_task(ws, ann, other.token, {"text": ws.store.get(Output, second.outputs[0]).text})
    assert isinstance(fine, Edit) and fine.edit_distance == 0


def test_gold_is_marked_right_or_wrong_and_is_no_vote(ws: Workspace, owner: Visitor, ann: Visitor):
    gold = [{"prompt": "p", "outputs": [f"good {n}", f"bad {n}"], "expected": {"winner": "a"}} for n in range(6)]
    study = filled_study(ws, owner, gold=gold, gold_share=0.5, cases=TWO_ARMS["cases"][:4])
    answered = 0
    while not hasattr(task := next_task(ws, ann, study), "reason"):
        answer_task(ws, ann, task[0].token, {"winner": "a"})
        answered += 1
    tasks = [t for t in ws.store.find(Task, study_id=study.id) if t.purpose == "gold"]
    assert tasks and all(t.matched is (t.arrangement[0] == 0) for t in tasks)
    assert len(votes_of(ws, study)) == ws.store.get(Study, study.id).answered == answered - len(tasks)


@pytest.mark.each_database
def test_a_flag_tells_the_owner_and_the_item_can_still_be_answered(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    flag_task(ws, ann, task.token, "<b>broken</b>")
    answer_task(ws, ann, task.token, {"winner": "both_bad"})
    found = study_api.results(ws, owner, study.id, str)
    assert found["counts"]["flagged"] == 1 and any("<b>broken</b>" in p for p in found["study"]["problems"])
    with pytest.raises(InvalidFeedback, match="empty"):
        flag_task(ws, ann, task.token, "  ")


def test_an_answered_item_is_not_skipped(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    answer_task(ws, ann, task.token, {"winner": "a"})
    with pytest.raises(InvalidStudy, match="undo the answer"):
        skip_task(ws, ann, task.token, "")


@pytest.mark.each_database
def test_nobody_is_advised_to_undo_what_cannot_be_undone(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, reveal=True)
    revealed, _ = given(ws, ann, study)
    act = answer_task(ws, ann, revealed.token, {"winner": "a"})
    reveal_task(ws, ann, revealed.token)
    answered, _ = given(ws, ann, study)
    answer_task(ws, ann, answered.token, {"winner": "a"})
    skipped, held = given(ws, ann, study)[0], given(ws, ann, study, held=[given(ws, ann, study)[0].token])[0]
    skip_task(ws, ann, skipped.token, "no")
    study_api.set_status(ws, owner, study.id, "closed")
    before = counts(ws.store)
    for task, said in ((revealed, "seen which was which, so this answer stays"), (answered, "is closed: its answers")):
        with pytest.raises(InvalidStudy, match=said):
            answer_task(ws, ann, task.token, {"winner": "b"})
        with pytest.raises(InvalidStudy, match=said):
            skip_task(ws, ann, task.token, "")
    with pytest.raises(InvalidStudy, match="is closed"):
        skip_task(ws, ann, held.token, "")
    assert answer_task(ws, ann, revealed.token, {"winner": "a"}).id == act.id  # what was sent twice is one answer still
    assert skip_task(ws, ann, skipped.token, "no").status == "skipped"
    assert counts(ws.store) == before and ws.store.get(Task, held.id).status == "leased"


@pytest.mark.each_database
def test_who_reveals_and_undoes_at_once_has_one_of_the_two(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(
        ws, owner, cases=[{"variables": {"thing": f"word{n} and more"}} for n in range(8)], reveal=True
    )
    for _ in range(8):
        task, _ = given(ws, ann, study)
        answer_task(ws, ann, task.token, {"winner": "a"})
        barrier = threading.Barrier(2)

        def attempt(act: Any, token: str = task.token, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait()
            try:
                act(ws, ann, token)
            except CollabError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            revealed, undone = pool.map(attempt, (reveal_task, undo_answer))
        now = ws.store.get(Task, task.id)
        assert revealed != undone
        assert (now.status, now.revealed_at is not None) == (("answered", True) if revealed else ("leased", False))
        if undone:
            answer_task(ws, ann, task.token, {"winner": "b"})
