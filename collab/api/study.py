"""The public functions of studies, returning JSON: what endpoints, widgets and the command line call. Knows no Gradio.

Blindness is kept here: nothing but `reveal_task`, and what only an owner may call, names an arm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collab.errors import InvalidImport, NotAllowed
from collab.exchange.judged import JudgedSet
from collab.identity import Visitor
from collab.studies import decisions
from collab.studies.access import address_of, find_study, own_task, owned_study, studies_for
from collab.studies.answering import answer_task as keep_answer
from collab.studies.answering import flag_task, reveal_task, skip_task, undo_answer
from collab.studies.assignment import Nothing, renew
from collab.studies.assignment import next_task as take_task
from collab.studies.creation import create_study as make_study
from collab.studies.creation import import_set, preview, study_of_set
from collab.studies.exporting import export_study
from collab.studies.plain import a_list
from collab.studies.pregeneration import retry_failed
from collab.studies.presenting import TaskLink, guide, progress, shown_again, shown_nothing, shown_study, shown_task
from collab.studies.results import filter_effect, study_results
from collab.studies.spec import read_spec
from collab.studies.tables import csv_table
from collab.studies.uploads import receive_piece, upload_preview
from collab.types import Study
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]


# ---- for annotators -------------------------------------------------------------------------------------------------


def list_studies(ws: Workspace, visitor: Visitor) -> list[Json]:
    """The studies one may take part in, newest first, with how far one is."""
    return [
        {**shown_study(ws, visitor, study),
         "items": study.items}
        for study in studies_for(ws, visitor)
    ]  # fmt: skip


def open_study(ws: Workspace, visitor: Visitor, study_id: object, link: TaskLink) -> Json:
    """A study as an annotator may know it."""
    study = find_study(ws, visitor, study_id)
    return shown_study(ws, visitor, study) | guide(study, read_spec(study.spec), link)


def next_task(ws: Workspace, visitor: Visitor, study_id: object, link: TaskLink, held: object = ()) -> Json:
    """A leased task, or that there is none and why."""
    study = find_study(ws, visitor, study_id)
    given = take_task(ws, visitor, study, held=[str(token) for token in a_list(held, "held tasks", 100)])
    if isinstance(given, Nothing):
        return shown_nothing(ws, visitor, study, given)
    return shown_task(ws, visitor, study, *given, link)


def answer_task(ws: Workspace, visitor: Visitor, task_id: object, answer: object) -> Json:
    """Keep an answer; it can be undone until it is revealed or the study closes."""
    act = keep_answer(ws, visitor, task_id, answer)
    study = ws.store.get(Study, own_task(ws, visitor, task_id).study_id)
    return {
        "feedback_id": act.id,
        "saved_at": act.created_at.isoformat(timespec="milliseconds"),
        "task_id": task_id,
        "progress": progress(ws, visitor, study),
    }


def undo_task(ws: Workspace, visitor: Visitor, task_id: object, link: TaskLink, request_id: str = "") -> Json:
    """Take one's answer back, or that one skipped; the task again, with what had been said."""
    held, answer = undo_answer(ws, visitor, task_id, request_id=request_id)
    return {"task_id": task_id, "task": shown_again(ws, visitor, held, answer, link)}


def skip(ws: Workspace, visitor: Visitor, task_id: object, reason: object = "") -> Json:
    """Give an item back unanswered; it comes back only to whoever undoes that."""
    task = skip_task(ws, visitor, task_id, reason)
    return {"task_id": task_id, "progress": progress(ws, visitor, ws.store.get(Study, task.study_id))}


def flag(ws: Workspace, visitor: Visitor, task_id: object, note: object) -> Json:
    """Tell the owner what is wrong with an item."""
    flag_task(ws, visitor, task_id, note)
    return {"task_id": task_id}


def renew_task(ws: Workspace, visitor: Visitor, task_id: object) -> Json:
    """Lengthen one's lease."""
    task = renew(ws, visitor, own_task(ws, visitor, task_id))
    return {"task_id": task_id, "status": task.status, "lease_until": task.lease_until.isoformat(timespec="seconds")}


def reveal(ws: Workspace, visitor: Visitor, task_id: object) -> Json:
    """Which arm was which; from then on the answer is locked."""
    return {"task_id": task_id, "arms": reveal_task(ws, visitor, task_id)}


# ---- for owners -----------------------------------------------------------------------------------------------------


def check_study(ws: Workspace, visitor: Visitor, spec: object) -> Json:
    """What a study would come to, before it is made."""
    return preview(ws, visitor, spec)


def create_study(ws: Workspace, visitor: Visitor, spec: object, request_id: str = "") -> Json:
    """Make a study; its outputs are generated in the background."""
    study = make_study(ws, visitor, spec, request_id=request_id)
    ws.pregeneration.wake()
    return _made(study)


def _made(study: Study) -> Json:
    return {"study_id": study.id, "link": address_of(study), "items": study.items, "status": study.status}


def results(ws: Workspace, visitor: Visitor, study_id: object, link: Link, by: str = "arm", tag: str = "") -> Json:
    """A study's results, for the owner, with the formats that hold it."""
    study = owned_study(ws, visitor, study_id)
    return study_results(ws, study, link, by=by, tag=tag) | {"exports": formats_of(study)}


def leaderboard(ws: Workspace, visitor: Visitor, study_id: object, by: str = "arm", tag: str = "") -> Json:
    """Who leads and how surely, for the owner."""
    found = results(ws, visitor, study_id, lambda _: "", by, tag)
    return {
        name: found[name] for name in ("leaderboard", "tags", "matrix", "evidence", "agreement", "counts", "filter")
    }


def own_studies(ws: Workspace, visitor: Visitor) -> list[Json]:
    """All studies with how far they are, for the owner."""
    _only_owner(visitor)
    return [
        {"study_id": s.id, "title": s.title, "task": s.task, "modality": s.modality, "status": s.status,
         "answers": s.answered, "items": s.items, "link": address_of(s), "access": s.access,
         "created_at": s.created_at.isoformat(timespec="seconds")}
        for s in studies_for(ws, visitor)
    ]  # fmt: skip


def set_status(ws: Workspace, visitor: Visitor, study_id: object, status: str) -> Json:
    """Close a study, or open it again."""
    study = decisions.set_status(ws, visitor, owned_study(ws, visitor, study_id), status)
    ws.pregeneration.wake()
    return {"study_id": study.id, "status": study.status}


def retry(ws: Workspace, visitor: Visitor, study_id: object) -> Json:
    """Have what could not be generated made again."""
    study = owned_study(ws, visitor, study_id)
    return {"study_id": study.id, "items": retry_failed(ws, study, wake=ws.pregeneration.wake)}


def leave_out(ws: Workspace, visitor: Visitor, study_id: object, annotator_ids: object, reason: object) -> Json:
    """Leave people out of the results by a visible choice, kept with its effect; an empty list takes all in again."""
    study = owned_study(ws, visitor, study_id)
    excluded, said = decisions.check_excluded(ws, annotator_ids, reason)

    def nowhere(_: str) -> str:
        return ""

    before = study_results(ws, study, nowhere, all_people=True)
    after = study_results(ws, study, nowhere, without=frozenset(excluded))
    effect = filter_effect(before, after, len(excluded)) if excluded else ""
    decisions.keep_filter(ws, visitor, study, excluded, said, effect)
    return {"study_id": study.id, "effect": effect}


def adjudicate(ws: Workspace, visitor: Visitor, study_id: object, item_id: object, answer: object) -> Json:
    """Decide on an item about which people disagree."""
    study = owned_study(ws, visitor, study_id)
    decisions.adjudicate(ws, visitor, study, item_id, answer)
    return {"study_id": study.id, "item_id": item_id}


def table(ws: Workspace, visitor: Visitor, study_id: object, name: object) -> Json:
    """One table of the results as CSV."""
    study = owned_study(ws, visitor, study_id)
    return {"name": f"{name}.csv", "csv": csv_table(ws, study, name, study_results(ws, study, lambda _: ""))}


def formats_of(study: Study) -> list[str]:
    """The formats that a study's answers can be exported in."""
    from collab import datasets, exchange

    holding = [
        f.name for f in exchange.FORMATS.values()
        if f.write and study.task in f.tasks and study.modality in f.modalities
    ]  # fmt: skip
    return [*holding, *datasets.formats_from(study)]


def owned(ws: Workspace, visitor: Visitor, study_id: object) -> str:
    """The id of a study that is the visitor's to export. Raises NotAllowed or NotFound."""
    _only_owner(visitor)
    return owned_study(ws, visitor, study_id).id


def export(ws: Workspace, visitor: Visitor, study_id: object, *, limit: int | None = None) -> JudgedSet:
    """Everything judged and answered in a study, for an exchange format to write. limit: a look at so many items."""
    return export_study(ws, owned_study(ws, visitor, study_id), limit=limit)


def write_export(ws: Workspace, visitor: Visitor, format: object, study_id: object, folder: Path) -> list[Path]:
    """Write a study's items and answers in an exchange format, or what people said of texts, in one study or in all, as
    a trainer reads it; the paths. Raises InvalidImport for a format that is none; then nothing is written."""
    from collab import datasets, exchange

    known = (*exchange.FORMATS, *datasets.FORMATS)
    if not isinstance(format, str) or format not in known:
        raise InvalidImport(f"There is no format {str(format)[:40]!r}: take one of {', '.join(known)}.")
    if format in datasets.FORMATS:
        _only_owner(visitor)
        within = None if study_id in (None, "") else owned_study(ws, visitor, study_id).id
        return datasets.write(datasets.build(ws, format, study_id=within), folder)
    if format == "pick-a-pic" and study_id in (None, ""):
        from collab.datasets.picture_pairs import picture_pairs

        _only_owner(visitor)
        return exchange.write_set(format, picture_pairs(ws), folder)
    return exchange.write_set(format, export(ws, visitor, study_id), folder)


def import_file(ws: Workspace, visitor: Visitor, format: str, path: Path) -> Json:
    """A study of what a file of the operator's holds; closed where it brings answers."""
    from collab.exchange import read_set

    _only_owner(visitor)
    judged = read_set(format, path)
    study = import_set(ws, visitor, judged)
    return {"study_id": study.id, "title": study.title, "items": study.items, "answers": study.answered,
            "status": study.status, "notes": [*judged.notes, *read_spec(study.spec).notes]}  # fmt: skip


def create_from_file(ws: Workspace, visitor: Visitor, given: object, format: str, path: Path) -> Json:
    """A study of what a file of the operator's holds, asked about as a spec says; closed where it brings answers."""
    from collab.exchange import read_set

    _only_owner(visitor)
    judged = read_set(format, path)
    study = study_of_set(ws, visitor, given, judged)
    return _made(study) | {"notes": list(judged.notes)}


def upload_rows(
    ws: Workspace, visitor: Visitor, data: object, format: object, name: object = "", upload_id: object = "",
    index: object = 0, total: object = 1,
) -> Json:  # fmt: skip
    """Take one base64 piece of a file whose rows are to be a study's; with the last one, what the file holds."""
    found, whole = receive_piece(ws, visitor, upload_id, index, total, data, str(format or ""), str(name or ""))
    return {"upload_id": found, "done": whole, **(upload_preview(ws, visitor, found) if whole else {})}


def _only_owner(visitor: Visitor) -> None:
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner may do that: enter the owner's token first, or ask them.")
