"""Deletion erases: what a person made and said is gone, from results too; what others said stays as it was."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from collab import api, feedback
from collab.datasets.building import build
from collab.errors import CollabError, NotAllowed, NotFound
from collab.generation import Ask, generate
from collab.identity import Visitor
from collab.people import erasing
from collab.people.erasing import chosen_outputs, delete_my_data, delete_outputs, would_delete, would_delete_all
from collab.refinement.trying import trials
from collab.store import schema
from collab.store.erasing import settle_pictures
from collab.store.verify import problems
from collab.studies.answering import answer_task
from collab.studies.assignment import next_task
from collab.studies.creation import create_study
from collab.studies.results import study_results
from collab.studies.verification import study_problems
from collab.training.starting import folder_of
from collab.types import (
    Alias,
    Annotator,
    DatasetSnapshot,
    Generation,
    Job,
    ModelVersion,
    Output,
    PromptVersion,
    Rating,
    Study,
    Task,
    Tombstone,
    Trial,
)
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.refinement.trying import FEW, likes, prompt_with, vote, vote_alone


def sound(ws: Workspace) -> bool:
    assert [*problems(ws.store, ws.blobs), *study_problems(ws.store)] == []
    return True


def test_words_go_from_the_search_with_the_act_that_said_them(ws: Workspace, ann: Visitor):
    kept, gone = (make(ws, ann, f"a {name} one")[1][0] for name in ("first", "second"))
    feedback.compare(ws, ann, kept.id, gone.id, "a", comment="something private")
    assert everywhere(ws, "something private")
    delete_outputs(ws, ann, [gone])
    assert not everywhere(ws, "something private")


def everywhere(ws: Workspace, words: str) -> list[str]:
    """The tables and columns in which some words stand."""
    found = []
    with ws.store.reading() as connection:
        for table in schema.metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, sa.String | sa.Text | schema.Json):
                    query = sa.select(sa.func.count()).where(sa.cast(column, sa.Text).like(f"%{words}%"))
                    if connection.execute(query).scalar_one():
                        found.append(f"{table.name}.{column.name}")
    return found


def give(ws: Workspace, visitor: Visitor, word: str) -> tuple[Output, Output]:
    """A person's texts and pictures and everything that can be said of them, all with a word to be looked for."""
    _, (one, two) = make(ws, visitor, f"Say {{it}} {word}", variables={"it": word}, count=2)
    _, (picture, _) = make(ws, visitor, f"draw {word}", modality="image", count=2)
    feedback.rate(ws, visitor, one.id, score=5, comment=word, tags=[word])
    feedback.undo(ws, visitor, feedback.rate(ws, visitor, one.id, comment=f"again {word}").id)
    feedback.compare(ws, visitor, one.id, two.id, "a", comment=word)
    feedback.rank(ws, visitor, [[two.id], [one.id]])
    feedback.edit_text(ws, visitor, two.id, f"much better {word}")
    feedback.rate(ws, visitor, picture.id, thumb=1)
    return one, picture


def test_all_that_a_person_gave_is_erased_and_nobody_elses(each_ws: Workspace, ann: Visitor, bob: Visitor):
    ws = each_ws
    give(ws, bob, "nightingale")
    before = counts(ws.store)
    kept = sorted(ws.blobs.all())
    give(ws, ann, "quetzal")
    counted = would_delete_all(ws, ann)
    assert (counted["outputs"], counted["generations"], counted["prompts"], counted["acts"]) == (4, 2, 2, 7)
    assert delete_my_data(ws, ann, "delete") == counted
    assert everywhere(ws, "quetzal") == [] and sorted(ws.blobs.all()) == kept
    after = counts(ws.store)
    assert after == {**before, "annotators": before["annotators"] + 1, "tombstones": 1}
    (stone,) = ws.store.find(Tombstone)
    assert stone.counts == counted and stone.scope == "everything" and stone.annotator_id == ann.annotator_id
    assert api.history(ws, ann, str)["items"] == [] and len(api.history(ws, bob, str)["items"]) == 2
    assert sound(ws)
    make(ws, ann, "a new beginning")  # who comes back begins anew
    assert len(api.history(ws, ann, str)["items"]) == 1 and sound(ws)


def test_a_training_keeps_no_words_of_what_is_deleted(ws: Workspace, ann: Visitor, bob: Visitor):
    (mine,), (theirs,) = (make(ws, person, "say it")[1] for person in (ann, bob))
    acts = [feedback.rate(ws, person, one.id, score=5).id for person, one in ((ann, mine), (bob, theirs))]
    taken, versions, trainings = [], [], []
    samples = [{"prompt": "a quetzal", "before": "a", "after": "b"}]
    who, counted = {"created_by": bob.annotator_id}, {"train_count": 9, "test_count": 1, "seed": 0, "counts": {}}
    for sha256, event_ids in (("a" * 64, tuple(acts)), ("b" * 64, (acts[1],))):
        taken.append(DatasetSnapshot(kind="sft", sha256=sha256, event_ids=event_ids, **counted, **who))
        lineage = {"adapter_sha256": sha256, "snapshot_id": taken[-1].id, "metrics": {"samples": samples}}
        versions.append(ModelVersion(name="x", modality="text", base="b", revision="r", precision="fp32", **lineage))
        trainings.append(Job(kind="train", spec={"snapshot_id": taken[-1].id}, status="done", **who))
    ws.store.add(*taken, *versions, *trainings)
    for job in trainings:
        folder_of(ws.settings, job.id).mkdir(parents=True)
        (folder_of(ws.settings, job.id) / "metrics.jsonl").write_text("a quetzal")
    delete_my_data(ws, ann, "delete")
    hit, other = (ws.store.get(ModelVersion, version.id).metrics for version in versions)
    assert hit == {"samples": [], "deleted_acts": 1} and other == {"samples": samples}
    assert [folder_of(ws.settings, job.id).exists() for job in trainings] == [False, True]


def test_a_picture_that_somebody_else_has_too_stays(ws: Workspace, ann: Visitor, bob: Visitor):
    _, (mine,) = make(ws, ann, "the same", modality="image", seed=5)
    _, (theirs,) = make(ws, bob, "the same", modality="image", seed=5)
    assert mine.blob_sha256 == theirs.blob_sha256
    delete_my_data(ws, ann, "delete")
    assert ws.blobs.get(theirs.blob_sha256 or "") and sound(ws)


def test_without_the_word_nothing_goes(ws: Workspace, ann: Visitor):
    give(ws, ann, "quetzal")
    before = counts(ws.store)
    for confirm in ("", "DELETE", "yes", None, True, ["delete"]):
        with pytest.raises(NotAllowed, match="confirm it with the word delete"):
            delete_my_data(ws, ann, confirm)
    assert counts(ws.store) == before


@pytest.mark.parametrize("broken", ["erase_generations", "without_owner"])
def test_a_deletion_that_fails_half_way_leaves_everything(ws: Workspace, ann: Visitor, monkeypatch, broken: str):
    give(ws, ann, "quetzal")
    before, pictures = counts(ws.store), sorted(ws.blobs.all())

    def fall_over(*_: object) -> None:
        raise OSError("the disk is gone")

    if broken == "without_owner":  # after the first file was set aside
        monkeypatch.setattr(ws.blobs.__class__, "set_aside", _once_then(ws.blobs.set_aside, fall_over))
    else:
        monkeypatch.setattr(erasing, broken, fall_over)
    with pytest.raises(OSError, match="the disk is gone"):
        delete_my_data(ws, ann, "delete")
    monkeypatch.undo()
    assert counts(ws.store) == before and sorted(ws.blobs.all()) == pictures and sound(ws)


def _once_then(first: Any, after: Any) -> Any:
    done: list[str] = []

    def call(_self: object, sha256: str) -> None:
        if done:
            after()
        done.append(sha256)
        first(sha256)

    return call


def test_pictures_that_a_crash_left_aside_come_back_or_go(ws: Workspace, ann: Visitor):
    _, (kept,) = make(ws, ann, "kept", modality="image")
    stray = ws.blobs.put(b"nobody's")
    for sha256 in (kept.blob_sha256 or "", stray):
        ws.blobs.set_aside(sha256)
    assert list(ws.blobs.all()) == []
    settle_pictures(ws.store, ws.blobs)
    assert list(ws.blobs.all()) == [kept.blob_sha256] and ws.blobs.set_aside_before() == []


def test_what_is_still_being_made_is_stopped_and_leaves_nothing(ws: Workspace, ann: Visitor, catalog):
    catalog.delay_s = 0.05
    running = generate(ws, ann, Ask(prompt="draw a quetzal", modality="image", count=4))
    texts = generate(ws, ann, Ask(prompt="quetzal " * 30, count=2))
    delete_my_data(ws, ann, "delete")
    for _ in range(200):
        if ws.runs.get(running) is None and ws.runs.get(texts) is None:
            break
        threading.Event().wait(0.05)
    assert ws.store.find(Generation) == [] and everywhere(ws, "quetzal") == [] and list(ws.blobs.all()) == []
    assert sound(ws)


# ---- what others rest on --------------------------------------------------------------------------------------------


def test_votes_go_from_a_studys_results_and_their_places_are_free_again(each_ws: Workspace, ann, bob, owner):
    ws = each_ws
    study = _made_study(ws, owner)
    for voter in (ann, bob):
        for _ in range(2):
            task, *_ = next_task(ws, voter, study)
            answer_task(ws, voter, task.token, {"winner": "a", "comment": f"because {voter.annotator_id[-4:]}"})
    next_task(ws, ann, study)  # leased, and never answered
    before = study_results(ws, ws.store.get(Study, study.id), str)
    delete_my_data(ws, ann, "delete")
    study = ws.store.get(Study, study.id)
    after = study_results(ws, study, str)
    assert before["counts"]["answers"] == 4 and after["counts"]["answers"] == study.answered == 2
    assert after["counts"]["annotators"] == 1 and len(after["annotators"]) == 1
    assert ws.store.find(Task, annotator_id=ann.annotator_id) == []
    assert everywhere(ws, f"because {ann.annotator_id[-4:]}") == [] and sound(ws)
    for _ in range(3):  # the places are free: all of the study's items can be answered again
        task, *_ = next_task(ws, ann, study)
        answer_task(ws, ann, task.token, {"winner": "b"})
    assert sound(ws)


def test_a_study_that_others_answered_stays_without_its_makers_name(ws: Workspace, bob: Visitor, owner: Visitor):
    study = _made_study(ws, owner)
    own = _made_study(ws, owner, title="for myself")
    task, *_ = next_task(ws, bob, study)
    answer_task(ws, bob, task.token, {"winner": "a"})
    task, *_ = next_task(ws, owner, own)
    answer_task(ws, owner, task.token, {"winner": "b"})
    give(ws, owner, "quetzal")
    counted = delete_my_data(ws, owner, "delete")
    assert (counted["studies"], counted["studies_that_stay"]) == (1, 1) and counted["outputs_that_stay"] > 0
    assert [s.id for s in ws.store.find(Study)] == [study.id] and everywhere(ws, "quetzal") == []
    assert study_results(ws, ws.store.get(Study, study.id), str)["counts"]["answers"] == 1
    assert ws.store.get(Annotator, owner.annotator_id).display_name == "" and sound(ws)


def test_a_prompt_goes_with_its_blind_test_unless_others_voted_in_it(ws: Workspace, owner: Visitor):
    alone = prompt_with(ws, owner, "say hello warmly")
    trial = trials.start(ws, owner, alone[0].prompt_id, [alone[1].id], scope="panel", confirming_votes=12)
    vote_alone(ws, owner, trial.confirming_id, likes(ws, trial.confirming_id, alone[1]), 1)
    ws.store.add(Alias(name=f"prompt:{alone[0].prompt_id}", version_id=alone[1].id, move="promote", trial_id=trial.id,
                       created_by=owner.annotator_id))  # fmt: skip
    shared = prompt_with(ws, owner, "sing it loudly", text="sing it")
    test = trials.start(ws, owner, shared[0].prompt_id, [shared[1].id], **FEW)
    vote(ws, test.confirming_id, likes(ws, test.confirming_id, shared[1]), 1)
    counted = delete_my_data(ws, owner, "delete")
    assert counted["studies"] >= 1 and counted["studies_that_stay"] == 1 and counted["prompts"] == 1
    assert ws.store.find(Trial) == ws.store.find(Trial, id=test.id) != [] and trial.id != test.id
    assert {v.prompt_id for v in ws.store.find(PromptVersion)} == {shared[0].prompt_id}
    assert everywhere(ws, "hello warmly") == [] and sound(ws)


def _made_study(ws: Workspace, owner: Visitor, **spec: Any) -> Study:
    """A study whose outputs are there: its owner's own."""
    groups = [[make(ws, owner, prompt, seed=n)[1][0].id for prompt in ("one thing", "another")] for n in range(3)]
    asked = {"title": "Which?", "task": "compare", "outputs": groups, "overlap": 2, "gold_share": 0, **spec}
    return create_study(ws, owner, asked)


def test_later_training_rows_obey(ws: Workspace, ann: Visitor, bob: Visitor):
    for person, words in ((ann, "by ann"), (bob, "by bob")):
        _, (output,) = make(ws, person, "one two three four five six seven eight nine ten")
        feedback.edit_text(ws, person, output.id, f"{output.text} {words}")
    delete_my_data(ws, ann, "delete")
    rows = build(ws, "trl-sft").train
    assert [row["completion"][0]["content"].endswith("by bob") for row in rows] == [True]


# ---- single ones ----------------------------------------------------------------------------------------------------


def test_one_output_goes_with_what_was_said_of_it_and_the_others_stay(each_ws: Workspace, ann: Visitor):
    ws = each_ws
    _, (one, two) = make(ws, ann, "a b c", count=2)
    feedback.rate(ws, ann, one.id, comment="quetzal")
    feedback.rate(ws, ann, two.id, comment="stays")
    feedback.compare(ws, ann, one.id, two.id, "a")
    feedback.compare(ws, ann, two.id, one.id, "b")
    feedback.rank(ws, ann, [[one.id], [two.id]])
    counted = would_delete(ws, ann, [one])
    assert (counted["outputs"], counted["generations"], counted["acts"], counted["prompts"]) == (1, 0, 4, 0)
    assert delete_outputs(ws, ann, [one]) == counted
    (item,) = api.history(ws, ann, str)["items"]
    assert [o["output_id"] for o in item["outputs"]] == [two.id] and item["ranking"] is None
    assert item["outputs"][0]["feedback"]["rating"]["comment"] == "stays"
    assert everywhere(ws, "quetzal") == [] and api.history(ws, ann, str, query="quetzal")["items"] == [] and sound(ws)
    assert delete_outputs(ws, ann, [two])["generations"] == 1
    assert ws.store.find(Generation) == [] and everywhere(ws, "a b c") == [] and sound(ws)


def test_a_prompt_goes_with_its_last_generation_only(ws: Workspace, ann: Visitor):
    _, first = make(ws, ann, "the same words")
    _, second = make(ws, ann, "the same words")
    assert delete_outputs(ws, ann, first)["prompts"] == 0 and everywhere(ws, "the same words")
    assert delete_outputs(ws, ann, second)["prompts"] == 1 and not everywhere(ws, "the same words") and sound(ws)


def test_what_a_study_shows_stays(ws: Workspace, owner: Visitor):
    _made_study(ws, owner)
    shown = ws.store.find(Output)
    counted = delete_outputs(ws, owner, shown)
    assert (counted["outputs"], counted["outputs_that_stay"]) == (0, len(shown)) and ws.store.find(Output) == shown
    assert sound(ws)


def test_nobody_deletes_what_is_not_theirs(ws: Workspace, ann: Visitor, bob: Visitor):
    made, (output,) = make(ws, ann, "mine")
    before = counts(ws.store)
    for generations, outputs in (([made.id], []), ([], [output.id]), (["../x"], None), ("x", []), ([7], []),
                                 ([], [output.id] * 201), ([], []), ({"a": 1}, None)):  # fmt: skip
        with pytest.raises(CollabError):
            chosen_outputs(ws, bob, generations, outputs)
    with pytest.raises(NotFound):
        chosen_outputs(ws, bob, [], [output.id])
    assert counts(ws.store) == before


def test_a_rating_that_arrives_with_the_deletion_leaves_no_ruin(ws: Workspace, ann: Visitor):
    _, (output, _) = make(ws, ann, "a b c", count=2)
    barrier, said = threading.Barrier(2), list[object]()

    def rate() -> None:
        barrier.wait()
        for score in (1, 2, 3, 4, 5):
            try:
                said.append(feedback.rate(ws, ann, output.id, score=score))
            except Exception as error:
                said.append(error)

    other = threading.Thread(target=rate)
    other.start()
    barrier.wait()
    delete_my_data(ws, ann, "delete")
    other.join()
    assert ws.store.find(Rating) == [] and ws.store.find(Output) == [] and sound(ws)
    assert all(isinstance(each, Rating | NotFound) for each in said)


def test_a_generation_that_runs_can_go_as_a_whole_only(ws: Workspace, ann: Visitor, catalog):
    catalog.delay_s = 0.05
    running = generate(ws, ann, Ask(prompt="word " * 40, count=2))
    outputs = ws.store.find(Output, generation_id=running)
    with pytest.raises(CollabError, match="still being made"):
        delete_outputs(ws, ann, outputs[:1])
    delete_outputs(ws, ann, outputs)
    assert ws.store.find(Generation) == []
