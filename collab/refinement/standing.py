"""How a prompt's versions stand in their trials, as JSON, and what may be done next. Reads the store alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from collab.identity import Visitor
from collab.store.study_queries import item_states
from collab.studies.access import address_of
from collab.types import TRIALS_UNDER_WAY, Prompt, PromptVersion, Study, Trial
from collab.workspace import Workspace

Json = dict[str, Any]
TRIALS_READ = 3  # the newest, in which a version's own latest result is looked for
_NO_RESULT = {"win_rate": None, "lower": None, "upper": None, "votes": None}


@dataclass(frozen=True, slots=True)
class Standing:
    """The latest trial, the study that watches the version in force, each version's result, and what may be done.

    hidden_studies: those whose outputs must not be shown beside their version, as people still judge them blind.
    """

    trial: Json | None = None
    watch: Json | None = None
    results: Mapping[str, Json] = field(default_factory=dict)
    may: Mapping[str, Any] = field(default_factory=dict)
    hidden_studies: frozenset[str] = frozenset()

    def of_version(self, version_id: str) -> Json:
        """A version's share of votes in its latest trial, with its interval; nothing known is None."""
        return dict(self.results.get(version_id, _NO_RESULT))


def standing_of(
    ws: Workspace, visitor: Visitor, prompt: Prompt, versions: Sequence[PromptVersion], current_id: str,
    rejected: Collection[str], connection: Connection,
) -> Standing:  # fmt: skip
    """How things stand with a prompt."""
    found = ws.store.find(Trial, prompt_id=prompt.id, connection=connection)
    newest = sorted(found, key=lambda trial: trial.id, reverse=True)
    wanted = [s for t in newest[:TRIALS_READ] for s in (t.screening_id, t.confirming_id)]
    watched = next((t for t in newest if t.watch_id and t.leader_id == current_id), None)
    ids = [study for study in (*wanted, watched.watch_id if watched else None) if study]
    studies = {s.id: s for s in ws.store.find(Study, id=ids, connection=connection)} if ids else {}
    numbers = {version.id: number for number, version in enumerate(versions, 1)}
    shown = [_trial(ws, trial, studies, numbers, connection) for trial in newest[:TRIALS_READ]]
    hidden = {s for t in newest if t.stage in TRIALS_UNDER_WAY for s in (t.screening_id, t.confirming_id) if s}
    watch = _study(ws, studies.get(watched.watch_id or ""), connection) if watched else None
    if watched and watch and watched.watch_id:
        watch["evidence"] = _evidence(ws, watched.watch_id)
        if studies[watched.watch_id].status == "open":
            hidden.add(watched.watch_id)
    results: dict[str, Json] = {}
    for trial in reversed(shown):
        results |= _results(trial)
    return Standing(
        trial=shown[0] if shown else None,
        watch=watch,
        results=results,
        may={
            "trial": _may_try(newest, versions, current_id, rejected),
            "promote": _may_promote(ws, visitor, prompt, versions, current_id, newest, rejected),
            "rollback": _may_roll_back(ws, visitor, prompt),
        },
        hidden_studies=frozenset(hidden),
    )


def _trial(
    ws: Workspace, trial: Trial, studies: Mapping[str, Study], numbers: Mapping[str, int], connection: Connection
) -> Json:
    from collab.refinement.trying import trial_words
    from collab.refinement.trying.trial_votes import evidence_of, screening_rows

    screening = _study(ws, studies.get(trial.screening_id or ""), connection)
    if screening is not None:
        screening |= {"wanted": int(trial.spec.get("screening_votes", 0)), "rows": screening_rows(ws, trial)}
    confirming = _study(ws, studies.get(trial.confirming_id or ""), connection)
    evidence = None
    if confirming is not None and trial.confirming_id:
        confirming["wanted"] = int(trial.spec.get("confirming_votes", 0))
        evidence = evidence_of(ws, trial.confirming_id)  # it has a level also before the first vote
        confirming["evidence"] = evidence if evidence["n_votes"] else None
    study = studies.get((trial.screening_id if trial.stage == "screening" else trial.confirming_id) or "")
    return {
        "trial_id": trial.id,
        "stage": trial.stage,
        "champion_id": trial.champion_id,
        "candidate_ids": list(trial.candidate_ids),
        "leader_id": trial.leader_id,
        "model": trial.model_version_id,
        "verdict": trial.verdict,
        "said": trial_words.standing(trial, study, evidence, numbers),
        "screening": screening,
        "confirming": confirming,
    }


def _study(ws: Workspace, study: Study | None, connection: Connection) -> Json | None:
    if study is None:
        return None
    states = item_states(connection, study.id)
    return {
        "study_id": study.id,
        "link": address_of(study),
        "votes": study.answered,
        "items_ready": states.get("ready", 0),
        "items": study.items,
    }


def _evidence(ws: Workspace, study_id: str) -> Json | None:
    """What the fresh votes say of the leader against the champion; None while there are none."""
    from collab.refinement.trying.trial_votes import evidence_of

    found = evidence_of(ws, study_id)
    return found if found["n_votes"] else None


def _results(trial: Json) -> dict[str, Json]:
    """Each version's share of votes in one trial: of the fresh ones where it has them, else of the screening's."""
    rows = trial["screening"]["rows"] if trial["screening"] else ()
    found = {
        row["prompt_version_id"]: {name: row[name] for name in _NO_RESULT}
        for row in rows
        if row["votes"] and row["prompt_version_id"] != trial["champion_id"]
    }
    evidence = (trial["confirming"] or {}).get("evidence")
    if evidence and trial["leader_id"]:
        found[trial["leader_id"]] = {
            "win_rate": evidence["win_rate"], "lower": evidence["lower"], "upper": evidence["upper"],
            "votes": evidence["n_votes"],
        }  # fmt: skip
    return found


def _may_try(
    trials: Sequence[Trial], versions: Sequence[PromptVersion], current_id: str, rejected: Collection[str]
) -> str:
    if any(trial.stage in TRIALS_UNDER_WAY for trial in trials):
        return "A trial of this prompt is under way: wait for it to be decided, or stop it first."
    if not any(version.id != current_id and version.id not in rejected for version in versions):
        return "There is nothing to try: propose versions or write one first."
    return ""


def _may_promote(
    ws: Workspace, visitor: Visitor, prompt: Prompt, versions: Sequence[PromptVersion], current_id: str,
    trials: Sequence[Trial], rejected: Collection[str],
) -> dict[str, str]:  # fmt: skip
    """Why each version may not be promoted, or "". Only what won a trial is looked at closely."""
    from collab import aliases
    from collab.refinement.trying import promotion

    name = aliases.of_prompt(prompt.id)
    current = next((n for n, version in enumerate(versions, 1) if version.id == current_id), 0)
    won = {
        t.leader_id for t in trials if t.stage == "decided" and t.verdict == "better" and t.champion_id == current_id
    }
    said: dict[str, str] = {}
    for number, version in enumerate(versions, 1):
        if version.id == current_id:
            said[version.id] = f"Version {number} serves already."
        elif version.id in rejected:
            said[version.id] = f"Version {number} was rejected: propose or choose another."
        elif version.id in won:
            said[version.id] = promotion.why_not_promote(ws, visitor, name, version.id)
        else:
            said[version.id] = f"Version {number} has not beaten version {current} in a blind trial: try it first."
    return said


def _may_roll_back(ws: Workspace, visitor: Visitor, prompt: Prompt) -> str:
    from collab.refinement.trying import promotion

    return promotion.why_not_roll_back(ws, visitor, prompt.id)
