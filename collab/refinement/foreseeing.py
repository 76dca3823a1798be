"""Puts proposals in the order that a model of past votes foresees, by what each makes of inputs that were used before.

It only orders, and never drops: which is better is for people to say. Stores nothing.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from collab.errors import CollabError, Stopped
from collab.generation import messages_of
from collab.identity import Visitor
from collab.model_versions import resolve_model
from collab.prompts import Wording, fill, placeholders
from collab.refinement.asking import lane_of, whole_answers
from collab.refinement.proposal import Candidate, Tools
from collab.types import new_id
from collab.workspace import Workspace
from models.base import ImageRequest, ModelInfo, Request, TextRequest, canonical_settings

if TYPE_CHECKING:
    from collab.refinement.digest import Digest

log = logging.getLogger(__name__)
CASES = 2  # inputs that each proposal is tried on
TRYING_S = 240.0  # seconds for all of them together


def in_order_of_promise(
    ws: Workspace, visitor: Visitor, digest: Digest, tools: Tools, accepted: Sequence[Candidate],
    stopped: Callable[[], bool],
) -> tuple[list[Candidate], str]:  # fmt: skip
    """The candidates, the likeliest to be preferred first, and how they were ordered, in a sentence.

    Unchanged and "" where there are too few votes to learn from; unchanged with the reason where they could not be
    tried. Raises Stopped.
    """
    from collab.refinement.proposers import surrogate

    if len(accepted) < 2:
        return list(accepted), ""
    try:
        ranker = surrogate.fit(digest, tools, ws.blobs.get)
        if ranker is None:
            return list(accepted), ""
        tools.tell(0.9, "Trying the proposals on what was asked before")
        info = resolve_model(ws, visitor, "", digest.modality)
        cases = list({str(dict(o.variables)): o.variables for o in digest.own}.values())[:CASES] or [{}]
        seeds = [tools.rng.randrange(2**32) for _ in cases]  # the same for every proposal
        requests = [
            _request(visitor, info, candidate.wording, case, seed)
            for candidate in accepted
            for case, seed in zip(cases, seeds, strict=True)
        ]
        made = whole_answers(ws, requests, stopped, timeout_s=TRYING_S)
        scored = [float(score) for score in ranker.score(made)]
    except Stopped:
        raise
    except CollabError as error:
        return list(accepted), f"The proposals stand in the order they were made, as they could not be tried: {error}"
    except Exception:
        log.exception("the proposals could not be put in order")
        return list(accepted), ""
    means = [sum(scored[n : n + len(cases)]) / len(cases) for n in range(0, len(scored), len(cases))]
    if not all(map(math.isfinite, means)):
        return list(accepted), ""
    told = [
        replace(candidate, details={**candidate.details, "foreseen": round(mean, 4), "foreseen_by": ranker.said})
        for candidate, mean in zip(accepted, means, strict=True)
    ]
    ordered = sorted(told, key=lambda candidate: -candidate.details["foreseen"])
    return ordered, f"The proposals stand in the order that a model of past votes foresees. {ranker.said}"


def maker(
    ws: Workspace, visitor: Visitor, digest: Digest, tools: Tools, stopped: Callable[[], bool]
) -> Callable[[Wording, Mapping[str, str]], str | bytes]:
    """A function that makes one output of a wording, its variables filled in, with a seed that stays the same."""
    info, seed = resolve_model(ws, visitor, "", digest.modality), tools.rng.randrange(2**32)

    def make(wording: Wording, case: Mapping[str, str]) -> str | bytes:
        return whole_answers(ws, [_request(visitor, info, wording, case, seed)], stopped)[0]

    return make


def _request(visitor: Visitor, info: ModelInfo, wording: Wording, case: Mapping[str, str], seed: int) -> Request:
    """One output of this wording."""
    texts = [wording.text, wording.negative_text, wording.system_text]
    needed = {name: case.get(name) or name for text in texts for name in placeholders(text)}
    (text, negative, system), _ = fill(texts, needed)
    common: dict[str, Any] = {
        "id": new_id(), "owner": lane_of(visitor), "model": info, "seed": seed, "count": 1,
        "settings": canonical_settings(wording.modality, wording.settings, info.defaults),
    }  # fmt: skip
    if wording.modality == "image":
        return ImageRequest(**common, prompt=text, negative_prompt=negative)
    return TextRequest(**common, messages=messages_of(system, wording.examples, text))
