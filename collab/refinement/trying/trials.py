"""Trials: candidates against the version that serves, blind, first to find the best of them, then to be sure.

The screening is a study of all of them whose pairs are chosen to find the best (double_thompson.py). Whoever leads was
picked because of its votes, so these prove nothing about it: the confirming study asks about leader and champion anew,
on other outputs, and its votes alone are the evidence. One candidate needs no screening. The same people may vote in
both; whoever wants a claim about people at large invites new ones.

`advance` moves a trial on and may be called by any number of threads and processes at once: a study is made under a
name of its own (its request id), a stage is left only once. Promotes nothing (promotion.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from collab.aliases import serving_version
from collab.checks import is_id
from collab.errors import InvalidStudy, NotFound, Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.model_versions import model_version, resolve_model
from collab.refinement.owned import only_owner, owned_prompt
from collab.refinement.trying import trial_words as words
from collab.refinement.trying.trial_levels import claim_at_level
from collab.refinement.trying.trial_plan import CANDIDATES_LIMIT, make_plan, study_asked
from collab.refinement.trying.trial_votes import (
    LEAST_VOTES,
    arm_versions,
    bounded,
    evidence_of,
    find_leader,
    may_get_more,
)
from collab.refinement.trying.trial_votes import screening_rows as screening_rows
from collab.store import Conflict
from collab.store.trial_queries import lock_prompt
from collab.studies.creation import create_study, preview
from collab.studies.decisions import set_status
from collab.studies.plain import a_list
from collab.types import (
    TRIALS_UNDER_WAY,
    Annotator,
    Decision,
    DecisionKind,
    Prompt,
    PromptVersion,
    Study,
    StudyItem,
    Trial,
    now,
)
from collab.workspace import Workspace


def start(
    ws: Workspace, visitor: Visitor, prompt_id: str, candidate_ids: Sequence[str], *, model: str = "",
    cases: Sequence[Any] = (), variables: Any = None, scope: str = "population", panel: Sequence[str] = ("me",),
    overlap: int = 0, screening_votes: int = 0, confirming_votes: int = 0, seed: int | None = None,
) -> Trial:  # fmt: skip
    """Try candidates against the version that serves; the trial, its first study open.

    cases, variables: as a study's; without them what people filled in. scope, panel: whom the evidence is about
    (evidence.py), fixed from here on. Numbers that are 0 are chosen. Raises a CollabError with one sentence and then
    stores nothing: for other people's prompts, candidates that are rejected or serve already, a second open trial.
    """
    prompt = owned_prompt(ws, visitor, prompt_id)
    info = resolve_model(ws, visitor, model, prompt.modality)
    numbers = numbers_of(ws, prompt.id)
    for _ in range(5):
        champion = serving_version(ws, prompt.id)
        candidates = _candidates(ws, prompt, champion, candidate_ids, numbers)
        versions = [champion, *candidates]
        plan = make_plan(
            ws, visitor, prompt, versions, cases=cases, variables=variables, scope=scope, panel=panel, overlap=overlap,
            screening_votes=screening_votes, confirming_votes=confirming_votes, seed=seed,
        )  # fmt: skip
        trial = Trial(
            prompt_id=prompt.id, champion_id=champion.id, candidate_ids=tuple(v.id for v in candidates),
            model_version_id="", stage="screening" if len(candidates) > 1 else "confirming", spec=plan,
            leader_id=None if len(candidates) > 1 else candidates[0].id, created_by=visitor.annotator_id,
        )  # fmt: skip
        asked = study_asked(replace(trial, model_version_id=info.base), trial.stage, versions, numbers, prompt.modality)
        preview(ws, visitor, asked)
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                lock_prompt(connection, prompt.id)
                _check_alone(ws, prompt, connection)
                if serving_version(ws, prompt.id, connection=connection).id != champion.id:
                    continue  # another tab promoted at this moment
                weights = model_version(ws.store, info, connection=connection)
                trial = replace(trial, model_version_id=weights.id)
                begun = _decision(trial, "trial", words.begun(trial, numbers))
                ws.store.add(trial, begun, connection=connection)
        except Conflict:  # another tab stored the same person or model at this moment
            continue
        return advance(ws, trial.id)
    raise Unavailable("The store is very busy with the same prompt: try again in a moment.")


def advance(ws: Workspace, trial_id: str) -> Trial:
    """Look at the votes and move the trial on if they allow it; the trial as it is then. Doing so again is harmless.

    Raises NotFound, and a CollabError where a study cannot be made now; the trial then stays where it is.
    """
    trial = ws.store.get(Trial, trial_id)
    if trial.stage == "screening":
        trial = _screen(ws, trial)
    if trial.stage == "confirming":
        trial = _confirm(ws, trial)
    return trial


def stop(ws: Workspace, visitor: Visitor, trial_id: str) -> Trial:
    """End a trial undecided and close its studies. Raises NotFound for others' and InvalidStudy for one decided."""
    trial = owned_trial(ws, visitor, trial_id)
    if trial.stage == "decided":
        raise InvalidStudy("This trial is decided: there is nothing to stop.")
    said = "The trial was stopped before it was decided."
    _leave(ws, trial, {"stage": "stopped"}, _decision(trial, "stop", said), stages=TRIALS_UNDER_WAY)
    trial = ws.store.get(Trial, trial.id)
    for study_id in (trial.screening_id, trial.confirming_id):
        close_study(ws, trial, study_id)
    return trial


def of_prompt(ws: Workspace, prompt_id: str) -> list[Trial]:
    """The prompt's trials, oldest first."""
    return ws.store.find(Trial, prompt_id=prompt_id)


def owned_trial(ws: Workspace, visitor: Visitor, trial_id: object) -> Trial:
    """The owner's own trial. Raises NotAllowed, or NotFound alike for unknown ids and for other people's."""
    only_owner(visitor)
    found = ws.store.find(Trial, id=trial_id) if is_id(trial_id) else []
    if not found or found[0].created_by != visitor.annotator_id:
        raise NotFound(f"There is no trial “{str(trial_id)[:60]}” of yours: check the id.")
    return found[0]


def evidence(ws: Workspace, trial: Trial) -> dict[str, Any] | None:
    """Whether the leader beats the champion on the fresh votes (claims.claim's JSON); None before there is a study."""
    return evidence_of(ws, trial.confirming_id) if trial.confirming_id else None


def standing(ws: Workspace, trial: Trial) -> str:
    """Where the trial stands, in one sentence."""
    study = ws.store.get(Study, trial.screening_id) if trial.stage == "screening" and trial.screening_id else None
    return words.standing(trial, study, evidence(ws, trial), numbers_of(ws, trial.prompt_id))


def numbers_of(ws: Workspace, prompt_id: str) -> dict[str, int]:
    """What each version of a prompt is called: 1, 2, … by age."""
    return {version.id: n for n, version in enumerate(ws.store.find(PromptVersion, prompt_id=prompt_id), 1)}


def rejected(ws: Workspace, prompt_id: str) -> set[str]:
    """The versions that the owner decided against."""
    found = ws.store.find(Decision, prompt_id=prompt_id, kind="reject")
    return {str(decision.content.get("prompt_version_id")) for decision in found}


def owner_of(ws: Workspace, trial: Trial) -> Visitor:
    """Whoever began the trial, as an owner: its studies are theirs."""
    who = ws.store.get(Annotator, trial.created_by)
    return Visitor(who.id, who.origin, is_owner=True, display_name=who.display_name)


# ---- from stage to stage --------------------------------------------------------------------------------------------


def _screen(ws: Workspace, trial: Trial) -> Trial:
    if trial.screening_id is None:
        study = make_study(ws, trial, "screening", [trial.champion_id, *trial.candidate_ids])
        return _attach(ws, trial, "screening_id", study)
    study = ws.store.get(Study, trial.screening_id)
    more = may_get_more(ws, trial, study, now())
    if more and study.answered * 2 < LEAST_VOTES * (1 + len(trial.candidate_ids)):
        return trial  # no lead can be clear yet
    leader, clear = find_leader(ws, study.id)
    if more and not clear:
        return trial
    if leader is None:
        said = f"The trial ended without a vote: {_why_no_votes(ws, study)}."
        _leave(ws, trial, {"stage": "stopped"}, _decision(trial, "stop", said))
        close_study(ws, trial, study.id)
        return ws.store.get(Trial, trial.id)
    fresh = make_study(ws, trial, "confirming", [trial.champion_id, leader])
    leader = arm_versions(ws, fresh.id)[1]  # another thread may have made the study, with the leader it saw
    numbers = numbers_of(ws, trial.prompt_id)
    why = "the lead is clear" if clear else "as many as were asked for" if study.status == "open" else "it was closed"
    said = words.led(leader, trial, study.answered, why, numbers)
    changes = {"stage": "confirming", "confirming_id": fresh.id, "leader_id": leader}
    _leave(ws, trial, changes, _decision(trial, "confirm", said, prompt_version_id=leader))
    close_study(ws, trial, study.id)
    trial = ws.store.get(Trial, trial.id)
    if trial.stage == "stopped":  # at this moment, so nobody else closes what was made here
        close_study(ws, trial, fresh.id)
    return trial


def _confirm(ws: Workspace, trial: Trial) -> Trial:
    close_study(ws, trial, trial.screening_id)  # where an earlier look was cut short
    if trial.confirming_id is None:
        study = make_study(ws, trial, "confirming", [trial.champion_id, str(trial.leader_id)])
        return _attach(ws, trial, "confirming_id", study)
    study = ws.store.get(Study, trial.confirming_id)
    more = may_get_more(ws, trial, study, now())
    if more and not study.answered:
        return trial
    found = evidence_of(ws, study.id)
    if found["verdict"] == "undecided" and more:
        return trial
    numbers = numbers_of(ws, trial.prompt_id)
    said = words.decided(trial, found["verdict"], found, numbers)
    if not study.answered:
        said = f"The trial ended without a fresh vote: {_why_no_votes(ws, study)}."
    content = {"prompt_version_id": trial.leader_id, "verdict": found["verdict"], "evidence": bounded(found)}
    changes = {"stage": "decided", "verdict": found["verdict"]}
    _leave(ws, trial, changes, _decision(trial, "decide", said, **content))
    close_study(ws, trial, study.id)
    return ws.store.get(Trial, trial.id)


def make_study(ws: Workspace, trial: Trial, step: str, version_ids: Sequence[str]) -> Study:
    """The study of a step, made once however often it is asked for. Raises what create_study does."""
    prompt = ws.store.get(Prompt, trial.prompt_id)
    versions = [ws.store.get(PromptVersion, version_id) for version_id in version_ids]
    asked = study_asked(trial, step, versions, numbers_of(ws, prompt.id), prompt.modality)
    if step == "confirming":
        asked["evidence"] |= claim_at_level(ws, trial)
    study = create_study(ws, owner_of(ws, trial), asked, request_id=f"trial:{trial.id}:{step}")
    ws.pregeneration.wake()
    return study


def close_study(ws: Workspace, trial: Trial, study_id: str | None) -> None:
    """Close a study of the trial, if it is open."""
    if study_id and (study := ws.store.get(Study, study_id)).status == "open":
        set_status(ws, owner_of(ws, trial), study, "closed")


def _attach(ws: Workspace, trial: Trial, column: str, study: Study) -> Trial:
    """Note the study of the present stage, unless the trial was stopped meanwhile."""
    ws.store.update(Trial, trial.id, {column: study.id}, only_if={"stage": trial.stage, column: None})
    trial = ws.store.get(Trial, trial.id)
    if trial.stage == "stopped":
        close_study(ws, trial, study.id)
    return trial


def _leave(
    ws: Workspace, trial: Trial, changes: dict[str, Any], decision: Decision, *, stages: Sequence[str] = ()
) -> None:
    """Leave the trial's stage (or any of `stages`), with what is told of it, unless somebody else has already."""
    only_if = {"stage": list(stages) or trial.stage}
    with ws.store.writing() as connection:
        if ws.store.update(Trial, trial.id, changes, only_if=only_if, connection=connection):
            ws.store.add(decision, connection=connection)


def _decision(trial: Trial, kind: DecisionKind, said: str, **content: Any) -> Decision:
    return Decision(
        prompt_id=trial.prompt_id, kind=kind, content={"said": said, "trial_id": trial.id, **content},
        created_by=trial.created_by,
    )  # fmt: skip


def _why_no_votes(ws: Workspace, study: Study) -> str:
    failed = ws.store.find(StudyItem, study_id=study.id, status="failed", limit=1)
    if failed and study.status == "open":
        return f"its outputs could not be made ({failed[0].error.rstrip('.')})"
    return "its study was closed"


# ---- checking what was asked for ------------------------------------------------------------------------------------


def _candidates(
    ws: Workspace, prompt: Prompt, champion: PromptVersion, ids: object, numbers: dict[str, int]
) -> list[PromptVersion]:
    listed = list(dict.fromkeys(map(str, a_list(ids, "candidates", 100))))
    if not 1 <= len(listed) <= CANDIDATES_LIMIT:
        raise InvalidStudy(f"The trial has {len(listed)} candidates: choose 1 to {CANDIDATES_LIMIT}.")
    against = rejected(ws, prompt.id)
    for version_id in listed:
        if version_id not in numbers:
            raise NotFound(f"There is no version “{version_id[:60]}” of this prompt: choose from its versions.")
        name = words.capital(words.version(numbers, version_id))
        if version_id == champion.id:
            raise InvalidStudy(f"{name} serves already: try others against it.")
        if version_id in against:
            raise InvalidStudy(f"{name} was rejected: choose another, or propose anew.")
    found = {version.id: version for version in ws.store.find(PromptVersion, id=listed)}
    return [found[version_id] for version_id in listed]


def _check_alone(ws: Workspace, prompt: Prompt, connection: Connection) -> None:
    if ws.store.find(Trial, prompt_id=prompt.id, stage=list(TRIALS_UNDER_WAY), limit=1, connection=connection):
        raise InvalidStudy("A trial of this prompt is under way: wait until it is decided, or stop it first.")
