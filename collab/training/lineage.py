"""Where a trained model comes from: the versions before it, the snapshot, and each act of feedback that was read.

Texts are cut short, people stand under their pseudonyms. Reads the store; changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collab.checks import is_id
from collab.datasets import snapshots
from collab.errors import NotFound
from collab.identity import Visitor
from collab.refinement.saying import outputs_named, said_of
from collab.said_of_outputs import preferred
from collab.store.training_queries import generations_of
from collab.studies.names import pseudonym
from collab.types import Act, DatasetSnapshot, Edit, ModelVersion, Preference, Rating
from collab.workspace import Workspace

Json = dict[str, Any]
ACTS_EACH = 20  # of one page
_EXCERPT = 160  # characters
_SHOWN = 4  # outputs of one act


def line_of(ws: Workspace, version: ModelVersion) -> list[Json]:
    """The version, what it was trained from, and so on to the model without an adapter, each with its snapshot."""
    line: list[Json] = []
    here: ModelVersion | None = version
    while here is not None:
        snapshot = ws.store.get(DatasetSnapshot, here.snapshot_id) if here.snapshot_id else None
        line.append({
            "version_id": here.id, "name": here.name, "kind": str(here.recipe.get("kind", "")), "base": here.base,
            "at": here.created_at.isoformat(timespec="seconds"), "adapter": bool(here.adapter_sha256),
            "snapshot": _snapshot(snapshot, here) if snapshot else None,
        })  # fmt: skip
        here = ws.store.get(ModelVersion, here.parent_id) if here.parent_id else None
    return line


def _snapshot(snapshot: DatasetSnapshot, version: ModelVersion) -> Json:
    return {
        "snapshot_id": snapshot.id, "sha256": snapshot.sha256,
        "rows": snapshot.train_count + snapshot.test_count, "acts": len(snapshot.event_ids),
        "deleted": int(version.metrics.get("deleted_acts", 0)), "left_out": dict(snapshot.counts),
    }  # fmt: skip


def acts_of(ws: Workspace, visitor: Visitor, snapshot_id: object, start: object = 0) -> Json:
    """Some of the acts that a snapshot names, oldest first, and how many there are: `{"acts", "start", "total"}`.

    generation_id: of the visitor's own outputs only, whose page they may open.
    """
    snapshots.only_owner(visitor)
    found = ws.store.find(DatasetSnapshot, id=snapshot_id) if is_id(snapshot_id) else []
    if not found:
        raise NotFound(f"There is no snapshot “{str(snapshot_id)[:60]}”: make one with `snapshot KIND`.")
    ids = found[0].event_ids
    wanted = start if isinstance(start, int) else 0
    at = max(0, min(wanted, len(ids) - 1)) // ACTS_EACH * ACTS_EACH
    page = ids[at : at + ACTS_EACH]
    acts = {act.id: act for act in ws.store.acts(page)}
    made = generations_of(ws.store, {output for act in acts.values() for output in outputs_named(act)})
    told = [_act(ws, visitor, acts[i], made) if i in acts else {"act_id": i, "gone": True} for i in page]
    return {"acts": told, "start": at, "total": len(ids), "each": ACTS_EACH}


def _act(ws: Workspace, visitor: Visitor, act: Act, made: Mapping[str, tuple[str, str, str, str | None]]) -> Json:
    texts = {output: ("", str(row[3] or "")) for output, row in made.items()}
    named = _ordered(act)[:_SHOWN]
    shown = [made[output] for output in named if output in made]
    own = [row for row in shown if row[2] == visitor.annotator_id]
    return {
        "act_id": act.id, "act": type(act).__name__.lower(), "at": act.created_at.isoformat(timespec="seconds"),
        "who": pseudonym(ws, act.annotator_id), "blind": isinstance(act, Preference) and act.blind,
        "said": said_of(act, "", texts) if isinstance(act, Rating | Edit) else "",
        "winner": act.winner if isinstance(act, Preference) else "",
        "outputs": [_excerpt(texts[output][1]) for output in named if output in made],
        "generation_id": own[0][1] if own else None,
    }  # fmt: skip


def _ordered(act: Act) -> list[str]:
    """The outputs that an act names, what it prefers first."""
    pairs = preferred(act) if not isinstance(act, Rating | Edit) else ()
    return list(dict.fromkeys([*(better for better, _ in pairs), *outputs_named(act)]))


def _excerpt(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _EXCERPT else f"{words[: _EXCERPT - 1]}…"
