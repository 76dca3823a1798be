"""The embedded models through a whole studio: what they make is stored, replayed the same, and refused in words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from collab.errors import InvalidSetting
from collab.generation import replay
from collab.identity import Visitor
from collab.settings import Settings
from collab.training.planning import trainable
from collab.training.starting import check_asked
from collab.types import Output
from collab.views import replays
from collab.workspace import Workspace, open_workspace
from tests.conftest import ended, make


@pytest.fixture
def real(settings: Settings) -> Iterator[Workspace]:
    """A studio with the embedded models, whose prepared files outlive the test run."""
    cache = Path(os.environ.get("COLLAB_TEST_CACHE") or user_cache_path("collab-tests"))
    cache.mkdir(parents=True, exist_ok=True)
    settings.home.mkdir(parents=True)
    (settings.home / "models").symlink_to(cache)
    opened = open_workspace(settings)
    yield opened
    opened.close()


def test_the_embedded_model_writes_and_its_replay_is_letter_by_letter_the_same(real: Workspace, ann: Visitor):
    first, outputs = make(
        real, ann, "Name three colours.", count=2, seed=11, settings={"max_new_tokens": 12, "temperature": 0.9}
    )
    assert first.status == "done" and "<|im_start|>" in first.rendered and "Name three colours." in first.rendered
    assert all(o.text and o.text.strip() and (o.completion_tokens or 0) <= 12 for o in outputs)
    assert outputs[0].text != outputs[1].text
    again = ended(real, replay(real, ann, first.id))
    assert [o.text for o in sorted(real.store.find(Output, generation_id=again.id), key=lambda o: o.position)] == [
        o.text for o in outputs
    ]
    assert replays(real, ann, first.id)[0]["same"] is True
    _, (third,) = make(real, ann, "Name three colours.", seed=12, settings={"max_new_tokens": 12, "temperature": 0.9})
    assert third.text == outputs[1].text  # an output depends on its own seed, not on its neighbours


def test_a_digit_model_is_a_picture_model_like_any_other(real: Workspace, ann: Visitor):
    assert {"digits-gan", "digits-vae"} <= {entry.name for entry in real.engine.entries("image")}
    first, (output, other) = make(real, ann, "a handwritten seven", modality="image", model="digits-gan", count=2)
    assert (first.status, first.rendered, output.media_type) == ("done", "7", "image/png")
    assert output.blob_sha256 != other.blob_sha256
    again = ended(real, replay(real, ann, first.id))
    assert {o.blob_sha256 for o in real.store.find(Output, generation_id=again.id)} == {
        output.blob_sha256, other.blob_sha256,
    }  # fmt: skip
    refused, _ = make(real, ann, "a cat", modality="image", model="digits-gan")
    assert refused.status == "failed" and "draws handwritten digits only" in refused.error
    inputs = {"init_output_id": output.id, "parent_output_id": output.id}
    redrawn, _ = make(real, ann, "7", modality="image", model="digits-vae", inputs=inputs)
    assert redrawn.status == "done", redrawn.error
    cannot, _ = make(real, ann, "7", modality="image", model="digits-gan", inputs=inputs)
    assert cannot.status == "failed" and "cannot do image-to-image" in cannot.error
    assert "digits-gan" not in {entry.name for entry in trainable(real, "image")}
    with pytest.raises(InvalidSetting, match="cannot be trained further here"):
        check_asked(real, replace(ann, is_owner=True), "image-dpo", model="digits-gan")
