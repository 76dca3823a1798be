"""A studio served to scripts: its owner on this machine, and annotators from elsewhere with a client each.

Knows how every kind of task is answered; knows nothing of what a test expects.
"""

from __future__ import annotations

import time
from typing import Any

from gradio_client import Client

from collab.identity import VISITOR_COOKIE, Visitor
from collab.store.study_queries import item_states
from tests.server.served import Studio
from tests.visitors import new_visitor

QUESTIONS: list[dict[str, Any]] = [
    {"name": "quality", "title": "Quality", "kind": "stars"},
    {"name": "liked", "title": "Liked", "kind": "thumb"},
    {"name": "tone", "title": "Tone", "kind": "choice", "options": ["warm", "cold"]},
    {"name": "faults", "title": "Faults", "kind": "multi_choice", "options": ["long", "wrong", "odd"]},
    {"name": "why", "title": "Why", "kind": "text"},
    {"name": "places", "title": "Places", "kind": "span"},
]
ARMS = [{"name": name, "prompt": f"{name} words for {{thing}}"} for name in ("plain", "kind", "curt")]


def spec(task: str, *, modality: str = "text", cases: int = 2, **changes: Any) -> dict[str, Any]:
    """A small study of this task."""
    arms = {"compare": 2, "rank": 3, "rate": 2, "edit": 1}[task]
    made: dict[str, Any] = {
        "title": f"To {task} {modality}s", "task": task, "modality": modality, "arms": ARMS[:arms], "seed": 5,
        "cases": [{"variables": {"thing": f"thing{n} or other"}, "tag": f"tag{n % 2}"} for n in range(cases)],
        "overlap": 3, "gold_share": 0,
    }  # fmt: skip
    return made | ({"questions": QUESTIONS} if task == "rate" and modality == "text" else {}) | changes


def answer_to(task: dict[str, Any], choice: int = 0) -> dict[str, Any]:
    """An answer that the task takes; another one for another choice."""
    match task["task"]:
        case "compare":
            return {"winner": ("a", "b", "tie", "both_bad")[choice % 4]}
        case "rank":
            labels = [option["label"] for option in task["options"]]
            return {"groups": [labels[choice % 3 : choice % 3 + 1], [x for x in labels if x != labels[choice % 3]]]}
        case "edit":
            return {"text": f"{task['options'][0]['text']} again"}
    values: dict[str, Any] = {}
    for question in task["questions"]:
        values[question["name"]] = {
            "stars": 1 + choice % 5,
            "thumb": (1, -1)[choice % 2],
            "choice": (question["options"] or [""])[0],
            "multi_choice": question["options"][:2],
            "text": "because of that",
            "span": [{"start": 0, "end": 2, "label": "good"}],
        }[question["kind"]]
    return {"values": values}


def from_elsewhere(studio: Studio, visitor: Visitor | None = None) -> dict[str, str]:
    """The headers of somebody who is no owner, always the same person."""
    cookie = studio.served.identity.visitor_cookie(visitor or new_visitor())
    return {"x-forwarded-for": "203.0.113.7", "Cookie": f"{VISITOR_COOKIE}={cookie}"}


def annotator(studio: Studio, visitor: Visitor | None = None) -> Client:
    return studio.client(**from_elsewhere(studio, visitor))


def wait_until_ready(studio: Studio, study_id: str, *, timeout_s: float = 60) -> None:
    """Until every item has its outputs."""
    until = time.monotonic() + timeout_s
    while True:
        with studio.ws.store.reading() as connection:
            states = item_states(connection, study_id)
        if set(states) == {"ready"}:
            return
        assert time.monotonic() < until and not states.get("failed"), states
        time.sleep(0.05)


def made(studio: Studio, owner: Client, given: dict[str, Any]) -> dict[str, Any]:
    """What `/create_study` answers, once all outputs are there."""
    study = owner.predict(given, api_name="/create_study")
    wait_until_ready(studio, study["study_id"])
    return study


def answers_all(client: Client, study_id: str, choice: int = 0) -> list[dict[str, Any]]:
    """Let somebody answer until there is nothing left for them; the tasks they had."""
    had = []
    while "task_id" in (task := client.predict(study_id, api_name="/next_task")):
        client.predict(task["task_id"], answer_to(task, choice), api_name="/answer_task")
        had.append(task)
    assert task["done"] and task["reason"], task
    return had
