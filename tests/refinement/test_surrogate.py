"""The model of past votes: it learns a taste that is there, and says nothing where there is none."""

from __future__ import annotations

import io
from random import Random

import numpy as np
import pytest
from PIL import Image

from collab.refinement.digest import Digest
from collab.refinement.proposers import surrogate
from tests.refinement.imagined import digest, output, pair, tools, votes, wording

SHORT = ("Paris.", "It is Rome.", "About forty.", "No, never.", "Yes: at noon.", "Blue and green.", "Ask a doctor.")
LONG = " Moreover, there are many further considerations that one might wish to bear in mind, namely the following ones"


def text_digest(seed: int, *, taste: float, prompts: int = 24) -> Digest:
    """Two answers to each of many questions, one of them padded. taste: logits by which people prefer the short one."""
    rng, outputs, names = Random(seed), [], []
    for n in range(prompts):
        asked = f"question {n}"
        text = f"{rng.choice(SHORT)} {rng.choice(SHORT)}"
        outputs += [output(f"s{n}", wording(asked), text), output(f"l{n}", wording(asked), f"{text}{LONG} {n}.")]
        names.append((f"s{n}", f"l{n}"))
    return digest(wording("question 0"), outputs, votes(names, lambda name: taste * (name[0] == "s"), rng, each=3))


def test_a_taste_for_short_answers_is_learned_and_scores_answers_nobody_has_seen():
    found = surrogate.fit(text_digest(1, taste=2.5), tools())
    assert found is not None and found.held_out_by == "prompts" and found.pairs == 72
    assert 0.5 < found.lower <= found.accuracy <= found.upper <= 1 and found.accuracy > 0.8
    short, long = found.score(["Berlin, I think.", f"Berlin, I think.{LONG} again."])
    assert short > long + 0.5
    assert "past votes" in found.said and f"{found.accuracy:.0%}" in found.said


def test_how_far_people_agree_is_the_ceiling():
    found = surrogate.fit(text_digest(1, taste=2.5), tools())
    assert found is not None and found.ceiling is not None and 0.7 < found.ceiling < 1
    alone = text_digest(2, taste=4, prompts=40)
    alone = digest(alone.wording, list(alone.outputs.values()), alone.pairs[::3])  # one person
    found = surrogate.fit(alone, tools())
    assert found is not None and found.ceiling is None


def test_votes_without_any_taste_give_no_ranker():
    found = [surrogate.fit(text_digest(seed, taste=0, prompts=14), tools()) for seed in range(15)]
    rate = sum(each is not None for each in found) / len(found)
    assert rate <= 0.14, f"a ranker was made from coin flips in {rate:.0%} of runs"


def test_few_votes_give_no_ranker():
    made = text_digest(1, taste=4)
    assert surrogate.fit(digest(made.wording, list(made.outputs.values()), made.pairs[:29]), tools()) is None


def test_forty_votes_on_the_same_two_answers_cannot_be_held_out_and_give_no_ranker():
    parent = wording("question")
    outputs = [output("a", parent, "Yes."), output("b", parent, f"Yes.{LONG}.")]
    assert surrogate.fit(digest(parent, outputs, [pair("a", "b", n) for n in range(40)]), tools()) is None


def test_votes_on_outputs_that_are_gone_are_left_out():
    made = text_digest(1, taste=4)
    kept = [each for each in made.outputs.values() if each.output_id not in ("s0", "l1")]
    found = surrogate.fit(digest(made.wording, kept, made.pairs), tools())
    assert found is not None and found.pairs == 66


def painted(rng: Random, *, dark: bool) -> bytes:
    """A square of some colour on a dark or a bright background."""
    shade = rng.randrange(10, 60) if dark else rng.randrange(190, 250)
    made = Image.new("RGB", (32, 32), (shade, shade, shade))
    colour = tuple(rng.randrange(256) for _ in range(3))
    left, top = rng.randrange(4, 16), rng.randrange(4, 16)
    made.paste(Image.new("RGB", (10, 10), colour), (left, top))
    encoded = io.BytesIO()
    made.save(encoded, "PNG")
    return encoded.getvalue()


@pytest.mark.parametrize(("taste", "learned"), [(3.0, True), (0.0, False)])
def test_a_taste_for_dark_pictures_is_learned_from_pixels_alone(taste: float, learned: bool):
    rng, parent, pictures, outputs, names = Random(3), wording("a cat", "image"), {}, [], []
    for n in range(40):
        for name, dark in ((f"d{n}", True), (f"b{n}", False)):
            pictures[f"sha {name}"] = painted(rng, dark=dark)
            outputs.append(output(name, parent, blob=f"sha {name}"))
        names.append((f"d{n}", f"b{n}"))
    made = digest(parent, outputs, votes(names, lambda name: taste * (name[0] == "d"), rng))
    found = surrogate.fit(made, tools(), pictures.__getitem__)
    assert (found is not None) is learned
    if found is not None:
        assert found.held_out_by == "outputs"  # one prompt only
        dark, bright = found.score([painted(rng, dark=True), painted(rng, dark=False)])
        assert dark > bright
    assert surrogate.fit(made, tools()) is None, "pictures that cannot be read teach nothing"


def test_the_interval_is_that_of_wilson_or_wider():
    right = np.array([1.0] * 8 + [0.0] * 2)
    share, lower, upper = surrogate._interval(right, np.ones(10), np.arange(10), seed=0)
    # Wilson's interval at 99 % (z = 2.576) for 8 of 10, worked out by hand from his formula
    assert share == pytest.approx(0.8) and lower <= 0.4008 and upper >= 0.9598
