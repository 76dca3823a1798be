"""The questions that are asked again and again never read a whole table: SQLite's own plans say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from collab import chain
from collab.identity import Visitor
from collab.prompts import check_wording, typed_version
from collab.store import Store, open_store
from collab.store.history_queries import Wanted, history_choices, history_page, latest_generation
from collab.store.queries import live_acts, outputs_of, tip, unfinished
from collab.types import Annotator, Generation, Output
from tests.store.people import someone


def typed_again(store: Store) -> None:
    with store.writing() as connection:
        author = store.find(Annotator, connection=connection, limit=1)[0]
        typed_version(store, check_wording("text", "Say it"), Visitor(author.id, "local"), connection=connection)


def where_it_stands(store: Store) -> None:
    with store.reading() as connection:
        tip(store, "x", "rating:x", connection=connection)


QUESTIONS: dict[str, Callable[[Store], Any]] = {
    "what is unfinished": unfinished,
    "a person's history": lambda s: history_page(s, "x", limit=50, before_id="y"),
    "what a person made last": lambda s: latest_generation(s, "x"),
    "a person's history, searched": lambda s: history_page(s, "x", limit=50, wanted=Wanted(words=("word", "ÄÖ"))),
    "a person's history, narrowed": lambda s: history_page(
        s, "x", limit=50, wanted=Wanted(modality="text", model="m", stars=4, edited=True, tag="t")
    ),
    "the history of one prompt": lambda s: history_page(s, "x", limit=50, wanted=Wanted(prompt_id="p")),
    "what one's history can be narrowed by": lambda s: history_choices(s, "x"),
    "the outputs of a page": lambda s: outputs_of(s, ["x", "y"]),
    "the feedback on a page": lambda s: live_acts(s, "x", ["x", "y"]),
    "where a chain of acts stands": where_it_stands,
    "some acts by id": lambda s: s.acts(["x", "y"]),
    "the wording typed again": typed_again,
    "a request repeated": lambda s: s.find(Generation, requested_by="x", request_id="r"),
    "an act repeated": lambda s: chain._by_request(_workspace(s), Visitor("x", "local"), "r", None),
    "an output": lambda s: s.find(Output, id="x"),
}


def _workspace(store: Store) -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(store=store)


@pytest.fixture(scope="module")
def peopled(tmp_path_factory: pytest.TempPathFactory):
    path: Path = tmp_path_factory.mktemp("plans") / "collab.db"
    store = open_store(f"sqlite:///{path}")
    someone(store)
    yield store
    store.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_of_every_day_reads_a_whole_table(peopled: Store, question: str):
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    sa.event.listen(peopled.engine, "before_cursor_execute", note)
    try:
        QUESTIONS[question](peopled)
    finally:
        sa.event.remove(peopled.engine, "before_cursor_execute", note)
    tables = "generations outputs feedback prompt_versions retractions later history_words"
    whole = {f"SCAN {name}" for name in tables.split()}
    assert asked
    with peopled.reading() as connection:
        for statement, parameters in asked:
            if " FROM annotators" in statement:
                continue  # how this test finds its author
            for *_, step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                assert step.split(" USING")[0] not in whole, (statement, step)
