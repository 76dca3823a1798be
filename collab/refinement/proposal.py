"""What a proposer is given and what it returns. One protocol for all of them; knows neither store nor models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from collab.errors import CollabError
from collab.prompts import Wording
from collab.types import Modality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from collab.refinement.digest import Digest


class NothingToLearn(CollabError):
    """The evidence does not suffice for this proposer: one sentence that says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A proposed wording with why, in words for people, and the acts of feedback that it rests on.

    details: the proposer's own numbers (weights, counts), JSON. exploratory: proposed because nobody knows of it; then
    it may rest on no act at all, and says so.
    """

    wording: Wording
    proposer: str
    rationale: str
    evidence_ids: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    exploratory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a proposer may use besides the digest.

    ask: a text model's answer to one message (Unavailable when it fails or takes too long); embed: (n, d) unit vectors
    of texts; tokens: how many tokens a text is, about; tell: progress 0–1 with a few words, raising Stopped.
    """

    ask: Callable[[str], str]
    embed: Callable[[Sequence[str]], NDArray[np.float32]]
    tokens: Callable[[str], int]
    rng: Random
    tell: Callable[[float, str], None] = lambda fraction, words: None


class Proposer(Protocol):
    """One way from evidence to candidates."""

    name: str
    modalities: tuple[Modality, ...]

    def propose(self, digest: Digest, tools: Tools, count: int) -> Sequence[Candidate]:
        """At most `count` candidates, the most promising first. Raises NothingToLearn with one sentence."""
