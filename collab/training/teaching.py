"""What the feedback of now could teach: for each kind of training, the very rows that it would be given, counted.

Counts by making the rows as a snapshot would, so that nothing is promised that a training would then refuse.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from collab.datasets import snapshots
from collab.datasets.rows import KINDS
from collab.datasets.splitting import to_check_on
from collab.errors import NotFound
from collab.identity import Visitor
from collab.store.training_queries import people_behind, prompts_of, said_so_far
from collab.training.mixing import Part, parts
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One kind of training and what there is for it. learn, held_out: rows to learn from and to check on; shares: in
    words, what those share. asked: the prompt version of each row to learn from; parts: the prompts behind them. good,
    bad: of labelled texts. missing: how many more acts at least. missing_good, missing_bad: how many of these must be
    of each label. left_out: by reason. how: what gives a row, or why there is none."""

    kind: str
    rows: int = 0
    needed: int = snapshots.LEAST_ROWS
    prompts: int = 0
    people: int = 0
    learn: int = 0
    held_out: int = 0
    shares: str = ""
    asked: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    good: int | None = None
    bad: int | None = None
    missing: int = snapshots.LEAST_ROWS
    missing_good: int = 0
    missing_bad: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    how: str = ""


class Lessons:
    """What each kind could learn, counted anew only when something was said since. Thread-safe."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._lock = threading.Lock()
        self._counted_at: object = None
        self._known: dict[str, Lesson] = {}
        self._prompts: dict[str, tuple[str, str]] = {}  # of prompt versions, which never change

    def all(self, visitor: Visitor) -> list[Lesson]:
        """Each kind's lesson. Takes as long as making all rows does. Raises NotAllowed for anyone but the owner."""
        snapshots.only_owner(visitor)
        with self._lock:
            at = said_so_far(self._ws.store)
            if at != self._counted_at:
                self._known = {kind: self._with_parts(lesson(self._ws, visitor, kind)) for kind in KINDS}
                self._counted_at = at
            return list(self._known.values())

    def _with_parts(self, counted: Lesson) -> Lesson:
        if new := set(counted.asked) - self._prompts.keys():
            self._prompts |= prompts_of(self._ws.store, new)
        return replace(counted, parts=tuple(parts(counted.asked, self._prompts)))

    def of(self, visitor: Visitor, kind: str) -> Lesson:
        """One kind's lesson. Raises NotAllowed."""
        return next(each for each in self.all(visitor) if each.kind == kind)


def lesson(ws: Workspace, visitor: Visitor, kind: str) -> Lesson:
    """What there is for one kind of training now. Raises NotAllowed for anyone but the owner."""
    try:
        snapshot, data = snapshots.taken(ws, visitor, kind)
    except NotFound as nothing:
        labelled = kind.endswith("kto")
        return Lesson(kind=kind, how=str(nothing), missing_good=snapshots.LEAST_OF_EACH * labelled,
                      missing_bad=snapshots.LEAST_OF_EACH * labelled)  # fmt: skip
    rows = [*data.train, *data.test]
    learn, check, shares = to_check_on(data.train, data.test, snapshot.seed)
    acts = {act_id for row in rows for act_id in row["event_ids"]}
    return Lesson(
        kind=kind, rows=len(rows), prompts=len({orjson.dumps(_asked(row)) for row in rows}),
        people=people_behind(ws.store, acts), learn=len(learn), held_out=len(check), shares=shares,
        asked=tuple(row["prompt_version_id"] for row in learn), left_out=dict(data.counts), **_labels(rows),
    )  # fmt: skip


def _asked(row: Mapping[str, Any]) -> Any:
    return row["prompt"] if "prompt" in row else row.get("caption", "")


def _labels(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    short = max(0, snapshots.LEAST_ROWS - len(rows))
    if not all("label" in row for row in rows):
        return {"missing": short}
    good = sum(bool(row["label"]) for row in rows)
    of_good, of_bad = (max(0, snapshots.LEAST_OF_EACH - number) for number in (good, len(rows) - good))
    return {"good": good, "bad": len(rows) - good, "missing_good": of_good, "missing_bad": of_bad,
            "missing": max(short, of_good + of_bad)}  # fmt: skip
