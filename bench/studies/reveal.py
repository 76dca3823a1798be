"""The next task where a study reveals and every item shows an output that this person has seen: the longest search.

Nothing is left for them, and that is found by walking past all items. Peer: the first task of somebody new.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from bench.record import Figure
from bench.studies.made import made_study, workspace

PEOPLE, ITEMS = 50, 100_000


def figures(home: Path) -> list[Figure]:
    """p95 over people who have each answered one item."""
    from collab.identity import Visitor
    from collab.studies.answering import answer_task
    from collab.studies.assignment import Nothing, next_task
    from collab.types import Study, new_id

    ws = workspace(home)
    made, _, _ = made_study(ws, ITEMS, arms=2, overlap=PEOPLE)
    with ws.store.writing() as connection:  # its items are all of the same two outputs
        connection.exec_driver_sql("UPDATE studies SET spec = json_set(spec, '$.reveal', json('true'))")
    study = ws.store.get(Study, made.id)
    first, last = [], []
    for _ in range(PEOPLE):
        person = Visitor(new_id(), "anonymous")
        began = time.perf_counter()
        task = next_task(ws, person, study)
        first.append(time.perf_counter() - began)
        assert not isinstance(task, Nothing)
        answer_task(ws, person, task[0].token, {"winner": "a"})
        began = time.perf_counter()
        assert isinstance(next_task(ws, person, study), Nothing)
        last.append(time.perf_counter() - began)
    ws.close()
    return [
        Figure("nothing left where a study reveals, p95", _ms(last), "ms", "the first task of somebody new", _ms(first),
               f"goal < 200 ms; {ITEMS:,} items that all show what was seen, one person at a time"),
    ]  # fmt: skip


def _ms(seconds: list[float]) -> float:
    return round(statistics.quantiles(seconds, n=100)[94] * 1000, 1)
