"""What people say something about in tests of feedback, and what of it is in force."""

from __future__ import annotations

from typing import Any

import pytest

from collab.identity import Visitor
from collab.store.queries import live_acts
from collab.types import Output
from collab.workspace import Workspace
from tests.conftest import make


@pytest.fixture
def outputs(ws: Workspace, ann: Visitor) -> list[Output]:
    """Three finished texts of Ann's."""
    return make(ws, ann, "one two three", count=3)[1]


@pytest.fixture
def mine(outputs: list[Output]) -> Output:
    return outputs[0]


@pytest.fixture
def picture(ws: Workspace, ann: Visitor) -> Output:
    return make(ws, ann, "a red square", modality="image")[1][0]


def live(ws: Workspace, who: Visitor, output: Output) -> list[Any]:
    return live_acts(ws.store, who.annotator_id, [output.generation_id])
