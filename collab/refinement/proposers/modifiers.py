"""Proposes changes to the words that style a picture: learned from votes, leant to, or because nobody has tried them.

Votes exist only on what was tried. So besides terms that people are shown to like, it proposes those that the votes
lean to without being sure, and a small spread of terms that they say little about. Each says which it is; a blind trial
decides about all. Knows the digest.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from collab.refinement.digest import Digest
from collab.refinement.proposal import Candidate, NothingToLearn, Tools
from collab.refinement.proposers.contradiction import contradiction
from collab.refinement.proposers.modifier_moves import Move, applied, moves
from collab.refinement.proposers.term_effects import NUMBERS, PRIOR_LOGITS, Effects, fit_effects
from collab.types import Modality

# a term is learned when its effect is above 0 at this level over all terms looked at together (Bonferroni 1936)
LEVEL = 0.95
OPTIMISM = 1.0  # standard deviations by which an untried term is given the benefit of the doubt (Auer et al. 2002, UCB)
HINT_LOGITS = 0.5  # for a term that people asked for in words
LEANING = 0.8  # probability that the effect is above 0 from which on a change is worth a trial
UNTRIED_SHARE = 0.4  # of the prior's variance: what is known better than this is not worth exploring
_EVIDENCE = 200
Kind = Literal["learned", "leaning", "exploratory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    move: Move
    mean: float
    deviation: float
    tried: bool

    def lower(self, deviations: float) -> float:
        return self.mean - deviations * self.deviation

    @property
    def sure(self) -> float:
        """The probability that the effect is above 0."""
        return 0.5 * (1 + math.erf(self.mean / (self.deviation * math.sqrt(2)))) if self.deviation else 0.5

    @property
    def optimistic(self) -> float:
        return self.mean + OPTIMISM * self.deviation + (HINT_LOGITS if self.move.hints else 0.0)


class Modifiers:
    """Style, background, colours, size, position, lighting, quality, free words, negative terms and settings."""

    name = "modifiers"
    modalities: tuple[Modality, ...] = ("image",)

    def propose(self, digest: Digest, tools: Tools, count: int) -> Sequence[Candidate]:
        """At most `count` candidates: all learned changes together, then one by one, those leant to, then exploratory
        ones, of which at least one where two or more are wanted.

        Raises NothingToLearn when nothing was judged, when nothing is left to try, and when all judgements contradict
        each other, so that nothing can be learned from them.
        """
        if not digest.acts:
            raise NothingToLearn(
                "Nobody has judged a picture of this prompt yet: rate or compare a few, then ask again."
            )
        tools.tell(0.1, "Learning from votes which words people like")
        effects = fit_effects(digest)
        weighed = []
        for move in moves(digest, effects):
            mean, deviation = effects.of(move.contrast)
            weighed.append(_Weighed(move=move, mean=mean, deviation=deviation, tried=effects.tried(move.contrast)))
        tested = sum(each.tried for each in weighed)
        learned = _learned(weighed, tested)
        leaning = _leaning(weighed, learned)
        explored = [each for each in _spread(weighed, tools) if each not in learned and each not in leaning]
        if not learned and not leaning and (said := contradiction(digest)):
            raise NothingToLearn(said)
        room = count - (1 if explored and count > 1 else 0)
        made = [self._together(digest, effects, learned, tested)] if len(learned) > 1 else []
        made += [self._one(digest, effects, each, "learned", tested) for each in learned]
        made += [self._one(digest, effects, each, "leaning", tested) for each in leaning]
        made = made[:room]
        made += [self._one(digest, effects, each, "exploratory", tested) for each in explored[: count - len(made)]]
        if not made:
            raise NothingToLearn(
                "Every word known for this prompt was tried, and no change of them is shown to please."
            )
        return made

    def _one(self, digest: Digest, effects: Effects, each: _Weighed, kind: Kind, tested: int) -> Candidate:
        move, z = each.move, _deviations(tested)
        details = {
            "kind": kind, "slot": move.slot, "change": move.words, "effect": each.mean, "lower": each.lower(z),
            "upper": each.lower(-z), "level": LEVEL, "terms_tested": tested, "votes": effects.votes,
            "ratings": effects.ratings,
        }  # fmt: skip
        if kind == "learned":
            rationale = f"Learned from {_basis(effects)}: {move.words}. {_odds(each, z, tested)}"
            evidence = effects.events(move.contrast)
        elif kind == "leaning":
            rationale = (
                f"{_basis(effects)} lean to it: {move.words}. That is {each.sure:.0%} sure taken alone, and "
                f"{tested} changes were looked at. Only a blind trial can tell."
            )
            evidence = effects.events(move.contrast)
        else:
            asked = " People asked for it in words." if move.hints else ""
            evidence = move.hints or effects.events(move.contrast)
            known = "The votes say little about it." if evidence else "No feedback speaks for it or against it."
            rationale = f"To try: {move.words}. {known}{asked} Only a blind trial can tell."
        return Candidate(
            wording=move.wording, proposer=self.name, rationale=rationale, evidence_ids=evidence[:_EVIDENCE],
            details=details, exploratory=kind == "exploratory",
        )  # fmt: skip

    def _together(self, digest: Digest, effects: Effects, learned: Sequence[_Weighed], tested: int) -> Candidate:
        wording, contrast = digest.wording, dict[str, float]()
        for each in learned:
            wording = applied(wording, digest, each.move)
            contrast |= each.move.contrast
        mean, deviation = effects.of(contrast)
        z = _deviations(tested)
        both = _Weighed(
            move=Move(slot="together", wording=wording, words="", contrast=contrast), mean=mean, deviation=deviation,
            tried=True,
        )  # fmt: skip
        return Candidate(
            wording=wording,
            proposer=self.name,
            rationale=f"Learned from {_basis(effects)}, all at once: {'; '.join(each.move.words for each in learned)}. "
            f"{_odds(both, z, tested)} Each was judged on its own; together they may not have been.",
            evidence_ids=effects.events(contrast)[:_EVIDENCE],
            details={
                "kind": "learned", "slot": "together", "change": [each.move.words for each in learned], "effect": mean,
                "lower": both.lower(z), "upper": both.lower(-z), "level": LEVEL, "terms_tested": tested,
                "votes": effects.votes, "ratings": effects.ratings,
            },
        )  # fmt: skip


# ---- which of them to propose ----------------------------------------------------------------------------------------


def _learned(weighed: Sequence[_Weighed], tested: int) -> list[_Weighed]:
    """The tried changes whose effect is above 0 at LEVEL, the surest first, one of each slot."""
    z = _deviations(tested)
    sure = sorted((e for e in weighed if e.tried and e.lower(z) > 0), key=lambda each: -each.lower(z))
    best: dict[str, _Weighed] = {}
    for each in sure:
        best.setdefault(each.move.slot, each)
    return list(best.values())


def _leaning(weighed: Sequence[_Weighed], learned: Sequence[_Weighed]) -> list[_Weighed]:
    """Tried changes that are likelier than LEANING to please and in no slot that is learned, the likeliest first: the
    best of each slot, then the next."""
    taken = {each.move.slot for each in learned}
    likely = [each for each in weighed if each.tried and each.sure >= LEANING and each.move.slot not in taken]
    likely.sort(key=lambda each: -each.sure)
    nth: Counter[str] = Counter()
    turns = []
    for each in likely:
        turns.append((nth[each.move.slot], each))
        nth[each.move.slot] += 1
    return [each for _, each in sorted(turns, key=lambda turn: turn[0])]


def _spread(weighed: Sequence[_Weighed], tools: Tools) -> list[_Weighed]:
    """The changes that little is known of, the most promising first: one of each slot, then the next of each. Equal
    ones in a random order, so that asking again tries something else."""
    unknown = []
    for each in weighed:
        prior = PRIOR_LOGITS * math.sqrt(sum(c * c for c in each.move.contrast.values()))
        adds = any(c > 0 for term, c in each.move.contrast.items() if term not in NUMBERS)
        if adds and each.deviation**2 >= UNTRIED_SHARE * prior**2:
            unknown.append(each)
    tools.rng.shuffle(unknown)
    # a switch of levels has two unknowns and so the wider doubt: what is weighed is the doubt about the new level
    unknown.sort(key=lambda each: -each.optimistic)
    nth: Counter[str] = Counter()
    turns = []
    for each in unknown:
        slot = each.move.slot.split()[0]
        turns.append((nth[slot], each))
        nth[slot] += 1
    return [each for _, each in sorted(turns, key=lambda turn: turn[0])]


def _deviations(tested: int) -> float:
    from scipy.stats import norm

    return float(norm.ppf(1 - (1 - LEVEL) / max(1, tested)))


# ---- words about them -----------------------------------------------------------------------------------------------


def _basis(effects: Effects) -> str:
    votes, ratings = effects.votes, effects.ratings
    parts = [f"{votes} comparison{'' if votes == 1 else 's'}"] if votes else []
    parts += [f"{ratings} rated picture{'' if ratings == 1 else 's'}"] if ratings else []
    return " and ".join(parts)


def _odds(each: _Weighed, z: float, tested: int) -> str:
    over = f" over {tested} changes looked at" if tested > 1 else ""
    return (
        f"People's odds of preferring it are about {math.exp(each.mean):.1f} to 1 "
        f"(at least {math.exp(each.lower(z)):.1f} to 1, {LEVEL:.0%} sure{over})."
    )
