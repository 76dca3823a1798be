"""The engine's models: loaded in the background, unloaded to make room, their memory given back."""

from __future__ import annotations

import time
from dataclasses import replace

from models.device import give_memory_back
from models.engine import Engine
from models.residents import NotEnoughMemory
from tests.models.conftest import text_request
from tests.models.fake import BROKEN, FAKE_TEXT, FakeCatalog
from tests.models.inbox import Inbox, image_request


def test_a_model_that_does_not_load_fails_its_requests_and_is_tried_again(fake_engine):
    for attempt in range(2):
        inbox = Inbox()
        fake_engine.submit(text_request(BROKEN, "x", id=f"r{attempt}"), inbox)
        ended = inbox.wait()
        assert (ended.status, ended.error.startswith("fake-broken needs 900 GB")) == ("failed", True)
    (status,) = fake_engine.status()
    assert (status.state, status.message) == ("failed", ended.error)


def test_a_loading_model_does_not_hold_up_another():
    catalog = FakeCatalog()
    engine = Engine(catalog)
    ready = Inbox()
    engine.submit(text_request(FAKE_TEXT, "x", id="warm"), ready)
    ready.wait()
    catalog.load_s = 2.0
    slow, quick = Inbox(), Inbox()
    engine.submit(image_request("slow", "cat"), slow)
    engine.submit(text_request(FAKE_TEXT, "x", id="quick"), quick)
    assert quick.wait(1.5).status == "done"
    assert {s.name: s.state for s in engine.status()} == {"fake-text": "ready", "fake-image": "loading"}
    assert slow.wait().status == "done"
    assert slow.events[-1].timings["loading"] >= 1.5
    engine.close()


def test_warm_loads_without_a_request(fake_engine):
    fake_engine.warm(FAKE_TEXT)
    deadline_s = time.perf_counter() + 10
    while [s.state for s in fake_engine.status()] != ["ready"] and time.perf_counter() < deadline_s:
        time.sleep(0.01)
    assert [s.state for s in fake_engine.status()] == ["ready"]


def test_the_least_recently_used_idle_model_makes_room_and_busy_ones_take_turns():
    catalog = FakeCatalog(delay_s=0.002)
    engine = Engine(catalog, max_models=1)
    infos = [replace(FAKE_TEXT, revision=str(k)) for k in range(3)]
    inboxes = []
    for turn in range(4):
        for k, info in enumerate(infos):
            inbox = Inbox()
            engine.submit(text_request(info, "a b c d e f", id=f"{turn} {k}"), inbox)
            inboxes.append(inbox)
    assert all(inbox.wait().status == "done" for inbox in inboxes)
    assert sum(not backend.closed for backend in catalog.loaded) == 1
    assert [s.state for s in engine.status()] == ["ready"]
    engine.close()
    assert all(backend.closed for backend in catalog.loaded)


def test_a_model_that_lacks_memory_loads_after_an_idle_one_has_been_closed(fake_catalog):
    load = fake_catalog.load

    def tight(info, progress):
        if any(not backend.closed for backend in fake_catalog.loaded):
            raise NotEnoughMemory("fake-image needs 9 GB, but 1 GB are free: choose another.")
        return load(info, progress)

    fake_catalog.load = tight
    engine = Engine(fake_catalog)
    first, second = Inbox(), Inbox()
    engine.submit(text_request(FAKE_TEXT, "x"), first)
    first.wait()
    engine.submit(image_request("i", "cat"), second)
    assert second.wait().status == "done"
    assert [b.closed for b in fake_catalog.loaded] == [True, False]
    engine.close()


def test_models_make_room_for_a_training_when_they_have_finished_and_come_back_when_asked_for():
    catalog = FakeCatalog(delay_s=0.01)
    engine = Engine(catalog)
    idle, busy, late = Inbox(), Inbox(), Inbox()
    engine.submit(image_request("i", "cat"), idle)
    idle.wait()
    engine.submit(text_request(FAKE_TEXT, " ".join("abcdefgh"), id="busy"), busy)
    assert busy.first_sample.wait(30)
    engine.make_room()
    engine.submit(text_request(FAKE_TEXT, "x", id="late"), late)
    assert busy.wait().status == late.wait().status == "done"  # neither was cut off
    assert [b.closed for b in catalog.loaded] == [True, True, False]  # the pictures' stays away until it is asked for
    engine.close()


def test_memory_is_given_back_once_when_there_is_nothing_to_do(fake_engine, monkeypatch):
    given: list[float] = []
    monkeypatch.setattr("models.engine.REST_S", 0.05)
    monkeypatch.setattr("models.engine.give_memory_back", lambda: given.append(time.perf_counter()))
    for turn in (1, 2):
        inbox = Inbox()
        fake_engine.submit(text_request(FAKE_TEXT, "a b c", id=str(turn)), inbox)
        inbox.wait()
        ended_s = time.perf_counter()
        while len(given) < turn:
            assert time.perf_counter() < ended_s + 30
            time.sleep(0.01)
        time.sleep(0.2)
        assert len(given) == turn


def test_giving_memory_back_does_no_harm_here():
    give_memory_back()


def test_whoever_looks_on_does_not_keep_a_broken_model_from_failing(fake_engine):
    busy, inbox = Inbox(), Inbox()
    with fake_engine._wake:  # the engine's thread sees nothing of this until the model has failed
        fake_engine.submit(text_request(BROKEN, "x", id="r"), inbox)
        fake_engine.submit(text_request(FAKE_TEXT, "x", id="busy"), busy)
        model = fake_engine._models.get(BROKEN)
        model.is_now("failed", "it is broken")
        assert fake_engine.ahead("r") == 0
        assert model.state == "failed"
    assert inbox.wait().error == "it is broken"
    busy.wait()


def test_a_cancelled_request_makes_nobody_give_up_the_model_they_use():
    catalog = FakeCatalog(delay_s=0.02)
    engine = Engine(catalog, max_models=1)
    busy, cancelled = Inbox(), Inbox()
    engine.submit(text_request(FAKE_TEXT, "a b c d e f", id="busy", max_new_tokens=200), busy)
    assert busy.first_sample.wait(30)
    other = replace(FAKE_TEXT, revision="other")
    engine.submit(text_request(other, "x", id="cancelled"), cancelled)
    while not engine._models.get(FAKE_TEXT).draining:
        time.sleep(0.001)
    engine.cancel("cancelled")
    assert cancelled.wait().status == "cancelled"
    while engine._models.get(FAKE_TEXT).draining:
        time.sleep(0.001)
    assert engine._models.get(other) is None
    busy.wait()
    assert len(catalog.loaded) == 1
    engine.close()
