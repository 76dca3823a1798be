"""Files an owner sends in pieces, to be judged: kept under an unguessable name until a study takes them.

Nothing a person typed becomes part of a path. Knows nothing of what the formats hold (exchange/ does).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collab.errors import InvalidImport, NotAllowed, NotFound
from collab.exchange.judged import JudgedSet
from collab.identity import Visitor
from collab.workspace import Workspace

PIECE_LIMIT = 2 * 2**20  # bytes
PIECES_LIMIT = 512
ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".zip")
KEPT_S = 24 * 3600
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")


def receive_piece(
    ws: Workspace, visitor: Visitor, upload_id: object, index: object, total: object, data: object, format: str,
    name: str = "",
) -> tuple[str, bool]:  # fmt: skip
    """Keep one base64 piece of a file; its upload's name, and whether the file is whole. Pieces come in order.

    upload_id: "" with the first piece. name: only its ending is looked at, to tell CSV from Parquet.
    Raises NotAllowed, or InvalidImport for a piece that does not fit.
    """
    if not visitor.is_owner:
        raise NotAllowed("Only the studio's owner may upload files to be judged.")
    numbers = isinstance(index, int) and isinstance(total, int)
    if not numbers or not 0 <= index < total <= PIECES_LIMIT:  # type: ignore[operator]
        raise InvalidImport(f"Piece {str(index)[:20]} of {str(total)[:20]}: at most {PIECES_LIMIT} pieces are taken.")
    try:
        piece = base64.b64decode(str(data), validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidImport("The piece is not base64: send the file again.") from error
    if len(piece) > PIECE_LIMIT:
        raise InvalidImport(f"A piece has {len(piece):,} bytes: at most {PIECE_LIMIT:,} are taken at once.")
    if index == 0:
        _forget_old(ws)
        upload_id = secrets.token_urlsafe(16)
        folder = _folder(ws, upload_id)
        folder.mkdir(parents=True)
        ending = Path(name).suffix.lower()
        about = {
            "format": format,
            "ending": ending if ending in ENDINGS else "",
            "by": visitor.annotator_id,
            "next": 0,
            "total": total,
        }
        (folder / "about.json").write_text(json.dumps(about))
    folder, about = _about(ws, visitor, upload_id)
    if about["next"] != index or about["total"] != total:
        raise InvalidImport(f"Piece {index} came where piece {about['next']} was due: send the file again.")
    with _file(folder, about).open("ab") as file:
        file.write(piece)
    about["next"] = int(index) + 1  # type: ignore[call-overload]
    (folder / "about.json").write_text(json.dumps(about))
    return str(upload_id), about["next"] == about["total"]


def read_upload(ws: Workspace, visitor: Visitor, source: Mapping[str, Any] | None) -> JudgedSet:
    """What an uploaded file holds. Raises InvalidImport naming the row and column, or NotFound."""
    from collab.exchange import read_set

    upload_id = (source or {}).get("upload_id")
    if upload_id in (None, ""):
        raise InvalidImport("The import names no upload: send the file first and give the upload_id that is answered.")
    folder, about = _about(ws, visitor, upload_id)
    if about["next"] != about["total"]:
        raise InvalidImport(f"Only {about['next']} of {about['total']} pieces have arrived: wait for the rest.")
    return read_set(about["format"], _file(folder, about))


def upload_preview(ws: Workspace, visitor: Visitor, upload_id: str) -> dict[str, Any]:
    """What an uploaded file holds, for a look before a study takes it: counts, and its first rows."""
    judged = read_upload(ws, visitor, {"upload_id": upload_id})
    return {
        "items": len(judged.items),
        "task": judged.task,
        "modality": judged.modality,
        "answers": sum(len(item.answers) for item in judged.items),
        "notes": list(judged.notes),
        "questions": [dict(question) for question in judged.questions],
        "sample": [
            {"prompt": item.prompt[:300], "outputs": [(o.text or "(picture)")[:300] for o in item.outputs]}
            for item in judged.items[:3]
        ],
    }


def _file(folder: Path, about: Mapping[str, Any]) -> Path:
    return folder / f"file{about['ending']}"


def _about(ws: Workspace, visitor: Visitor, upload_id: object) -> tuple[Path, dict[str, Any]]:
    folder = _folder(ws, upload_id)
    try:
        about = json.loads((folder / "about.json").read_text())
    except (OSError, ValueError):
        raise NotFound("That upload is not there any more: send the file again.") from None
    if about["by"] != visitor.annotator_id:
        raise NotFound("That upload is not there any more: send the file again.")
    return folder, about


def _folder(ws: Workspace, upload_id: object) -> Path:
    if not isinstance(upload_id, str) or not _NAME.fullmatch(upload_id):
        raise NotFound("That upload is not there any more: send the file again.")
    return ws.settings.home / "uploads" / upload_id


def forget_uploads(ws: Workspace, visitor: Visitor) -> None:
    """Delete the files that this person sent."""
    for folder in (ws.settings.home / "uploads").glob("*"):
        try:
            theirs = json.loads((folder / "about.json").read_text())["by"] == visitor.annotator_id
        except (OSError, ValueError, KeyError):
            continue
        if theirs:
            shutil.rmtree(folder, ignore_errors=True)


def _forget_old(ws: Workspace) -> None:
    for folder in (ws.settings.home / "uploads").glob("*"):
        if time.time() - folder.stat().st_mtime > KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
