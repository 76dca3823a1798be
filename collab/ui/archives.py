"""Exports as ZIPs that a link leads to for half a day (see web.py). Knows no format."""

from __future__ import annotations

import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from collab import study_api
from collab.identity import Visitor
from collab.workspace import Workspace

EXPORTS_KEPT_S = 24 * 3600


def write_archive(ws: Workspace, visitor: Visitor, format: object, study_id: object) -> tuple[str, list[str]]:
    """Write an export as a ZIP under an unguessable name; the name, and the files in it."""
    exports = ws.settings.home / "exports"
    exports.mkdir(mode=0o700, exist_ok=True)
    for old in exports.iterdir():
        with suppress(FileNotFoundError):  # somebody else is cleaning up too
            if time.time() - old.stat().st_mtime > EXPORTS_KEPT_S:
                shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    token = secrets.token_urlsafe(16)
    folder = exports / token
    try:
        files = study_api.write_export(ws, visitor, format, study_id, folder)
        shutil.make_archive(str(exports / token), "zip", folder)
    except BaseException:
        (exports / f"{token}.zip").unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return token, sorted(str(Path(file).relative_to(folder)) for file in files)
