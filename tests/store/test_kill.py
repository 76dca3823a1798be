"""`kill -9` in the middle of a stream of ratings loses no acknowledged one and breaks no chain."""

from __future__ import annotations

import multiprocessing
import random
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import sqlalchemy as sa

from collab import feedback
from collab.identity import Visitor
from collab.settings import Settings, read_settings
from collab.store import Blobs, open_store
from collab.store.schema import feedback as feedback_table
from collab.store.verify import problems
from collab.types import Rating, Retraction, new_id
from collab.workspace import open_workspace
from models.engine import Engine
from tests.models.fake import FakeCatalog
from tests.store.people import someone

PEOPLE = 4


def stream_ratings(settings: Settings, whose: list[tuple[str, str]], acknowledged: Connection) -> None:
    """Runs in the process that is killed: several people rate and undo for ever, telling each act once it is kept."""
    ws, told = open_workspace(settings, engine=Engine(FakeCatalog())), threading.Lock()

    def rate_for_ever(annotator_id: str, output_id: str) -> None:
        visitor, number = Visitor(annotator_id, "anonymous"), 0
        while True:
            number += 1
            act = feedback.rate(ws, visitor, output_id, comment=new_id())
            acts = [act.id]
            if number % 5 == 0:
                acts.append(feedback.undo(ws, visitor, act.id).id)
            with told:
                for act_id in acts:
                    acknowledged.send(act_id)

    for pair in whose:
        threading.Thread(target=rate_for_ever, args=pair, daemon=True).start()
    threading.Event().wait()


def test_no_acknowledged_rating_is_lost_to_kill_9(database_url: str, tmp_path: Path, request: pytest.FixtureRequest):
    settings = replace(read_settings({"COLLAB_HOME": str(tmp_path / "home")}), database_url=database_url)
    store, rng = open_store(database_url), random.Random(20260)
    people = [someone(store, prompt=f"Prompt {n}") for n in range(PEOPLE)]
    whose = [(p.annotator.id, p.output.id) for p in people]
    store.close()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    acknowledged: set[str] = set()
    for _ in range(12 if database_url.startswith("sqlite") else 4):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=stream_ratings, args=(settings, whose, writer))
        process.start()
        request.addfinalizer(process.kill)
        writer.close()
        before = len(acknowledged)
        wanted = rng.randint(1, 40)
        try:
            for _ in range(wanted):
                assert reader.poll(60), "nothing is acknowledged any more"
                acknowledged.add(reader.recv())
            process.kill()
            while True:  # what was told before it died
                acknowledged.add(reader.recv())
        except EOFError:
            process.join()
        assert len(acknowledged) >= before + wanted, "the process ended by itself"
        reader.close()

        store = open_store(database_url)
        with store.reading() as connection:
            kept = {act_id for (act_id,) in connection.execute(sa.select(feedback_table.c.id))}
        assert acknowledged <= kept
        assert list(problems(store, Blobs(tmp_path / "blobs"))) == []
        for person in people:
            acts = [*store.find(Rating, output_id=person.output.id), *store.find(Retraction)]
            chain = [a for a in acts if a.subject == f"rating:{person.output.id}"]
            follows = {a.supersedes_id: a.id for a in chain}
            walked, at = 0, follows.get(None)
            while at:
                walked, at = walked + 1, follows.get(at)
            assert walked == len(chain) == len(follows)
        store.close()
