"""Checks that a store's studies add up: items, leases, answers in force, and the votes worked out from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import Store, schema
from collab.store.vote_counts import miscounted
from collab.studies.said import arm_votes
from collab.types import Answer, Study, StudyItem, Task

_HOLDING = ("leased", "answered")


def study_problems(store: Store) -> Iterator[str]:
    """One sentence for each thing about studies that is not as it should be; nothing when all is well."""
    with store.reading() as connection:
        for study in store.find(Study, connection=connection):
            yield from _problems(store, study, connection)


def _problems(store: Store, study: Study, connection: Connection) -> Iterator[str]:
    items = {i.id: i for i in store.find(StudyItem, study_id=study.id, connection=connection)}
    tasks = store.find(Task, study_id=study.id, connection=connection)
    answers = {a.id: a for a in store.find(Answer, study_id=study.id, connection=connection)}
    yield from _items(study, items, tasks, connection)
    yield from _answers(tasks, answers, connection)
    yield from _votes(study, items, tasks, answers, connection)


def _items(study: Study, items: dict[str, StudyItem], tasks: list[Task], connection: Connection) -> Iterator[str]:
    held = Counter(task.item_id for task in tasks if task.purpose == "item" and task.status in _HOLDING)
    answered = Counter(task.item_id for task in tasks if task.purpose == "item" and task.status == "answered")
    overlap = int(study.spec["overlap"])
    named = {output for item in items.values() for output in item.outputs}
    known = _known_outputs(connection, sorted(named))
    for item in items.values():
        for output_id in item.outputs:
            if output_id not in known:
                yield f"Study item {item.id}: outputs names {output_id}, which is not there."
        if item.purpose != "item":
            continue
        if item.answered != answered[item.id]:
            yield f"Study item {item.id} is said to have {item.answered} answers but has {answered[item.id]}."
        if item.room != max(0, overlap - held[item.id]):
            yield f"Study item {item.id} has room for {item.room} more, but {held[item.id]} of {overlap} hold it."
    if study.answered != sum(answered.values()):
        yield f"Study {study.id} is said to have {study.answered} answers but has {sum(answered.values())}."


def _known_outputs(connection: Connection, ids: list[str]) -> set[str]:
    known: set[str] = set()
    for at in range(0, len(ids), 5_000):
        query = sa.select(schema.outputs.c.id).where(schema.outputs.c.id.in_(ids[at : at + 5_000]))
        known |= {output_id for (output_id,) in connection.execute(query)}
    return known


def _answers(tasks: list[Task], answers: dict[str, Answer], connection: Connection) -> Iterator[str]:
    followed = schema.feedback.alias("followed")
    query = (
        sa.select(schema.answers.c.id)
        .join(followed, followed.c.supersedes_id == schema.answers.c.id)
        .where(schema.answers.c.id.in_([task.answer_id for task in tasks if task.answer_id][:30_000]))
    )
    replaced = {answer_id for (answer_id,) in connection.execute(query)}
    for task in tasks:
        if (task.status == "answered") != (task.answer_id is not None):
            yield f"Task {task.id} is {task.status} but {'has' if task.answer_id else 'has no'} answer."
        elif task.answer_id and task.answer_id not in answers:
            yield f"Task {task.id}: answer_id names {task.answer_id}, which is not there."
        elif task.answer_id in replaced:
            yield f"Task {task.id} counts the answer {task.answer_id}, which was taken back."


def _votes(
    study: Study, items: dict[str, StudyItem], tasks: list[Task], answers: dict[str, Answer], connection: Connection
) -> Iterator[str]:
    """The votes kept for counting must be those that the answers in force stand for."""
    expected: Counter[tuple[str, int, int, int]] = Counter()
    for task in tasks:
        if task.purpose != "item" or task.status != "answered" or task.answer_id not in answers:
            continue
        arms = [arm for arm, _, _ in items[task.item_id].cells]
        for vote in arm_votes(study.task, answers[str(task.answer_id)].said, arms):
            expected[str(task.answer_id), vote.arm_a, vote.arm_b, vote.code] += 1
    v = schema.votes
    query = sa.select(v.c.answer_id, v.c.arm_a, v.c.arm_b, v.c.winner).where(v.c.study_id == study.id)
    kept = Counter((row.answer_id, row.arm_a, row.arm_b, row.winner) for row in connection.execute(query))
    wrong = {key[0] for key in (expected - kept) + (kept - expected)}
    for answer_id in sorted(wrong):
        yield f"The votes kept for the answer {answer_id} are not what it says."
    for annotator_id in miscounted(connection, study.id):
        yield f"The votes of {annotator_id} in the study {study.id} do not add up to what is counted."
