"""Promotes what beat the serving version in a blind trial, and nothing else; takes promotions back, always.

A prompt's alias moves on the evidence of a decided trial about the very version that serves now, once. After that a
watch goes on asking people about both, and watching.py rolls back if they turn. Weights: model_promotion.py.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from collab import aliases
from collab.errors import CollabError, InvalidStudy, NotAllowed, NotFound, Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.refinement.owned import only_owner, owned_prompt, owned_version
from collab.refinement.trying import model_promotion, trials
from collab.refinement.trying import trial_words as words
from collab.refinement.trying.trial_votes import bounded
from collab.store import Conflict
from collab.types import TRIALS_UNDER_WAY, Alias, Decision, DecisionKind, Prompt, PromptVersion, Trial
from collab.workspace import Workspace

log = logging.getLogger(__name__)


def promote(ws: Workspace, visitor: Visitor, alias_name: str, version_id: str) -> Alias:
    """Let the name mean this version, which a blind trial has shown to be better than what it means now.

    Raises NotAllowed without such evidence (or without the right to), InvalidStudy for the version that serves
    already, NotFound for others' prompts; then nothing is stored.
    """
    only_owner(visitor)
    name = aliases.check_name(alias_name)
    if name in aliases.MODELS:
        return model_promotion.promote(ws, visitor, name, version_id)
    prompt, version = _version_of(ws, visitor, name, version_id)
    for _ in range(5):
        tip = aliases.current(ws, name)
        try:
            trial, found = _grounds(ws, prompt, version, tip)
        except NotAllowed:
            if aliases.current(ws, name) != tip:  # moved while the grounds were looked at: they may be others now
                continue
            raise
        before = tip.version_id if tip else trial.champion_id
        said = words.promoted(version.id, before, found, trials.numbers_of(ws, prompt.id))
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                row = aliases.add_move(
                    ws, visitor, name, version.id, "promote", trial_id=trial.id, evidence=bounded(found),
                    after=tip.id if tip else None, connection=connection,
                )  # fmt: skip
                ws.store.add(_decision(visitor, prompt.id, "promote", said, trial.id, version.id),
                             connection=connection)  # fmt: skip
        except Conflict:  # another tab moved the name at this moment: see whether the evidence still speaks of it
            continue
        close_watches(ws, prompt.id)
        _open_watch(ws, trial)
        return row
    raise Unavailable("The store is very busy with the same prompt: try again in a moment.")


def rollback(
    ws: Workspace, visitor: Visitor, alias_name: str, reason: str = "", *, evidence: Mapping[str, Any] | None = None,
    after: str = "",
) -> Alias:  # fmt: skip
    """Let the name mean again what served before the promotion in force, for whatever reason.

    after: the id of the move to be taken back, if it is to be that one alone. Raises InvalidStudy where nothing served
    before, Unavailable if somebody else moved the name meanwhile, NotFound for others' prompts.
    """
    only_owner(visitor)
    name = aliases.check_name(alias_name)
    if name in aliases.MODELS:
        return model_promotion.rollback(ws, visitor, name, reason)
    prompt = owned_prompt(ws, visitor, name.removeprefix(aliases.PROMPT))
    tip, target = _way_back(ws, prompt)
    numbers = trials.numbers_of(ws, prompt.id)
    said = words.rolled_back(tip.version_id, target, " ".join(str(reason).split()), numbers)
    try:
        with ws.store.writing() as connection:
            ensure_annotator(ws, visitor, connection)
            row = aliases.add_move(
                ws, visitor, name, target, "rollback", trial_id=tip.trial_id, evidence=evidence, reason=reason,
                after=after or tip.id, connection=connection,
            )  # fmt: skip
            ws.store.add(_decision(visitor, prompt.id, "rollback", said, tip.trial_id, target), connection=connection)
    except Conflict:
        raise Unavailable("Somebody else moved this prompt at this moment: look at what serves now.") from None
    close_watches(ws, prompt.id)
    return row


def why_not_promote(ws: Workspace, visitor: Visitor, alias_name: str, version_id: str) -> str:
    """Why a prompt's version may not be promoted now, in one sentence; "" if it may be."""
    try:
        name = aliases.check_name(alias_name)
        prompt, version = _version_of(ws, visitor, name, version_id)
        _grounds(ws, prompt, version, aliases.current(ws, name))
    except CollabError as error:
        return str(error)
    return ""


def why_not_roll_back(ws: Workspace, visitor: Visitor, prompt_id: str) -> str:
    """Why there is no way back for a prompt now, in one sentence; "" if there is."""
    try:
        _way_back(ws, owned_prompt(ws, visitor, prompt_id))
    except CollabError as error:
        return str(error)
    return ""


def close_watches(ws: Workspace, prompt_id: str) -> None:
    """Close the studies that watch earlier promotions of a prompt."""
    for trial in trials.of_prompt(ws, prompt_id):
        trials.close_study(ws, trial, trial.watch_id)


def _version_of(ws: Workspace, visitor: Visitor, name: str, version_id: object) -> tuple[Prompt, PromptVersion]:
    prompt, version = owned_version(ws, visitor, version_id)
    if name != aliases.of_prompt(prompt.id):
        raise NotFound(f"There is no version “{str(version_id)[:60]}” of this prompt: choose from its versions.")
    return prompt, version


def _grounds(
    ws: Workspace, prompt: Prompt, version: PromptVersion, tip: Alias | None
) -> tuple[Trial, Mapping[str, Any]]:
    """The trial that a promotion may rest on, and what its votes say now. Raises InvalidStudy or NotAllowed."""
    numbers = trials.numbers_of(ws, prompt.id)
    serving = tip.version_id if tip else aliases.root_version(ws, prompt.id).id
    name, champion = words.capital(words.version(numbers, version.id)), words.version(numbers, serving)
    if version.id == serving:
        raise InvalidStudy(f"{name} serves already.")
    if version.id in trials.rejected(ws, prompt.id):
        raise NotAllowed(f"{name} was rejected: propose or choose another.")
    tried = [trial for trial in trials.of_prompt(ws, prompt.id) if version.id in trial.candidate_ids]
    led = [trial for trial in tried if trial.stage == "decided" and trial.leader_id == version.id]
    about = [trial for trial in led if trial.champion_id == serving]
    if not about and any(trial.verdict == "better" for trial in led):
        other = words.version(numbers, next(t.champion_id for t in reversed(led) if t.verdict == "better"))
        raise NotAllowed(
            f"{name} beat {other}, but now {champion} serves: start a trial against that before promoting it."
        )
    if not about and any(trial.stage in TRIALS_UNDER_WAY for trial in tried):
        raise NotAllowed(f"The trial of {name.lower()} is not decided yet: wait for its fresh votes.")
    if not about:
        raise NotAllowed(f"{name} has not beaten {champion} in a blind trial: start one before promoting it.")
    trial = about[-1]
    if trial.verdict != "better":
        raise NotAllowed(
            f"The last trial of {name.lower()} against {champion} ended “{trial.verdict}”, so {champion} stays: "
            "change the version, or try it once more."
        )
    if any(move.trial_id == trial.id for move in aliases.history(ws, aliases.of_prompt(prompt.id))):
        raise NotAllowed(f"{name} was promoted on its trial before and rolled back since: start a new trial.")
    found = trials.evidence(ws, trial)
    if found is None or found["verdict"] != "better":
        raise NotAllowed(f"The votes that now count for {name.lower()} no longer show that it is better: try it anew.")
    return trial, found


def _way_back(ws: Workspace, prompt: Prompt) -> tuple[Alias, str]:
    """The move in force and the version that a rollback leads to. Raises InvalidStudy where there is none."""
    name = aliases.of_prompt(prompt.id)
    tip, root = aliases.current(ws, name), aliases.root_version(ws, prompt.id)
    target = aliases.served_before(ws, name, root.id) if tip else None
    if tip is None or target is None:
        serving = words.version(trials.numbers_of(ws, prompt.id), tip.version_id if tip else root.id)
        raise InvalidStudy(f"Nothing served before {serving}: there is nothing to roll back to.")
    return tip, target


def _open_watch(ws: Workspace, trial: Trial) -> None:
    """Go on asking about the promoted version and the one it replaced. The promotion stands even if that fails."""
    numbers = trials.numbers_of(ws, trial.prompt_id)
    leader, champion = words.version(numbers, trial.leader_id), words.version(numbers, trial.champion_id)
    said = f"{words.capital(leader)} goes on being compared with {champion} on fresh votes: if it loses, "
    said += f"{champion} serves again."
    study_id = None
    try:
        study_id = trials.make_study(ws, trial, "watch", [trial.champion_id, str(trial.leader_id)]).id
    except CollabError as error:
        log.warning("the promotion of trial %s is not watched: %s", trial.id, error)
        said = f"The promotion is not watched, because no study could be made: {error}"
    with ws.store.writing() as connection:
        if study_id:
            ws.store.update(Trial, trial.id, {"watch_id": study_id}, only_if={"watch_id": None}, connection=connection)
        owner = trials.owner_of(ws, trial)
        ws.store.add(_decision(owner, trial.prompt_id, "watch", said, trial.id, trial.leader_id),
                     connection=connection)  # fmt: skip


def _decision(
    visitor: Visitor, prompt_id: str, kind: DecisionKind, said: str, trial_id: str | None, version_id: str | None
) -> Decision:
    content = {"said": said, "trial_id": trial_id, "prompt_version_id": version_id}
    return Decision(prompt_id=prompt_id, kind=kind, content=content, created_by=visitor.annotator_id)
