"""Everything that Insights draws, on a million votes."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.record import Figure
from bench.studies.made import made_study, workspace

VOTES, ARMS, VOTERS = 1_000_000, 8, 200


def figures(home: Path) -> list[Figure]:
    """Seconds to everything that Insights draws, cold and again."""
    from collab.api import study as study_api
    from collab.identity import LOCAL
    from collab.store.study_queries import listed_studies

    ws = workspace(home)
    _fill_votes(ws)
    (study,) = listed_studies(ws.store, LOCAL.annotator_id, everything=True)

    took = []
    for _ in range(3):
        began = time.perf_counter()
        found = study_api.results(ws, LOCAL, study.id, str)
        took.append(time.perf_counter() - began)
    assert found["counts"]["votes"] == VOTES, found["counts"]
    ws.close()
    return [
        Figure(f"Insights on {VOTES:,} votes, first", round(took[0], 2), "s",
               note=f"goal < 1 s; {ARMS} arms, {VOTERS} people"),
        Figure(f"Insights on {VOTES:,} votes, again", round(min(took[1:]), 2), "s"),
    ]  # fmt: skip


def _fill_votes(ws: Any) -> None:
    """A study of pairs with a million votes, written as rows of every table that results read."""
    from collab.store.vote_counts import add_votes
    from collab.studies.acts import act_of
    from collab.studies.said import vote_rows
    from collab.types import Annotator, Answer, Task, now

    rng = random.Random(2)
    items_each = VOTES // 5
    study, items, outputs = made_study(ws, items_each, arms=ARMS, overlap=5, answered=VOTES)
    people = [Annotator() for _ in range(VOTERS)]
    ws.store.add(*people)
    start = now() - timedelta(days=3)
    for first in range(0, len(items), 20_000):
        tasks, acts, answers, votes = [], [], [], []
        for at, item in enumerate(items[first : first + 20_000], first):
            for nth in range(5):
                who = people[(at * 5 + nth * 37) % VOTERS]
                said = {"winner": rng.choice(("a", "b", "b", "tie"))}
                moment = start + timedelta(milliseconds=250 * (at * 5 + nth))
                task = Task(study_id=study.id, item_id=item.id, annotator_id=who.id, token=f"{at}-{nth}",
                            arrangement=(nth % 2, 1 - nth % 2), lease_until=moment, status="answered",
                            answered_at=moment, dwell_ms=rng.randint(2_000, 40_000))  # fmt: skip
                act = act_of("compare", (), said, outputs, task_id=task.id)
                act = replace(act, annotator_id=who.id, subject=f"task:{task.id}", created_at=moment)
                tasks.append(replace(task, answer_id=act.id))
                acts.append(act)
                answers.append(Answer(id=act.id, created_at=moment, study_id=study.id, item_id=item.id,
                                      task_id=task.id, said=said))  # fmt: skip
                votes += vote_rows(study, item, task, said, act.id)
        with ws.store.writing() as connection:
            ws.store.add(*tasks, *acts, *answers, connection=connection)
            add_votes(connection, votes)
