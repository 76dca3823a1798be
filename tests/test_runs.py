"""Generations under way: recorded whatever happens to those who watch, to the disk or to the process."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from multiprocessing.connection import Connection

import pytest

from collab import api
from collab.errors import Unavailable
from collab.generation import Ask, cancel, generate
from collab.identity import Visitor
from collab.runs import INTERRUPTED, _storable
from collab.settings import Settings
from collab.store.verify import problems
from collab.types import Generation, Output, OutputTokens, new_id, now
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.conftest import ended, make
from tests.models.fake import FakeCatalog

LONG = " ".join(f"word{n}" for n in range(30))


@pytest.fixture
def slow(settings: Settings) -> Iterator[Workspace]:
    """A studio whose model takes a moment for each word."""
    opened = open_workspace(settings, engine=Engine(FakeCatalog(delay_s=0.02)))
    yield opened
    opened.close()


def outputs_of(ws: Workspace, generation_id: str) -> list[Output]:
    return sorted(ws.store.find(Output, generation_id=generation_id), key=lambda o: o.position)


# ---- watching -------------------------------------------------------------------------------------------------------


def test_a_watcher_sees_the_text_grow_to_its_end(slow: Workspace, ann: Visitor):
    generation_id = generate(slow, ann, Ask(prompt=LONG, count=2))

    async def watch() -> list[tuple[str, list[str]]]:
        seen = []
        async for run in slow.runs.changes(generation_id, at_most_hz=100):
            assert run is not None
            texts = [o.text or p.text or "" for o, p in zip(run.outputs, run.progress, strict=True)]
            seen.append((run.generation.status, texts))
        return seen

    seen = asyncio.run(watch())
    assert seen[-1] == ("done", [o.text for o in outputs_of(slow, generation_id)])
    assert len(seen) > 3
    for (_, before), (_, after) in pairwise(seen):
        assert all(late.startswith(early) for early, late in zip(before, after, strict=True))


def test_a_watcher_who_leaves_stops_nothing(slow: Workspace, ann: Visitor):
    generation_id = generate(slow, ann, Ask(prompt=LONG))

    async def glance() -> None:
        async for run in slow.runs.changes(generation_id):
            assert run is not None and not run.finished
            return

    asyncio.run(glance())
    assert ended(slow, generation_id).status == "done"
    assert len((outputs_of(slow, generation_id)[0].text or "").split()) == 31


def test_several_watchers_see_the_same_end_and_latecomers_the_present(slow: Workspace, ann: Visitor):
    generation_id = generate(slow, ann, Ask(prompt=LONG))

    async def watch(delay_s: float) -> list[str]:
        await asyncio.sleep(delay_s)
        return [state["outputs"][0]["text"] async for state in api.follow(slow, ann, generation_id, str)]

    async def all_of_them() -> list[list[str]]:
        return await asyncio.gather(watch(0), watch(0), watch(0.3), watch(0.4))

    seen = asyncio.run(all_of_them())
    final = outputs_of(slow, generation_id)[0].text
    assert [states[-1] for states in seen] == [final] * 4
    assert seen[2][0] != ""
    assert asyncio.run(watch(0)) == [final]  # after the end: once, from the store


def until_some_text(ws: Workspace, generation_id: str) -> None:
    async def watch() -> None:
        async for run in ws.runs.changes(generation_id, at_most_hz=200):
            if run is None or run.finished or all(p.completion_tokens >= 3 for p in run.progress):
                return

    asyncio.run(watch())


def test_a_stopped_text_keeps_what_it_has_with_its_tokens(slow: Workspace, ann: Visitor):
    generation_id = generate(slow, ann, Ask(prompt=LONG, count=2))
    until_some_text(slow, generation_id)
    cancel(slow, ann, generation_id)
    made = ended(slow, generation_id)
    assert made.status == "cancelled" and made.error == ""
    for output in outputs_of(slow, generation_id):
        kept = (output.text or "").split()
        assert output.finish_reason == "cancelled" and 3 <= len(kept) <= 31
        assert output.completion_tokens == len(kept)
        tokens = slow.store.get(OutputTokens, output.id).tokens
        assert "".join(token[0] for token in tokens) == output.text
    assert cancel(slow, ann, generation_id).status == "cancelled"


def test_a_stopped_picture_keeps_no_half(slow: Workspace, ann: Visitor):
    generation_id = generate(slow, ann, Ask(prompt="x", modality="image", settings={"num_inference_steps": 200}))

    async def two_steps() -> None:
        async for run in slow.runs.changes(generation_id, at_most_hz=200):
            if run is None or run.progress[0].step >= 2:
                assert run and run.progress[0].preview
                return

    asyncio.run(two_steps())
    cancel(slow, ann, generation_id)
    assert ended(slow, generation_id).status == "cancelled"
    (output,) = outputs_of(slow, generation_id)
    assert (output.blob_sha256, output.finish_reason) == (None, "cancelled")
    assert list(problems(slow.store, slow.blobs)) == []


def test_what_waits_in_the_queue_can_be_stopped(settings: Settings, ann: Visitor):
    ws = open_workspace(settings, engine=Engine(FakeCatalog(load_s=0.5)))
    generation_id = generate(ws, ann, Ask(prompt="never"))
    cancel(ws, ann, generation_id)
    assert ended(ws, generation_id).status == "cancelled"
    assert outputs_of(ws, generation_id)[0].text is None
    ws.close()


# ---- a full disk ----------------------------------------------------------------------------------------------------


def test_a_disk_that_takes_no_picture_fails_that_generation_alone(ws: Workspace, ann: Visitor):
    blocks = [ws.blobs.folder / f"{n:02x}" for n in range(256)]
    for block in blocks:
        block.write_text("no folder can be made here")
    made, (output,) = make(ws, ann, "a picture", modality="image")
    assert made.status == "failed" and made.error.startswith("The result could not be stored")
    assert output.blob_sha256 is None and output.finish_reason is None
    assert make(ws, ann, "a text")[0].status == "done"
    for block in blocks:
        block.unlink()
    assert make(ws, ann, "a picture", modality="image")[0].status == "done"
    assert list(problems(ws.store, ws.blobs)) == []


def test_a_database_that_takes_nothing_fails_that_generation_and_the_studio_lives_on(
    ws: Workspace, ann: Visitor, settings: Settings
):
    with ws.store.writing() as connection:
        for table in ("outputs", "generations"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER full_{table} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
    generation_id = generate(ws, ann, Ask(prompt="a b"))

    async def watch() -> list[str]:
        return [run.generation.status async for run in ws.runs.changes(generation_id) if run]

    assert asyncio.run(watch())[-1:] in ([], ["failed"])  # the watcher is told, if it came in time
    assert ws.runs.get(generation_id) is None
    with ws.store.writing() as connection:
        for table in ("outputs", "generations"):
            connection.exec_driver_sql(f"DROP TRIGGER full_{table}")
    assert make(ws, ann, "a b")[0].status == "done"
    assert ws.store.get(Generation, generation_id).status == "queued"
    ws.store.update(Generation, generation_id, {"lease_until": now() - timedelta(seconds=1)})
    assert ws.runs.fail_abandoned() == 1  # its lease is renewed no more, so a later beat says what happened
    assert ws.store.get(Generation, generation_id).error == INTERRUPTED


# ---- processes that come and go -------------------------------------------------------------------------------------


def test_closing_the_studio_says_that_it_was_interrupted(settings: Settings, ann: Visitor):
    ws = open_workspace(settings, engine=Engine(FakeCatalog(delay_s=0.05)))
    running, waiting = (generate(ws, ann, Ask(prompt=LONG, count=8)) for _ in range(2))
    until_some_text(ws, running)
    ws.close()
    ws = open_workspace(settings, engine=Engine(FakeCatalog()))
    for generation_id in (running, waiting):
        made = ws.store.get(Generation, generation_id)
        assert (made.status, made.error) == ("failed", INTERRUPTED)
    assert (outputs_of(ws, running)[0].text or "").startswith("word")  # what it had is kept
    assert list(problems(ws.store, ws.blobs)) == []
    ws.close()


def generate_slowly(settings: Settings, visitor: Visitor, words: int, told: Connection) -> None:
    """Runs in a process of its own: starts a generation, tells its id once it runs, and stays."""
    ws = open_workspace(settings, engine=Engine(FakeCatalog(delay_s=0.05)))
    generation_id = generate(ws, visitor, Ask(prompt=" ".join(["word"] * words), settings={"max_new_tokens": 8000}))
    until_some_text(ws, generation_id)
    told.send(generation_id)
    threading.Event().wait()


@pytest.fixture
def elsewhere(settings: Settings, ann: Visitor) -> Iterator[object]:
    """Starts generations in other processes; gives (process, generation id)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.test_runs"])
    started = []

    def start(words: int):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=generate_slowly, args=(settings, ann, words, writer))
        process.start()
        writer.close()
        started.append(process)
        assert reader.poll(60), "the other process did not start"
        return process, reader.recv()

    yield start
    for process in started:
        process.kill()
        process.join()


def test_after_kill_9_the_next_start_says_that_it_was_interrupted(settings: Settings, ann: Visitor, elsewhere):
    process, generation_id = elsewhere(2000)
    process.kill()
    process.join()
    ws = open_workspace(settings, engine=Engine(FakeCatalog()))
    made = ws.store.get(Generation, generation_id)
    assert (made.status, made.error) == ("failed", INTERRUPTED) and "run it again" in made.error
    assert ended(ws, generate(ws, ann, Ask(prompt="a", request_id=new_id()))).status == "done"
    assert list(problems(ws.store, ws.blobs)) == []
    ws.close()


def test_what_another_process_is_making_is_left_alone_and_can_be_followed(settings: Settings, ann: Visitor, elsewhere):
    _, generation_id = elsewhere(40)
    ws = open_workspace(settings, engine=Engine(FakeCatalog()))
    assert ws.runs.fail_abandoned() == 0
    with pytest.raises(Unavailable, match="Another program on this studio is making that"):
        cancel(ws, ann, generation_id)

    async def follow() -> list[dict]:
        return [state async for state in api.follow(ws, ann, generation_id, str)]

    states = asyncio.run(follow())
    assert states[0]["status"] == "running" and states[-1]["status"] == "done"
    assert len(states[-1]["outputs"][0]["text"].split()) == 41
    ws.close()


def test_a_lease_that_ran_out_is_abandoned_whoever_held_it(ws: Workspace, ann: Visitor):
    done, _ = make(ws, ann)
    rows = {
        "gone": replace(done, worker="another-machine:1:x", lease_until=now() - timedelta(seconds=1)),
        "never leased": replace(done, worker="", lease_until=None),
        "held": replace(done, worker="another-machine:1:x", lease_until=now() + timedelta(seconds=30)),
    }
    rows = {name: replace(row, id=new_id(), status="running", request_id=None) for name, row in rows.items()}
    ws.store.add(*rows.values())
    assert ws.runs.fail_abandoned() == 2
    states = {name: ws.store.get(Generation, row.id).status for name, row in rows.items()}
    assert states == {"gone": "failed", "never leased": "failed", "held": "running"}


def test_what_no_database_keeps_becomes_the_replacement_mark():
    assert _storable("a\x00b\ud800c👍") == "a�b�c👍"
