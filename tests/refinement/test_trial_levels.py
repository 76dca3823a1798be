"""The level of a prompt's next trial: what its stream of tests promises, and that trials are decided by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from collab import aliases
from collab.api import refine as refine_api
from collab.errors import InvalidStudy, NotAllowed
from collab.identity import Visitor
from collab.refinement.trying import promotion, trials
from collab.refinement.trying import trial_words as words
from collab.statistics.confidence import ELond, blocks_needed, count_grades, log_capital, shares_of_few
from collab.statistics.evidence import Vote, win_rate_test
from collab.studies.claims import claim, interval_width
from collab.studies.spec import check_spec, read_spec
from collab.types import PromptVersion, Study, StudyArm, Trial
from collab.workspace import Workspace
from tests.refinement.trying import FEW, likes, prompt_with, said, vote, vote_alone
from tests.studies.people import TWO_ARMS, answers_all, filled_study, people, prefers

# ---- what the stream promises ---------------------------------------------------------------------------------------


def test_a_stream_of_few_begins_at_half_of_alpha_shrinks_and_recovers_by_a_discovery():
    """0.05 (1/t − 1/(t + 1)) (D + 1): 0.05 · 1/2, 0.05 · 1/6, 0.05 · 1/12 · 2, 0.05 · 1/20 · 2, 0.05 · 1/30 · 3"""
    stream, levels = ELond(0.05, shares_of_few), []
    for discovery in (False, True, False, True, False):
        levels.append(stream.level())
        stream.count(discovery)
    levels.append(stream.level())
    assert levels == pytest.approx([0.025, 0.05 / 6, 0.05 / 6, 0.005, 0.005, 0.05 / 14])
    assert (stream.tests, stream.discoveries) == (5, 2)
    assert 0.0499 < sum(0.05 * shares_of_few(number) for number in range(1, 10_000)) < 0.05


@pytest.mark.parametrize(
    ("number", "won", "level", "agreed", "planned"),
    [(1, 0, 0.025, 8, 238), (2, 0, 0.0083, 10, 297), (2, 1, 0.0167, 9, 260), (5, 0, 0.0017, 13, 381),
     (5, 4, 0.0083, 10, 297)],
)  # fmt: skip
def test_a_later_trial_takes_more_votes_but_not_many(number: int, won: int, level: float, agreed: int, planned: int):
    """agreed: items on which a panel agrees; planned: votes where 60 % do. At 5 %, alone, it takes 7 and 202."""
    stream = ELond(0.05, shares_of_few)
    for earlier in range(1, number):
        stream.count(earlier <= won)
    alpha = stream.level()
    assert alpha == pytest.approx(level, abs=5e-5)
    verdicts = [
        win_rate_test([Vote("me", 1, f"item {n}") for n in range(votes)], scope="panel", alpha=alpha).verdict
        for votes in range(agreed + 1)
    ]
    assert verdicts == ["undecided"] * agreed + ["better"]
    assert blocks_needed(np.zeros(3), alpha, 0.6) == planned


def highest_capital(wins: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The highest e-value of all looks at each test. wins: (tests, votes) → (tests,)."""
    highest: NDArray[np.float64] = np.exp(log_capital(count_grades(2 * wins, 3)).max(axis=1))
    return highest


def test_what_is_no_better_hardly_ever_wins_however_often_it_is_tried():
    """Twenty trials one after the other, of 300 votes by chance each, looked at after every vote, in 1,000 streams.

    Where nothing is better the false discovery rate is the share of streams with any win: 5 % at most. With 5 % for
    each trial it is several times that.
    """
    rng, streams = np.random.default_rng(11), 1000
    control, alone = [ELond(0.05, shares_of_few) for _ in range(streams)], np.zeros(streams, dtype=bool)
    for _ in range(20):
        best = highest_capital(rng.random((streams, 300)) < 0.5)
        alone |= best >= 20
        for stream, e_value in zip(control, best, strict=True):
            stream.decide(e_value)  # a trial ends where it reaches its level, or never does
    assert np.mean([stream.discoveries > 0 for stream in control]) <= 0.05
    assert alone.mean() > 0.25


def test_of_what_wins_a_prompts_trials_hardly_any_is_no_better():
    """One candidate in ten is better, 65 % prefer it; the others win as often as they lose."""
    rng, streams = np.random.default_rng(12), 1000
    control = [ELond(0.05, shares_of_few) for _ in range(streams)]
    false, true, false_alone, true_alone = np.zeros((4, streams))
    for _ in range(20):
        better = rng.random(streams) < 0.1
        best = highest_capital(rng.random((streams, 300)) < np.where(better, 0.65, 0.5)[:, None])
        won = np.array([stream.decide(e_value) for stream, e_value in zip(control, best, strict=True)])
        false, true = false + (won & ~better), true + (won & better)
        false_alone, true_alone = false_alone + ((best >= 20) & ~better), true_alone + ((best >= 20) & better)
    rate, alone = (np.mean(f / np.maximum(f + t, 1)) for f, t in ((false, true), (false_alone, true_alone)))
    assert rate <= 0.05 < alone
    assert true.mean() > 0.75 * true_alone.mean()  # what is better is still found


def test_a_level_of_its_own_is_told_and_widens_the_interval():
    votes = [Vote(f"person {n}", result) for n, result in enumerate([1, 1, 0, 1] * 10)]
    usual, stricter = win_rate_test(votes), win_rate_test(votes, alpha=0.05 / 6)
    assert stricter.lower < usual.lower < stricter.win_rate < usual.upper < stricter.upper
    assert "level" not in usual.sentence and "each person's first vote; level 0.83 %)" in stricter.sentence


# ---- trials are decided by it ---------------------------------------------------------------------------------------


def begun(ws: Workspace, owner: Visitor, better: PromptVersion) -> Trial:
    """A trial about the owner's taste, its confirming study made."""
    return trials.start(ws, owner, better.prompt_id, [better.id], scope="panel", confirming_votes=30)


def ended(ws: Workspace, owner: Visitor, trial: Trial, liked: PromptVersion, votes: int) -> Trial:
    """The trial after so many votes for one version, its study closed if they decided nothing."""
    vote_alone(ws, owner, trial.confirming_id, likes(ws, trial.confirming_id, liked), votes)
    if trials.advance(ws, trial.id).stage == "confirming":
        trials.close_study(ws, trial, trial.confirming_id)
    return trials.advance(ws, trial.id)


def level(ws: Workspace, trial: Trial) -> tuple[float, int]:
    """The level that the trial's confirming study has, and which test it is."""
    kept = ws.store.get(Study, str(trial.confirming_id)).spec["evidence"]
    return kept["alpha"], kept["test"]


def test_each_trial_of_a_prompt_has_the_level_that_those_before_leave_it(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "say hello nicely")
    found = []
    for liked, votes in ((root, 8), (one, 10), (one, 10), (root, 10)):
        trial = ended(ws, owner, begun(ws, owner, one), liked, votes)
        found.append((trial.verdict, *level(ws, trial)))
    assert [verdict for verdict, _, _ in found] == ["worse", "better", "better", "worse"]
    assert [alpha for _, alpha, _ in found] == pytest.approx([0.025, 0.05 / 6, 0.05 / 6, 0.05 * 3 / 20])
    assert [number for _, _, number in found] == [1, 2, 3, 4]


def test_votes_that_win_a_first_trial_do_not_win_a_second(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello nicely", "say hello warmly")
    ended(ws, owner, begun(ws, owner, one), root, 8)
    second = ended(ws, owner, begun(ws, owner, two), two, 9)
    assert second.verdict == "undecided"
    with pytest.raises(NotAllowed, match="ended “undecided”"):
        promotion.promote(ws, owner, aliases.of_prompt(root.prompt_id), two.id)
    other = prompt_with(ws, owner, "say goodbye", text="say bye")[1]  # another prompt has its own stream
    assert ended(ws, owner, begun(ws, owner, other), other, 8).verdict == "better"


def test_a_promotion_keeps_the_level_it_was_decided_at_and_its_watch_stands_alone(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello nicely", "say hello warmly")
    ended(ws, owner, begun(ws, owner, one), root, 8)
    trial = ended(ws, owner, begun(ws, owner, two), two, 10)
    moved = promotion.promote(ws, owner, aliases.of_prompt(root.prompt_id), two.id)
    assert moved.evidence["alpha"] == pytest.approx(0.05 / 6) and moved.evidence["test"] == 2
    told = "(52–100 % at level 0.83 %: the 2nd test of this prompt)"
    assert told in said(ws, root.prompt_id, "decide")[1] and told in said(ws, root.prompt_id, "promote")[0]
    watch = ws.store.get(Study, str(ws.store.get(Trial, trial.id).watch_id))
    assert (watch.spec["evidence"]["alpha"], watch.spec["evidence"]["test"]) == (0.05, 0)


def test_a_trial_that_was_stopped_counts_if_anybody_was_asked(ws: Workspace, owner: Visitor):
    root, one = prompt_with(ws, owner, "say hello nicely")
    trials.stop(ws, owner, begun(ws, owner, one).id)
    trial = begun(ws, owner, one)
    assert level(ws, trial) == (0.025, 1)
    vote_alone(ws, owner, trial.confirming_id, likes(ws, trial.confirming_id, root), 3)
    trials.stop(ws, owner, trial.id)
    assert level(ws, begun(ws, owner, one)) == (pytest.approx(0.05 / 6), 2)


def test_the_level_is_told_before_the_first_vote(ws: Workspace, owner: Visitor):
    one = prompt_with(ws, owner, "say hello nicely")[1]
    sentence = trials.standing(ws, begun(ws, owner, one))
    assert "on fresh votes: no vote counts yet (at level 2.5 %: the 1st test of this prompt)" in sentence
    shown = refine_api.board(ws, owner, one.prompt_id, str)["trial"]
    assert shown["said"] == sentence and shown["confirming"]["evidence"] is None


def test_the_screening_is_no_test(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello nicely", "say hello warmly")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], **FEW)
    assert ws.store.get(Study, str(trial.screening_id)).spec["evidence"]["test"] == 0
    vote(ws, trial.screening_id, likes(ws, trial.screening_id, one, two), number=4)
    assert level(ws, trials.advance(ws, trial.id)) == (0.025, 1)


@pytest.mark.parametrize(("number", "spoken"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd")])
def test_the_tests_of_a_prompt_are_counted_as_people_do(number: int, spoken: str):
    found = {"n_votes": 8, "n_annotators": 1, "scope": "panel", "win_rate": 1, "lower": 0.6, "upper": 1}
    told = words.figures({**found, "alpha": 0.05 / 12, "test": number})
    assert told.endswith(f"(60–100 % at level 0.42 %: the {spoken} test of this prompt)")
    assert words.figures(found).endswith("(60–100 %)")


# ---- studies made by hand -------------------------------------------------------------------------------------------


def test_a_study_made_by_hand_has_five_percent_or_the_stricter_level_it_asks_for(ws: Workspace, owner: Visitor):
    claimed, widths = [], []
    for evidence in ({"block": 1}, {"block": 1, "alpha": 0.01}):
        study = filled_study(ws, owner, overlap=12, evidence=evidence)
        for person in people(8):
            answers_all(ws, person, study, prefers(1))
        with ws.store.reading() as connection:
            arms = ws.store.find(StudyArm, study_id=study.id, connection=connection)
            spec = read_spec(study.spec)
            claimed.append(claim(ws, study, spec, arms, 1, 0, connection=connection))
            widths.append(interval_width(ws, study, spec, connection))
    assert [(found["alpha"], found["verdict"]) for found in claimed] == [(0.05, "better"), (0.01, "undecided")]
    assert [found["upper"] - found["lower"] for found in claimed] == widths and widths[0] < widths[1]
    assert claimed[1]["curve"][-1]["lower"] == pytest.approx(claimed[1]["lower"])
    assert "level 1 %" in claimed[1]["sentence"] and "level" not in claimed[0]["sentence"]


def test_an_older_study_without_a_level_reads_as_five_percent(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=12)
    stored = {**study.spec, "evidence": {"scope": "population", "block": 1, "panel": []}}
    for person in people(7):
        answers_all(ws, person, study, prefers(1))
    spec = read_spec(stored)
    assert (spec.evidence["alpha"], spec.evidence["test"]) == (0.05, 0)
    with ws.store.reading() as connection:
        arms = ws.store.find(StudyArm, study_id=study.id, connection=connection)
        found = claim(ws, replace(study, spec=stored), spec, arms, 1, 0, connection=connection)
    assert (found["alpha"], found["verdict"]) == (0.05, "better")


@pytest.mark.parametrize("alpha", [0, 0.051, 1, -0.05, float("nan"), "0.01", True, [0.01]])
def test_a_level_above_five_percent_or_that_is_none_is_refused(alpha: Any):
    with pytest.raises(InvalidStudy, match="“alpha” is"):
        check_spec({**TWO_ARMS, "evidence": {"alpha": alpha}})
