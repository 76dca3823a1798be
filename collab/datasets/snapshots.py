"""Training data frozen: which acts a dataset was made of, and the same rows made of them again. Holds no rows itself.

A snapshot names every act that was read, so what people say, undo or leave out later changes nothing about it. What is
deleted does: then the rows cannot be had any more, and that is said rather than others taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from collab.checks import is_id
from collab.datasets.building import FORMATS, Dataset, build_kind
from collab.datasets.rows import IMAGE_KINDS, KINDS, Kind
from collab.errors import InvalidSetting, NotAllowed, NotFound, Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.settings import Settings
from collab.store import Conflict, Store
from collab.types import DatasetSnapshot, new_id
from collab.workspace import Kept, Workspace

LEAST_ROWS = 24  # below, a model learns these texts by heart and nothing else
LEAST_OF_EACH = 6  # of what was called good, and of what was called bad
PICTURES = "pictures in the rows"
_SEED_LIMIT = 2**32


@dataclass(frozen=True, slots=True)
class OnlyReading:
    """What building needs where no workspace is opened (workspace.Kept)."""

    settings: Settings
    store: Store


def make(
    ws: Workspace, visitor: Visitor, kind: object, *, study_id: str | None = None, seed: int = 0
) -> DatasetSnapshot:
    """Freeze what may be used now. The same rows again are the same snapshot.

    Raises NotAllowed for anyone but the owner, InvalidSetting for no kind, NotFound where nothing gives a row.
    """
    return keep(ws, visitor, taken(ws, visitor, kind, study_id=study_id, seed=seed)[0])


def taken(
    ws: Workspace, visitor: Visitor, kind: object, *, study_id: str | None = None, seed: int = 0
) -> tuple[DatasetSnapshot, Dataset]:
    """A snapshot that is not stored yet, with its rows. Raises as `make`."""
    only_owner(visitor)
    wanted = check_kind(kind)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _SEED_LIMIT:
        raise InvalidSetting(f"The seed is {str(seed)[:40]}: choose a whole number from 0 to {_SEED_LIMIT - 1}.")
    data = build_kind(ws, wanted, study_id=study_id, seed=seed)
    row = DatasetSnapshot(
        kind=wanted, sha256=data.sha256, train_count=len(data.train), test_count=len(data.test),
        seed=seed, event_ids=data.event_ids, counts={**data.counts, **_labels(data)}, created_by=visitor.annotator_id,
    )  # fmt: skip
    return row, data


def keep(ws: Workspace, visitor: Visitor, row: DatasetSnapshot) -> DatasetSnapshot:
    """Store a snapshot, or find the one of the same rows. Raises Unavailable in an endless race."""
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                if known := ws.store.find(DatasetSnapshot, sha256=row.sha256, connection=connection):
                    return known[0]
                ensure_annotator(ws, visitor, connection)
                ws.store.add(row, connection=connection)
            return row
        except Conflict:  # somebody made the same one at this moment
            row = replace(row, id=new_id())
    raise Unavailable("The store is very busy with the same request: try again in a moment.")


def find(ws: Workspace, visitor: Visitor, snapshot_id: object) -> DatasetSnapshot:
    """The snapshot. Raises NotAllowed for anyone but the owner, NotFound."""
    only_owner(visitor)
    found = ws.store.find(DatasetSnapshot, id=snapshot_id) if is_id(snapshot_id) else []
    if not found:
        raise NotFound(f"There is no snapshot “{str(snapshot_id)[:60]}”: make one with `snapshot KIND`.")
    return found[0]


def rebuild(ws: Kept, snapshot: DatasetSnapshot) -> Dataset:
    """The very rows. Raises Unavailable where they are not to be had any more."""
    data, why = _built(ws, snapshot)
    if data is None or why:
        raise Unavailable(f"Snapshot {snapshot.id} is {why}: make a new one.")
    return data


def why_not_rebuildable(ws: Kept, snapshot: DatasetSnapshot) -> str:
    """ "" for a snapshot that gives its rows still, else what it is now: “not rebuildable: 3 rows deleted”."""
    return _built(ws, snapshot)[1]


def _built(ws: Kept, snapshot: DatasetSnapshot) -> tuple[Dataset | None, str]:
    before = snapshot.train_count + snapshot.test_count
    try:
        data = build_kind(ws, snapshot.kind, seed=snapshot.seed, act_ids=snapshot.event_ids)
    except NotFound:
        return None, f"not rebuildable: {_deleted(before)}"
    if data.sha256 == snapshot.sha256:
        return data, ""
    gone = before - len(data.train) - len(data.test)
    if gone > 0:
        return data, f"not rebuildable: {_deleted(gone)}"
    missing = len(set(snapshot.event_ids) - set(data.event_ids))
    if missing:
        return data, f"not rebuildable: {missing:,} acts of feedback deleted"
    return data, "not rebuildable: its rows are others now, because they were changed or COLLAB_SECRET was"


def _deleted(rows: int) -> str:
    return f"{rows:,} row{'s' if rows != 1 else ''} deleted"


def lacking(snapshot: DatasetSnapshot) -> str:
    """How much more is needed before anything can be learned, in a sentence; "" where there is enough."""
    rows = snapshot.train_count + snapshot.test_count
    kind = snapshot.kind
    short = [f"{LEAST_ROWS - rows} more rows of {kind}"] if rows < LEAST_ROWS else []
    if kind in LABELS:
        short += [f"{LEAST_OF_EACH - snapshot.counts.get(label, 0)} more {label}" for label in LABELS[kind]
                  if snapshot.counts.get(label, 0) < LEAST_OF_EACH]  # fmt: skip
    said = " and ".join(short)
    return f"{rows} rows are too few to learn from: {said} are needed." if short else ""


def snapshot_problems(settings: Settings, store: Store) -> Iterator[str]:
    """One sentence for each snapshot that gives other rows than it did although nothing of it was deleted."""
    ws = OnlyReading(settings, store)
    for snapshot in store.find(DatasetSnapshot):
        why = why_not_rebuildable(ws, snapshot)
        if why and not why.endswith("deleted"):
            yield f"Snapshot {snapshot.id} is {why}."


def told(ws: Workspace, snapshot: DatasetSnapshot) -> dict[str, Any]:
    """A snapshot as endpoints and the command line show it."""
    return {
        "snapshot_id": snapshot.id,
        "kind": snapshot.kind,
        "sha256": snapshot.sha256,
        "rows": snapshot.train_count + snapshot.test_count,
        "train": snapshot.train_count,
        "test": snapshot.test_count,
        "counts": dict(snapshot.counts),
        "too_few": lacking(snapshot),
        "not_rebuildable": why_not_rebuildable(ws, snapshot),
    }


def check_kind(kind: object) -> Kind:
    """The kind as it is kept; “trl-dpo” means dpo. Raises InvalidSetting."""
    text = kind.strip() if isinstance(kind, str) else ""
    known = FORMATS.get(text) or next((k for k in KINDS if k == text), None)
    if known is None:
        raise InvalidSetting(f"There is no training data of kind “{str(kind)[:40]}”: take one of {', '.join(KINDS)}.")
    return known


def only_owner(visitor: Visitor) -> None:
    """Raises NotAllowed for anyone but the studio's owner."""
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner may train models: enter the owner's token first, or ask them.")


GOOD, BAD = "texts called good", "texts called bad"
LABELS: Mapping[Kind, tuple[str, str]] = {
    "kto": (GOOD, BAD), "image-kto": ("pictures called good", "pictures called bad"),
}  # fmt: skip


def _labels(data: Dataset) -> Mapping[str, int]:
    rows = [*data.train, *data.test]
    counts: dict[str, int] = {}
    if data.kind in IMAGE_KINDS:
        counts[PICTURES] = len({row[name] for row in rows for name in ("image", "chosen", "rejected") if name in row})
    if data.kind not in LABELS:
        return counts
    good, bad = LABELS[data.kind]
    number = sum(row["label"] for row in rows)
    return {**counts, good: number, bad: len(rows) - number}
