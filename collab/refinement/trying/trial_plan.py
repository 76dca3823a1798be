"""What a trial asks of people: its cases, how many votes, and the studies that collect them. Stores nothing.

Every study asks the same blind question of champion and challengers, on seeds of its own. Scope `population`: each
person is asked so many votes as form a block of the evidence (evidence.py), so that people, not votes, are spared.
Scope `panel`: every member judges every item.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from collab.errors import InvalidStudy
from collab.identity import Visitor
from collab.prompts import placeholders
from collab.store.trial_queries import variables_used
from collab.studies.panel import panel_ids
from collab.studies.plain import a_list, a_whole, an_object, one_of, some_names
from collab.studies.spec import PANEL_LIMIT, check_spec
from collab.types import Modality, Prompt, PromptVersion, Trial
from collab.workspace import Workspace

Spec = dict[str, Any]
CANDIDATES_LIMIT = 7  # with the champion as many arms as a comparing study may have
VOTES_PER_ARM = 15  # of the screening, where nobody says otherwise
VOTES_LIMIT = 5_000
# at most; in scope panel of each member: one person who prefers 3 of 4 is found out in 60 nine times out of ten
CONFIRMING_VOTES = {"population": 400, "panel": 60}
WATCH_ITEMS, WATCH_OVERLAP = 40, 10
SCREENING_ITEMS = 12  # of each pair at least, so that a single person can go on about the pair that matters
BLOCK = 5  # votes of one person
CASES_LIMIT, CASES_READ, CASE_CHARACTERS = 24, 400, 20_000
_SAMPLES = 4  # of one case: one generation makes them all, and the first vote waits for the first two generations
_APART = 1_000_000  # between the seeds of a trial's studies: more than any of them uses
_STEPS = ("screening", "confirming", "watch")


def make_plan(
    ws: Workspace, visitor: Visitor, prompt: Prompt, versions: Sequence[PromptVersion], *, cases: object = (),
    variables: object = None, scope: object = "population", panel: object = ("me",), overlap: object = 0,
    screening_votes: object = 0, confirming_votes: object = 0, seed: object = None,
) -> Spec:  # fmt: skip
    """What a trial of these versions (the champion first) asks for, defaults filled in.

    overlap: people on one item, 0 for a number that fits. Raises InvalidStudy or NotFound with one sentence.
    """
    scope = str(one_of(scope, "scope of the trial", ("population", "panel")))
    members = panel_members(ws, visitor, panel) if scope == "panel" else []
    given = {"overlap": overlap, "screening_votes": screening_votes, "confirming_votes": confirming_votes,
             "seed": seed}  # fmt: skip
    usual = CONFIRMING_VOTES[scope] * max(1, len(members))
    return {
        "scope": scope,
        "panel": members,
        "block": BLOCK if scope == "population" else 1,
        "overlap": a_whole(given, "overlap", 0, 0, 1000) if scope == "population" else len(members),
        "screening_votes": a_whole(given, "screening_votes", 0, 0, VOTES_LIMIT) or VOTES_PER_ARM * len(versions),
        "confirming_votes": a_whole(given, "confirming_votes", 0, 0, VOTES_LIMIT) or usual,
        "seed": a_whole(given, "seed", secrets.randbelow(2**31), 0, 2**32 - 1),
        "cases": _cases(ws, prompt, versions, cases, variables),
    }


def study_asked(
    trial: Trial, step: str, versions: Sequence[PromptVersion], numbers: Mapping[str, int], modality: Modality
) -> Spec:
    """The study of one step (screening, confirming or watch) as creation.py takes it. versions: arm 0 first."""
    plan = trial.spec
    panel, pairs = plan["scope"] == "panel", len(versions) * (len(versions) - 1) // 2
    asked: Spec = {
        # the same for every study of the trial: nothing in it tells what is compared, or what is hoped for
        "title": f"Which {'answer' if modality == 'text' else 'picture'} is better? · {trial.id[-4:]}",
        "task": "compare",
        "modality": modality,
        "arms": [
            {"name": f"Version {numbers[version.id]}", "prompt_version_id": version.id,
             "model": trial.model_version_id}
            for version in versions
        ],
        "access": "link" if panel else "open",  # a panel is told where; from others its items are kept
        "evidence": {"scope": plan["scope"], "block": plan["block"], "panel": list(plan["panel"])},
        "seed": (plan["seed"] + _STEPS.index(step) * _APART) % 2**32,
    }  # fmt: skip
    if step == "screening":
        votes = int(plan["screening_votes"])
        items = max(SCREENING_ITEMS, math.ceil(1.5 * votes / pairs))
        overlap = plan["overlap"] or max(5, math.ceil(votes / items))
        asked |= {"adaptive": True, "allocation": "thompson", "target": {"votes": votes}}
    elif step == "confirming":
        votes = int(plan["confirming_votes"])
        overlap = plan["overlap"] or 10
        items = max(math.ceil(votes / overlap), 2 * int(plan["block"]))
        asked |= {"target": {"votes": votes}}
    else:
        items, overlap = WATCH_ITEMS, plan["overlap"] or WATCH_OVERLAP
    if step != "screening" and not panel:
        asked["quota"] = plan["block"]
    mentioned = variables_of(versions)  # not all candidates need have the same
    cases = [{name: case[name] for name in mentioned if name in case} for case in plan["cases"]]
    return asked | {"overlap": overlap, **spread(cases, items)}


def variables_of(versions: Sequence[PromptVersion]) -> list[str]:
    """The variables that any of the versions mentions."""
    texts = [text for v in versions for text in (v.text, v.negative_text, v.system_text)]
    return list(dict.fromkeys(name for text in texts for name in placeholders(text)))


def spread(cases: Sequence[Mapping[str, str]], items: int) -> Spec:
    """Cases and samples that make about so many items of each pair: each case as often as it takes, with new seeds."""
    samples = min(_SAMPLES, math.ceil(items / len(cases)))
    wanted = max(1, math.ceil(items / samples))
    listed = [cases[n % len(cases)] for n in range(max(wanted, min(len(cases), items)))]
    return {"samples": samples, "cases": [{"variables": dict(case)} for case in listed]}


def panel_members(ws: Workspace, visitor: Visitor, panel: object) -> list[str]:
    """The panel's annotator ids. “me” is the owner."""
    listed = some_names(panel, "panel", PANEL_LIMIT)
    if not listed:
        raise InvalidStudy("A panel needs its members beforehand: list their names or ids, or “me”.")
    return panel_ids(ws, visitor, listed)


def _cases(
    ws: Workspace, prompt: Prompt, versions: Sequence[PromptVersion], cases: object, variables: object
) -> list[dict[str, str]]:
    """What the prompts' {variables} are filled with: as given, else as people did, else nothing where there are none.

    Raises InvalidStudy where variables have no values anywhere.
    """
    wanted = variables_of(versions)
    listed = [_as_case(n, case) for n, case in enumerate(a_list(cases or (), "cases", CASES_LIMIT), 1)]
    listed = [case for case in listed if case["variables"]]
    if listed or variables:
        checked = check_spec({"title": "cases", "task": "compare", "arms": [{"prompt": "a"}, {"prompt": "b"}],
                              "cases": listed or None, "variables": variables or None, "seed": 0})  # fmt: skip
        if len(checked.cases) > CASES_LIMIT:
            raise InvalidStudy(f"The variables make {len(checked.cases)} cases: at most {CASES_LIMIT} are possible.")
        found = [dict(case.variables) for case in checked.cases]
        for name in (name for case in found for name in case if name not in wanted):
            raise InvalidStudy(f"A case has a value for {{{name[:60]}}}, which no version mentions: leave it out.")
    elif not wanted:
        return [{}]
    else:
        found = _cases_used(ws, prompt, wanted)
    if not found:
        names = ", ".join(f"{{{name}}}" for name in wanted)
        raise InvalidStudy(f"Nobody has filled in {names[:200]} yet: give the trial cases to try the prompts on.")
    return found


def _as_case(number: int, case: object) -> Mapping[str, Any]:
    """A case as studies take it: {"variables": {…}}, or the variables alone."""
    entry = an_object(case, f"case {number}")
    return entry if set(entry) <= {"variables", "tag"} and "variables" in entry else {"variables": entry}


def _cases_used(ws: Workspace, prompt: Prompt, wanted: Sequence[str]) -> list[dict[str, str]]:
    """Distinct fillings of the newest generations, the newest first. Enormous ones are passed over."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for used in variables_used(ws.store, prompt.id, limit=CASES_READ):
        values = tuple(str(used.get(name, "")) for name in wanted)
        if all(value.strip() for value in values) and sum(map(len, values)) <= CASE_CHARACTERS:
            found.setdefault(values, dict(zip(wanted, values, strict=True)))
        if len(found) == CASES_LIMIT:
            break
    return list(found.values())
