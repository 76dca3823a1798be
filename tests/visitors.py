"""People for tests, the same in every run: what a study draws for somebody hangs on who they are."""

from __future__ import annotations

from random import Random

from collab.identity import Visitor

_numbers = Random()


def same_visitors(test: str) -> None:
    """From here on the visitors are those of this test."""
    _numbers.seed(test)


def new_visitor() -> Visitor:
    return Visitor(f"01890000-0000-7000-8000-{_numbers.getrandbits(48):012x}", "anonymous")
