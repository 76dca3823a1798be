"""Pseudonyms: the same in one installation, others in another, and nothing that follows from an id."""

from __future__ import annotations

from dataclasses import replace

from collab.studies.names import pseudonym
from collab.types import new_id
from collab.workspace import Workspace


def test_a_pseudonym_is_its_installations(ws: Workspace):
    first, second = new_id(), new_id()
    here = pseudonym(ws, first)
    assert here == pseudonym(ws, first) != pseudonym(ws, second)
    settings = ws.settings
    try:
        ws.settings = replace(settings, secret="another installation's key")
        assert pseudonym(ws, first) not in (here, pseudonym(ws, second))
        ws.settings = replace(settings, home=settings.home / "another")
        there = pseudonym(ws, first)
    finally:
        ws.settings = settings
    assert there != here
    assert (settings.home / "another" / "secret").stat().st_mode & 0o077 == 0
