"""The server's look after trials: again and again, whatever goes wrong, until it is closed."""

from __future__ import annotations

import threading

import pytest

from collab.refinement.trying import watching
from collab.refinement.trying.looking import Looking
from collab.workspace import Workspace


def test_it_looks_again_after_a_failure_and_stops_when_closed(ws: Workspace, monkeypatch: pytest.MonkeyPatch):
    looks: list[Workspace] = []
    enough = threading.Event()

    def look(seen: Workspace) -> None:
        looks.append(seen)
        if len(looks) == 3:
            enough.set()
        raise OSError("the database is away")

    monkeypatch.setattr(watching, "look", look)
    looking = Looking(ws, every_s=0.01)
    looking.start()
    assert enough.wait(10) and set(map(id, looks)) == {id(ws)}
    looking.close()
    number = len(looks)
    assert not looking._thread.is_alive() and len(looks) == number
