"""Exports as ZIPs that a link leads to for half a day (see web.py). Knows no format."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from collab.api import study as study_api
from collab.identity import Visitor
from collab.people.my_export import EXPORTS, export_my_data, own_prefix
from collab.types import Output
from collab.workspace import Workspace

EXPORTS_KEPT_S = 24 * 3600
Json = dict[str, Any]


def new_archive(ws: Workspace, prefix: str = "") -> tuple[str, Path]:
    """An unguessable name that a link may lead to, and the file it stands for; what is a day old is cleared away."""
    exports = ws.settings.home / EXPORTS
    exports.mkdir(mode=0o700, exist_ok=True)
    for old in exports.iterdir():
        with suppress(FileNotFoundError):  # somebody else is cleaning up too
            if time.time() - old.stat().st_mtime > EXPORTS_KEPT_S:
                shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    token = prefix + secrets.token_urlsafe(16)
    return token, exports / f"{token}.zip"


def write_archive(ws: Workspace, visitor: Visitor, format: object, study_id: object) -> tuple[str, list[str]]:
    """Write an export as a ZIP; its name, and the files in it."""
    token, path = new_archive(ws)
    folder = path.with_suffix("")
    try:
        files = study_api.write_export(ws, visitor, format, study_id, folder)
        shutil.make_archive(str(folder), "zip", folder)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return token, sorted(str(Path(file).relative_to(folder)) for file in files)


def write_own_archive(ws: Workspace, visitor: Visitor, outputs: Sequence[Output] | None = None) -> tuple[str, Json]:
    """Write what is a person's, or these outputs of theirs, as a ZIP; its name, and how much of what is in it."""
    token, path = new_archive(ws, own_prefix(ws, visitor))
    return token, export_my_data(ws, visitor, path, outputs=outputs)
