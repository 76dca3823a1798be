"""Words learned from simulated votes whose taste is known, and words to try that nobody has voted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from collab.prompts import Wording, placeholders
from collab.refinement.digest import Digest, JudgedOutput
from collab.refinement.proposal import NothingToLearn
from collab.refinement.proposers.modifiers import Modifiers
from collab.refinement.proposers.picture_terms import read_slots, read_words, with_level
from collab.refinement.proposers.term_effects import fit_effects
from tests.refinement.imagined import digest, output, pair, tools, votes, wording

PARENT = wording("a cat in flat style", "image")
ICON = {"width": 64, "guidance_scale": 3.0, "num_inference_steps": 20, "scheduler": "default"}


def tree(texts: list[str], pictures: int = 12, subjects: tuple[str, ...] = ("cat",)) -> list[JudgedOutput]:
    """Pictures of every version of {subject}, named `VERSION/NUMBER`."""
    return [
        output(f"{v}/{n}", wording(text, "image"), asked=text.replace("{subject}", subjects[n % len(subjects)]),
               settings=ICON, blob=f"{v}/{n}")
        for v, text in enumerate(texts)
        for n in range(pictures)
    ]  # fmt: skip


def voted(
    outputs: list[JudgedOutput], worth: Callable[[JudgedOutput], float], seed: int, n: int, parent: Wording = PARENT
) -> Digest:
    """n votes between pictures of different versions, all pairs of versions alike often."""
    by_name, rng = {each.output_id: each for each in outputs}, Random(seed)
    names = []
    while len(names) < n:
        a, b = rng.sample(list(by_name), 2)
        if a.split("/")[0] != b.split("/")[0]:
            names.append((a, b))
    return digest(parent, outputs, votes(names, lambda name: worth(by_name[name]), rng))


STYLES = ["a cat in flat style", "a cat in line style", "a cat in noto style",
          "a cat in flat style on a red background", "a cat in line style on a blue background"]  # fmt: skip


def likes_line(each: JudgedOutput) -> float:
    return 2.0 * ("line" in each.wording.text)


def learned(made: Digest, count: int = 8) -> list[str]:
    try:
        found = Modifiers().propose(made, tools(), count)
    except NothingToLearn:
        return []
    return [each.wording.text for each in found if each.details["kind"] == "learned"]


def test_a_planted_taste_for_a_style_is_found_and_takes_the_place_of_the_old_one():
    made = voted(tree(STYLES), likes_line, seed=1, n=120)
    first, *others = Modifiers().propose(made, tools(), 4)
    assert first.wording.text == "a cat in line style"
    assert first.details["kind"] == "learned" and first.details["lower"] > 0
    assert "Learned from" in first.rationale and "“line style” instead of “flat style”" in first.rationale
    assert first.evidence_ids and set(first.evidence_ids) <= {each.event_id for each in made.pairs}
    assert others and all(each.details["kind"] == "exploratory" for each in others)
    assert all("Only a blind trial can tell" in each.rationale for each in others)


def test_the_planted_taste_is_found_in_nearly_all_simulations():
    found = sum("a cat in line style" in learned(voted(tree(STYLES, 30), likes_line, seed, 150)) for seed in range(20))
    assert found >= 18, f"found in {found} of 20"


def test_from_shuffled_votes_next_to_nothing_is_learned():
    wrong = sum(bool(learned(voted(tree(STYLES), lambda each: 0.0, seed, 120))) for seed in range(60))
    assert wrong <= 5, f"something was learned from coin flips in {wrong} of 60 simulations"


def test_from_shuffled_ratings_next_to_nothing_is_learned():
    def rated(seed: int) -> Digest:
        rng = Random(seed)
        texts = [*STYLES, "a cat in flat style, fluffy", "a cat in flat style, fluffy, cute"]
        return digest(PARENT, [replace(each, liking=rng.uniform(-1, 1)) for each in tree(texts, 6)])

    wrong = sum(bool(learned(rated(seed))) for seed in range(60))
    assert wrong <= 5, f"something was learned from random ratings in {wrong} of 60 simulations"


def test_ratings_alone_teach_a_word_that_people_like():
    rng = Random(2)
    texts = ["a cat", "a cat, fluffy", "a cat, shiny", "a cat, fluffy, shiny"]
    outputs = [
        replace(each, liking=max(-1, min(1, (0.7 if "fluffy" in each.wording.text else -0.3) + rng.gauss(0, 0.2))))
        for each in tree(texts, 8)
    ]
    found = learned(digest(wording("a cat", "image"), outputs))
    assert "a cat, fluffy" in found and not any("shiny" in text for text in found)


def test_two_learned_changes_come_together_first_then_each_alone():
    def worth(each: JudgedOutput) -> float:
        return 2.5 * ("line" in each.wording.text) + 2.5 * ("fluffy" in each.wording.text)

    texts = ["a cat in flat style", "a cat in line style", "a cat in flat style, fluffy", "a cat in line style, fluffy"]
    found = Modifiers().propose(voted(tree(texts, 30), worth, 3, 400), tools(), 4)
    assert found[0].wording.text == "a cat in line style, fluffy" and found[0].details["slot"] == "together"
    assert {each.wording.text for each in found[1:3]} == {"a cat in line style", "a cat in flat style, fluffy"}
    assert found[3].details["kind"] == "exploratory"


def test_a_disliked_word_is_left_out():
    texts = ["a cat, fluffy", "a cat", "a cat, fluffy, bold", "a cat, bold"]
    made = voted(tree(texts), lambda each: -2.0 * ("fluffy" in each.wording.text), 4, 200, wording(texts[0], "image"))
    assert learned(made) == ["a cat"]


def test_leaving_out_a_style_is_not_learned_where_no_picture_was_without_one():
    texts = ["a cat in flat style", "a cat in line style", "a cat in noto style"]
    made = voted(tree(texts, 40), lambda each: -3.0 * ("flat" in each.wording.text), 8, 300)
    found = Modifiers().propose(made, tools(), 6)
    assert {each.wording.text for each in found if each.details["kind"] == "learned"} <= set(texts)
    assert fit_effects(made).tried({"style=line": 1.0, "style=flat": -1.0})
    assert not fit_effects(made).tried({"style=flat": -1.0})


def test_one_voter_on_one_pair_of_pictures_is_not_many_votes():
    outputs = tree(["a cat in flat style", "a cat in line style"], 1)
    made = digest(PARENT, outputs, [pair("1/0", "0/0", n) for n in range(60)])
    many = voted(
        tree(["a cat in flat style", "a cat in line style"], 60), lambda each: 4.0 * ("line" in each.asked), 5, 60
    )
    contrast = {"style=line": 1.0, "style=flat": -1.0}
    assert fit_effects(made).of(contrast)[1] > fit_effects(many).of(contrast)[1]
    ranking = [replace(each, event_id="one act") for each in many.pairs]
    assert (
        fit_effects(digest(PARENT, list(many.outputs.values()), ranking)).of(contrast)[1]
        >= (fit_effects(many).of(contrast)[1])
    )


def test_the_votes_of_a_trial_between_two_versions_teach_the_next_round():
    first = digest(PARENT, [replace(each, liking=0.0) for each in tree(STYLES[:1], 4)])
    tried = [each.wording for each in Modifiers().propose(first, tools(seed=1), 6)]
    assert all(each.details["kind"] == "exploratory" for each in Modifiers().propose(first, tools(seed=1), 6))
    lined = next(each for each in tried if read_slots(each.text).get("style"))
    level = read_slots(lined.text)["style"].level
    after = voted(
        tree([PARENT.text, lined.text], 40), lambda each: 2.2 * (f"{level} style" in each.wording.text), 6, 60
    )
    assert learned(after) == [lined.text]


def test_exploration_spreads_over_slots_and_keeps_to_what_the_icon_model_knows():
    made = digest(PARENT, [replace(each, liking=0.5) for each in tree(STYLES[:1], 4)])
    found = Modifiers().propose(made, tools(), 4)
    changed = []
    for each in found:
        now, then = read_slots(each.wording.text), read_slots(PARENT.text)
        changed += [slot for slot in now if slot not in then or now[slot].level != then[slot].level]
        assert each.details["kind"] == "exploratory" and each.rationale.startswith("To try")
        assert not each.evidence_ids, "the ratings do not bear on it"
        assert "No feedback speaks for it or against it." in each.rationale
    assert sorted(changed) == ["background", "position", "size", "style"]
    assert {each.wording.text for each in found} != {
        each.wording.text for each in Modifiers().propose(made, tools(seed=1), 4)
    }, "asking again tries something else"


def test_exploration_draws_on_what_the_person_wrote_elsewhere():
    other = output("x", wording("a dog, stained glass, cosy", "image"), weight=0.3, liking=0.9, settings=ICON)
    made = digest(PARENT, [replace(tree(STYLES[:1], 1)[0], liking=0.1), other])
    texts = {each.wording.text for each in Modifiers().propose(made, tools(), 12)}
    assert any(text.endswith(", stained glass") for text in texts)
    assert not any("dog" in text for text in texts)


def test_complaints_become_negative_terms_to_try_unless_there_is_no_guidance():
    bad = output("a", PARENT, liking=-0.5, said=[("tag", "blurry"), ("comment", "not dark")], settings=ICON)
    found = Modifiers().propose(digest(PARENT, [bad]), tools(), 12)
    negative = [each for each in found if each.wording.negative_text]
    assert [each.wording.negative_text for each in negative] == ["blurry"]
    assert negative[0].evidence_ids == ("remark a",) and negative[0].details["kind"] == "exploratory"
    without = digest(PARENT, [replace(bad, settings={**ICON, "guidance_scale": 0.0})])
    assert not any(each.wording.negative_text for each in Modifiers().propose(without, tools(), 12))


def test_a_setting_is_changed_when_votes_show_that_it_matters():
    outputs = [
        replace(each, settings={**ICON, "guidance_scale": (3.0, 3.0, 6.0)[n % 3]})
        for n, each in enumerate(tree(["a cat in flat style"], 60))
    ]
    by_name, rng = {each.output_id: each for each in outputs}, Random(7)
    names = [tuple(rng.sample(list(by_name), 2)) for _ in range(150)]
    made = digest(PARENT, outputs, votes(names, lambda n: 2.5 * (by_name[n].settings["guidance_scale"] == 6), rng))
    found = Modifiers().propose(made, tools(), 3)
    assert found[0].details["kind"] == "learned" and found[0].wording.settings == {"guidance_scale": 6.0}
    assert "guidance_scale 6 instead of 3" in found[0].rationale and found[0].wording.text == PARENT.text


def test_variables_stay_and_a_slot_that_one_fills_is_left_alone():
    parent = wording("a {subject}, {look}", "image")
    outputs = [
        output(f"o{n}", parent, asked=f"a cat, {look}", variables={"subject": "cat", "look": look}, liking=0.2,
               settings=ICON)
        for n, look in enumerate(["line style", "flat style"] * 3)
    ]  # fmt: skip
    for each in Modifiers().propose(digest(parent, outputs), tools(), 12):
        assert placeholders(each.wording.text) == ["subject", "look"]
        assert "style" not in read_slots(each.wording.text)


def test_an_exploratory_term_cites_only_what_bears_on_it():
    made = voted(tree(STYLES), lambda each: 0.0, seed=3, n=40)
    found = [each for each in Modifiers().propose(made, tools(), 12) if each.details["kind"] == "exploratory"]
    terms = {output.output_id: read_slots(output.wording.text) for output in made.outputs.values()}
    assert any(not each.evidence_ids for each in found) and all(each.exploratory for each in found)
    for each in found:
        assert bool(each.evidence_ids) != ("No feedback speaks for it" in each.rationale)
        now, then = read_slots(each.wording.text), read_slots(PARENT.text)
        slots = {slot for slot in {**now, **then} if now.get(slot) != then.get(slot)}
        for vote in (judged for judged in made.pairs if judged.event_id in each.evidence_ids):
            assert any(terms[vote.better].get(slot) != terms[vote.worse].get(slot) for slot in slots)


def test_a_vote_and_ratings_that_say_the_opposite_propose_nothing():
    liked, other, third = tree(["a cat in flat style"], 3)
    judged = [replace(liked, liking=-1.0), replace(other, liking=1.0)]
    vote = pair(liked.output_id, other.output_id)
    with pytest.raises(NothingToLearn, match="contradicts itself: every output was put above others as often as below"):
        Modifiers().propose(digest(PARENT, judged, [vote]), tools(), 4)
    for agreeing in (
        digest(PARENT, judged),
        digest(PARENT, [liked, other], [vote]),
        digest(PARENT, [*judged, replace(third, liking=1.0)], [vote]),
        digest(PARENT, [replace(judged[0], remarks=output("x", PARENT, said=[("comment", "red")]).remarks), judged[1]],
               [vote]),
    ):  # fmt: skip
        assert Modifiers().propose(agreeing, tools(), 4)


def test_without_any_judgement_there_is_nothing_to_learn():
    with pytest.raises(NothingToLearn, match="Nobody has judged"):
        Modifiers().propose(digest(PARENT), tools(), 3)


@pytest.mark.parametrize(
    ("before", "slot", "level", "after"),
    [
        ("a cat in flat style", "style", "line", "a cat in line style"),
        ("a cat", "style", "line", "a cat in line style"),
        ("a cat, fluffy", "style", "line", "a cat, fluffy, line style"),
        ("an owl in watercolor", "style", "pixel art", "an owl in pixel art style"),
        ("a cat on a red background", "background", "orange", "a cat on an orange background"),
        ("a cat", "background", "orange", "a cat on an orange background"),
        ("an owl", "size", "large", "a large owl"),
        ("a small owl, flat style", "size", "large", "a large owl, flat style"),
        ("{thing} on the left", "position", "right", "{thing} on the right"),
        ("a cat on a red background, fluffy", "background", None, "a cat, fluffy"),
        ("a line of trees", "style", "flat", "a line of trees in flat style"),
    ],
)
def test_a_level_takes_the_place_of_the_one_that_is_there(before: str, slot: str, level: str | None, after: str):
    changed = with_level(wording(before, "image"), slot, level)
    assert changed.text == after
    assert (read_slots(after)[slot].level if slot in read_slots(after) else None) == level


def test_words_are_read_without_variables_and_slots():
    assert read_words("a fluffy {animal} in line style, soft fur, very cosy room") == {
        "fluffy", "soft", "fur", "soft fur", "very", "cosy", "room", "very cosy", "cosy room", "very cosy room",
    }  # fmt: skip
