"""Outputs are made beforehand, in the background, whatever stops the server in between."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from collab.identity import Visitor
from collab.runs import INTERRUPTED
from collab.studies.assignment import Nothing, next_task
from collab.studies.creation import create_study
from collab.studies.pregeneration import AT_ONCE, Pregeneration, case_seed, fill_items
from collab.types import UNFINISHED, Generation, Output, Study, StudyItem
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.models.fake import FakeCatalog
from tests.studies.people import TWO_ARMS, fill


def test_an_item_is_served_only_when_all_its_outputs_are_there(ws: Workspace, owner: Visitor, ann: Visitor):
    study = create_study(ws, owner, TWO_ARMS)
    waiting = next_task(ws, ann, study)
    assert isinstance(waiting, Nothing) and waiting.waiting and (waiting.ready, waiting.total) == (0, 6)
    fill(ws)
    task = next_task(ws, ann, study)
    assert not isinstance(task, Nothing)
    assert all(ws.store.get(Output, output_id).text for output_id in task[1].outputs)


@pytest.mark.each_database
def test_only_a_few_generations_are_asked_for_at_once(ws: Workspace, owner: Visitor, catalog: FakeCatalog):
    catalog.delay_s = 0.05
    create_study(ws, owner, {**TWO_ARMS, "cases": [{"variables": {"thing": f"t{n}"}} for n in range(30)]})
    fill_items(ws)
    fill_items(ws)
    assert len(ws.store.find(Generation, status=list(UNFINISHED))) <= AT_ONCE + 1


@pytest.mark.each_database
def test_a_closed_study_is_not_filled(ws: Workspace, owner: Visitor):
    study = create_study(ws, owner, TWO_ARMS)
    ws.store.update(Study, study.id, {"status": "closed"})
    assert not fill_items(ws) and ws.store.find(Generation) == []


def test_the_thread_fills_what_waits_and_stops_when_told(ws: Workspace, owner: Visitor):
    background = Pregeneration(ws)
    background.start()
    study = create_study(ws, owner, TWO_ARMS)
    background.wake()
    for _ in range(300):
        if all(item.status == "ready" for item in ws.store.find(StudyItem, study_id=study.id)):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the items were not filled")
    background.close()
    assert not background._thread.is_alive()


@pytest.mark.each_database
def test_what_a_restart_cut_short_is_made_again_and_what_is_there_is_kept(ws: Workspace, owner: Visitor):
    study = create_study(ws, owner, TWO_ARMS)
    fill(ws)
    first, *_ = ws.store.find(StudyItem, study_id=study.id)
    kept = {g.id for g in ws.store.find(Generation)}
    cut = ws.store.get(Output, first.outputs[0]).generation_id
    with ws.store.writing() as connection:  # as if the server had died while this one was under way
        from collab.store import schema

        table = schema.generations
        changes = {"status": "failed", "error": INTERRUPTED}
        connection.execute(table.update().where(table.c.id == cut).values(**changes))
        items = schema.study_items
        connection.execute(items.update().where(items.c.id == first.id).values(status="waiting", outputs=[]))
    fill(ws)
    again = ws.store.get(StudyItem, first.id)
    assert again.status == "ready" and len({g.id for g in ws.store.find(Generation)} - kept) == 1
    before, after = (ws.store.get(Output, outputs[0]) for outputs in (first.outputs, again.outputs))
    assert before.id != after.id and before.text == after.text  # the same seed


def test_another_process_takes_up_what_one_left(ws: Workspace, owner: Visitor):
    study = create_study(ws, owner, TWO_ARMS)
    fill_items(ws)
    ws.close()
    second = open_workspace(replace(ws.settings), engine=Engine(FakeCatalog()))
    try:
        fill(second)
        assert {item.status for item in second.store.find(StudyItem, study_id=study.id)} == {"ready"}
    finally:
        second.close()


def test_no_two_cases_or_samples_share_a_seed():
    seeds = [case_seed(2**32 - 3, case, 4) + sample for case in range(5) for sample in range(4)]
    assert len({seed % 2**32 for seed in seeds}) == 20
