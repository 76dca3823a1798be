"""Asks people, blind, whether a trained model is better: than what serves, and than the model it was trained from.

Each is a study of its own with one claim, fixed before its first vote: the same prompts, as people wrote them, are
answered by both. Prompts that were held out come first. Decides nothing: that is model_promotion.py.
"""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from collab.datasets import snapshots
from collab.datasets.splitting import to_check_on
from collab.errors import CollabError, InvalidStudy, Unavailable
from collab.identity import Visitor
from collab.refinement.trying.model_promotion import comparisons, serving_model
from collab.refinement.trying.trial_plan import (
    BLOCK,
    CASE_CHARACTERS,
    CASES_LIMIT,
    CONFIRMING_VOTES,
    panel_members,
    spread,
)
from collab.refinement.trying.trial_votes import evidence_of
from collab.studies.creation import create_study
from collab.training.gates import check_testable
from collab.training.publishing import trained_version
from collab.types import DatasetSnapshot, ModelVersion, Study
from collab.workspace import Workspace

Json = dict[str, Any]
REQUEST = "request"  # the variable that stands for a whole prompt
OVERLAP = 10  # people on one item, as of a prompt's confirming study
_FRAMES = (("user",), ("system", "user"))  # conversations that a study can put to a model


def start_tests(ws: Workspace, visitor: Visitor, version_id: object, *, scope: str = "") -> list[Study]:
    """Put the version to people against what serves and against its base: one study each, or one where they are the
    same.

    scope: "panel" (whoever asks decides for themselves) or "population"; "": as fits who can reach the studio. Raises
    NotAllowed for a version that did not pass its checks, InvalidStudy where a test is open already or no prompt of
    its training stands alone, NotFound.
    """
    version = trained_version(ws, visitor, version_id)
    opponents = _testable(ws, visitor, version)
    scope = scope or usual_scope(ws)
    asked = _asked(ws, visitor, version)
    panel = panel_members(ws, visitor, ("me",)) if scope == "panel" else []
    made = [create_study(ws, visitor, _spec(version, other, asked, scope, panel)) for other in opponents]
    ws.pregeneration.wake()
    return made


def why_not_tested(ws: Workspace, visitor: Visitor, version: ModelVersion) -> str:
    """Why `start_tests` would refuse now, in a sentence; "" where nothing is known that it would refuse for."""
    try:
        _testable(ws, visitor, version)
    except CollabError as error:
        return str(error)
    return ""


def usual_scope(ws: Workspace) -> str:
    """On one's own machine nobody else comes."""
    return "panel" if ws.settings.is_loopback else "population"


def _testable(ws: Workspace, visitor: Visitor, version: ModelVersion) -> list[ModelVersion]:
    """Whom the version can be put to people against."""
    check_testable(version)
    opponents = opponents_of(ws, version)
    if serving_model(ws, version.modality).id == version.id:
        raise InvalidStudy(f"{version.name} serves already.")
    for other in opponents:
        if any(study.status == "open" for study, _ in comparisons(ws, visitor, version, other)):
            raise InvalidStudy(
                f"A blind test of {version.name} against {other.name} is open already: vote in it, or close it on "
                "Insights."
            )
    return opponents


def opponents_of(ws: Workspace, version: ModelVersion) -> list[ModelVersion]:
    """What serves now, then the model without any adapter, each once and never the version itself."""
    found = [serving_model(ws, version.modality), base_of(ws, version)]
    return [other for n, other in enumerate(found) if other.id not in {version.id, *(o.id for o in found[:n])}]


def base_of(ws: Workspace, version: ModelVersion) -> ModelVersion:
    """The first of its line: the model that nothing was added to."""
    while version.parent_id:
        version = ws.store.get(ModelVersion, version.parent_id)
    return version


def tests_of(ws: Workspace, visitor: Visitor, version: ModelVersion) -> list[Json]:
    """The newest study against each opponent, with what its votes say."""
    told: list[Json] = []
    for other in opponents_of(ws, version):
        for study, challenger in comparisons(ws, visitor, version, other):
            told.append({
                "study_id": study.id, "title": study.title, "link": study.link, "status": study.status,
                "votes": study.answered, "wanted": study.spec["target"].get("votes"), "against": other.name,
                "serves": other.id == serving_model(ws, version.modality).id,
                "evidence": evidence_of(ws, study.id, challenger, 1 - challenger),
            })  # fmt: skip
            break
    return told


def _asked(ws: Workspace, visitor: Visitor, version: ModelVersion) -> Json:
    """The system text, settings and requests of the conversations that the version learnt from, held-out ones first."""
    frames: dict[str, dict[str, Counter[str]]] = {}
    for row in _rows(ws, visitor, version):
        turns = row["prompt"] if not isinstance(row["prompt"], str) else [{"role": "user", "content": row["prompt"]}]
        if tuple(turn["role"] for turn in turns) not in _FRAMES:
            continue
        system = turns[0]["content"] if len(turns) == 2 else ""
        request = turns[-1]["content"]
        if request.strip() and len(request) + len(system) <= CASE_CHARACTERS:
            frames.setdefault(system, {}).setdefault(request, Counter())[str(row.get("settings") or "{}")] += 1
    if not frames:
        raise InvalidStudy(
            f"No prompt that {version.name} learnt from stands alone: compare it on a prompt of your own on Insights."
        )
    system, requests = max(frames.items(), key=lambda frame: len(frame[1]))
    settings = Counter[str]()
    for used in requests.values():
        settings += used
    return {"system_text": system, "requests": list(requests)[:CASES_LIMIT],
            "settings": orjson.loads(settings.most_common(1)[0][0])}  # fmt: skip


def _rows(ws: Workspace, visitor: Visitor, version: ModelVersion) -> Iterator[Mapping[str, Any]]:
    snapshot = ws.store.get(DatasetSnapshot, str(version.snapshot_id))
    try:
        data = snapshots.rebuild(ws, snapshot)
    except Unavailable:  # some of it was deleted: what is there now asks as well
        _, data = snapshots.taken(ws, visitor, version.recipe.get("kind"), seed=snapshot.seed)
    learn, check, _ = to_check_on(data.train, data.test, snapshot.seed)
    yield from check
    yield from learn


def _spec(version: ModelVersion, other: ModelVersion, asked: Json, scope: str, panel: Sequence[str]) -> Json:
    votes = CONFIRMING_VOTES[scope] * max(1, len(panel))
    overlap = len(panel) or OVERLAP
    block = 1 if panel else BLOCK
    arm = {"prompt": f"{{{REQUEST}}}", "system_text": asked["system_text"], "settings": asked["settings"]}
    return {
        # nothing in it tells what is compared
        "title": f"Which {'answer' if version.modality == 'text' else 'picture'} is better? · {other.id[-2:]}"
                 f"{version.id[-4:]}",
        "task": "compare", "modality": version.modality,
        "arms": [{**arm, "name": other.name, "model": other.id}, {**arm, "name": version.name, "model": version.id}],
        "access": "link" if panel else "open",
        "evidence": {"scope": scope, "block": block, "panel": list(panel)},
        "overlap": overlap, "target": {"votes": votes}, "seed": secrets.randbelow(2**31),
        **({} if panel else {"quota": block}),
        **spread([{REQUEST: request} for request in asked["requests"]], max(math.ceil(votes / overlap), 2 * block)),
    }  # fmt: skip
