"""Pick-a-Pic's votes on pictures (yuvalkirstain/pickapic_v1 and _v2; Kirstain et al. 2023).

One row is one vote: a caption, two pictures, and a label of 0, ½ or 1 for each. The columns are called `jpg_…`
whatever their pictures are; what is written here is PNG, as it was judged. Knows nothing of the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collab.exchange.answers import require_task
from collab.exchange.cells import LIMITS, Limits, clean, flag, moment, name_cell, one_of, refuse, require, shown
from collab.exchange.conversations import read_messages
from collab.exchange.gathering import Gathering
from collab.exchange.json_rows import encode_json
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.exchange.pictures import Pictures
from collab.exchange.provenance import (
    NAMES,
    PROVENANCE,
    answer_columns,
    outputs_columns,
    read_answer,
    read_outputs,
    split_groups,
)
from collab.exchange.rows import each_row
from collab.exchange.study_file import read_study_file, write_folder
from collab.exchange.table_files import Column
from collab.types import Winner

NAME = "pick-a-pic"

_WINNERS: dict[tuple[float, float], Winner] = {(1, 0): "a", (0, 1): "b", (0.5, 0.5): "tie"}
_LABELS = {"a": (1.0, 0.0), "b": (0.0, 1.0), "tie": (0.5, 0.5), "both_bad": (0.5, 0.5)}
_EXACT: dict[str, Winner] = {"a": "a", "b": "b", "tie": "tie", "both_bad": "both_bad"}

COLUMNS = (
    Column("caption", "string", "the prompt"),
    Column("jpg_0", "bytes", "the first picture (PNG bytes; Base64 in JSON Lines)"),
    Column("jpg_1", "bytes", "the second picture"),
    Column("label_0", "number", "1 if the first picture is better, ½ if neither, else 0"),
    Column("label_1", "number", "1 minus label_0"),
    Column("image_0_uid", "string", "the first picture's id"),
    Column("image_1_uid", "string", "the second picture's id"),
    Column("best_image_uid", "string", "the better picture's id, or tie"),
    Column("are_different", "boolean", "whether one is better"),
    Column("ranking_id", "string", "what was judged"),
    Column("user_id", "string", "who judged, a pseudonym"),
    Column("created_at", "time", "when"),
    Column("model_0", "string", "the first system"),
    Column("model_1", "string", "the second system"),
    Column("winner", "string", "a, b, tie or both_bad: labels cannot tell the last two apart"),
    Column("messages", "string", "earlier turns, as JSON"),
    *PROVENANCE,
)
_READ = NAMES | {"has_label", *(column.name for column in COLUMNS)}


def read(path: Path, *, limits: Limits = LIMITS) -> JudgedSet:
    """Votes on pictures from Parquet, JSON Lines (pictures in Base64) or a folder. Raises InvalidImport.

    Rows with the same caption, pictures and systems become one item with several answers; a row whose `has_label` is
    false gives an item without one.
    """
    study = read_study_file(path, limits)
    pictures = Pictures(limits)
    gathering = Gathering()
    for number, row in each_row(path, limits, _READ.__contains__, []):
        gathering.add(number, _item(row, number, pictures, limits), own_id=bool(row.get("item_id")))
    return JudgedSet(
        title=study.title,
        task="compare",
        modality="image",
        question=study.question,
        guidelines=study.guidelines,
        items=gathering.items(),
        notes=study.notes,
    )


def _answers(row: Mapping[str, Any], number: int, limits: Limits) -> tuple[JudgedAnswer, ...]:
    if not flag(row.get("has_label"), number, "has_label", default=True):
        return ()
    labels = tuple(require(row, number, column) for column in ("label_0", "label_1"))
    if labels not in _WINNERS:
        refuse(number, "label_0", f"the labels {shown(labels)} are none of 1 and 0, 0 and 1, 0.5 and 0.5.")
    winner = _WINNERS[labels]
    if row.get("winner") not in (None, ""):
        exact = one_of(row["winner"], number, "winner", _EXACT)
        if _LABELS[exact] != labels:
            refuse(number, "winner", f"{shown(exact)} contradicts the labels {shown(labels)}.")
        winner = exact
    best = row.get("best_image_uid")
    for uid, label in zip((row.get("image_0_uid"), row.get("image_1_uid")), labels, strict=True):
        if best not in (None, "", "tie") and uid == best and label == 0:
            refuse(number, "best_image_uid", f"{shown(best)} contradicts the labels {shown(labels)}.")
    user = name_cell(row.get("user_id"), number, "user_id", limits) or "unknown"
    said = read_answer(row, number, annotator=user, limits=limits)
    at = moment(row.get("created_at"), number, "created_at")
    return (JudgedAnswer(answer={"winner": winner}, at=at, **said),)


def _item(row: Mapping[str, Any], number: int, pictures: Pictures, limits: Limits) -> JudgedItem:
    outputs = []
    for place, one in enumerate(read_outputs(row, number, count=2, limits=limits)):
        uid = name_cell(row.get(f"image_{place}_uid"), number, f"image_{place}_uid", limits)
        arm = name_cell(row.get(f"model_{place}"), number, f"model_{place}", limits) or "unknown"
        image = pictures.read(row.get(f"jpg_{place}"), number, f"jpg_{place}")
        outputs.append(JudgedOutput(arm=arm, image=image, media_type="image/png", **{"output_id": uid} | one))
    return JudgedItem(
        item_id=name_cell(row.get("item_id") or row.get("ranking_id"), number, "ranking_id", limits),
        prompt=clean(require(row, number, "caption"), number, "caption", limits),
        messages=read_messages(row.get("messages"), number, "messages", limits),
        outputs=tuple(outputs),
        tag=clean(row.get("tag"), number, "tag", limits),
        answers=_answers(row, number, limits),
    )


def write(judged: JudgedSet, folder: Path) -> list[Path]:
    """Write comparisons of pictures as `pick-a-pic.parquet` and `.jsonl` with a dataset card; the files' paths.

    Items without an answer are no votes and are left out. Raises InvalidStudy for other studies or a folder in use,
    Unavailable if the disk refuses; then nothing is left.
    """
    require_task(judged, NAME, ["compare"], ["image"])
    rows = []
    for item, group in zip(judged.items, split_groups(judged.items), strict=True):
        uids = [o.output_id or hashlib.sha256(o.image or b"").hexdigest() for o in item.outputs]
        shared = outputs_columns(item) | {"item_id": item.item_id, "tag": item.tag, "split_group": group}
        shared |= {"caption": item.prompt, "ranking_id": item.item_id}
        shared["messages"] = encode_json(item.messages) if item.messages else ""
        for place, output in enumerate(item.outputs):
            shared |= {f"jpg_{place}": output.image, f"model_{place}": output.arm, f"image_{place}_uid": uids[place]}
        for answer in item.answers:
            winner = answer.answer["winner"]
            labels = _LABELS[winner]
            own = {
                "winner": winner,
                "label_0": labels[0],
                "label_1": labels[1],
                "best_image_uid": {"a": uids[0], "b": uids[1]}.get(winner, "tie"),
                "are_different": winner in ("a", "b"),
                "user_id": answer.annotator,
                "created_at": answer.at,
            }
            rows.append(shared | own | answer_columns(answer))
    return write_folder(judged, rows, COLUMNS, folder, format=NAME, row="One row is one vote.")
