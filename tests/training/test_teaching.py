"""What the feedback could teach, what a training would do, and where a model comes from: counted, said, paged."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from collab.api import train as train_api
from collab.api import train_board
from collab.datasets import snapshots
from collab.datasets.splitting import to_check_on
from collab.errors import InvalidSetting, NotAllowed, NotFound
from collab.feedback import compare, edit_text, rate, undo
from collab.identity import Visitor
from collab.studies.names import pseudonym
from collab.training import planning
from collab.training.mixing import weighed
from collab.training.starting import folder_of
from collab.training.teaching import Lesson, Lessons
from collab.training.telling import RECORDS, spent, thinned
from collab.types import DatasetSnapshot, Job, PromptVersion, SavedPrompt
from collab.workspace import Workspace
from tests.conftest import make
from tests.visitors import new_visitor


def liked(ws: Workspace, people: int, *, bad: int = 0) -> list[str]:
    """Each of so many people gives a text of their own a thumb, the first `bad` of them down; the acts."""
    acts = []
    for n in range(people):
        person = new_visitor()
        (text,) = make(ws, person, f"say {n} and more", count=1)[1]
        acts.append(rate(ws, person, text.id, thumb=-1 if n < bad else 1).id)
    return acts


def lesson(ws: Workspace, owner: Visitor, kind: str) -> Lesson:
    return Lessons(ws).of(owner, kind)


def test_a_lesson_counts_the_rows_that_a_training_would_be_given(ws: Workspace, owner: Visitor):
    liked(ws, 11, bad=3)
    kto = lesson(ws, owner, "kto")
    row, _ = snapshots.taken(ws, owner, "kto")
    assert (kto.rows, kto.prompts, kto.people) == (row.train_count + row.test_count, 11, 11) == (11, 11, 11)
    assert (kto.good, kto.bad, kto.missing, kto.missing_good, kto.missing_bad) == (8, 3, 13, 0, 3)
    assert kto.learn + kto.held_out == 11 and kto.held_out and kto.shares == "other prompts and other people"
    assert lesson(ws, owner, "sft").rows == 8 and lesson(ws, owner, "sft").missing == 16
    nothing = lesson(ws, owner, "dpo")
    assert (nothing.rows, nothing.missing, nothing.needed) == (0, 24, 24) and "compare or rank" in nothing.how


def test_labels_that_are_missing_count_even_where_there_are_rows_enough(ws: Workspace, owner: Visitor):
    liked(ws, 24, bad=2)
    kto = lesson(ws, owner, "kto")
    assert (kto.rows, kto.missing, kto.missing_bad) == (24, 4, 4)
    assert snapshots.lacking(snapshots.make(ws, owner, "kto"))


def test_what_gives_no_row_is_told_with_its_reason(ws: Workspace, owner: Visitor, ann: Visitor):
    a, b = make(ws, ann, "say it", count=2)[1]
    compare(ws, ann, a.id, b.id, "tie")
    edit_text(ws, ann, a.id, f"{a.text} and more of it")
    told = lesson(ws, owner, "dpo")
    assert (told.rows, told.held_out) == (1, 1)
    assert told.left_out == {"left out: a tie, which prefers nothing": 1}


def test_lessons_are_counted_anew_only_when_something_was_said(ws: Workspace, owner: Visitor, ann: Visitor):
    known = Lessons(ws)
    (act, *_) = liked(ws, 2)
    first = known.all(owner)
    assert all(a is b for a, b in zip(first, known.all(owner), strict=True))
    (text,) = make(ws, ann, "say x", count=1)[1]
    mine = rate(ws, ann, text.id, thumb=1)
    assert known.of(owner, "kto").rows == 3
    undo(ws, ann, mine.id)
    assert known.of(owner, "kto").rows == 2 and act
    with pytest.raises(NotAllowed):
        known.all(ann)


def test_a_plan_says_what_starting_would_do_and_refuses_what_it_would(ws: Workspace, owner: Visitor, ann: Visitor):
    liked(ws, 30, bad=10)
    known = Lessons(ws)
    planned = train_board.plan(ws, owner, known, "kto", {"epochs": 3, "rank": 16, "learning_rate": 1e-4})
    there = known.of(owner, "kto")
    assert f"from {there.learn} judgements" in planned["said"] and "3 passes" in planned["said"]
    assert planned["command"] == """python -m collab train kto --settings '{"epochs": 3}'"""
    assert planned["steps"] == -(-there.learn * 3 // 4) and planned["seconds"] is None
    assert train_board.plan(ws, owner, known, "sft", None)["command"] == "python -m collab train sft"
    with pytest.raises(InvalidSetting, match="rank"):
        train_board.plan(ws, owner, known, "sft", {"rank": "many"})
    with pytest.raises(NotAllowed):
        train_board.plan(ws, ann, known, "sft", {})


def test_prompts_are_told_by_name_with_their_rows_and_weigh_as_a_training_would_weigh_them(
    ws: Workspace, owner: Visitor
):
    for n in range(12):  # the same words of several people, half of it the owner's own: too much to be held out
        person = owner if n < 6 else new_visitor()
        for words in ("sing {thing}", "say {thing}"):
            (text,) = make(ws, person, words, variables={"thing": f"tune {n}"}, count=1, seed=n)[1]
            rate(ws, person, text.id, score=5)
    own = next(v for v in ws.store.find(PromptVersion, created_by=owner.annotator_id) if v.text == "sing {thing}")
    ws.store.add(SavedPrompt(prompt_id=own.prompt_id, current_id=own.id, name="tunes", created_by=owner.annotator_id))
    known = Lessons(ws)
    told = next(each for each in train_board.lessons(ws, owner, known) if each["kind"] == "sft")
    there, mix = known.of(owner, "sft"), told["mix"]
    by_name = {each["name"]: each for each in mix["prompts"]}
    sing, say = by_name["tunes"], by_name["say {thing}"]
    assert len(by_name) == 2 and sing["prompt_id"] == own.prompt_id  # the first of several that are the same
    assert sing["rows"] + say["rows"] == there.learn and mix["others"] == {"prompts": 0, "rows": 0}
    assert "asked" not in told and json.dumps(told)

    asked = {"mix": {sing["prompt_id"]: 2.5, say["prompt_id"]: 0}}
    told_again = planning.weighing(ws, owner, asked["mix"] | {own.id: 3, "gone": 2})
    assert told_again == [{"name": name, "weight": weight} for name, weight in
                          (("tunes", 2.5), ("say {thing}", 0), ("tunes", 3), ("", 2))]  # fmt: skip
    planned = train_board.plan(ws, owner, known, "sft", asked)
    row, data = snapshots.taken(ws, owner, "sft")
    learn, *_ = to_check_on(data.train, data.test, row.seed)
    shown = weighed(ws, learn, asked["mix"], 0)
    assert planned["learn"] == len(shown) and 2 * sing["rows"] < len(shown) < 3 * sing["rows"]
    assert f"the {len(shown)} texts" in planned["said"] and '"mix": {' in planned["command"]
    for mix, said in (({"nobody": 2}, "No row belongs"), (dict.fromkeys(asked["mix"], 0), "leave no row")):
        with pytest.raises(InvalidSetting, match=said):
            train_board.plan(ws, owner, known, "sft", {"mix": mix})


def test_the_recipe_of_every_kind_can_be_set_up(ws: Workspace, owner: Visitor):
    for told in train_board.lessons(ws, owner, Lessons(ws)):
        names = [field["name"] for field in told["recipe"]["settings"]]
        assert {"epochs", "learning_rate", "rank", "max_steps"} <= set(names) and "kind" not in names
        assert all(field["kind"] in ("int", "float", "bool") for field in told["recipe"]["settings"])
        assert told["recipe"]["models"] and json.dumps(told)


def test_the_acts_behind_a_snapshot_come_page_by_page_with_who_and_what(ws: Workspace, owner: Visitor):
    acts = liked(ws, 24, bad=6)
    a, b = make(ws, owner, "say a b c", count=2)[1]
    compare(ws, owner, a.id, b.id, "b")
    snapshot = snapshots.make(ws, owner, "kto")
    page = train_board.acts(ws, owner, snapshot.id, 20)
    assert (page["start"], page["total"], page["each"]) == (20, 24, 20)
    assert [act["act_id"] for act in page["acts"]] == sorted(acts)[20:]
    assert all((act["act"], act["said"], act["generation_id"]) == ("rating", "👍", None) for act in page["acts"])
    assert len({act["who"] for act in page["acts"]}) == 4 and page["acts"][0]["who"].startswith("annotator-")
    assert train_board.acts(ws, owner, snapshot.id, 10**9)["start"] == 20
    pairs = replace(snapshots.taken(ws, owner, "dpo")[0])
    ws.store.add(pairs)
    (vote,) = train_board.acts(ws, owner, pairs.id)["acts"]
    assert vote["outputs"] == [b.text, a.text] and vote["generation_id"] == a.generation_id
    assert vote["who"] == pseudonym(ws, owner.annotator_id) and not vote["blind"]
    for wrong in ("x", None, ws.store.find(DatasetSnapshot)[0].created_by):
        with pytest.raises(NotFound):
            train_board.acts(ws, owner, wrong)


def test_trainings_are_for_owners(ws: Workspace, owner: Visitor, ann: Visitor):
    told = train_board.overview(ws, owner)
    assert told["trainings"] == [] and [each["modality"] for each in told["serving"]] == ["text", "image"]
    assert all(each["title"] and not each["version_id"] for each in told["serving"])
    with pytest.raises(NotAllowed):
        train_board.overview(ws, ann)
    for ask in (train_board.training_board, train_api.cancel, train_board.acts, train_board.promote,
                train_board.test_blind):  # fmt: skip
        with pytest.raises(NotAllowed):
            ask(ws, ann, "x")
    with pytest.raises(NotFound, match="There is no training"):
        train_board.training_board(ws, owner, "x")


def test_what_a_training_took_is_the_sum_of_its_runs_and_a_cut_line_takes_nothing_away(ws: Workspace, owner: Visitor):
    job = Job(kind="train", spec={}, created_by=owner.annotator_id)
    folder = folder_of(ws.settings, job.id)
    folder.mkdir(parents=True)
    told = [{"cpu_s": 1.0, "energy_j": 5.0}, {"cpu_s": 4.0, "energy_j": 8.0}, {"what": "samples"}, {"cpu_s": 0.5},
            {"cpu_s": 2.0}]  # fmt: skip
    (folder / RECORDS).write_text("\n".join([*map(json.dumps, told), '{"cpu_s": 3']))
    assert spent(ws.settings, job) == {"cpu_s": 6.0, "energy_j": 8.0}
    assert [p["step"] for p in thinned([{"step": n} for n in range(1000)], 4)] == [0, 250, 500, 999]
