"""The secret of one installation: what signs its cookies and makes its pseudonyms. Knows settings and one file."""

from __future__ import annotations

import os
import secrets
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from collab.errors import Misconfigured
from collab.settings import Settings


def installation_key(settings: Settings) -> str:
    """COLLAB_SECRET, else a key kept in COLLAB_HOME that its owner alone reads; made on first use.

    Raises Misconfigured when the file that held it is damaged.
    """
    return settings.secret or _kept_key(settings.home / "secret")


@lru_cache(maxsize=8)
def _kept_key(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.with_suffix(".lock")):  # whoever starts at the same moment must get the same key
        if not path.exists():
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
        key = path.read_text().strip()
    if len(key) < 32:
        raise Misconfigured(
            f"The key file {path} is damaged: delete it, and every browser starts anew and every pseudonym is another."
        )
    return key
