"""How a noun is kept: in which tables, and how a row becomes their records and back. Opens nothing, asks nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from collab import types
from collab.store import schema

R = TypeVar("R", bound=types.Row)

TABLES: Mapping[type[types.Row], sa.Table] = {
    types.Annotator: schema.annotators,
    types.Consent: schema.consents,
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
    types.Refinement: schema.refinements,
    types.Trial: schema.trials,
    types.Alias: schema.aliases,
    types.Decision: schema.decisions,
    types.DatasetSnapshot: schema.dataset_snapshots,
    types.Job: schema.jobs,
    types.Tombstone: schema.tombstones,
    types.SavedPrompt: schema.saved_prompts,
    types.Preset: schema.presets,
    types.Grid: schema.grids,
    types.GridCell: schema.grid_cells,
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
    for table, same in _tables_of(cls):
        fields = _fields_of(cls, table)  # type: ignore[arg-type]
        columns = dict(zip(fields, zip(*map(attrgetter(*fields), rows), strict=True), strict=True))
        shared = {name: column[0] for name, column in columns.items() if len(rows) >= _MANY and _is_shared(column)}
        _insert(connection, table, {**same, **shared}, {n: c for n, c in columns.items() if n not in shared})


def insert_copies(
    connection: Connection, template: types.Row, fields: Sequence[str], values: Sequence[Sequence[Any]]
) -> None:
    """Write copies of a row that differ in these fields alone, one for each of `values`; the template is none of them.

    For hundreds of thousands of rows: no object is made of each. Raises ValueError where the template holds anything
    but plain words and numbers beside these fields.
    """
    for table, same in _tables_of(type(template)):
        own = _fields_of(type(template), table)  # type: ignore[arg-type]
        kept = {name: getattr(template, name) for name in own if name not in fields}
        insert_values(connection, table, {**same, **kept}, fields, values)


def insert_values(
    connection: Connection, table: sa.Table, same: Mapping[str, Any], fields: Sequence[str],
    values: Sequence[Sequence[Any]],
) -> None:  # fmt: skip
    """Write rows of a table: what all of them hold the `same`, and `values` of the rows' other fields."""
    if values:
        columns = dict(zip(fields, zip(*values, strict=True), strict=True))
        _insert(connection, table, same, {name: column for name, column in columns.items() if name in table.c})


_MANY = 100  # rows from which on it pays to look for what they share
_PLAIN = re.compile(r"[\w{}\[\]-]{0,64}", re.ASCII)  # what may stand in a statement between quotes on any database
_Columns = Mapping[str, Sequence[Any]]


def _is_shared(column: Sequence[Any]) -> bool:
    """Whether all rows hold the same, and it can be part of the statement: to bind it anew each time takes longer."""
    value = column[0]
    plain = value is None or value == {} or isinstance(value, int | datetime) or _is_plain(value)
    return plain and value == column[-1] and column.count(value) == len(column)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None


def _literal(value: Any) -> str:
    """A driver's value as SQL."""
    if isinstance(value, str) and not _is_plain(value):
        raise ValueError(f"{value!r:.60} is no plain word: name its column among the fields")
    return f"'{value}'" if isinstance(value, str) else "NULL" if value is None else repr(value)


def _insert(connection: Connection, table: sa.Table, same: Mapping[str, Any], columns: _Columns) -> None:
    dialect: Any = connection.dialect
    literals = []
    for name, value in same.items():
        process = _processor(table.c[name].type, dialect)
        literals.append((name, _literal(process(value) if process else value)))
    shape = _shape(table, dialect, frozenset(columns), tuple(literals))
    connection.exec_driver_sql(shape.statement, shape.records(columns))


@lru_cache(maxsize=64)
def _fields_of(cls: Any, table: sa.Table) -> tuple[str, ...]:
    """The fields of a noun that one of its tables keeps."""
    return tuple(f.name for f in dataclasses.fields(cls) if f.name in table.c)


def _tables_of(cls: type[types.Row]) -> tuple[tuple[sa.Table, Mapping[str, str]], ...]:
    """The tables a noun is kept in, with what is the same in all its rows: acts take two, everything else one."""
    if cls in TABLES:
        return ((TABLES[cls], {}),)
    kind, detail = ACTS[cls]  # type: ignore[index]
    return (schema.feedback, {"kind": kind}), (detail, {})


@dataclass(frozen=True, slots=True)
class _Shape:
    """A statement that writes rows of a table, and what makes a driver's records of the values of its fields."""

    statement: str
    fields: tuple[str, ...]
    processors: Mapping[str, Callable[[Any], Any]]
    by_name: bool  # where the driver takes names and not places

    def records(self, columns: _Columns) -> list[Any]:
        """What the driver takes. Worked out column by column, which is quickest."""
        made = [map(self.processors[n], columns[n]) if n in self.processors else columns[n] for n in self.fields]
        records = zip(*made, strict=True)
        return [dict(zip(self.fields, record, strict=True)) for record in records] if self.by_name else list(records)


@lru_cache(maxsize=256)
def _shape(table: sa.Table, dialect: Dialect, fields: frozenset[str], literals: tuple[tuple[str, str], ...]) -> _Shape:
    """How rows go into a table. literals: columns that hold the same in all rows, as SQL."""
    values: dict[str, Any] = {name: sa.bindparam(name) for name in fields}
    values |= {name: sa.literal_column(value) for name, value in literals}
    compiled = table.insert().values(values).compile(dialect=dialect)
    places = getattr(compiled, "positiontup", None)
    bound = {name: _processor(table.c[name].type, dialect) for name in fields}
    return _Shape(
        statement=str(compiled),
        fields=tuple(places or fields),
        processors={name: process for name, process in bound.items() if process},
        by_name=not places,
    )


def _processor(kind: sa.types.TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What SQLAlchemy does to a value of this type on its way to the driver."""
    if isinstance(kind, schema.Json | schema.Microseconds):
        return kind.to_driver  # the same without wrappers that take longer than the work
    return kind.dialect_impl(dialect).bind_processor(dialect)


def select_rows(cls: type[types.Row]) -> sa.Select[Any]:
    """A query for everything that rows of this noun hold."""
    if cls in TABLES:
        return sa.select(TABLES[cls])
    _, detail = ACTS[cls]  # type: ignore[index]
    columns = [c for c in detail.c if c.name != "id"]
    return sa.select(schema.feedback, *columns).join(detail, detail.c.id == schema.feedback.c.id)


_TUPLES = {"examples", "tags", "spans", "groups", "tokens", "outputs", "arrangement", "cells", "context",
           "evidence_ids", "candidate_ids", "thinned", "event_ids", "axes", "locked", "place"}  # fmt: skip
_NESTED_TUPLES = {"groups", "cells", "context"}


def rows_of(cls: type[R], names: Sequence[str], records: Iterable[Sequence[Any]]) -> list[R]:
    """The nouns that records of `select_rows` stand for. names: of the records' columns, in their order."""
    noun: Any = cls  # mypy takes no type variable for hashable
    fields, convert = _reading(noun)
    places = [names.index(name) for name in fields]
    pick = itemgetter(*places) if len(places) > 1 else lambda record: (record[places[0]],)
    made = []
    for record in records:
        values = dict(zip(fields, pick(record), strict=True))
        for name, change in convert:
            values[name] = change(values[name])
        made.append(cls(**values))
    return made


@lru_cache(maxsize=64)
def _reading(cls: Any) -> tuple[tuple[str, ...], tuple[tuple[str, Callable[[Any], Any]], ...]]:
    """A noun's fields, and what makes of JSON what some of them hold."""
    fields = tuple(f.name for f in dataclasses.fields(cls))
    convert: dict[str, Callable[[Any], Any]] = {name: tuple for name in fields if name in _TUPLES}
    convert |= {name: _nested for name in fields if name in _NESTED_TUPLES}
    if cls is types.PromptVersion:
        convert["examples"] = lambda examples: tuple(types.Example(**example) for example in examples)
    return fields, tuple(convert.items())


def _nested(lists: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, lists))
