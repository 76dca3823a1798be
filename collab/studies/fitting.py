"""What a spec comes to once its items are known: blocks that one person can complete, a target that can be reached.

Knows nothing of the store.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from collab.errors import InvalidStudy
from collab.studies.spec import Asked, StudySpec

Together = frozenset[Hashable]  # the arms that one item shows


def fit(
    asked: Asked, spec: StudySpec, items: Sequence[Together], *, answered: bool = False, most: int = 0
) -> StudySpec:
    """The spec with a block of evidence where the owner fixed none, and with notes on what the items cannot tell.

    items: which arms each of them shows; answered: whether they bring their answers along, so that no more are asked
    for; most: how many items one person is given, 0 where that follows from the spec.
    Raises InvalidStudy for a target that cannot be reached.
    """
    if not answered:
        _check_target(spec, len(items))
    evidence = spec.evidence
    if not asked.block_given:
        evidence = {**evidence, "block": _block(asked, spec, items, most)}
    return replace(spec, evidence=evidence, notes=_notes(asked, items))


def _check_target(spec: StudySpec, items: int) -> None:
    votes, possible = int(spec.target.get("votes", 0)), items * spec.overlap
    if votes > possible > 0:  # that there are no items at all is told elsewhere
        raise InvalidStudy(
            f"The target is {votes:,} votes, but {items:,} items with {spec.overlap:,} people on each can have "
            f"{possible:,} answers: lower the target, or raise the overlap or the number of items."
        )


def _block(asked: Asked, spec: StudySpec, items: Sequence[Together], most: int) -> int:
    """How many votes on one pair of arms a person can be counted on to give, at most as many as the spec says.

    A claim is about one pair, and a person is given items of every pair in turn.
    """
    pairs = len({arms for arms in items if len(arms) == 2}) if asked.task == "compare" else 1
    if not most:
        most = len(items)
        if asked.task == "compare" and spec.reveal:  # nobody is shown an output twice then (assignment.py)
            most = most * (len(asked.arms) // 2) // pairs if asked.arms else most
    return max(1, min(int(spec.evidence["block"]), min(spec.quota or most, most) // max(1, pairs)))


def _notes(asked: Asked, items: Sequence[Together]) -> tuple[str, ...]:
    alone = sum(len(arms) == 1 for arms in items) if asked.task in ("compare", "rank") else 0
    if not alone:
        return ()
    if alone == len(items):
        return ("Every item compares outputs of one arm: the answers are preferences for training and rank nothing.",)
    few = f"{alone:,} of the {len(items):,} items compare"
    return (f"{few} outputs of one arm: answers to them are preferences for training and rank nothing.",)
