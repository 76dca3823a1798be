"""Examples from what people liked or corrected: good, unlike each other, and within their budget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collab.refinement.digest import JudgedOutput
from collab.refinement.guardrails import objection
from collab.refinement.proposal import NothingToLearn
from collab.refinement.proposers.demonstrations import Demonstrations
from collab.types import Example
from tests.refinement.imagined import digest, output, tools, wording

PARENT = wording("Write a slogan for {thing}.")


def liked(name: str, text: str, liking: float = 1.0) -> JudgedOutput:
    return output(name, PARENT, text, liking=liking, asked=f"Write a slogan for {name}.")


def test_corrections_and_liked_outputs_become_turns_and_the_others_do_not():
    told = digest(PARENT, [
        liked("tea", "Tea for all seasons"), liked("rope", "Old rope", 0.2), output("sand", PARENT, "Sand"),
        output("wine", PARENT, "Wine wine", liking=-1.0, asked="Write a slogan for wine.",
               corrected="Red, white, yours"),
    ])  # fmt: skip
    first = Demonstrations().propose(told, tools(), 1)[0]
    assert set(first.wording.examples) == {
        Example(user="Write a slogan for tea.", assistant="Tea for all seasons"),
        Example(user="Write a slogan for wine.", assistant="Red, white, yours"),
    }
    assert set(first.evidence_ids) == {"rated tea", "edit wine"}
    assert first.wording.text == PARENT.text and objection(first.wording, PARENT, ()) is None


def test_the_examples_differ_from_each_other():
    same = [liked(f"tea{n}", f"Drink warm tea every single day {n}") for n in range(8)]
    others = [liked("a violin", "Strings that sing", 0.8), liked("solar panels", "Power from above", 0.8)]
    chosen = Demonstrations().propose(digest(PARENT, [*same, *others]), tools(), 1)[0].wording.examples
    answers = {example.assistant for example in chosen}
    assert {"Strings that sing", "Power from above"} <= answers and len(chosen) <= 4


def test_equal_answers_count_once_and_what_only_repeats_is_left_out():
    told = digest(PARENT, [output(f"o{n}", PARENT, "The same answer", liking=1.0, asked="The same") for n in range(5)])
    (only,) = Demonstrations().propose(told, tools(), 4)
    assert len(only.wording.examples) == 1


def test_no_candidate_takes_more_than_the_budget():
    told = digest(PARENT, [liked(f"thing {n}", f"word{n} " * 60) for n in range(6)])
    count = tools().tokens
    for budget in (150, 300, 600):
        for candidate in Demonstrations(budget).propose(told, tools(), 4):
            examples = candidate.wording.examples
            assert examples and sum(count(e.user) + count(e.assistant) for e in examples) <= budget
            assert objection(candidate.wording, PARENT, ()) is None


def test_candidates_have_different_numbers_of_examples_and_keep_those_there_are():
    parent = replace(PARENT, examples=(Example(user="Write a slogan for ink.", assistant="Black on white"),))
    texts = ("Tea for all seasons", "Strings that sing", "Power from above", "Hold on tight", "Up and away")
    told = digest(parent, [liked(f"thing{n}", text) for n, text in enumerate(texts)])
    numbers = [len(c.wording.examples) for c in Demonstrations().propose(told, tools(), 4)]
    assert numbers == [4, 3, 2]
    assert all(c.wording.examples[0] == parent.examples[0] for c in Demonstrations().propose(told, tools(), 4))


def test_further_candidates_show_other_examples_as_long_as_there_are_enough():
    things = (
        "tea",
        "a violin",
        "solar panels",
        "rope",
        "kites",
        "a bakery",
        "bicycles",
        "rain coats",
        "an owl",
        "salt",
    )
    told = digest(PARENT, [liked(thing, f"Nothing beats {thing} number {n}") for n, thing in enumerate(things)])
    shown = [set(c.wording.examples) for c in Demonstrations().propose(told, tools(), 5)]
    assert [len(examples) for examples in shown] == [4, 4, 2, 1, 3]
    first, second, *fewer = shown  # two more liked texts are left: too few for a third set
    assert not first & second and all(examples < first for examples in fewer)


def test_what_is_missing_is_said():
    with pytest.raises(NothingToLearn, match="Nothing was liked or corrected"):
        Demonstrations().propose(digest(PARENT, [liked("tea", "Tea", 0.4)]), tools(), 3)
    with pytest.raises(NothingToLearn, match="longer than the 50 tokens"):
        Demonstrations(50).propose(digest(PARENT, [liked("tea", "tea " * 400)]), tools(), 3)
    full = replace(PARENT, examples=tuple(Example(user=f"u{n}", assistant="a") for n in range(4)))
    with pytest.raises(NothingToLearn, match="4 examples already"):
        Demonstrations().propose(digest(full, [liked("tea", "Tea")]), tools(), 3)
