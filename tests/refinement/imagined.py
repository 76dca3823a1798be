"""Digests made in memory: outputs and votes of people who do not exist, whose taste is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from collab.prompts import Wording
from collab.refinement.asking import about_tokens
from collab.refinement.digest import Correction, Digest, JudgedOutput, JudgedPair, Remark
from collab.refinement.proposal import Tools
from collab.types import Modality, PromptVersion
from models.embedding import embed_by_spelling


def tools(ask: Callable[[str], str] = lambda message: "", seed: int = 0, **more: Any) -> Tools:
    return Tools(**{"ask": ask, "embed": embed_by_spelling, "tokens": about_tokens, "rng": Random(seed), **more})


def wording(text: str, modality: Modality = "text", **more: Any) -> Wording:
    return Wording(modality=modality, text=text, **more)


def digest(parent: Wording, outputs: Sequence[JudgedOutput] = (), pairs: Sequence[JudgedPair] = ()) -> Digest:
    version = PromptVersion(
        prompt_id="p", text=parent.text, negative_text=parent.negative_text, system_text=parent.system_text,
        settings=parent.settings, content_sha256=parent.sha256, created_by="ann",
    )  # fmt: skip
    return Digest(
        version=version, wording=parent, modality=parent.modality,
        outputs={output.output_id: output for output in outputs}, pairs=tuple(pairs),
    )  # fmt: skip


def output(
    name: str, of: Wording, text: str | None = None, *, liking: float | None = None, asked: str = "",
    corrected: str = "", said: Sequence[tuple[str, str]] = (), variables: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None, weight: float = 1.0, blob: str | None = None,
) -> JudgedOutput:  # fmt: skip
    return JudgedOutput(
        output_id=name, prompt_version_id=of.sha256, wording=of, weight=weight, asked=asked or of.text,
        variables=variables or {}, settings=settings or {}, text=text, blob_sha256=blob, liking=liking,
        corrections=(Correction(text=corrected, distance=2, event_id=f"edit {name}", annotator_id="bob"),)
        if corrected
        else (),
        remarks=tuple(
            Remark(label=label, text=words, event_id=f"remark {name}", annotator_id="bob") for label, words in said
        ),
        event_ids=(f"rated {name}",),
    )  # fmt: skip


def pair(better: str, worse: str, n: int = 0, *, weight: float = 1.0, by: str = "bob", comment: str = "") -> JudgedPair:
    return JudgedPair(
        better=better, worse=worse, event_id=f"vote {n} {better} {worse}", annotator_id=by, weight=weight,
        comment=comment,
    )  # fmt: skip


def votes(
    names: Sequence[tuple[str, str]], utility: Callable[[str], float], rng: Random, each: int = 1
) -> list[JudgedPair]:
    """People whose odds of preferring a to b are e^(utility(a) − utility(b))."""
    made = []
    for n, (a, b) in enumerate(names):
        for person in range(each):
            a_wins = rng.random() < 1 / (1 + math.exp(utility(b) - utility(a)))
            made.append(pair(a, b, n, by=f"p{person}") if a_wins else pair(b, a, n, by=f"p{person}"))
    return made
