"""The engine over a fake backend (order, fairness, cancels, failures) and over the real text model."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from models.base import (
    Ended,
    ImageSample,
    InvalidRequest,
    Message,
    ModelUnavailable,
    Started,
    TextRequest,
    TextSample,
)
from models.engine import Engine
from models.fairness import FairQueue
from models.pace import cost
from tests.models.conftest import text_request
from tests.models.fake import FAKE_TEXT, FakeBackend, FakeCatalog, fake_words
from tests.models.inbox import Inbox, image_request


def test_a_text_request_starts_streams_and_ends_once(fake_engine):
    inbox = Inbox()
    fake_engine.submit(text_request(FAKE_TEXT, "one two three", seed=4, count=2), inbox)
    ended = inbox.wait()
    assert ended.status == "done" and {"queued", "loading", "first", "total"} <= set(ended.timings)
    assert inbox.events[0] == Started("request", "one two three")
    assert inbox.finals()[1].text == " ".join(fake_words("one two three", 5))
    assert len(inbox.events) == 1 + 2 * 4 + 1


def test_images_stream_previews_and_end_with_a_png(fake_engine):
    inbox = Inbox()
    fake_engine.submit(image_request("i", "cat", count=2), inbox)
    assert inbox.wait().status == "done"
    assert inbox.finals()[0].image.startswith(b"\x89PNG")
    assert [e.step for e in inbox.events if isinstance(e, ImageSample) and e.position == 0] == [1, 2, 3, 4]


def test_a_cancelled_running_request_keeps_its_text_so_far():
    engine = Engine(FakeCatalog(delay_s=0.02))
    inbox = Inbox()
    engine.submit(text_request(FAKE_TEXT, "w " * 500, count=2, max_new_tokens=500), inbox)
    assert inbox.first_sample.wait(10)
    assert engine.cancel("request")
    assert inbox.wait().status == "cancelled"
    finals = inbox.finals()
    assert sorted(finals) == [0, 1]
    assert all(f.finish_reason == "cancelled" and f.text and f.completion_tokens for f in finals.values())
    assert not engine.cancel("request") and not engine.cancel("unknown")
    engine.close()


def test_a_cancelled_image_has_no_picture():
    engine = Engine(FakeCatalog(delay_s=0.02))
    inbox = Inbox()
    engine.submit(image_request("i", "cat", num_inference_steps=200), inbox)
    assert inbox.first_sample.wait(10)
    engine.cancel("i")
    assert inbox.wait().status == "cancelled"
    assert inbox.finals()[0].image is None
    engine.close()


def test_a_waiting_request_is_cancelled_at_once_even_while_its_model_loads():
    engine = Engine(FakeCatalog(load_s=1.0))
    inbox = Inbox()
    engine.submit(text_request(FAKE_TEXT, "one"), inbox)
    started_s = time.perf_counter()
    engine.cancel("request")
    assert inbox.wait().status == "cancelled"
    assert time.perf_counter() - started_s < 0.5
    assert len(inbox.events) == 1
    engine.close()


def test_a_newcomers_light_request_is_next_after_what_runs_however_many_wait():
    catalog = FakeCatalog(rows=1, delay_s=0.002)
    engine = Engine(catalog)
    inboxes = [Inbox() for _ in range(21)]
    for k in range(20):
        engine.submit(text_request(FAKE_TEXT, "a b c d", id=f"ada {k}", owner="ada"), inboxes[k])
    assert inboxes[0].first_sample.wait(10)
    engine.submit(text_request(FAKE_TEXT, "hi", id="bob", owner="bob", max_new_tokens=2), inboxes[20])
    assert engine.ahead("bob") <= 2
    assert engine.ahead("ada 19") > engine.ahead("bob")
    for inbox in inboxes:
        assert inbox.wait().status == "done"
    order = catalog.loaded[0].admissions
    assert order.index("bob") <= 5 and order.index("ada 19") == 20
    engine.close()


def test_one_person_never_fills_a_model_so_that_a_newcomer_starts_at_once():
    catalog = FakeCatalog(rows=8, delay_s=0.002)
    engine = Engine(catalog)
    inboxes = {f"ada {k}": Inbox() for k in range(50)} | {"bob": Inbox(), "cy": Inbox()}
    for k in range(50):
        request = text_request(FAKE_TEXT, "w " * 40, id=f"ada {k}", owner="ada", max_new_tokens=40)
        engine.submit(request, inboxes[request.id])
    assert inboxes["ada 0"].first_sample.wait(10)
    for name in ("bob", "cy"):
        engine.submit(text_request(FAKE_TEXT, "hi", id=name, owner=name, max_new_tokens=2), inboxes[name])
    assert inboxes["bob"].wait().status == inboxes["cy"].wait().status == "done"
    order = catalog.loaded[0].admissions
    assert order.index("bob") == 6 and order.index("cy") == 7  # six of eight places are the most one person gets
    engine.cancel("ada 49")
    engine.close()


def test_whoever_waits_for_a_first_place_is_overtaken_by_nobody():
    catalog = FakeCatalog(rows=4, delay_s=0.005)
    engine = Engine(catalog)
    inboxes = {name: Inbox() for name in ("a1", "a2", "a3", "a4", "b")}
    for name in ("a1", "a2", "a3"):
        engine.submit(text_request(FAKE_TEXT, "w " * 30, id=name, owner="ada"), inboxes[name])
    assert inboxes["a3"].first_sample.wait(10)
    engine.submit(text_request(FAKE_TEXT, "w " * 30, id="b", owner="bob", count=4), inboxes["b"])
    engine.submit(text_request(FAKE_TEXT, "w", id="a4", owner="ada"), inboxes["a4"])
    assert all(inbox.wait().status == "done" for inbox in inboxes.values())
    assert catalog.loaded[0].admissions == ["a1", "a2", "a3", "b", "a4"]
    engine.close()


def test_an_eta_counts_what_runs_what_waits_ahead_and_what_is_asked_itself():
    engine = Engine(FakeCatalog(rows=2, delay_s=0.01))
    first = Inbox()
    engine.submit(text_request(FAKE_TEXT, "w " * 70, id="first", max_new_tokens=70), first)
    assert engine.eta("first") is None and engine.eta("unknown") is None
    assert first.wait().status == "done"
    waiting = {name: Inbox() for name in ("a", "b", "c", "d")}
    for name, tokens in (("a", 100), ("b", 100), ("c", 120), ("d", 140)):
        request = text_request(FAKE_TEXT, "w " * tokens, id=name, owner=name, max_new_tokens=tokens)
        engine.submit(request, waiting[name])
    assert waiting["b"].first_sample.wait(10)
    etas = {name: engine.eta(name) for name in waiting}
    # one token every 10 ms at least, learnt from a request alone; c and d wait behind a and b
    assert all(eta is not None for eta in etas.values())
    assert etas["a"] < etas["c"] < etas["d"] and 0.5 < etas["a"] < 20
    engine.close()


def test_a_heavier_request_costs_more_by_what_it_asks_for():
    light = text_request(FAKE_TEXT, "hi", max_new_tokens=10)
    assert cost(replace(light, count=4)) == 4 * cost(light) == 40
    assert cost(text_request(FAKE_TEXT, "word " * 1000, max_new_tokens=10)) > 100
    assert cost(image_request("i", "x", width=128, num_inference_steps=8)) == 4 * cost(image_request("i", "x"))


def test_owners_get_equal_work_not_equal_numbers_of_requests():
    queue = FairQueue()
    for k in range(8):
        queue.push(text_request(FAKE_TEXT, "x", id=f"heavy {k}", owner="h", max_new_tokens=400))
        queue.push(text_request(FAKE_TEXT, "x", id=f"light {k}", owner="l", max_new_tokens=100))
    order = list(queue.order())
    assert len(order) == len(queue) == 16
    assert order.index("light 7") <= 10
    assert [x for x in order if x.startswith("heavy")] == [f"heavy {k}" for k in range(8)]
    assert queue.remove("heavy 3") and not queue.remove("heavy 3")
    assert [queue.pop() for _ in range(15)] == [x for x in order if x != "heavy 3"] and queue.pop() is None


def test_too_much_waiting_is_refused_with_a_sentence():
    engine = Engine(FakeCatalog(load_s=5.0), max_waiting=3, max_waiting_per_owner=2)
    for k in range(2):
        engine.submit(text_request(FAKE_TEXT, "x", id=f"a{k}", owner="ada"), Inbox())
    with pytest.raises(ModelUnavailable, match="2 of your requests"):
        engine.submit(text_request(FAKE_TEXT, "x", id="a2", owner="ada"), Inbox())
    with pytest.raises(InvalidRequest, match="a0 is already"):
        engine.submit(text_request(FAKE_TEXT, "x", id="a0", owner="bob"), Inbox())
    engine.submit(text_request(FAKE_TEXT, "x", id="b0", owner="bob"), Inbox())
    with pytest.raises(ModelUnavailable, match="3 requests are waiting"):
        engine.submit(text_request(FAKE_TEXT, "x", id="c0", owner="cy"), Inbox())
    engine.close()


def test_a_crash_in_a_step_fails_that_backends_requests_and_the_engine_lives_on(fake_engine, caplog):
    crash, fine = Inbox(), Inbox()
    fake_engine.submit(text_request(FAKE_TEXT, "!crash", id="crash"), crash)
    ended = crash.wait()
    assert ended.status == "failed" and "unexpected error" in ended.error and "fake backend crashed" in caplog.text
    fake_engine.submit(text_request(FAKE_TEXT, "fine", id="fine"), fine)
    assert fine.wait().status == "done"


def test_one_failing_or_refused_request_leaves_the_others_alone(fake_engine):
    inboxes = {word: Inbox() for word in ("!fail", "!refuse", "fine")}
    for word, inbox in inboxes.items():
        fake_engine.submit(text_request(FAKE_TEXT, word, id=word), inbox)
    assert "!fail" in inboxes["!fail"].wait().error
    assert "!refuse" in inboxes["!refuse"].wait().error
    assert inboxes["fine"].wait().status == "done"
    assert not any(isinstance(e, Started) for e in inboxes["!refuse"].events)


def test_a_raising_sink_ends_its_own_request_only(fake_engine, caplog):
    seen = []

    def broken(event) -> None:
        seen.append(event)
        raise ValueError("the page is gone")

    fine = Inbox()
    fake_engine.submit(text_request(FAKE_TEXT, "a b c", id="broken"), broken)
    fake_engine.submit(text_request(FAKE_TEXT, "a b c", id="fine"), fine)
    assert fine.wait().status == "done"
    assert [type(e) for e in seen] == [Started, Ended] and seen[1].status == "failed"


def test_a_quiet_remote_is_polled_without_a_busy_loop():
    class Quiet(FakeBackend):
        steps = 0

        def step(self):
            Quiet.steps += 1
            return []

    catalog = FakeCatalog()
    catalog.load = lambda info, progress: Quiet(info)  # type: ignore[method-assign]
    engine = Engine(catalog)
    engine.submit(text_request(replace(FAKE_TEXT, precision="remote"), "x"), Inbox())
    time.sleep(0.5)
    assert 5 < Quiet.steps < 60
    engine.close()


def test_an_idle_engine_sleeps(fake_engine):
    inbox = Inbox()
    fake_engine.submit(text_request(FAKE_TEXT, "x"), inbox)
    inbox.wait()
    used_s = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - used_s < 0.2


def test_closing_cancels_everything_and_refuses_more():
    engine = Engine(FakeCatalog(delay_s=0.02))
    running, waiting = Inbox(), Inbox()
    engine.submit(text_request(FAKE_TEXT, "w " * 500, id="running", count=8, max_new_tokens=500), running)
    engine.submit(text_request(FAKE_TEXT, "w " * 500, id="waiting", count=8, max_new_tokens=500), waiting)
    assert running.first_sample.wait(10)
    engine.close()
    assert running.wait(1).status == waiting.wait(1).status == "cancelled"
    with pytest.raises(ModelUnavailable):
        engine.submit(text_request(FAKE_TEXT, "x", id="late"), Inbox())


def test_many_threads_submitting_and_cancelling_each_get_exactly_one_end():
    engine = Engine(FakeCatalog(rows=4), max_waiting=500)
    inboxes = {f"{t} {k}": Inbox() for t in range(8) for k in range(20)}

    def work(t: int) -> None:
        for k in range(20):
            id_ = f"{t} {k}"
            engine.submit(text_request(FAKE_TEXT, "a b c d", id=id_, owner=str(t)), inboxes[id_])
            if k % 3 == 0:
                engine.cancel(id_)

    threads = [threading.Thread(target=work, args=(t,)) for t in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = {inbox.wait().status for inbox in inboxes.values()}
    assert statuses <= {"done", "cancelled"} and "done" in statuses
    engine.close()


def test_the_real_model_streams_through_the_engine_and_a_cancel_is_quick(catalog, text_backend):
    class Loaded(FakeCatalog):
        def load(self, info, progress):
            return KeptOpen()

    class KeptOpen:
        """The session's backend outlives this engine."""

        def __getattr__(self, name):
            return (lambda: None) if name == "close" else getattr(text_backend, name)

    engine = Engine(Loaded())
    info = text_backend.info
    inbox, long = Inbox(), Inbox()
    engine.submit(text_request(info, "What is the capital of France?", id="short", temperature=0), inbox)
    engine.submit(text_request(info, "Tell a long story.", id="long", owner="bob", count=2, max_new_tokens=500), long)
    assert long.first_sample.wait(60)
    assert inbox.wait(120).status == "done"
    assert "Paris" in inbox.finals()[0].text
    engine.cancel("long")
    assert long.wait(20).status == "cancelled"
    assert all(s.text and s.finish_reason == "cancelled" for s in long.finals().values())
    assert text_backend.active() == 0
    text = [e.text for e in inbox.events if isinstance(e, TextSample)]
    assert all(b.startswith(a) for a, b in pairwise(text))
    engine.close()


def test_a_request_without_messages_to_answer_is_refused(catalog, text_backend):
    request = replace(text_request(text_backend.info, "x"), messages=(Message("assistant", "hm"),))
    assert isinstance(request, TextRequest)
    with pytest.raises(InvalidRequest):
        text_backend.admit(request)
