"""Who is given what: leases that run out, nothing twice, positions and pairs drawn at random and recorded."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest

from collab.errors import InvalidStudy, NotFound
from collab.identity import Visitor
from collab.studies import assignment
from collab.studies.access import find_study, studies_for
from collab.studies.answering import answer_task, skip_task, undo_answer
from collab.studies.assignment import HELD_LIMIT, Nothing, next_task, renew
from collab.studies.pairs import chances_of_pairs
from collab.types import Output, Study, StudyItem, Task, now
from collab.workspace import Workspace
from tests.studies.people import answers_all, filled_study, given, people, prefers


def items_of(ws: Workspace, study: Study) -> dict[str, StudyItem]:
    return {item.id: item for item in ws.store.find(StudyItem, study_id=study.id)}


def test_a_task_is_the_same_until_it_is_answered(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    again, _ = given(ws, ann, study)
    assert again.token == task.token
    answer_task(ws, ann, task.token, {"winner": "tie"})
    following, _ = given(ws, ann, study)
    assert following.token != task.token


def test_tasks_held_already_are_not_given_again_and_are_bounded(ws: Workspace, owner: Visitor, ann: Visitor):
    study, held = filled_study(ws, owner), []
    for _ in range(HELD_LIMIT):
        task, _ = given(ws, ann, study, held=held)
        held.append(task.token)
    assert len(set(held)) == HELD_LIMIT
    more = next_task(ws, ann, study, held=held)
    assert isinstance(more, Nothing) and more.waiting


@pytest.mark.each_database
def test_nobody_is_given_an_item_twice_and_overlap_is_never_exceeded(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=2)
    for person in people(4):
        answers_all(ws, person, study, prefers(0))
    tasks = ws.store.find(Task, study_id=study.id)
    assert len({(task.item_id, task.annotator_id) for task in tasks}) == len(tasks)
    assert set(Counter(task.item_id for task in tasks).values()) == {2}
    assert {item.answered for item in items_of(ws, study).values()} == {2}
    assert ws.store.get(Study, study.id).answered == 2 * study.items == len(tasks)


@pytest.mark.each_database
def test_many_people_at_once_never_overshoot_the_overlap(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=3)
    crowd, errors = people(12), []

    def work(person: Visitor) -> None:
        try:
            answers_all(ws, person, study, prefers(1))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(person,)) for person in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert {item.answered for item in items_of(ws, study).values()} == {3}
    assert {item.room for item in items_of(ws, study).values()} == {0}


@pytest.mark.each_database
def test_a_lease_that_ran_out_goes_to_somebody_else(ws: Workspace, owner: Visitor, ann: Visitor, bob: Visitor):
    study = filled_study(ws, owner, overlap=1, cases=[{"variables": {"thing": "one"}}], lease_minutes=5)
    task, item = given(ws, ann, study)
    assert isinstance(next_task(ws, bob, study), Nothing)
    later = now() + timedelta(minutes=6)
    taken, same = given(ws, bob, study, moment=later)
    assert same.id == item.id and taken.token != task.token
    with pytest.raises(InvalidStudy, match="ran out"):
        answer_task(ws, ann, task.token, {"winner": "a"})
    with pytest.raises(InvalidStudy, match="went to somebody else"):
        renew(ws, ann, ws.store.get(Task, task.id), moment=later)
    answer_task(ws, bob, taken.token, {"winner": "a"})
    assert ws.store.get(Study, study.id).answered == 1


@pytest.mark.each_database
def test_a_lease_that_ran_out_is_taken_up_again_while_its_place_is_free(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, overlap=1, lease_minutes=5)
    task, _ = given(ws, ann, study)
    with pytest.raises(InvalidStudy, match="ran out"):
        answer_task(ws, ann, task.token, {"winner": "a"}, moment=now() + timedelta(minutes=6))
    renew(ws, ann, task, moment=now() + timedelta(minutes=6))
    answer_task(ws, ann, task.token, {"winner": "a"}, moment=now() + timedelta(minutes=7))
    assert ws.store.get(Task, task.id).status == "answered"


@pytest.mark.each_database
def test_a_skipped_item_never_comes_back_and_makes_room_for_another(
    ws: Workspace, owner: Visitor, ann: Visitor, bob: Visitor
):
    study = filled_study(ws, owner, overlap=1)
    task, item = given(ws, ann, study)
    skip_task(ws, ann, task.token, "cannot judge")
    seen = set()
    while not isinstance(following := next_task(ws, ann, study), Nothing):
        seen.add(following[1].id)
        answer_task(ws, ann, following[0].token, {"winner": "a"})
    assert item.id not in seen and len(seen) == study.items - 1
    again, before = undo_answer(ws, ann, task.token)
    assert again.task.status == "leased" and before == {} and again.task.reason == ""
    assert isinstance(next_task(ws, bob, study), Nothing)  # its only place is taken again
    skip_task(ws, ann, task.token, "no, I cannot")
    _, left = given(ws, bob, study)
    assert left.id == item.id
    with pytest.raises(InvalidStudy, match="went to somebody else"):
        undo_answer(ws, ann, task.token)
    assert ws.store.get(Task, task.id).status == "skipped"


def test_both_arms_of_an_item_have_the_same_seed_and_samples_have_their_own(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, samples=2)
    seeds = []
    for item in items_of(ws, study).values():
        (seed,) = {ws.store.get(Output, output_id).seed for output_id in item.outputs}
        seeds.append(seed)
    assert len(set(seeds)) == len(seeds) == 12


def test_positions_are_random_and_recorded(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=8)
    for person in people(8):
        answers_all(ws, person, study, prefers(0))
    tasks = ws.store.find(Task, study_id=study.id)
    first = Counter(task.arrangement for task in tasks)
    assert set(first) == {(0, 1), (1, 0)} and min(first.values()) > len(tasks) * 0.25


def test_a_study_is_served_in_an_order_of_its_seed(ws: Workspace, owner: Visitor, ann: Visitor):
    orders = []
    for seed in (1, 1, 2):
        study = filled_study(ws, owner, seed=seed, cases=[{"variables": {"thing": f"t{n}"}} for n in range(12)])
        orders.append([item.cells[0][1] for item in sorted(items_of(ws, study).values(), key=lambda i: i.position)])
    assert orders[0] == orders[1] != orders[2]


def test_a_quota_ends_a_persons_work(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, quota=2)
    assert answers_all(ws, ann, study, prefers(0)) == 2
    ended = next_task(ws, ann, study)
    assert isinstance(ended, Nothing) and "2 of the 2" in ended.reason and not ended.waiting


def test_a_target_of_votes_ends_the_study_for_everyone(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, target={"votes": 4})
    assert answers_all(ws, ann, study, prefers(0)) == 4
    ended = next_task(ws, people(1)[0], study)
    assert isinstance(ended, Nothing) and "all the answers" in ended.reason


@pytest.mark.each_database
def test_a_target_of_votes_is_not_overshot_by_those_who_hold_a_task(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, target={"votes": 4}, lease_minutes=5)
    bob, carol = people(2)
    held = [given(ws, who, study)[0] for who in (ann, bob)]
    held += [given(ws, who, study, held=[task.token])[0] for who, task in zip((ann, bob), held, strict=True)]
    waiting = next_task(ws, carol, study)
    assert isinstance(waiting, Nothing) and waiting.waiting and "last answers" in waiting.reason
    more = next_task(ws, ann, study, held=[held[0].token, held[2].token])
    assert isinstance(more, Nothing) and more.waiting and "you hold first" in more.reason
    answer_task(ws, ann, held[0].token, {"winner": "a"})
    undo_answer(ws, ann, held[0].token)  # the task is held again, so it is still nobody else's
    assert isinstance(next_task(ws, carol, study), Nothing)
    skip_task(ws, bob, held[1].token, "no")
    last, _ = given(ws, carol, study)
    for who, task in ((ann, held[0]), (ann, held[2]), (bob, held[3]), (carol, last)):
        answer_task(ws, who, task.token, {"winner": "a"})
    assert ws.store.get(Study, study.id).answered == 4
    ended = next_task(ws, people(1)[0], study)
    assert isinstance(ended, Nothing) and not ended.waiting and "all the answers" in ended.reason


@pytest.mark.each_database
def test_a_lease_that_ran_out_is_not_taken_up_beyond_the_target(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, target={"votes": 1}, lease_minutes=5)
    task, _ = given(ws, ann, study)
    (bob,), later = people(1), now() + timedelta(minutes=6)
    given(ws, bob, study, moment=later)
    before = items_of(ws, study)
    with pytest.raises(InvalidStudy, match="others give the last answers"):
        renew(ws, ann, ws.store.get(Task, task.id), moment=later)
    assert items_of(ws, study) == before


@pytest.mark.each_database
def test_many_people_at_once_never_overshoot_the_target(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=8, target={"votes": 7})
    errors = []

    def work(person: Visitor) -> None:
        try:
            answers_all(ws, person, study, prefers(1))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(person,)) for person in people(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and 0 < ws.store.get(Study, study.id).answered <= 7


def test_gold_and_repeats_are_mixed_in_by_their_shares(ws: Workspace, owner: Visitor, ann: Visitor):
    gold = [{"prompt": "p", "outputs": [f"good {n}", f"bad {n}"], "expected": {"winner": "a"}} for n in range(20)]
    study = filled_study(
        ws, owner, gold=gold, gold_share=0.3, repeat_share=0.2,
        cases=[{"variables": {"thing": f"t{n}"}} for n in range(60)],
    )  # fmt: skip
    answers_all(ws, ann, study, lambda task, item: {"winner": "a"})
    purposes = Counter(task.purpose for task in ws.store.find(Task, study_id=study.id))
    assert purposes["item"] == 60
    assert 10 <= purposes["gold"] <= 20 and 5 <= purposes["repeat"] <= 40


def test_gold_looks_like_any_other_task(ws: Workspace, owner: Visitor, ann: Visitor):
    from collab.api import study as study_api

    gold = [{"prompt": "p", "outputs": ["good", "bad"], "expected": {"winner": "a"}}]
    study = filled_study(ws, owner, gold=gold, gold_share=0.5)
    keys, purposes = set(), set()
    while "task_id" in (shown := study_api.next_task(ws, ann, study.id, lambda token, place: "")):
        keys.add(frozenset(shown))
        (task,) = ws.store.find(Task, token=shown["task_id"])
        purposes.add(task.purpose)
        study_api.answer_task(ws, ann, shown["task_id"], {"winner": "a"})
    assert purposes == {"item", "gold"} and len(keys) == 1


def test_pairs_are_drawn_uniformly_until_there_is_enough_to_adapt_on(ws: Workspace, owner: Visitor):
    arms = [{"name": name, "prompt": f"{name} {{thing}}"} for name in ("one", "two", "three")]
    study = filled_study(ws, owner, arms=arms, adaptive=True)
    with ws.store.reading() as connection:
        chances = chances_of_pairs(ws, study, connection)
    assert chances == pytest.approx({"0:1": 1 / 3, "0:2": 1 / 3, "1:2": 1 / 3})


def test_an_adaptive_choice_records_its_propensity_and_the_weight_that_undoes_it(ws: Workspace, owner: Visitor):
    arms = [{"name": name, "prompt": f"{name} {{thing}}"} for name in ("one", "two", "three")]
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(30)]
    study = filled_study(ws, owner, arms=arms, cases=cases, adaptive=True, overlap=1)

    def answer(task: Task, item: StudyItem) -> dict:
        shown = [item.cells[at][0] for at in task.arrangement]
        if set(shown) == {0, 1}:
            return {"winner": "ab"[shown.index(0)]}  # this pair is soon clear, the others are a toss-up
        return {"winner": "ab"[item.position % 2]}

    for person in people(3):
        assignment._pair_chances.forget()
        answers_all(ws, person, study, answer, at_most=25)
    tasks = [task for task in ws.store.find(Task, study_id=study.id) if task.status == "answered"]
    assert {round(task.propensity, 6) for task in tasks[:20]} == {round(1 / 3, 6)}
    # uniform ÷ drawn over the pairs still open to this person: all three, or what is left of them
    assert {round(task.weight * task.propensity, 6) for task in tasks} <= {round(1 / n, 6) for n in (1, 2, 3)}
    assert len({round(task.propensity, 6) for task in tasks}) > 1


@pytest.mark.each_database
def test_a_study_by_link_is_found_by_its_link_alone(ws: Workspace, owner: Visitor, ann: Visitor, bob: Visitor):
    study = filled_study(ws, owner, access="link")
    with pytest.raises(NotFound, match="check the link"):
        find_study(ws, ann, study.id)
    assert find_study(ws, ann, study.link).id == study.id and find_study(ws, owner, study.id).id == study.id
    given(ws, ann, find_study(ws, ann, study.link))
    assert find_study(ws, ann, study.id).id == study.id  # who has a task in it keeps it
    assert [s.id for s in studies_for(ws, ann)] == [study.id] and studies_for(ws, bob) == []


@pytest.mark.parametrize("name", ["", "nowhere", "01a2109d-6d2f-75ed-99b9-41359075214c", None, 7, ["x"], "x" * 100_000])
@pytest.mark.each_database
def test_a_study_that_is_not_there_is_told_in_a_sentence(ws: Workspace, ann: Visitor, name: object):
    with pytest.raises(NotFound, match="check the link"):
        find_study(ws, ann, name)


def test_a_closed_study_gives_nothing(ws: Workspace, owner: Visitor, ann: Visitor):
    from collab.api import study as study_api

    study = filled_study(ws, owner)
    study_api.set_status(ws, owner, study.id, "closed")
    ended = next_task(ws, ann, study)
    assert isinstance(ended, Nothing) and "is closed" in ended.reason


def test_a_target_of_interval_width_ends_the_study_once_it_is_reached(ws: Workspace, owner: Visitor):
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(8)]
    study = filled_study(ws, owner, cases=cases, overlap=60, target={"interval_width": 0.5})
    answered = []
    for person in people(40):
        assignment._width_reached.forget()
        answered.append(answers_all(ws, person, study, prefers(1)))
    assert answered[0] == 8 and answered[-1] == 0 and 0 < sum(answered) < 8 * 40
    from collab.api import study as study_api

    evidence = study_api.results(ws, owner, study.id, str)["evidence"]
    assert evidence["upper"] - evidence["lower"] <= 0.5
