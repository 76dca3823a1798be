"""What Gradio keeps of each session."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from collab.ui import sessions
from tests.server.served import LONG, Studio, generated

MANY = 60  # people; Gradio by itself works on forty events at a time


def call(studio: Studio, api_name: str, *data: object) -> str:
    """Call an endpoint in a session of its own; where its answer is to be heard."""
    url = f"{studio.served.url}gradio_api/call/{api_name}"
    return f"{url}/{httpx.post(url, json={'data': data}).json()['event_id']}"


def ask(studio: Studio, prompt: str) -> str:
    return call(studio, "generate", prompt, "text", "", 1, None, None, "", "", None, None, "", "", None)


def test_a_session_holds_what_was_answered_and_not_the_whole_page(studio: Studio):
    generated(studio.client())
    *_, newest = studio.served.page.app.state_holder.session_data.values()
    assert 0 < len(newest.config_values) < 20


def test_many_people_watch_their_generations_and_nobody_waits_behind_them(studio: Studio):
    with ThreadPoolExecutor(8) as people:
        watched = list(people.map(lambda _: ask(studio, " ".join([LONG] * 16)), range(MANY)))
        assert sum(job is not None for job in studio.served.page._queue.active_jobs) > 45
        answers = list(people.map(lambda url: httpx.get(url, timeout=60).text, watched))
    assert all("event: complete" in answer for answer in answers)


def test_whoever_waits_is_not_forgotten_while_scripts_call(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sessions, "CAPACITY", 5)
    queue, watched = studio.served.page._queue, ask(studio, f"{LONG} {LONG}")
    for _ in range(30):
        assert "event: complete" in httpx.get(call(studio, "models")).text
    answer = httpx.get(watched, timeout=60).text
    assert "event: complete" in answer
    for _ in range(30):
        ask(studio, "a")  # and never listens
    for kept in (queue.pending_messages_per_session, queue.pending_event_ids_session):
        assert len(kept) == 2 * sessions.CAPACITY
