"""Fits Bradley–Terry's logits to a matrix of wins by maximum likelihood. Knows nothing of votes, intervals or names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collab.statistics.pair_counts import Array, groups_of

LONGEST_STEP = 3.0  # logits: odds of twenty to one


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Where the likelihood is highest. sides: groups of arms between which all votes went one way; one where a maximum
    exists (Ford 1957), else the fit is Firth's bias-reduced one."""

    logit: Array  # (m,), mean zero
    inverse: Array  # (m, m), of the information
    sides: list[tuple[int, ...]]


def fit_logits(wins: Array, start: Array | None = None) -> Fit:
    """Fit P(i beats j) = 1 / (1 + exp(l_j − l_i)) to wins (m, m) of i over j, ties half to each; all arms connected.

    By Newton's method (Bradley & Terry 1952), from start (m,) or from equal arms. Where the wins do not lead from every
    arm to every other no finite maximum exists: then by Firth's penalised likelihood (1993), which for aggregated pairs
    gives both sides of a pair half the pair's leverage as extra wins.
    """
    sides = groups_of(wins > 0, "strong")
    logit = np.zeros(len(wins)) if start is None else start
    if len(sides) == 1:
        return Fit(*_newton(wins, logit), sides)
    logit = np.zeros(len(wins))
    for _ in range(200):  # until the leverages settle
        inverse = _inverse(_information(wins + wins.T, logit))
        leverage = (wins + wins.T) * _chance(logit) * _chance(logit).T * variances_of_differences(inverse)
        before, (logit, inverse) = logit, _newton(wins + leverage / 2, logit)
        if np.abs(logit - before).max() < 1e-8:
            break
    return Fit(logit, inverse, sides)


def _newton(wins: Array, logit: Array) -> tuple[Array, Array]:
    """The maximum of Σ wins_ij log P(i beats j) and the inverse information there; halves a step that overshoots."""
    total = wins + wins.T

    def likelihood(at: Array) -> float:
        return -float((wins * np.logaddexp(0, at[None, :] - at[:, None])).sum())

    value = likelihood(logit)
    for _ in range(100):
        information = _information(total, logit)
        information += np.trace(information) / len(logit) ** 2  # makes it regular, and leaves the mean where it is
        step = np.linalg.solve(information, (wins - total * _chance(logit)).sum(axis=1))
        # far out the likelihood is so flat that a step may land where nothing is left to go by
        step = step * min(1.0, LONGEST_STEP / max(np.abs(step).max(), 1e-300))
        for _ in range(40):
            ahead = likelihood(logit + step)
            if ahead >= value - 1e-12 * abs(value):
                break
            step = step / 2
        logit, value = logit + step, ahead
        if np.abs(step).max() < 1e-8:  # convergence is quadratic: what is left is far smaller
            break
    return logit - logit.mean(), _inverse(_information(total, logit))


def _chance(logit: Array) -> Array:
    from scipy.special import expit

    return expit(logit[:, None] - logit[None, :])


def _information(total: Array, logit: Array) -> Array:
    chance = _chance(logit)
    return laplacian(total * chance * chance.T)


def laplacian(pairs: Array) -> Array:
    """Σ over pairs of value × (e_i − e_j)(e_i − e_j)ᵀ, from symmetric values (m, m)."""
    return np.diag(pairs.sum(axis=1)) - pairs


def _inverse(information: Array) -> Array:
    """The inverse among vectors whose mean is zero: a shift of all strengths changes nothing."""
    size = len(information)
    lift = np.trace(information) / size
    return np.linalg.inv(information + lift / size) - 1 / (lift * size)


def variances_of_differences(covariance: Array) -> Array:
    """Variances of all differences i − j, (m, m)."""
    own = np.diag(covariance)
    return np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0)
