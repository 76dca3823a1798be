"""What a trial has come to, in sentences for people. Knows versions by their numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collab.types import Study, Trial

Numbers = Mapping[str, int]


def version(numbers: Numbers, version_id: str | None) -> str:
    """A version by its number, as in the middle of a sentence."""
    return f"version {numbers[version_id]}" if version_id and version_id in numbers else "a version that is gone"


def begun(trial: Trial, numbers: Numbers) -> str:
    """That a trial began."""
    names = [version(numbers, candidate) for candidate in trial.candidate_ids]
    champion = version(numbers, trial.champion_id)
    if len(names) == 1:
        return f"{capital(names[0])} is tried blind against {champion}, which serves."
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        f"{capital(listed)} are tried blind against {champion}, which serves: "
        f"{trial.spec['screening_votes']:,} votes at most to find the best of them, then fresh votes to be sure."
    )


def led(leader_id: str, trial: Trial, votes: int, why: str, numbers: Numbers) -> str:
    """That a candidate came first. why: what ended the screening."""
    return (
        f"{capital(version(numbers, leader_id))} came first of the candidates after {_votes(votes)} ({why}); now it "
        f"meets {version(numbers, trial.champion_id)} on fresh votes."
    )


def decided(trial: Trial, verdict: str, evidence: Mapping[str, Any], numbers: Numbers) -> str:
    """What the fresh votes decided. verdict: as in evidence.py."""
    leader, champion = version(numbers, trial.leader_id), version(numbers, trial.champion_id)
    said = figures(evidence)
    stays = f"so {champion} stays"
    match verdict:
        case "better":
            return f"{capital(leader)} beat {champion} on fresh votes: {said}, so it may be promoted."
        case "worse":
            return f"{capital(leader)} lost to {champion} on fresh votes: {said}, {stays}."
        case "futile":
            return f"{capital(leader)} is hardly better than {champion} on fresh votes, if at all: {said}, {stays}."
    return f"The fresh votes ended before they told {leader} from {champion}: {said}, {stays}."


def figures(evidence: Mapping[str, Any]) -> str:
    """The win rate with how many votes it rests on and its bounds: “64 % of 121 votes from 25 people (52–75 %)”.

    Of one of several tests also which it is and its level: “(51–76 % at level 0.42 %: the 3rd test of this prompt)”.
    """
    if not evidence["n_votes"]:
        level = _level(evidence)
        return f"no vote counts yet ({level})" if level else "no vote counts yet"
    people = evidence["n_annotators"]
    whose = "1 person" if people == 1 else f"{people:,} people"
    if evidence["scope"] == "panel":
        whose = f"the panel of {whose}"
    low, high = round(100 * evidence["lower"]), round(100 * evidence["upper"])
    bounds = _level(evidence, f"{low}–{high} % ") or f"{low}–{high} %"
    if left_out := int(evidence.get("left_out", 0)):
        bounds += f"; everybody counts, the {left_out:,} left out of its study's results too"
    return f"{100 * evidence['win_rate']:.0f} % of {_votes(evidence['n_votes'])} from {whose} ({bounds})"


def standing(trial: Trial, study: Study | None, evidence: Mapping[str, Any] | None, numbers: Numbers) -> str:
    """Where a trial stands. study: that of its stage."""
    if trial.stage == "decided":
        if not evidence or not evidence["n_votes"]:
            return "The trial ended without a fresh vote that counts."
        return decided(trial, trial.verdict, evidence, numbers)
    if trial.stage == "stopped":
        return "The trial was stopped before it was decided."
    if trial.stage == "screening":
        votes = study.answered if study else 0
        return f"Looking for the best candidate: {votes:,} of at most {_votes(trial.spec['screening_votes'])}."
    leader, champion = version(numbers, trial.leader_id), version(numbers, trial.champion_id)
    said = figures(evidence) if evidence else "no vote counts yet"
    most = f"{_votes(trial.spec['confirming_votes'])} at most, fewer if it is clear sooner"
    return f"{capital(leader)} against {champion} on fresh votes: {said}; {most}."


def promoted(version_id: str, before_id: str, evidence: Mapping[str, Any], numbers: Numbers) -> str:
    """That a version serves from now on."""
    return (
        f"{capital(version(numbers, version_id))} serves in place of {version(numbers, before_id)}: it won "
        f"{figures(evidence)}."
    )


def rolled_back(from_id: str, to_id: str, reason: str, numbers: Numbers) -> str:
    """That an earlier version serves again."""
    said = f"{capital(version(numbers, to_id))} serves again in place of {version(numbers, from_id)}"
    return f"{said}: {reason}" if reason else f"{said}."


def turned(trial: Trial, evidence: Mapping[str, Any], numbers: Numbers) -> str:
    """Why a promotion is taken back without anybody's doing."""
    leader, champion = version(numbers, trial.leader_id), version(numbers, trial.champion_id)
    return f"since the promotion {leader} lost to {champion}: {figures(evidence)}."


def watched(trial: Trial, evidence: Mapping[str, Any] | None, numbers: Numbers) -> str:
    """That a promotion was watched to the end and stands."""
    leader, champion = version(numbers, trial.leader_id), version(numbers, trial.champion_id)
    if evidence:
        return f"The watch has ended and {leader} still serves in place of {champion}: {figures(evidence)}."
    return f"The watch has ended and {leader} still serves in place of {champion}."


def capital(text: str) -> str:
    """The text as a sentence begins."""
    return text[:1].upper() + text[1:]


def _level(evidence: Mapping[str, Any], before: str = "") -> str:
    number = int(evidence.get("test", 0))
    if not number:
        return ""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{before}at level {100 * evidence['alpha']:.2g} %: the {number:,}{ending} test of this prompt"


def _votes(number: int) -> str:
    return f"{number:,} vote{'' if number == 1 else 's'}"
