"""Going on from a text: branches from a person's words, replies, the tree of both, and what the model thought."""

from __future__ import annotations

import pytest

from collab import api, feedback
from collab.datasets.rows import rows_of
from collab.datasets.sources import read_told
from collab.errors import CollabError, InvalidPrompt, NotFound
from collab.generation import Ask, generate, replay
from collab.refinement.digest import gather, gather_own
from collab.texts import branches
from collab.texts.explaining import explain
from collab.types import Output, OutputTokens, PromptVersion, new_id
from tests.conftest import counts, ended, make


def outputs_of(ws, generation_id):
    return sorted(ws.store.find(Output, generation_id=generation_id), key=lambda o: o.position)


@pytest.mark.each_database
def test_the_model_goes_on_from_a_persons_words_and_the_tree_shows_who_wrote_what(ws, ann):
    made, (first, second) = make(ws, ann, "Greet {who}", variables={"who": "Bob"}, count=2, system_text="Be kind.")
    feedback.edit_text(ws, ann, first.id, "Dear 阿明 👋 and more")
    branch = ended(ws, branches.continue_text(ws, ann, first.id, "Dear 阿明 👋", count=2))
    grown = outputs_of(ws, branch.id)
    assert branch.root_id == made.id and branch.inputs == {"parent_output_id": first.id, "prefix": "Dear 阿明 👋"}
    assert (branch.prompt_version_id, branch.variables, branch.settings) == (
        made.prompt_version_id, made.variables, made.settings,
    )  # fmt: skip
    assert all(o.text.startswith("Dear 阿明 👋") and len(o.text) > 9 for o in grown)
    deeper = ended(ws, branches.continue_text(ws, ann, grown[1].id, "Hm, "))
    again = ended(ws, replay(ws, ann, deeper.id, seed=5))
    assert deeper.root_id == again.root_id == made.id and again.inputs == deeper.inputs
    feedback.rank(ws, ann, [[grown[1].id], [grown[0].id]])
    feedback.rate(ws, ann, second.id, score=4)
    tree = api.branches(ws, ann, again.id)
    assert (tree["root_id"], tree["here"], tree["left_out"]) == (made.id, again.id, 0)
    assert [(n["generation_id"], n["kind"], n["parent_output_id"]) for n in tree["nodes"]] == [
        (made.id, "root", None), (branch.id, "branch", first.id), (deeper.id, "branch", grown[1].id),
        (again.id, "branch", grown[1].id),
    ]  # fmt: skip
    told = {o["output_id"]: o for n in tree["nodes"] for o in n["outputs"]}
    assert told[first.id]["edited"] and told[grown[1].id]["best"] and not told[grown[0].id]["best"]
    assert told[second.id]["score"] == 4 and not told[grown[0].id]["text"].startswith("Dear")
    (detail,) = (api.detail(ws, ann, branch.id, str),)
    assert ["Begun by you with", "Dear 阿明 👋"] in detail["provenance"] and detail["prefix"] == "Dear 阿明 👋"


@pytest.mark.each_database
def test_a_reply_answers_to_the_text_as_its_person_left_it_and_trains_with_all_turns(ws, ann):
    made, (first,) = make(ws, ann, "Tell me of {what}", variables={"what": "tea"}, system_text="Be {{brief}}.")
    feedback.edit_text(ws, ann, first.id, "Tea is hot.")
    answer = ended(ws, branches.reply(ws, ann, first.id, "shorter, {please}"))
    (short,) = outputs_of(ws, answer.id)
    turns = [{"role": "user", "content": "Tell me of tea"}, {"role": "assistant", "content": "Tea is hot."}]
    assert answer.inputs == {"parent_output_id": first.id, "messages": turns} and answer.root_id == made.id
    third = ended(ws, branches.reply(ws, ann, short.id, "once more"))
    assert third.inputs["messages"] == [
        *turns, {"role": "user", "content": "shorter, {please}"}, {"role": "assistant", "content": short.text},
    ]  # fmt: skip
    (last,) = outputs_of(ws, third.id)
    feedback.rate(ws, ann, last.id, thumb=1)
    feedback.edit_text(ws, ann, last.id, last.text + " now with an end")
    rows = [row for row in rows_of("sft", read_told(ws)) if not isinstance(row, str)]
    (row,) = [row for row in rows if row.source.output_id == last.id]
    assert [role for role, _ in row.messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert row.messages[0][1] == "Be {brief}." and row.messages[3][1] == "shorter, {please}"
    tree = api.branches(ws, ann, made.id)
    assert [n["said"] for n in tree["nodes"]] == ["", "shorter, {please}", "once more"]
    # what answers more than its prompt is no evidence about the prompt, nor a demonstration to steer by
    version = ws.store.get(PromptVersion, third.prompt_version_id)
    assert last.id not in gather(ws, ann, version).outputs and last.id not in gather_own(ws, ann, "text").outputs
    # a branch of a reply keeps its conversation
    branch = ended(ws, branches.continue_text(ws, ann, last.id, "Well"))
    assert branch.inputs["messages"] == third.inputs["messages"] and branches.kind_of(branch) == "branch"


def test_a_reply_can_be_replayed_when_what_it_answers_is_gone(ws, ann):
    from collab.people.erasing import chosen_outputs, delete_outputs

    made, (first, _) = make(ws, ann, count=2)
    answer = ended(ws, branches.reply(ws, ann, first.id, "shorter"))
    delete_outputs(ws, ann, chosen_outputs(ws, ann, [], [first.id]))
    again = ended(ws, replay(ws, ann, answer.id))
    assert again.inputs == {"messages": answer.inputs["messages"], "replay_of": answer.id}
    assert outputs_of(ws, again.id)[0].text == outputs_of(ws, answer.id)[0].text
    tree = api.branches(ws, ann, made.id)
    assert [n["parent_output_id"] for n in tree["nodes"]] == [None, None]


BAD = [
    ({"messages": "hello"}, "must be a list"),
    ({"messages": [{"role": "user"}]}, "Turn 1 of the messages needs exactly"),
    ({"messages": [{"role": "system", "content": "x"}]}, "a system text has a place of its own"),
    ({"messages": [{"role": "user", "content": "x"}]}, "end with the user's turn"),
    ({"messages": [{"role": "user", "content": "x\x00"}]}, "U+0000"),
    ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": " "}]}, "turn 2 is empty"),
    ({"messages": [{"role": r, "content": "x"} for r in ("user", "assistant")] * 101}, "202 turns, 200 are possible"),
    ({"messages": [{"role": r, "content": "x" * 150_000} for r in ("user", "assistant")]}, "300,000 characters"),
    ({"parent_output_id": new_id()}, "no output"),
    ({"parent_output_id": ["x"]}, "no output"),
]


@pytest.mark.parametrize(("inputs", "sentence"), BAD, ids=[words for _, words in BAD])
def test_bad_turns_are_one_sentence_and_store_nothing(ws, ann, inputs, sentence):
    before = counts(ws.store)
    with pytest.raises(CollabError, match=sentence.replace("+", r"\+")):
        generate(ws, ann, Ask(prompt="x", inputs=inputs))
    assert counts(ws.store) == before


def test_nobody_goes_on_from_what_is_not_theirs_and_nothing_from_a_picture(ws, ann, bob):
    made, (text,) = make(ws, ann)
    _, (picture,) = make(ws, ann, modality="image")
    before = counts(ws.store)
    for act in (
        lambda: branches.continue_text(ws, bob, text.id, "x"), lambda: branches.reply(ws, bob, text.id, "x"),
        lambda: explain(ws, bob, text.id), lambda: api.branches(ws, bob, made.id),
        lambda: generate(ws, bob, Ask(prompt="x", inputs={"parent_output_id": text.id})),
    ):  # fmt: skip
        with pytest.raises(NotFound, match="of yours"):
            act()
    for act, words in (
        (lambda: branches.continue_text(ws, ann, picture.id, "x"), "a picture"),
        (lambda: branches.continue_text(ws, ann, text.id, " \n"), "nothing to go on from"),
        (lambda: branches.continue_text(ws, ann, text.id, "x" * 20_001), "20,000 are possible"),
        (lambda: branches.reply(ws, ann, text.id, " "), "reply is empty"),
        (lambda: explain(ws, ann, picture.id), "is a picture"),
        (lambda: generate(ws, ann, Ask(prompt="x", inputs={"parent_output_id": picture.id})), "is a picture"),
    ):
        with pytest.raises(InvalidPrompt, match=words):
            act()
    assert counts(ws.store) == before


def test_pieces_are_whole_characters_with_what_else_could_have_stood_there(ws, ann):
    made, (text,) = make(ws, ann)
    branch = ended(ws, branches.continue_text(ws, ann, text.id, "好"))
    tokens = [
        ["", -1.0, [["\ufffd", -1.0], ["x", -2.0]]], ["👩", -0.5, [["\ufffd", -0.5]]],
        [" ok", -0.25, [[" ok", -0.25], ["<|im_end|>", -2.0], ["\ufffd", -3.0]]], ["", -0.1, [["</s>", -0.1]]],
    ]  # fmt: skip
    grown = [
        Output(generation_id=branch.id, position=n, seed=n, text="好👩 ok", media_type="text/plain") for n in (1, 2)
    ]
    ws.store.add(*grown, OutputTokens(id=grown[0].id, tokens=tokens),
                 OutputTokens(id=grown[1].id, tokens=[[t, p, []] for t, p, _ in tokens]))  # fmt: skip
    told = explain(ws, ann, grown[0].id)
    assert told["prefix"] == "好" and told["settings"]["top_p"] == made.settings["top_p"]
    assert [(p["text"], p["probability"], p["end"]) for p in told["pieces"]] == [
        ("👩", 0.22313, False), (" ok", 0.778801, False), ("", 0.904837, True),
    ]  # fmt: skip
    assert told["pieces"][0]["alternatives"] == []
    assert [(a["text"], a["end"], a["chosen"]) for a in told["pieces"][1]["alternatives"]] == [
        (" ok", False, True), ("", True, False),
    ]  # fmt: skip
    with pytest.raises(CollabError, match="did not tell how likely"):
        explain(ws, ann, grown[1].id)
