"""What takes long to count, kept for a few seconds under a key. Knows nothing of what it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")
_MOST = 500  # keys


class Kept(Generic[V]):
    """Values that are good for `seconds` after they were worked out. Thread-safe; two threads may work out the same."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._values: dict[str, tuple[float, V]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, work_out: Callable[[], V]) -> V:
        """The value kept under the key, or a new one."""
        with self._lock:
            if key in self._values and self._clock() - self._values[key][0] < self._seconds:
                return self._values[key][1]
        value = work_out()
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = (self._clock(), value)
            if len(self._values) > _MOST:
                self._values.pop(next(iter(self._values)))
        return value

    def forget(self) -> None:
        """Work everything out anew."""
        with self._lock:
            self._values.clear()
