"""Replays: the same outputs again, unless the seed is new, and a sentence where the weights have changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collab.errors import Unavailable
from collab.generation import replay
from collab.identity import Visitor
from collab.types import Output
from collab.views import replays
from collab.workspace import Workspace
from tests.conftest import counts, ended, make
from tests.models.fake import FAKE_TEXT, FakeCatalog


@pytest.mark.parametrize("modality", ["text", "image"])
def test_a_replay_gives_the_same_outputs_and_says_so(ws: Workspace, ann: Visitor, modality: str):
    first, outputs = make(
        ws, ann, "one two {n} four", modality=modality, count=3, variables={"n": "three"}, seed=2**32 - 2
    )
    again = ended(ws, replay(ws, ann, first.id))
    same = ws.store.find(Output, generation_id=again.id)
    assert {(o.position, o.seed, o.text, o.blob_sha256) for o in same} == {
        (o.position, o.seed, o.text, o.blob_sha256) for o in outputs
    }
    assert (again.origin, again.inputs) == ("replay", {"replay_of": first.id})
    assert replays(ws, ann, first.id) == [{"generation_id": again.id, "same": True}]
    assert ended(ws, replay(ws, ann, again.id)).inputs == {"replay_of": again.id}


def test_a_replay_with_a_new_seed_is_a_new_generation(ws: Workspace, ann: Visitor):
    first, (output,) = make(ws, ann, "one two three", seed=1)
    again = ended(ws, replay(ws, ann, first.id, seed=2))
    (other,) = ws.store.find(Output, generation_id=again.id)
    assert again.origin == "person" and again.inputs == {} and other.text != output.text


def test_a_replay_is_refused_when_the_weights_have_changed(ws: Workspace, ann: Visitor, catalog: FakeCatalog):
    first, _ = make(ws, ann)
    catalog.infos["fake-text"] = replace(FAKE_TEXT, revision="0" * 40)
    before = counts(ws.store)
    with pytest.raises(Unavailable, match=r"files of fake-text are no longer those of that time \(ffffffffffff"):
        replay(ws, ann, first.id)
    assert counts(ws.store) == before
    later, _ = make(ws, ann)
    assert later.model_version_id != first.model_version_id
