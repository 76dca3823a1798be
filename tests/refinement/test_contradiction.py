"""Feedback that contradicts itself: told in words, and no set of examples mixes what people disagree about."""

from __future__ import annotations

import pytest

from collab.refinement.digest import JudgedOutput
from collab.refinement.proposal import NothingToLearn
from collab.refinement.proposers.contradiction import contradiction
from collab.refinement.proposers.demonstrations import Demonstrations
from collab.refinement.proposers.reflect import Reflect
from tests.refinement.imagined import digest, output, pair, tools, wording

PARENT = wording("Describe {thing}.")
PLAIN = "{} is a thing that many people know well and that some of them use nearly every single day."


def corrected(name: str, words: int, **more: object) -> JudgedOutput:
    text = f"{name.title()} is {' '.join(f'{name[-1]}{n}' for n in range(words - 2))}."
    return output(name, PARENT, PLAIN.format(name.title()), corrected=text, asked=f"Describe {name}.", **more)  # type: ignore[arg-type]


SHORT = [corrected("tea", 3), corrected("rope", 4)]
LONG = [corrected("kites", 40), corrected("salt", 45)]


def lengths(told: object, count: int = 4) -> list[set[bool]]:
    """Of each candidate: whether its examples are long."""
    found = Demonstrations().propose(told, tools(), count)  # type: ignore[arg-type]
    return [{len(each.assistant.split()) > 15 for each in candidate.wording.examples} for candidate in found]


def test_as_many_shortened_as_lengthened_say_nothing_to_any_proposer():
    told = digest(PARENT, [*SHORT, *LONG])
    said = contradiction(told)
    assert "2 made it shorter" in said and "2 made it longer" in said and said.endswith(".")
    for proposer in (Demonstrations(), Reflect()):
        with pytest.raises(NothingToLearn, match="contradicts itself: 2 made it"):
            proposer.propose(told, tools(), 4)


def test_the_texts_that_were_corrected_may_have_been_rated_badly_too():
    told = digest(PARENT, [corrected("tea", 3, liking=-1.0), corrected("kites", 40, liking=-0.5)])
    assert contradiction(told)
    assert not contradiction(digest(PARENT, [*SHORT, *LONG, output("ink", PARENT, PLAIN, liking=1.0)]))


def test_more_on_one_side_make_one_set_for_each_side_and_the_larger_comes_first():
    told = digest(PARENT, [*LONG, *SHORT, corrected("ink", 3)])
    assert not contradiction(told) and lengths(told) == [{False}, {True}]
    assert lengths(told, 1) == [{False}]
    for candidate in Demonstrations().propose(told, tools(), 4):
        assert "on one side of what people disagree about (3 made it shorter, 2 made it longer)" in candidate.rationale
        assert set(candidate.evidence_ids) in ({"edit tea", "edit rope", "edit ink"}, {"edit kites", "edit salt"})


def test_liked_texts_are_on_a_side_too():
    told = digest(PARENT, [*SHORT, *LONG, output("ink", PARENT, "Ink " * 30, liking=1.0, asked="Describe ink.")])
    assert lengths(told) == [{True}, {False}]


def test_lengths_that_meet_in_the_middle_are_no_contradiction_between_examples():
    outputs = [
        output(f"o{n}", PARENT, "word " * before, asked=f"Describe o{n}.", corrected=f"o{n} " + "word " * 19)
        for n, before in enumerate((5, 6, 60, 70))
    ]
    (first, *_) = Demonstrations().propose(digest(PARENT, outputs), tools(), 1)
    assert len(first.wording.examples) > 1 and "disagree" not in first.rationale


def test_other_things_than_length_are_kept_apart_as_well():
    marks = ["!", "!", "!", ".", "."]
    outputs = [
        output(f"o{n}", PARENT, f"This is number {n} of all{'.' if mark == '!' else '!'}", asked=f"Describe o{n}.",
               corrected=f"This is number {n} of all{mark}")
        for n, mark in enumerate(marks)
    ]  # fmt: skip
    found = Demonstrations().propose(digest(PARENT, outputs), tools(), 4)
    assert [{each.assistant[-1] for each in candidate.wording.examples} for candidate in found] == [{"!"}, {"."}]


def test_edits_in_one_direction_are_chosen_from_as_ever():
    told = digest(PARENT, [*SHORT, corrected("ink", 5), corrected("owls", 3)])
    found = Demonstrations().propose(told, tools(), 4)
    assert [len(each.wording.examples) for each in found] == [4, 2, 1, 3]
    assert not any("disagree" in each.rationale for each in found)


def test_votes_that_run_in_a_circle_say_nothing_and_a_single_further_one_does():
    outputs = [output(name, PARENT, f"{PLAIN} {name}") for name in "abc"]
    circle = [pair("a", "b"), pair("b", "c"), pair("c", "a")]
    assert "as often as below" in contradiction(digest(PARENT, outputs, circle))
    assert not contradiction(digest(PARENT, outputs, [*circle, pair("a", "c", 1)]))
    assert not contradiction(digest(PARENT, outputs)) and not contradiction(digest(PARENT))
    assert not contradiction(digest(PARENT, outputs, [pair("a", "b"), pair("b", "a", comment="b is kinder")]))


def test_one_like_alone_contradicts_nothing():
    assert not contradiction(digest(PARENT, [output("a", PARENT, PLAIN, liking=1.0)]))
    assert not contradiction(digest(PARENT, [output(n, PARENT, PLAIN, liking=1.0) for n in "ab"]))
