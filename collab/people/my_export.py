"""Everything a person gave, as one ZIP: JSON lines, pictures and a README. Written row by row, so of any size.

Reads what is one's own and nothing else; people are not named in it, one's own id aside.
"""

from __future__ import annotations

import hmac
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.errors import CollabError, NotFound, Unavailable
from collab.exchange.export_files import whole_or_none
from collab.identity import Visitor
from collab.keys import installation_key
from collab.pictures.restoring import downloaded
from collab.store import schema
from collab.store.queries import masked_among
from collab.store.records import ACT_OF_KIND
from collab.types import (
    Alias,
    Annotator,
    Answer,
    Consent,
    Decision,
    Generation,
    Grid,
    ModelVersion,
    Output,
    Preset,
    Prompt,
    PromptVersion,
    Row,
    SavedPrompt,
    Study,
    StudyDecision,
    Task,
    now,
)
from collab.workspace import Workspace

EXPORTS = "exports"  # the folder under COLLAB_HOME of what links lead to
AT_ONCE = 500  # rows
LEAST_FREE = 200 * 2**20  # bytes that an export leaves on the disk
_README = """# What you gave this studio

Written {at} for the person {who}.

| file | what it holds |
|---|---|
| generations.jsonl | what you had made: the prompt with its variables, model, settings, seed, and each output |
| pictures/ | the pictures among them, named by their output ids; each says in itself how it was made |
| prompts.jsonl | your prompts, each version as it was written; your saved prompts, presets and grids |
| feedback.jsonl | what you said of outputs: ratings, comparisons, rankings, corrections, and what you took back |
| edits/ | pictures that you made of others, named by their hashes |
| consents.jsonl | which versions of the notice you agreed to, and when |
| answers.jsonl | your answers in studies, and the tasks you were given |
| studio.jsonl | what you set up or decided as an owner: studies, decisions, promotions |
| person.json | what is known of you |

Of the cells of a hidden grid, how each was made is told once you have revealed the grid.

Each line of a .jsonl file is one JSON object. Times are UTC.
"""


def export_my_data(
    ws: Workspace, visitor: Visitor, path: Path, *, outputs: Sequence[Output] | None = None
) -> dict[str, int]:
    """Write the ZIP; how many of what are in it. outputs: these alone, with what was said of their generations.

    Raises NotFound where there is nothing, Unavailable where the disk has no room; then no file is left.
    """
    if shutil.disk_usage(path.parent).free < LEAST_FREE:
        raise Unavailable("The disk is almost full: make room before exporting.")
    with (
        whole_or_none(path),
        ws.store.reading() as connection,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as file,
    ):
        written = _Writer(ws, visitor, connection, file, path).write(outputs)
        if not sum(written.values()):
            raise NotFound("There is nothing of yours here yet: there is nothing to export.")
    return written


def own_prefix(ws: Workspace, visitor: Visitor) -> str:
    """What the names of a person's archives begin with: nobody else can work it out."""
    return hmac.new(installation_key(ws.settings).encode(), visitor.annotator_id.encode(), "sha256").hexdigest()[:16]


def forget_exports(ws: Workspace, visitor: Visitor) -> None:
    """Delete the archives that a link leads to and that hold what is this person's."""
    for path in (ws.settings.home / EXPORTS).glob(f"{own_prefix(ws, visitor)}*"):
        path.unlink(missing_ok=True)


class _Writer:
    """Writes one person's rows into an open ZIP, a table after the other."""

    def __init__(
        self, ws: Workspace, visitor: Visitor, connection: Connection, file: zipfile.ZipFile, path: Path
    ) -> None:
        self._ws, self._me, self._connection, self._file, self._path = ws, visitor.annotator_id, connection, file, path
        self._chosen: set[str] | None = None  # outputs

    def write(self, outputs: Sequence[Output] | None) -> dict[str, int]:
        self._chosen = None if outputs is None else {output.id for output in outputs}
        g, f = schema.generations, schema.feedback
        chosen = g.c.requested_by == self._me
        said = f.c.annotator_id == self._me
        if outputs is not None:
            generation_ids = sorted({output.generation_id for output in outputs})
            chosen &= g.c.id.in_(generation_ids)
            said &= f.c.generation_id.in_(generation_ids)
        written = {
            "generations": self._lines("generations.jsonl", self._generations(chosen)),
            "feedback": self._lines("feedback.jsonl", self._acts(said)),
        }
        if outputs is None:
            own: list[tuple[type[Row], str]] = [
                (PromptVersion, "created_by"),
                (SavedPrompt, "created_by"),
                (Preset, "created_by"),
                (Grid, "created_by"),
            ]
            written["prompts"] = self._lines("prompts.jsonl", self._rows(own))
            written["answers"] = self._lines("answers.jsonl", self._answers())
            decided: list[tuple[type[Row], str]] = [(Prompt, "created_by"), (Study, "created_by"),
                                                    (StudyDecision, "created_by"), (Decision, "created_by"),
                                                    (Alias, "created_by")]  # fmt: skip
            written["decisions"] = self._lines("studio.jsonl", self._rows(decided))
            people = self._ws.store.find(Annotator, id=self._me, connection=self._connection)
            self._file.writestr("person.json", orjson.dumps([_told(each) for each in people], default=_plain))
            agreed: list[tuple[type[Row], str]] = [(Consent, "annotator_id")]
            self._lines("consents.jsonl", self._rows(agreed))
        written["pictures"] = self._pictures(chosen)
        self._edited(said)
        at = now().isoformat(timespec="seconds")
        self._file.writestr("README.md", _README.format(at=at, who=self._me))
        return written

    def _lines(self, name: str, rows: Iterator[dict[str, Any]]) -> int:
        number = 0
        with self._file.open(name, "w", force_zip64=True) as lines:
            for number, row in enumerate(rows, 1):
                lines.write(orjson.dumps(row, default=_plain, option=orjson.OPT_APPEND_NEWLINE))
                if number % AT_ONCE == 0:
                    self._see_room()
        return number

    def _generations(self, chosen: sa.ColumnElement[bool]) -> Iterator[dict[str, Any]]:
        models: dict[str, ModelVersion] = {}
        for generations in self._pages(schema.generations, chosen, lambda ids: self._find(Generation, ids)):
            versions = {v.id: v for v in self._find(PromptVersion, {g.prompt_version_id for g in generations})}
            wanted = {g.model_version_id for g in generations} - models.keys()
            models |= {m.id: m for m in self._find(ModelVersion, wanted)}
            outputs: dict[str, list[Output]] = {}
            ids = [g.id for g in generations]
            masked = masked_among(self._ws.store, ids, connection=self._connection)
            for output in self._ws.store.find(Output, generation_id=ids, connection=self._connection):
                outputs.setdefault(output.generation_id, []).append(output)
            for made in generations:
                version, model = versions[made.prompt_version_id], models[made.model_version_id]
                of_it = [o for o in outputs.get(made.id, []) if self._is_chosen(o.id)]
                if made.id in masked:
                    yield _masked(made, version, of_it)
                    continue
                yield {
                    **_told(made), "prompt": version.text, "negative_prompt": version.negative_text,
                    "system_text": version.system_text, "examples": version.examples,
                    "model": {"name": model.name, "base": model.base, "revision": model.revision},
                    "outputs": [_output(o) for o in of_it],
                }  # fmt: skip

    def _acts(self, said: sa.ColumnElement[bool]) -> Iterator[dict[str, Any]]:
        kinds = {cls: kind for kind, cls in ACT_OF_KIND.items()}
        read = lambda ids: self._ws.store.acts(ids, connection=self._connection)  # noqa: E731
        for acts in self._pages(schema.feedback, said, read):
            for act in acts:
                yield {"kind": kinds[type(act)], **_told(act)}

    def _answers(self) -> Iterator[dict[str, Any]]:
        t = schema.tasks
        for tasks in self._pages(t, t.c.annotator_id == self._me, lambda ids: self._find(Task, ids)):
            answers = {a.task_id: a for a in self._find(Answer, {task.answer_id for task in tasks if task.answer_id})}
            for task in tasks:
                answer = answers.get(task.id)
                yield {
                    "task_id": task.id, "study_id": task.study_id, "given_at": task.created_at, "status": task.status,
                    "answered_at": task.answered_at, "dwell_ms": task.dwell_ms, "skipped_because": task.reason,
                    "flag": task.flag, "said": answer.said if answer else None,
                }  # fmt: skip

    def _rows(self, nouns: Sequence[tuple[type[Row], str]]) -> Iterator[dict[str, Any]]:
        for cls, owner in nouns:
            mine: dict[str, Any] = {owner: self._me}
            for row in self._ws.store.find(cls, connection=self._connection, **mine):
                yield {"kind": cls.__name__.lower(), **_told(row)}

    def _pictures(self, chosen: sa.ColumnElement[bool]) -> int:
        o, g = schema.outputs, schema.generations
        query = sa.select(o.c.id).join(g, g.c.id == o.c.generation_id).where(chosen, o.c.blob_sha256.is_not(None))
        number = 0
        for output_id in self._connection.execute(query.order_by(o.c.id)).scalars():
            if not self._is_chosen(output_id):
                continue
            with suppress(NotFound):  # a lost file is for `python -m collab verify` to tell
                self._store_file(f"pictures/{output_id}.png", downloaded(self._ws, output_id))
                number += 1
        return number

    def _edited(self, said: sa.ColumnElement[bool]) -> None:
        e, f = schema.edits, schema.feedback
        query = sa.select(e.c.blob_sha256, e.c.mask_sha256).join(f, f.c.id == e.c.id).where(said)
        pictures = {sha256 for row in self._connection.execute(query) for sha256 in row if sha256}
        for sha256 in sorted(pictures):
            with suppress(NotFound):
                self._store_file(f"edits/{sha256}.png", self._ws.blobs.get(sha256))

    def _is_chosen(self, output_id: str) -> bool:
        return self._chosen is None or output_id in self._chosen

    def _store_file(self, name: str, data: bytes) -> None:
        self._see_room()
        self._file.writestr(name, data, zipfile.ZIP_STORED)

    def _see_room(self) -> None:
        if shutil.disk_usage(self._path.parent).free < LEAST_FREE // 2:
            raise Unavailable("The disk is almost full, so the export was stopped: make room, then try again.")

    def _pages(
        self, table: sa.Table, which: sa.ColumnElement[bool], read: Callable[[list[str]], list[Any]]
    ) -> Iterator[list[Any]]:
        """The rows of a table, oldest first, some at once."""
        last = ""
        while True:
            query = sa.select(table.c.id).where(which, table.c.id > last).order_by(table.c.id).limit(AT_ONCE)
            ids = list(self._connection.execute(query).scalars())
            if not ids:
                return
            yield read(ids)
            last = ids[-1]

    def _find(self, cls: type[Any], ids: Any) -> list[Any]:
        return self._ws.store.find(cls, id=list(ids), connection=self._connection) if ids else []


def _told(row: Row) -> dict[str, Any]:
    """A row's fields as they are: what is inside them, the encoder knows."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _output(output: Output) -> dict[str, Any]:
    told = _told(output)
    told["picture"] = f"pictures/{output.id}.png" if output.blob_sha256 else None
    return told


def _masked(made: Generation, version: PromptVersion, outputs: Sequence[Output]) -> dict[str, Any]:
    """A cell of a grid that its person has not revealed: what they see of it, and nothing that tells its values."""
    shown = ("id", "generation_id", "position", "text", "blob_sha256", "media_type")
    return {
        "id": made.id, "status": made.status, "prompt": version.text, "hidden": True,
        "outputs": [{name: told[name] for name in (*shown, "picture")} for told in map(_output, outputs)],
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return dict(value)
    raise CollabError(f"{type(value).__name__} cannot be exported.")
