"""Snapshots: the same rows again, bit for bit, from the acts they name, and a sentence where that cannot be."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from collab import datasets
from collab.datasets import snapshots
from collab.errors import InvalidSetting, NotAllowed, NotFound, Unavailable
from collab.feedback import edit_text, rank, rate, undo
from collab.identity import Visitor
from collab.settings import Settings
from collab.store import schema
from collab.store.verify import problems
from collab.types import DatasetSnapshot, Rating
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.studies.people import people


@pytest.fixture
def ws(each_ws: Workspace) -> Workspace:
    """On both databases."""
    return each_ws


def judged(ws: Workspace, number: int) -> list[Rating]:
    """Each of so many people edits, rates and orders texts of their own; the ratings."""
    ratings = []
    for n, person in enumerate(people(number)):
        a, b, c = make(ws, person, f"some words for subject {n}", count=3)[1]
        edit_text(ws, person, a.id, f"{a.text} and more")
        ratings.append(rate(ws, person, b.id, thumb=1 if n % 2 else -1))
        rate(ws, person, c.id, score=3)
        rank(ws, person, [[b.id], [c.id], [a.id]])
    return ratings


def test_later_acts_change_nothing_about_a_snapshot(ws: Workspace, owner: Visitor):
    ratings = judged(ws, 4)
    made = {kind: snapshots.make(ws, owner, kind) for kind in ("sft", "dpo", "kto", "reward")}
    before = {kind: snapshots.rebuild(ws, snapshot) for kind, snapshot in made.items()}
    for kind, data in before.items():
        fresh = datasets.build(ws, f"trl-{kind}")
        assert (data.train, data.test, data.sha256) == (fresh.train, fresh.test, fresh.sha256)
        assert data.sha256 == made[kind].sha256
        assert snapshots.make(ws, owner, kind).id == made[kind].id  # the same rows are the same snapshot
    first = ratings[1]
    author = Visitor(first.annotator_id, "anonymous")
    undo(ws, author, first.id)
    judged(ws, 1)
    for kind, snapshot in made.items():
        assert snapshots.rebuild(ws, ws.store.get(DatasetSnapshot, snapshot.id)).sha256 == snapshot.sha256
        assert snapshots.make(ws, owner, kind).id != snapshot.id
    assert list(snapshots.snapshot_problems(ws.settings, ws.store)) == list(problems(ws.store, ws.blobs)) == []


def test_what_was_left_out_because_of_others_stays_so_when_it_is_built_again(ws: Workspace, owner: Visitor):
    """Acts that give no row themselves are named too: a disliking outweighs a liking of the same words."""
    ann, bob = people(2)
    for person, score in ((ann, 4), (bob, 1)):
        rate(ws, person, make(ws, person, "one", seed=7)[1][0].id, score=score)
    edited = make(ws, ann, "some other words")[1][0]
    edit_text(ws, ann, edited.id, f"{edited.text} and more")
    snapshot = snapshots.make(ws, owner, "sft")
    assert snapshot.train_count == 1 and len(snapshot.event_ids) == 3
    assert snapshots.rebuild(ws, snapshot).sha256 == snapshot.sha256


def test_what_was_deleted_makes_it_not_rebuildable_and_says_how_much(ws: Workspace, owner: Visitor):
    ratings = judged(ws, 4)
    snapshot = snapshots.make(ws, owner, "kto")
    with ws.store.writing() as connection:
        for table in (schema.ratings, schema.feedback):
            connection.execute(sa.delete(table).where(table.c.id == ratings[0].id))
    assert snapshots.why_not_rebuildable(ws, snapshot) == "not rebuildable: 1 row deleted"
    assert snapshots.told(ws, snapshot)["not_rebuildable"] == "not rebuildable: 1 row deleted"
    with pytest.raises(Unavailable, match=r"not rebuildable: 1 row deleted: make a new one\.$"):
        snapshots.rebuild(ws, snapshot)
    assert list(snapshots.snapshot_problems(ws.settings, ws.store)) == []  # a deletion is no damage


def test_rows_that_were_changed_are_a_problem_of_the_store(ws: Workspace, owner: Visitor):
    judged(ws, 2)
    snapshot = snapshots.make(ws, owner, "sft")
    with ws.store.writing() as connection:
        connection.execute(sa.update(schema.edits).values(text=schema.edits.c.text + " forged"))
    assert [snapshot.id in said for said in snapshots.snapshot_problems(ws.settings, ws.store)] == [True]


def test_too_few_rows_say_how_many_are_missing(ws: Workspace, owner: Visitor):
    judged(ws, 4)
    few = snapshots.told(ws, snapshots.make(ws, owner, "kto"))
    assert few["too_few"] == (
        "4 rows are too few to learn from: 20 more rows of kto and 4 more texts called good and 4 more texts called "
        "bad are needed."
    )
    assert few["counts"]["left out: three stars, neither good nor bad"] == 4
    enough = DatasetSnapshot(kind="dpo", sha256="", train_count=20, test_count=4, event_ids=(), created_by="")
    assert snapshots.lacking(enough) == ""


def test_what_is_refused_leaves_the_store_as_it_was(ws: Workspace, owner: Visitor, ann: Visitor, settings: Settings):
    before = counts(ws.store)
    with pytest.raises(NotFound, match="Nothing was said yet"):
        snapshots.make(ws, owner, "sft")
    with pytest.raises(NotAllowed):
        snapshots.make(ws, ann, "sft")
    for kind in (None, "", "image", 3, ["sft"]):
        with pytest.raises(InvalidSetting, match="take one of sft, dpo, kto, reward"):
            snapshots.make(ws, owner, kind)
    with pytest.raises(NotFound):
        snapshots.find(ws, owner, "' OR 1=1")
    assert counts(ws.store) == before
