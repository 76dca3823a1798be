"""A server's thread that moves trials on and watches what was promoted (watching.py), every few seconds."""

from __future__ import annotations

import logging
import threading

from collab.workspace import Workspace

log = logging.getLogger(__name__)
EVERY_S = 5.0


class Looking:
    """Looks until it is closed; what goes wrong is logged and tried again at the next look."""

    def __init__(self, ws: Workspace, *, every_s: float = EVERY_S) -> None:
        self._ws, self._every_s = ws, every_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="collab-trials", daemon=True)

    def start(self) -> None:
        """Begin; the first look comes after one interval, when the page is up."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _work(self) -> None:
        while not self._closing.wait(self._every_s):
            try:
                from collab.refinement.trying import watching

                watching.look(self._ws)
            except Exception:  # the database may be away for a moment; nobody waits for an answer here
                log.exception("could not look after the trials")
