"""Runs a long call that reports its progress by callback, one report at a time. Knows nothing of models or pictures.

A library's own loop (a diffusers pipeline, say) cannot be advanced from outside. Here it runs on a thread of its own
that sleeps inside its callback, so the caller decides when it goes on, and only one of the two ever runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Report = TypeVar("Report")
Result = TypeVar("Result")


class _Cancelled(BaseException):
    """Unwinds the call. A BaseException, so that no `except Exception` inside the library swallows it."""


class SteppedCall(Generic[Report, Result]):
    """One call of `work(report)`, where each `report(value)` hands a value over and sleeps until the next advance.

    Not thread-safe: advance and cancel belong to one thread.
    """

    def __init__(self, work: Callable[[Callable[[Report], None]], Result], name: str) -> None:
        self._work = work
        self._granted = threading.Semaphore(0)
        self._handed_over = threading.Semaphore(0)
        self._cancelled = False
        self._report: Any = None  # a Report while the call sleeps
        self._result: Any = None  # a Result once finished
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.finished = False

    @property
    def fresh(self) -> bool:
        """Whether it has not begun."""
        return self._thread.ident is None and not self.finished

    def advance(self) -> Report | Result:
        """Let the call run to its next report, or to its end (`finished` is then True and the result is returned).

        Raises whatever the call raised.
        """
        if self.finished:
            raise RuntimeError("A finished call cannot advance.")
        if self._thread.ident is None:
            self._thread.start()
        self._granted.release()
        self._handed_over.acquire()
        if not self.finished:
            return self._report
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._result

    def cancel(self) -> None:
        """End the call where it sleeps and wait until its memory is free."""
        self._cancelled = True
        if self._thread.ident is not None and not self.finished:
            self._granted.release()
            self._thread.join()
        self.finished = True

    def _run(self) -> None:
        self._granted.acquire()
        try:
            if not self._cancelled:
                self._result = self._work(self._hand_over)
        except _Cancelled:
            pass
        except BaseException as error:  # handed to the caller's thread, which raises it
            self._error = error
        finally:
            self.finished = True
            self._handed_over.release()

    def _hand_over(self, value: Report) -> None:
        self._report = value
        self._handed_over.release()
        self._granted.acquire()
        self._report = None
        if self._cancelled:
            raise _Cancelled
