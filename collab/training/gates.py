"""What a trained model must show on held-out rows before people are asked about it. Pure: reads no store.

A gate says only that a model is not plainly spoilt. That it is better is for people to say, blind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from collab.errors import NotAllowed
from collab.types import ModelVersion

PERPLEXITY_MOST = 1.5  # times what it was, of texts that people like
ERROR_MOST = 1.5  # times what it was, of pictures that people like
LOOPING_MOST = 1 / 3  # of the samples: the likeliest continuation, which they are, falls into loops by itself at times
_REPEATED = 0.5  # share of a text's word triples that it has said before: more is a loop
_LEAST_WORDS = 12  # a shorter text says nothing about that
_LEARNED: Mapping[str, str] = {
    "sft": "held-out texts became likelier",
    "dpo": "held-out pairs are ordered as people did",
    "kto": "held-out good texts gained on bad ones",
    "reward": "held-out pairs are ordered as people did",
    "image-sft": "held-out pictures became likelier",
    "image-dpo": "held-out pairs are ordered as people did",
    "image-kto": "held-out good pictures gained on bad ones",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that was checked. said: for people, with the number."""

    gate: str
    passed: bool
    said: str


def gates(kind: str, metrics: Mapping[str, Any], samples: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Every gate of this kind of training with how it went."""
    return [asdict(gate) for gate in _gates(kind, metrics, samples)]


def _gates(kind: str, metrics: Mapping[str, Any], samples: Sequence[Mapping[str, str]]) -> Iterator[Gate]:
    accuracy, held = metrics.get("accuracy"), metrics.get("held_out", 0)
    if accuracy is None:
        yield Gate("accuracy", False, "Nothing could be held out that would show whether it learned: gather more.")
    else:
        at_least = f"at least {metrics['accuracy_lower']:.0%} with 95 % confidence"
        yield Gate(
            "accuracy", accuracy > 0.5, f"{accuracy:.0%} of {held} {_LEARNED[kind]} ({at_least}); above 50 % is needed."
        )
    if kind == "reward":
        return
    if kind.startswith("image-"):
        yield from _of_pictures(metrics, len(samples))
        return
    before, after = metrics.get("perplexity_before"), metrics.get("perplexity_after")
    if before is not None and after is not None:
        yield Gate(
            "perplexity", after <= PERPLEXITY_MOST * before,
            f"The perplexity of texts that people like went from {before:.4g} to {after:.4g}; at most "
            f"{PERPLEXITY_MOST:g} times as much is allowed.",
        )  # fmt: skip
    empty = sum(not s["after"] and bool(s["before"]) for s in samples)
    yield Gate("empty", not empty, f"{empty} of {len(samples)} samples are empty that were not.")
    looping = sum(loops(s["after"]) and not loops(s["before"]) for s in samples)
    yield Gate(
        "repetition", looping <= len(samples) * LOOPING_MOST,
        f"{looping} of {len(samples)} samples repeat themselves that did not; at most a third may.",
    )  # fmt: skip


def _of_pictures(metrics: Mapping[str, Any], samples: int) -> Iterator[Gate]:
    before, after = metrics.get("error_before"), metrics.get("error_after")
    if before is not None and after is not None:
        yield Gate(
            "error", after <= ERROR_MOST * before,
            f"The error on pictures that people like went from {before:.4g} to {after:.4g}; at most {ERROR_MOST:g} "
            "times as much is allowed.",
        )  # fmt: skip
    blank, alike = metrics.get("blank", 0), metrics.get("alike", 0)
    yield Gate("empty", not blank, f"{blank} of {samples} samples show nothing that did before.")
    yield Gate("alike", not alike, f"{alike} pairs of samples show the same that did not before.")


def loops(text: str) -> bool:
    """Whether a text says the same again and again."""
    words = text.split()
    if len(words) < _LEAST_WORDS:
        return False
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(triples)) / len(triples) > _REPEATED


def check_testable(version: ModelVersion) -> None:
    """Raises NotAllowed for a trained model that people should not be bothered with."""
    if version.recipe.get("kind") == "reward":
        raise NotAllowed(f"{version.name} ranks texts and writes none: choose a model that writes.")
    failed = [gate["said"] for gate in version.metrics.get("gates", ()) if not gate["passed"]]
    if failed:
        raise NotAllowed(f"{version.name} did not pass its checks, so nobody is asked about it: {' '.join(failed)}")
