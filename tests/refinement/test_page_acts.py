"""What the Refine page sends: confused, by a stranger, and as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from collab.feedback import rate
from collab.identity import Identity, Visitor
from collab.types import PromptVersion, new_id
from collab.ui.endpoints import UNEXPECTED
from collab.ui.refine_acts import refine_acts
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.server.served import is_a_sentence
from tests.studies.test_hostile_arguments import CONFUSED, by

ACTS = {
    "prompts": (), "board": ("prompt_id",), "job": ("job_id",), "cancel_job": ("job_id",),
    "propose": ("prompt_version_id", "count", "proposers", "reflector"),
    "revise": ("prompt_version_id", "text", "negative_text", "system_text", "settings"),
    "reject": ("prompt_version_id",), "stop_trial": ("trial_id",),
    "trial": ("prompt_id", "prompt_version_ids", "model", "cases", "scope", "votes"),
    "promote": ("prompt_id", "prompt_version_id"), "rollback": ("prompt_id",),
}  # fmt: skip


@pytest.fixture
def identity(ws: Workspace) -> Identity:
    return Identity("k" * 40, replace(ws.settings, owner_token="the operator's token"))


@pytest.fixture
def version(ws: Workspace, owner: Visitor) -> PromptVersion:
    """One's prompt with feedback on an output."""
    made, (output,) = make(ws, owner, "Describe a {thing}.", variables={"thing": "cat"})
    rate(ws, owner, output.id, score=4)
    return ws.store.get(PromptVersion, made.prompt_version_id)


def confused(right: dict[str, Any]) -> Iterator[Any]:
    """No act at all, and each act with one field that makes no sense; what is merely left out may be fine."""
    yield from CONFUSED
    yield from ({"act": it} for it in CONFUSED)
    for act, names in ACTS.items():
        yield from ({**right, "act": act, name: it} for name in names for it in CONFUSED)


def test_whatever_the_page_sends_is_answered_in_a_sentence(
    ws: Workspace, owner: Visitor, identity: Identity, version: PromptVersion
):
    act, who = refine_acts(ws, identity), by(identity, owner)
    right = {"prompt_id": version.prompt_id, "prompt_version_id": "", "prompt_version_ids": [], "text": "x"}
    for payload in confused(right):
        answer = act(payload, who)
        if not answer["ok"]:
            assert answer["error"] != UNEXPECTED and is_a_sentence(answer["error"]), ascii((payload, answer))[:400]


@pytest.mark.parametrize("act", ACTS)
def test_only_an_owner_refines_and_only_what_is_theirs(
    ws: Workspace, ann: Visitor, identity: Identity, version: PromptVersion, act: str
):
    sent = {"act": act, "prompt_id": version.prompt_id, "prompt_version_id": version.id, "text": "mine now",
            "prompt_version_ids": [version.id], "job_id": new_id(), "trial_id": new_id()}  # fmt: skip
    before = counts(ws.store)
    for visitor in (ann, replace(ann, is_owner=True)):
        answer = refine_acts(ws, identity)(sent, by(identity, visitor))
        own = act == "prompts" and visitor.is_owner  # a list of one's own, which is empty
        assert answer == {"ok": True, "prompts": []} if own else not answer["ok"] and is_a_sentence(answer["error"])
    assert counts(ws.store) == before


def test_a_version_written_by_hand_is_on_the_board_that_answers(
    ws: Workspace, owner: Visitor, identity: Identity, version: PromptVersion
):
    act, who = refine_acts(ws, identity), by(identity, owner)
    (row,) = act({"act": "prompts"}, who)["prompts"]
    assert (row["prompt_id"], row["versions"], row["acts"]) == (version.prompt_id, 1, 1)
    words = {"text": "Describe a {thing} kindly.", "negative_text": "", "system_text": "", "settings": {}}
    answer = act({"act": "revise", "prompt_version_id": version.id, **words, "why": "kindness"}, who)
    assert answer["ok"], answer
    first, second = answer["board"]["versions"]
    assert (second["parent_id"], second["text"], second["origin"]) == (
        first["prompt_version_id"],
        words["text"],
        "human",
    )
    told = act({"act": "reject", "prompt_version_id": second["prompt_version_id"], "reason": "too sweet"}, who)
    assert told["board"]["versions"][1]["rejected"] and "too sweet" in told["board"]["log"][0]["said"]
