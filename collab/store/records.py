"""How a noun is kept: in which tables, and how a row becomes their records and back. Opens nothing, asks nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from collab import types
from collab.store import schema

R = TypeVar("R", bound=types.Row)

TABLES: Mapping[type[types.Row], sa.Table] = {
    types.Annotator: schema.annotators,
    types.Prompt: schema.prompts,
    types.PromptVersion: schema.prompt_versions,
    types.ModelVersion: schema.model_versions,
    types.Generation: schema.generations,
    types.Output: schema.outputs,
    types.OutputTokens: schema.output_tokens,
    types.Study: schema.studies,
    types.StudyArm: schema.study_arms,
    types.StudyCase: schema.study_cases,
    types.StudyItem: schema.study_items,
    types.Task: schema.tasks,
    types.Answer: schema.answers,
    types.StudyDecision: schema.study_decisions,
}
ACTS: Mapping[type[types.Feedback], tuple[types.FeedbackKind, sa.Table]] = {
    types.Rating: ("rating", schema.ratings),
    types.Preference: ("preference", schema.preferences),
    types.Ranking: ("ranking", schema.rankings),
    types.Edit: ("edit", schema.edits),
    types.Retraction: ("retraction", schema.retractions),
}
ACT_OF_KIND = {kind: cls for cls, (kind, _) in ACTS.items()}


def insert_rows(connection: Connection, cls: type[types.Row], rows: Sequence[types.Row]) -> None:
    """Write rows of one noun, in the order given. Each table's rows go to the driver at once."""
    shapes: tuple[_Shape, ...] = _shapes(cls, connection.dialect)  # type: ignore[arg-type]
    for shape in shapes:
        connection.exec_driver_sql(shape.statement, [shape.record(row) for row in rows])


@dataclass(frozen=True, slots=True)
class _Shape:
    """One of the tables of a noun, with what makes a driver's record of a row."""

    statement: str
    fields: Callable[[Any], Any]
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]
    names: tuple[str, ...] | None  # where the driver takes names and not places

    def record(self, row: types.Row) -> Any:
        values = list(self.fields(row))
        for at, process in self.processors:
            values[at] = process(values[at])
        return tuple(values) if self.names is None else dict(zip(self.names, values, strict=True))


@lru_cache(maxsize=256)
def _shapes(cls: Any, dialect: Dialect) -> tuple[_Shape, ...]:
    """The tables a noun is kept in: acts of feedback take two, everything else one."""
    held = {f.name for f in dataclasses.fields(cls)}
    if cls in TABLES:
        return (_shape(TABLES[cls], held, dialect),)
    kind, detail = ACTS[cls]
    return _shape(schema.feedback, held, dialect, kind=kind), _shape(detail, held, dialect)


def _shape(table: sa.Table, held: set[str], dialect: Dialect, **constants: str) -> _Shape:
    values: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in table.c if column.name in held}
    values |= {name: sa.literal_column(f"'{value}'") for name, value in constants.items()}
    compiled = table.insert().values(values).compile(dialect=dialect)
    places = getattr(compiled, "positiontup", None)
    order = tuple(places or (name for name in values if name not in constants))
    bound = ((at, _processor(table.c[name].type, dialect)) for at, name in enumerate(order))
    return _Shape(
        statement=str(compiled),
        fields=attrgetter(*order),
        processors=tuple((at, process) for at, process in bound if process),
        names=None if places else order,
    )


def _processor(kind: sa.types.TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What SQLAlchemy does to a value of this type on its way to the driver."""
    return kind.dialect_impl(dialect).bind_processor(dialect)


def select_rows(cls: type[types.Row]) -> sa.Select[Any]:
    """A query for everything that rows of this noun hold."""
    if cls in TABLES:
        return sa.select(TABLES[cls])
    _, detail = ACTS[cls]  # type: ignore[index]
    columns = [c for c in detail.c if c.name != "id"]
    return sa.select(schema.feedback, *columns).join(detail, detail.c.id == schema.feedback.c.id)


_TUPLES = {"examples", "tags", "spans", "groups", "tokens", "outputs", "arrangement", "cells", "context"}
_NESTED_TUPLES = {"groups", "cells", "context"}


def row_of(cls: type[R], record: Mapping[Any, Any]) -> R:
    """The noun that a record of `select_rows` stands for."""
    values = {f.name: record[f.name] for f in dataclasses.fields(cls)}
    for name in _TUPLES & values.keys():
        values[name] = tuple(values[name])
    if cls is types.PromptVersion:
        values["examples"] = tuple(types.Example(**example) for example in values["examples"])
    for name in _NESTED_TUPLES & values.keys():
        values[name] = tuple(tuple(inner) for inner in values[name])
    return cls(**values)
