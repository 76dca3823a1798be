"""Studies are tested on each kind of database: leases are where the two differ."""

from __future__ import annotations

import pytest

from collab.workspace import Workspace


@pytest.fixture
def ws(each_ws: Workspace) -> Workspace:
    """A studio whose models are fakes that answer at once, on each kind of database in turn."""
    return each_ws
