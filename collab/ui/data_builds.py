"""Exports under way: each in a thread of its own, told how far it is, stopped when nobody wants it any more.

Kept in memory: a build that a restart cuts off leaves nothing, and is asked for again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from collab.errors import CollabError, NotFound, Stopped, Unavailable
from collab.types import new_id
from collab.ui.endpoints import UNEXPECTED

log = logging.getLogger(__name__)
AT_ONCE, EACH = 4, 2  # builds under way, of everybody and of one person
KEPT_S = 3600
Step = Callable[[str], None]


@dataclass(slots=True)
class Build:
    """One export. phase: "waiting", "reading", "writing", "packing", "sending"; then "done", "failed", "stopped"."""

    owner: str
    id: str = field(default_factory=new_id)
    phase: str = "waiting"
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    unwanted: bool = False
    began: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        return self.phase in ("done", "failed", "stopped")

    def told(self) -> dict[str, Any]:
        """For the page."""
        return {"build_id": self.id, "phase": self.phase, "error": self.error, **self.result}


class Builds:
    """All builds of this server. Thread-safe."""

    def __init__(self) -> None:
        self._builds: dict[str, Build] = {}
        self._lock = threading.Lock()

    def start(self, owner: str, work: Callable[[Step], dict[str, Any]]) -> Build:
        """Begin in the background; `work` calls its argument with each phase. Raises Unavailable beyond the limits."""
        with self._lock:
            now = time.monotonic()
            self._builds = {i: b for i, b in self._builds.items() if not b.ended or now - b.began < KEPT_S}
            going = [b for b in self._builds.values() if not b.ended]
            if len(going) >= AT_ONCE or sum(b.owner == owner for b in going) >= EACH:
                raise Unavailable("Other exports are still being made: wait until they are done, then try again.")
            build = Build(owner)
            self._builds[build.id] = build
        threading.Thread(target=self._carry_out, args=(build, work), name="collab-export", daemon=True).start()
        return build

    def get(self, owner: str, build_id: object) -> Build:
        """One's own build. Raises NotFound."""
        with self._lock:
            build = self._builds.get(str(build_id))
        if build is None or build.owner != owner:
            raise NotFound("That export is not known any more: make it again.")
        return build

    def stop(self, owner: str, build_id: object) -> Build:
        """Have a build end at its next step, leaving nothing."""
        build = self.get(owner, build_id)
        build.unwanted = True
        return build

    def _carry_out(self, build: Build, work: Callable[[Step], dict[str, Any]]) -> None:
        def step(phase: str) -> None:
            if build.unwanted:
                raise Stopped("The export was stopped.")
            build.phase = phase

        try:
            build.result = work(step)
            build.phase = "done"
        except Stopped:
            build.phase = "stopped"
        except CollabError as error:
            build.error, build.phase = str(error), "failed"
        except Exception:
            log.exception("an export failed unexpectedly")
            build.error, build.phase = UNEXPECTED, "failed"
