"""A dataset of one kind from what people said: rows, what is held out, a hash of all. Reads the store."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from collab.collector import paused_collector
from collab.datasets.rows import IMAGE_KINDS, KINDS, READ, TEXT_KINDS, Kind, Row, rows_of
from collab.datasets.sifting import sift
from collab.datasets.sources import NEGATIVE, Told, read_told
from collab.datasets.splitting import held_out, split_groups
from collab.errors import InvalidImport, NotFound
from collab.exchange.json_rows import encode_json
from collab.exchange.table_files import Column
from collab.store.records import ACTS
from collab.studies.names import pseudonym
from collab.studies.spec import read_spec
from collab.types import Modality, Study, StudyTask
from collab.workspace import Kept

FORMATS: Mapping[str, Kind] = {f"trl-{kind}": kind for kind in TEXT_KINDS}  # that are written; pictures: pick-a-pic
_NOTHING: Mapping[Kind, str] = {
    "sft": "edit a text, or give one four stars or more",
    "dpo": "compare or rank two texts of one prompt, or edit one",
    "kto": "rate texts with thumbs or stars",
    "reward": "compare or rank two texts of one prompt, or edit one",
    "image-sft": "edit a picture, or give one four stars or more",
    "image-dpo": "compare or rank two pictures of one prompt, or edit one",
    "image-kto": "rate pictures with thumbs or stars",
}
_TURNS = {"prompt": "what was asked, as messages", "completion": "the text, as a message",
          "chosen": "the preferred text, as a message", "rejected": "the other one, as a message"}  # fmt: skip
_PICTURES = {"image": "the picture, by its SHA-256", "chosen": "the preferred picture, by its SHA-256",
             "rejected": "the other one, by its SHA-256"}  # fmt: skip
_TELLS = (
    Column("prompt_version_id", "string", "the prompt version that asked"),
    Column("model_revision", "string", "the exact weights that wrote the text (an edit's: its original)"),
    Column("seed", "integer", "the seed of that text"),
    Column("settings", "string", "its generation settings, as JSON"),
    Column("blind", "boolean", "whether all acts behind the row are votes known to have been blind"),
    Column("annotator", "string", "a pseudonym of the first who said so"),
    Column("annotators", "integer", "how many people said so"),
    Column("event_ids", "string", "the recorded acts behind the row", 1),
    Column("split_group", "string", "rows of one group share a prompt or a person: never split them"),
)
_FROM: Mapping[StudyTask, tuple[Kind, ...]] = {
    "compare": ("dpo", "reward"), "rank": ("dpo", "reward"), "rate": ("sft", "kto"), "edit": ("sft", "dpo", "reward"),
}  # fmt: skip


def formats_from(study: Study) -> list[str]:
    """The formats that answers to a study can give rows of."""
    judges = study.task != "rate" or any(q.kind in ("stars", "thumb") for q in read_spec(study.spec).questions)
    if study.modality != "text" or not judges:
        return []
    return [format for format, kind in FORMATS.items() if kind in _FROM[study.task]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Rows ready to be written. counts: how many were left out or merged, by reason. sha256: of the rows themselves,
    the same whenever they are built from the same acts; event_ids: of those, in order."""

    kind: Kind
    columns: tuple[Column, ...]
    train: Sequence[Mapping[str, Any]]
    test: Sequence[Mapping[str, Any]]
    counts: Mapping[str, int]
    sha256: str
    event_ids: tuple[str, ...] = ()


def build(
    ws: Kept, format: object, *, study_id: str | None = None, seed: int = 0, act_ids: Sequence[str] | None = None,
    annotator_id: str | None = None, look: bool = False,
) -> Dataset:  # fmt: skip
    """What people said of texts, in a trainer's columns. seed: of which groups are held out. act_ids: what these acts
    say instead of all that are in force. annotator_id: only what this person said outside studies. look: only what the
    newest acts are about, if that gives a row.

    Raises InvalidImport for a format that is none, NotFound where nothing was said that gives a row.
    """
    if not isinstance(format, str) or format not in FORMATS:
        raise InvalidImport(f"There is no format {str(format)[:40]!r}: take one of {', '.join(FORMATS)}.")
    return build_kind(ws, FORMATS[format], study_id=study_id, seed=seed, act_ids=act_ids, annotator_id=annotator_id,
                      look=look)  # fmt: skip


def build_kind(
    ws: Kept, kind: Kind, *, study_id: str | None = None, seed: int = 0, act_ids: Sequence[str] | None = None,
    annotator_id: str | None = None, look: bool = False,
) -> Dataset:  # fmt: skip
    """As `build`, of any kind; pictures stand in their rows by the SHA-256 of their blobs."""
    modality: Modality = "image" if kind in IMAGE_KINDS else "text"
    with paused_collector():
        kinds = [ACTS[act][0] for act in READ[kind]] if look else []
        told = read_told(ws, study_id, modality=modality, act_ids=act_ids, annotator_id=annotator_id, newest=kinds)
        sifted = sift(rows_of(kind, told))
        if look and not sifted.rows:
            return build_kind(ws, kind, study_id=study_id, seed=seed, annotator_id=annotator_id)
        counts = sifted.counts + Counter({f"left out: {why}": number for why, number in told.unused.items()})
        if not sifted.rows:
            why = "; ".join(f"{count:,} × {reason}" for reason, count in counts.most_common(3))
            raise NotFound(
                f"Nothing was said yet that gives a row of {name_of(kind)}: {_NOTHING[kind]}{why and f' ({why})'}."
            )
        groups = split_groups(sifted.rows)
        out = held_out(groups, seed)
        names = {person: pseudonym(ws, person) for person in {row.people[0] for row in sifted.rows}}
        cells = [_cells(kind, row, group, names[row.people[0]]) for row, group in zip(sifted.rows, groups, strict=True)]
    train = [row for row in cells if row["split_group"] not in out]
    test = [row for row in cells if row["split_group"] in out]
    return Dataset(kind=kind, columns=_columns(kind), train=train, test=test, counts=dict(sorted(counts.items())),
                   sha256=_sha256(kind, train, test),
                   event_ids=tuple(sorted(act.id for act in told.acts if isinstance(act, READ[kind]))))  # fmt: skip


def count_rows(told: Told) -> dict[str, tuple[int, Mapping[str, int]]]:
    """For each format how many rows it would have, and what was left out or merged, by reason, the most first."""
    found: dict[Kind, tuple[int, Mapping[str, int]]] = {}
    for kind in TEXT_KINDS:
        if kind == "reward":  # learns from the very pairs of dpo
            found[kind] = found["dpo"]
            continue
        sifted = sift(rows_of(kind, told))
        counts = sifted.counts + Counter({f"left out: {why}": number for why, number in told.unused.items()})
        found[kind] = (len(sifted.rows), dict(counts.most_common(6)))
    return {format: found[kind] for format, kind in FORMATS.items()}


def name_of(kind: Kind) -> str:
    """As people ask for it: the format that is written, or for pictures the kind itself."""
    return kind if kind in IMAGE_KINDS else f"trl-{kind}"


def how_to_get(format: str) -> str:
    """What people do that gives rows of a format, as half a sentence."""
    return _NOTHING[next(kind for kind in KINDS if format in (kind, f"trl-{kind}"))]


def _columns(kind: Kind) -> tuple[Column, ...]:
    if kind in IMAGE_KINDS:
        shown = ("chosen", "rejected") if kind == "image-dpo" else ("image",)
        said = [Column("label", "boolean", "whether the picture is good")] if kind == "image-kto" else []
        asked = (
            Column("prompt", "string", "what was asked for, as it was sent"),
            Column("negative_prompt", "string", "what was not to be in it"),
        )
        return (*asked, *(Column(name, "string", _PICTURES[name]) for name in shown), *said, *_TELLS)
    names = ("prompt", "completion") if kind in ("sft", "kto") else ("prompt", "chosen", "rejected")
    turns = [Column(name, "turn", _TURNS[name], 1) for name in names]
    label = [Column("label", "boolean", "whether the text is good")] if kind == "kto" else []
    return (*turns, *label, *_TELLS)


def _cells(kind: Kind, row: Row, group: str, annotator: str) -> dict[str, Any]:
    if kind in IMAGE_KINDS:
        return _shown(kind, row) | _told_of(row, group, annotator)
    answer = [{"role": "assistant", "content": row.answer}]
    own: dict[str, Any] = {"prompt": [{"role": role, "content": content} for role, content in row.messages]}
    if kind in ("sft", "kto"):
        own["completion"] = answer
    else:
        own |= {"chosen": answer, "rejected": [{"role": "assistant", "content": row.rejected}]}
    if kind == "kto":
        own["label"] = row.good
    return own | _told_of(row, group, annotator)


def _shown(kind: Kind, row: Row) -> dict[str, Any]:
    """The columns of a picture's row."""
    said = dict(row.messages)
    own: dict[str, Any] = {"prompt": said["user"], "negative_prompt": said.get(NEGATIVE, "")}
    if kind == "image-dpo":
        return own | {"chosen": row.answer, "rejected": row.rejected}
    return own | {"image": row.answer} | ({"label": row.good} if kind == "image-kto" else {})


def _told_of(row: Row, group: str, annotator: str) -> dict[str, Any]:
    source = row.source
    return {
        "prompt_version_id": source.prompt_version_id,
        "model_revision": source.model_revision,
        "seed": source.seed,
        "settings": encode_json(source.settings),
        "blind": row.blind,
        "annotator": annotator,
        "annotators": len(set(row.people)),
        "event_ids": list(row.event_ids),
        "split_group": group,
    }


def _sha256(kind: Kind, *splits: Sequence[Mapping[str, Any]]) -> str:
    digest = hashlib.sha256(kind.encode())
    for rows in splits:
        digest.update(b"\n")
        for row in rows:
            digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
    return digest.hexdigest()
