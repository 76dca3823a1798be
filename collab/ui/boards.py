"""Which generation each open page wants on its board, so that an older stream ends where a newer one begins.

Knows session hashes and numbers only; an entry lives as long as its stream.
"""

from __future__ import annotations

import itertools
import threading


class Boards:
    """The newest claim of each page. Thread-safe."""

    def __init__(self) -> None:
        self._claims: dict[str, int] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def claim(self, session: str) -> int:
        """Take the page's board over; what streamed onto it before is outdated from now on."""
        with self._lock:
            number = next(self._numbers)
            self._claims[session] = number
            return number

    def holds(self, session: str, number: int) -> bool:
        """Whether this claim is still the page's newest."""
        with self._lock:
            return self._claims.get(session) == number

    def release(self, session: str, number: int) -> None:
        """The stream has ended; forget its claim, unless a newer one has taken its place."""
        with self._lock:
            if self._claims.get(session) == number:
                del self._claims[session]
