"""What has been collected, and each export of it: how many rows now, a look at the first, the files. Knows no Gradio.

Owners see and export what everybody gave; everyone else what they gave themselves, outside studies.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args
from weakref import WeakKeyDictionary

from collab import datasets
from collab.api import study as study_api
from collab.collector import paused_collector
from collab.errors import InvalidImport, NotFound
from collab.exchange.export_files import Part, as_shown, write_zip
from collab.exchange.judged import TaskKind
from collab.exchange.judged_here import count_here, judged_here
from collab.identity import Visitor
from collab.store import Store
from collab.store.collected_queries import Said, collected, what_was_said
from collab.types import MODALITIES, FeedbackKind, Modality, Study
from collab.workspace import Workspace

Json = dict[str, Any]
Step = Callable[[str], None]  # called between the steps of a build; raises where it is no longer wanted
PREVIEW_ROWS = 5
# which of what was said outside studies an exchange format takes, the first that has rows being offered first
_HERE: Mapping[str, tuple[str, ...]] = {
    "pick-a-pic": ("compare:image",), "arena": ("compare:text",),
    "table": ("rate:text", "rate:image", "compare:text", "compare:image"),
    "argilla": ("rate:text", "rate:image", "compare:text", "compare:image"),
}  # fmt: skip


def overview(ws: Workspace, visitor: Visitor) -> Json:
    """Counts by kind and modality, by day, of stars and thumbs; whether they are everybody's."""
    found = collected(ws.store, _only(visitor))
    kinds: tuple[FeedbackKind, ...] = get_args(FeedbackKind)
    first = datetime(1970, 1, 1, tzinfo=UTC)
    days: dict[int, dict[str, int]] = {}
    for (day, kind), number in sorted(found.days.items()):
        days.setdefault(day, {})[kind] = number
    return {
        "everybody": visitor.is_owner,
        "people": found.people,
        "kinds": [
            {"kind": kind, **{modality: found.kinds[kind, modality] for modality in MODALITIES}}
            for kind in kinds if kind != "retraction"
        ],
        "days": [{"at": (first + timedelta(days=day)).date().isoformat(), **said} for day, said in days.items()],
        "stars": {str(score): found.stars[score] for score in range(1, 6)},
        "thumbs": {"up": found.thumbs[1], "down": found.thumbs[-1]},
        "made": {modality: found.made[modality] for modality in MODALITIES},
    }  # fmt: skip


def offers(ws: Workspace, visitor: Visitor) -> list[Json]:
    """Each format with its sources: `{"format", "rows", "sources": [{"source", "rows", "title"}], "left_out", "how"}`.

    source: "" is all that the visitor may export; "compare:image" and the like what was said outside studies; else a
    study's id. rows: of the source that has most.
    """
    counts = _counts(ws, _only(visitor))
    made: list[Json] = []
    for format, (rows, left_out) in counts.for_trainers.items():
        sources = [{"source": "", "rows": rows, "title": ""}]
        made.append(
            {"format": format, "sources": sources, "left_out": dict(left_out), "how": datasets.how_to_get(format)}
        )
    studies = ws.store.find(Study) if visitor.is_owner else []
    for format, parts in _HERE.items():
        sources = []
        for part in parts:
            task, _, modality = part.partition(":")
            sources.append({"source": part, "rows": counts.here[task, modality], "title": ""})  # type: ignore[index]
        for study in reversed(studies):
            if study.answered and format in study_api.formats_of(study):
                sources.append({"source": study.id, "rows": study.answered, "title": study.title})
        kept = [s for s in sources if s["rows"]] or sources[:1]
        made.append({"format": format, "sources": kept, "left_out": {}, "how": ""})
    for offer in made:
        offer["rows"] = max(source["rows"] for source in offer["sources"])
    return made


class _Counts(NamedTuple):
    """What takes seconds to count where very much was said. for_trainers: rows, and what was left out, by format."""

    for_trainers: Mapping[str, tuple[int, Mapping[str, int]]]
    here: Mapping[tuple[TaskKind, Modality], int]


_counted: WeakKeyDictionary[Store, dict[str | None, tuple[Said, _Counts]]] = WeakKeyDictionary()
_COUNTED_PEOPLE = 100  # whose counts are kept, of each store


def _counts(ws: Workspace, only: str | None) -> _Counts:
    """Counted anew only after somebody said, took back, deleted, revealed or left out something."""
    kept = _counted.setdefault(ws.store, {})
    now = what_was_said(ws.store)  # before counting: what is said meanwhile is counted the next time
    before = kept.get(only)
    if before is not None and before[0] == now:
        return before[1]
    with paused_collector():
        told = datasets.read_told(ws, annotator_id=only)
        counts = _Counts(datasets.count_rows(told), count_here(ws, only, on_texts=told.acts))
    while len(kept) >= _COUNTED_PEOPLE:
        kept.pop(next(iter(kept)), None)
    kept[only] = now, counts
    return counts


def preview(ws: Workspace, visitor: Visitor, format: object, source: object = "") -> Json:
    """The columns and first rows of an export, long cells cut: `{"columns", "rows"}`. Raises NotFound for none."""
    with tempfile.TemporaryDirectory(dir=ws.settings.home) as folder:
        write(ws, visitor, format, source, Path(folder) / "look", limit=PREVIEW_ROWS)
        return as_shown(Path(folder) / "look", PREVIEW_ROWS)


def write(
    ws: Workspace, visitor: Visitor, format: object, source: object, folder: Path, *, limit: int | None = None,
    step: Step = lambda _: None,
) -> list[Path]:  # fmt: skip
    """Write an export with its card into a new folder, whole or not at all; its paths. limit: a look at some items.

    Raises InvalidImport for a format or source that is none, NotFound where there is nothing, NotAllowed for a study
    of somebody else, Unavailable where the disk refuses.
    """
    name, part = format_name(format), str(source or "")
    step("reading")
    if name in datasets.FORMATS:
        within = study_api.owned(ws, visitor, part) if part else None
        built = datasets.build(ws, name, study_id=within, annotator_id=None if within else _only(visitor),
                               look=limit is not None)  # fmt: skip
        step("writing")
        if limit is not None:
            built = replace(built, train=[*built.train, *built.test][:limit], test=())
        return datasets.write(built, folder)
    from collab import exchange
    from collab.datasets.picture_pairs import picture_pairs

    if part in _HERE[name]:
        task, _, modality = part.partition(":")
        if name == "pick-a-pic":
            judged = picture_pairs(ws, _only(visitor), outside_studies=True, limit=limit)
        else:
            with paused_collector():
                judged = judged_here(ws, task, modality, _only(visitor), limit=limit)  # type: ignore[arg-type]
    elif ":" in part or not part:
        raise InvalidImport(f"There is no source {part[:40]!r} for {name}: take one of {', '.join(_HERE[name])}.")
    else:
        judged = study_api.export(ws, visitor, part)
    if not any(item.answers for item in judged.items):
        raise NotFound(f"Nothing was said yet that gives a row of {name}: rate or compare something first.")
    if limit is not None:
        judged = replace(judged, items=judged.items[:limit])
    step("writing")
    return exchange.write_set(name, judged, folder)


def write_archive(
    ws: Workspace, visitor: Visitor, format: object, source: object, part: Part, path: Path, *,
    step: Step = lambda _: None,
) -> list[str]:  # fmt: skip
    """Write an export as one ZIP; the names of the files in it. Raises as `write`; then no file is left."""
    folder = path.with_suffix("")
    try:
        write(ws, visitor, format, source, folder, step=step)
        step("packing")
        return write_zip(folder, path, part, step)
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Delete what was written on the way."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def format_name(format: object) -> str:
    """The format, known to be one that is written. Raises InvalidImport."""
    known = (*datasets.FORMATS, *_HERE)
    if not isinstance(format, str) or format not in known:
        raise InvalidImport(f"There is no format {str(format)[:40]!r} to export: take one of {', '.join(known)}.")
    return format


def _only(visitor: Visitor) -> str | None:
    return None if visitor.is_owner else visitor.annotator_id
