"""Steering by one's own feedback: what is looked up, what is recorded, what is sent, and who never gets any of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collab import feedback, steering
from collab.errors import CollabError, InvalidPrompt, InvalidSetting, NotFound, Unavailable
from collab.generation import Ask, generate, replay
from collab.identity import Visitor
from collab.types import Generation, Output, now
from collab.views import cards, provenance
from collab.workspace import Workspace
from tests.conftest import counts, ended, make
from tests.models.fake import FAKE_IMAGE, FakeCatalog


def picture(ws: Workspace, visitor: Visitor, prompt: str = "a cat", **ask: object) -> tuple[Generation, list[Output]]:
    return make(ws, visitor, prompt, modality="image", **ask)


def steered(ws: Workspace, visitor: Visitor, strength: float = 0.5, **ask: object) -> Generation:
    return picture(ws, visitor, seed=5, inputs={"steer": strength}, **ask)[0]


def sent(catalog: FakeCatalog, ws: Workspace, visitor: Visitor, prompt: str, monkeypatch, **ask: object):
    """A text generation and the messages that the model was given."""
    seen = []
    start = ws.runs.start
    monkeypatch.setattr(ws.runs, "start", lambda g, o, request: (seen.append(request), start(g, o, request)))
    made, _ = make(ws, visitor, prompt, **ask)
    monkeypatch.setattr(ws.runs, "start", start)
    return made, [(m.role, m.content) for m in seen[0].messages]


# ---- pictures -------------------------------------------------------------------------------------------------------


def test_ratings_comparisons_and_rankings_of_this_sitting_steer_the_next_picture(ws: Workspace, ann: Visitor):
    _, (a, b, c, d) = picture(ws, ann, count=4)
    _, (e, f, g) = picture(ws, ann, count=3)
    feedback.rate(ws, ann, a.id, thumb=1)
    feedback.rate(ws, ann, b.id, score=2)
    feedback.rate(ws, ann, c.id, score=3)  # neither liked nor disliked
    feedback.compare(ws, ann, d.id, a.id, "a")  # a was rated up: having lost once makes it no disliked one
    feedback.rank(ws, ann, [[e.id], [f.id], [g.id]])
    made = steered(ws, ann)
    assert made.inputs == {"steer": 0.5, "liked": [e.id, d.id, a.id], "disliked": [g.id, b.id]}


def test_the_newest_four_of_each_count_and_an_undone_act_does_not(ws: Workspace, ann: Visitor):
    outputs = [*picture(ws, ann, count=6)[1]]
    acts = [feedback.rate(ws, ann, o.id, score=5) for o in outputs]
    feedback.undo(ws, ann, acts[-1].id)
    feedback.rate(ws, ann, outputs[0].id, thumb=-1)  # a change of mind
    made = steered(ws, ann)
    assert made.inputs["liked"] == [o.id for o in outputs[4:0:-1]] and made.inputs["disliked"] == [outputs[0].id]


def test_what_was_said_before_this_sitting_is_left_alone(ws: Workspace, ann: Visitor, monkeypatch):
    _, (output,) = picture(ws, ann)
    feedback.rate(ws, ann, output.id, thumb=1)
    assert steered(ws, ann).inputs["liked"] == [output.id]
    monkeypatch.setattr(steering, "SITTING", timedelta(microseconds=1))
    assert steered(ws, ann).inputs == {"steer": 0.5}


def test_references_change_the_picture_and_a_replay_gives_it_again(ws: Workspace, ann: Visitor):
    _, (before,) = picture(ws, ann, seed=5)
    feedback.rate(ws, ann, before.id, thumb=1)
    made = steered(ws, ann)
    (output,) = ws.store.find(Output, generation_id=made.id)
    assert output.blob_sha256 != before.blob_sha256
    feedback.rate(ws, ann, output.id, thumb=-1)  # newer feedback does not change what is replayed
    again = ended(ws, replay(ws, ann, made.id))
    (same,) = ws.store.find(Output, generation_id=again.id)
    assert same.blob_sha256 == output.blob_sha256
    assert again.inputs == {**made.inputs, "replay_of": made.id}
    other = ended(ws, replay(ws, ann, made.id, seed=6))
    assert other.inputs == made.inputs and other.origin == "person"


def test_with_nothing_to_steer_by_the_generation_says_so_and_its_replay_stays_unsteered(ws: Workspace, ann: Visitor):
    made = steered(ws, ann)
    plain, _ = picture(ws, ann, seed=5)
    (output,), (same,) = (ws.store.find(Output, generation_id=g.id) for g in (made, plain))
    assert made.inputs == {"steer": 0.5} and output.blob_sha256 == same.blob_sha256
    (card,) = cards(ws, ann, [made], str)
    assert card["steered"] == steering.NOTHING
    assert ("Steering", "strength 0.5, nothing to steer by") in provenance(ws, ann, made.id)
    feedback.rate(ws, ann, output.id, thumb=1)
    assert ended(ws, replay(ws, ann, made.id)).inputs == {"steer": 0.5, "replay_of": made.id}


def test_card_and_provenance_say_what_steered(ws: Workspace, ann: Visitor):
    _, (a, b) = picture(ws, ann, count=2)
    feedback.compare(ws, ann, a.id, b.id, "b")
    made = steered(ws, ann, 1)
    assert cards(ws, ann, [made], str)[0]["steered"] == "Steered by 1 liked, 1 disliked"
    told = dict(provenance(ws, ann, made.id))
    assert (told["Steering"], told["Steered by liked"], told["Steered by disliked"]) == ("strength 1", b.id, a.id)
    plain, _ = picture(ws, ann)
    assert cards(ws, ann, [plain], str)[0]["steered"] == ""


def test_a_strength_of_0_is_off(ws: Workspace, ann: Visitor):
    _, (output,) = picture(ws, ann)
    feedback.rate(ws, ann, output.id, thumb=1)
    for off in (0, 0.0, None, ""):
        assert picture(ws, ann, inputs={"steer": off})[0].inputs == {}
    assert picture(ws, ann, inputs={"steer": 0, "liked": [output.id]})[0].inputs == {}


# ---- whose taste, and for what --------------------------------------------------------------------------------------


def test_nobody_is_steered_by_another_persons_feedback_or_pictures(ws: Workspace, ann: Visitor, bob: Visitor):
    _, (output,) = picture(ws, ann)
    feedback.rate(ws, ann, output.id, thumb=1)
    assert steered(ws, bob).inputs == {"steer": 0.5}
    with pytest.raises(NotFound, match="no output"):
        picture(ws, bob, inputs={"steer": 0.5, "liked": [output.id]})


@pytest.mark.parametrize("origin", ["study", "refinement", "training"])
def test_what_is_made_for_others_to_judge_is_never_steered(ws: Workspace, owner: Visitor, origin):
    before = counts(ws.store)
    for modality in ("text", "image"):
        ask = Ask(prompt="a b", modality=modality, origin=origin, inputs={"steer": 1})
        with pytest.raises(InvalidPrompt, match="own generations only: leave steer out"):
            generate(ws, owner, ask)
    assert counts(ws.store) == before


def test_a_model_that_takes_no_references_says_so(ws: Workspace, ann: Visitor, catalog: FakeCatalog):
    catalog.infos["fake-image"] = replace(FAKE_IMAGE, can=frozenset({"negative"}))
    before = counts(ws.store)
    with pytest.raises(Unavailable, match="fake-image cannot be steered by pictures: turn steering off"):
        steered(ws, ann)
    assert counts(ws.store) == before


def test_bad_steering_gets_one_sentence_and_stores_nothing(ws: Workspace, ann: Visitor):
    _, (text,) = make(ws, ann)
    _, (output,) = picture(ws, ann)
    before = counts(ws.store)
    bad: list[tuple[str, dict, type[CollabError], str]] = [
        ("image", {"steer": 2}, InvalidSetting, "Steering is 2: choose a number from 0"),
        ("text", {"steer": -1}, InvalidSetting, "Steering is -1"),
        ("text", {"steer": "much"}, InvalidSetting, "Steering is much"),
        ("text", {"steer": True}, InvalidSetting, "Steering is True"),
        ("text", {"steer": float("nan")}, InvalidSetting, "Steering is nan"),
        ("text", {"steer": [1]}, InvalidSetting, "Steering is"),
        ("image", {"liked": [output.id]}, InvalidPrompt, "needs a strength: add steer"),
        ("image", {"steer": 1, "liked": output.id}, InvalidPrompt, "“liked” must be a list of at most 4"),
        ("image", {"steer": 1, "liked": [output.id] * 2}, InvalidPrompt, "4 different output ids"),
        ("image", {"steer": 1, "liked": [[1]]}, NotFound, "no output"),
        ("image", {"steer": 1, "liked": ["/etc/passwd"]}, NotFound, "no output"),
        ("image", {"steer": 1, "liked": [output.id], "disliked": [output.id]}, InvalidPrompt, "as liked and as"),
        ("image", {"steer": 1, "liked": [text.id]}, InvalidPrompt, "is not a picture"),
        ("image", {"steer": 1, "rules": ["x"]}, InvalidPrompt, "Unknown input “rules” for image"),
        ("text", {"steer": 1, "liked": [output.id]}, InvalidPrompt, "Unknown input “liked” for text"),
        ("text", {"steer": 1, "rules": "x"}, InvalidPrompt, "“rules” must be a list"),
        ("text", {"steer": 1, "rules": ["x" * 501]}, InvalidPrompt, "500 are possible"),
        ("text", {"steer": 1, "rules": ["\x00"]}, InvalidPrompt, "control character"),
        ("text", {"steer": 1, "rules": [7]}, InvalidPrompt, "must be text"),
        ("text", {"steer": 1, "demonstrations": [{"user": "a"}]}, InvalidPrompt, "“demonstrations” must be a list"),
        ("text", {"steer": 1, "demonstrations": [{"user": "a", "assistant": ""}]}, InvalidPrompt, "assistant is empty"),
    ]
    for modality, inputs, kind, said in bad:
        with pytest.raises(kind, match=said) as raised:
            generate(ws, ann, Ask(prompt="a b", modality=modality, inputs=inputs))
        assert "\n" not in str(raised.value) and len(str(raised.value)) < 300
        assert counts(ws.store) == before, inputs


# ---- text -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def edited(ws: Workspace, ann: Visitor) -> None:
    """Four corrections that all add a mark."""
    for n in range(4):
        _, (output,) = make(ws, ann, f"a short note about topic{n}")
        feedback.edit_text(ws, ann, output.id, f"{output.text} 🎉")


@pytest.mark.parametrize(("strength", "shown"), [(0.33, 0), (0.5, 1), (0.66, 1), (1.0, 2)])
def test_own_rules_and_examples_go_into_the_messages_as_strength_says(
    ws: Workspace, ann: Visitor, catalog: FakeCatalog, monkeypatch, edited, strength: float, shown: int
):
    asked = "a short note about topic9"
    made, messages = sent(catalog, ws, ann, asked, monkeypatch, system_text="Be kind.", inputs={"steer": strength})
    (role, system), *turns, last = messages
    assert role == "system" and system.startswith("Be kind.\n\nThe person prefers:\n- ") and last == ("user", asked)
    assert made.inputs["rules"] and all(f"- {rule}" in system for rule in made.inputs["rules"])
    assert len(made.inputs.get("demonstrations", [])) == shown and len(turns) == 2 * shown
    assert all("🎉" in content for role, content in turns if role == "assistant")
    assert cards(ws, ann, [made], str)[0]["steered"].startswith(f"Steered by {len(made.inputs['rules'])} rule")


def test_more_strength_sends_more_rules_and_examples_in_steps_that_can_be_told(ws: Workspace, ann: Visitor, edited):
    _, (output,) = make(ws, ann, "a short note about topic9")
    feedback.rate(
        ws,
        ann,
        output.id,
        thumb=-1,
        comment="too long, please use a list, no quotes, more formal, no greeting, no headings",
    )
    sent_at = []
    for strength in (0, 0.05, 0.3, 0.5, 0.7, 1.0):
        made, _ = make(ws, ann, "a short note about topic8", inputs={"steer": strength})
        sent_at.append((len(made.inputs.get("rules", ())), len(made.inputs.get("demonstrations", ()))))
    assert sent_at == [(0, 0), (1, 0), (2, 0), (3, 1), (5, 2), (6, 2)]


def test_one_edit_just_made_steers_the_very_next_text(ws: Workspace, ann: Visitor, monkeypatch):
    for n in range(3):
        _, (old,) = make(ws, ann, f"a note about topic{n}")
        feedback.edit_text(ws, ann, old.id, f"{old.text} indeed")
    between = now()
    _, (new,) = make(ws, ann, "a note about the harbour and its boats")
    feedback.edit_text(ws, ann, new.id, "- harbour\n- boats")
    monkeypatch.setattr(steering, "SITTING", now() - between)
    made, _ = make(ws, ann, "a note about topic1", inputs={"steer": 0.5})
    assert any("list" in rule for rule in made.inputs["rules"])
    assert made.inputs["demonstrations"][0]["assistant"] == "- harbour\n- boats"  # before closer ones of long ago
    monkeypatch.setattr(steering, "SITTING", timedelta(microseconds=1))
    later, _ = make(ws, ann, "a note about topic1", inputs={"steer": 0.5})
    assert later.inputs["demonstrations"][0]["assistant"].endswith("indeed")
    assert not any("list" in rule for rule in later.inputs.get("rules", ()))


def test_the_preferred_text_of_a_comparison_is_shown_and_the_other_never(ws: Workspace, ann: Visitor):
    _, (one, two) = make(ws, ann, "name a river in the north", count=2)
    feedback.compare(ws, ann, one.id, two.id, "b")
    made, _ = make(ws, ann, "name a river in the south", inputs={"steer": 0.3})
    (shown,) = made.inputs["demonstrations"]
    assert shown == {"user": "name a river in the north", "assistant": two.text} and one.text != two.text
    feedback.rate(ws, ann, two.id, thumb=-1)  # the winner was the lesser evil
    made, _ = make(ws, ann, "name a river in the south", inputs={"steer": 1})
    assert made.inputs == {"steer": 1.0}


def test_what_choices_have_in_common_becomes_a_rule(ws: Workspace, ann: Visitor):
    for n in range(2):
        _, (plain,) = make(ws, ann, f"say something about subject{n}")
        _, (cheered,) = make(ws, ann, f"say something about subject{n} 🎉")
        feedback.compare(ws, ann, plain.id, cheered.id, "b")
    made, _ = make(ws, ann, "say something about subject7", inputs={"steer": 0.5})
    assert any("emoji" in rule for rule in made.inputs["rules"])


def test_a_disliked_texts_comment_states_rules_and_the_text_is_no_example(ws: Workspace, ann: Visitor):
    _, (output,) = make(ws, ann, "tell me about the town")
    feedback.rate(ws, ann, output.id, thumb=-1, comment="too long, please use a list")
    made, _ = make(ws, ann, "tell me about the town", inputs={"steer": 0.5})
    assert made.inputs["rules"] == ["Be brief.", "Write a bulleted list."] and "demonstrations" not in made.inputs


def test_nobody_is_steered_by_what_others_prefer_or_ask_for(ws: Workspace, ann: Visitor, bob: Visitor):
    _, (one, two) = make(ws, bob, "name a river in the north", count=2)
    feedback.compare(ws, bob, one.id, two.id, "b")
    feedback.rate(ws, bob, one.id, thumb=-1, comment="too long, please use a list")
    assert make(ws, ann, "name a river in the north", inputs={"steer": 1})[0].inputs == {"steer": 1.0}


def test_a_replayed_text_is_sent_the_same_words_again(
    ws: Workspace, ann: Visitor, catalog: FakeCatalog, monkeypatch, edited
):
    made, _ = sent(catalog, ws, ann, "a short note about topic9", monkeypatch, inputs={"steer": 1})
    _, (output,) = make(ws, ann, "a short note about topic9")
    feedback.edit_text(ws, ann, output.id, "wholly different")
    again = ended(ws, replay(ws, ann, made.id))
    assert again.inputs == {**made.inputs, "replay_of": made.id}
    told = dict(provenance(ws, ann, again.id))
    assert told["Steering"] == "strength 1" and "🎉" in told["Steered by example 1"] and told["Steered by rules"]


def test_text_with_nothing_to_steer_by_is_sent_as_ever(ws: Workspace, ann: Visitor, catalog: FakeCatalog, monkeypatch):
    made, messages = sent(catalog, ws, ann, "a b c", monkeypatch, inputs={"steer": 1})
    assert made.inputs == {"steer": 1.0} and messages == [("user", "a b c")]
    assert cards(ws, ann, [made], str)[0]["steered"] == steering.NOTHING
