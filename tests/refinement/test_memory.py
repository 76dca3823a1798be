"""One person's memory: from what they corrected themselves, for inputs like the present one, and nobody else's."""

from __future__ import annotations

import pytest

from collab import feedback
from collab.identity import Visitor
from collab.refinement.memory import demonstrations_for, rules_for, similarities
from collab.types import Example
from collab.workspace import Workspace
from tests.conftest import make

EMAIL = "write a polite email to the landlord about topic{n}"
CHAT = "chat message for my best friend regarding subject{n}"


def edit(ws: Workspace, visitor: Visitor, prompt: str, change: str) -> str:
    """Correct what the prompt made; the text as corrected."""
    _, (output,) = make(ws, visitor, prompt)
    text = change.format(text=output.text)
    feedback.edit_text(ws, visitor, output.id, text)
    return text


def test_what_holds_everywhere_is_remembered_for_any_input(each_ws: Workspace, ann: Visitor):
    assert rules_for(each_ws, ann, "anything") == ()
    for n in range(4):
        edit(each_ws, ann, f"some thing number{n} to say", "{text} 🎉")
    for asked in ("a wholly different matter", "some thing to say"):
        assert "emoji: with" in [rule.kind for rule in rules_for(each_ws, ann, asked)]


def test_similar_inputs_decide_where_preferences_differ(ws: Workspace, ann: Visitor):
    for n in range(4):
        edit(ws, ann, EMAIL.format(n=n), "{text}!")
        # the fake answers with the words of the prompt, so those of chats have a mark to take away
        _, (output,) = make(ws, ann, f"{CHAT.format(n=n)} soon!")
        feedback.edit_text(ws, ann, output.id, str(output.text).replace("!", ""))
    email = [rule.kind for rule in rules_for(ws, ann, EMAIL.format(n=9))]
    chat = [rule.kind for rule in rules_for(ws, ann, CHAT.format(n=9))]
    assert "exclamation: with" in email and "exclamation: without" not in email
    assert "exclamation: without" in chat and "exclamation: with" not in chat


def test_nobody_elses_feedback_is_remembered(each_ws: Workspace, ann: Visitor, bob: Visitor):
    for n in range(4):
        edit(each_ws, bob, f"some thing number{n} to say", "bobs secret {text} 🎉")
    assert rules_for(each_ws, ann, "some thing to say") == ()
    assert demonstrations_for(each_ws, ann, "some thing to say") == ()
    assert len(demonstrations_for(each_ws, bob, "some thing to say", limit=3)) == 3


def test_demonstrations_are_those_of_similar_inputs(ws: Workspace, ann: Visitor):
    email = edit(ws, ann, EMAIL.format(n=1), "Dear landlord: {text}")
    edit(ws, ann, CHAT.format(n=1), "hey: {text}")
    assert demonstrations_for(ws, ann, EMAIL.format(n=5), limit=1) == (
        Example(user=EMAIL.format(n=1), assistant=email),
    )
    assert demonstrations_for(ws, ann, "quantum chromodynamics") == ()


def test_an_undone_correction_is_forgotten(ws: Workspace, ann: Visitor):
    _, (output,) = make(ws, ann, "some thing to say")
    act = feedback.edit_text(ws, ann, output.id, "better")
    assert demonstrations_for(ws, ann, "some thing to say")
    feedback.undo(ws, ann, act.id)
    assert demonstrations_for(ws, ann, "some thing to say") == ()


def test_similarity_is_of_words_and_rare_ones_count_more():
    alike = similarities(
        "a letter to the landlord", ["A LETTER to the landlord", "a cat to the vet", "letter landlord", "", "猫"]
    )
    assert alike[0] == pytest.approx(1) and alike[3:] == [0, 0]
    assert alike[2] > alike[1] > 0
