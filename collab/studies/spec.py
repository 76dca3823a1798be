"""What an owner may ask of a study, checked: `check_spec` turns JSON into a StudySpec. Knows nothing of the store."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from random import Random
from typing import Any, Literal, get_args

from collab.checks import clean_text
from collab.errors import InvalidStudy
from collab.studies.cases import TEXT_LIMIT, Case, check_cases
from collab.studies.plain import a_list, a_number, a_text, a_whole, an_object, one_of, some_names, yes_or_no
from collab.studies.questions import Question, check_questions
from collab.types import MODALITIES, Modality, StudyTask

TASKS: tuple[StudyTask, ...] = get_args(StudyTask)
QUESTIONS: Mapping[tuple[StudyTask, Modality], str] = {
    ("compare", "text"): "Which answer is better?",
    ("compare", "image"): "Which picture is better?",
    ("rank", "text"): "Put the answers in order, the best first.",
    ("rank", "image"): "Put the pictures in order, the best first.",
    ("rate", "text"): "How good is this answer?",
    ("rate", "image"): "How good is this picture?",
    ("edit", "text"): "Make this answer right, changing as little as you can.",
}
ARMS: Mapping[StudyTask, tuple[int, int]] = {"compare": (2, 8), "rank": (3, 6), "rate": (1, 8), "edit": (1, 8)}
GROUPS_LIMIT, GOLD_LIMIT, EXAMPLES_LIMIT = 5_000, 500, 10
GUIDELINES_LIMIT = 20_000  # characters
Allocation = Literal["widths", "thompson"]
ALLOCATIONS: tuple[Allocation, ...] = get_args(Allocation)
PANEL_LIMIT = 50  # members
ALPHA, LEAST_ALPHA, TESTS_LIMIT = 0.05, 1e-12, 1_000_000
_EVIDENCE = {"scope": "population", "block": 5, "panel": [], "alpha": ALPHA, "test": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """A study as decided, defaults filled in. Shares are probabilities for each task served; lease in minutes.

    target: {"votes": n}, {"interval_width": w in win-rate units} or {}. quota: answers per person, 0 for no end.
    evidence: which claim the votes are to support and at which level, alpha, fixed before the first of them
    (evidence.py). test: which one it is of a stream of tests whose levels depend on those before, 0 where it is alone.
    blind: whether nobody who answered knew who made what; an import may say that somebody did.
    notes: sentences for the owner about what the items cannot tell, known since they were made.
    allocation: what an adaptive study chooses its pairs by: to narrow the "widths" of all intervals, or to find the
    best arm ("thompson").
    """

    question: str
    guidelines: str = ""
    worked_examples: tuple[Mapping[str, Any], ...] = ()
    questions: tuple[Question, ...] = ()
    samples: int = 1
    overlap: int = 3
    target: Mapping[str, Any] = field(default_factory=dict)
    quota: int = 0
    reveal: bool = False
    adaptive: bool = False
    allocation: Allocation = "widths"
    gold_share: float = 0.1
    repeat_share: float = 0.0
    lease_minutes: float = 15.0
    seed: int = 0
    evidence: Mapping[str, Any] = field(default_factory=lambda: dict(_EVIDENCE))
    blind: bool = True
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What `Study.spec` keeps."""
        return asdict(self)


def read_spec(stored: Mapping[str, Any]) -> StudySpec:
    """The spec that a stored study has."""
    known = {name: stored[name] for name in (f.name for f in fields(StudySpec)) if name in stored}
    known["questions"] = tuple(
        Question(**{**question, "options": tuple(question["options"])}) for question in stored["questions"]
    )
    known["worked_examples"] = tuple(stored["worked_examples"])
    known["notes"] = tuple(stored.get("notes", ()))
    # a reveal would tell which items are gold: older studies may ask for both
    known["reveal"] = bool(stored.get("reveal")) and not stored.get("gold_share")
    known["evidence"] = {**_EVIDENCE, **stored.get("evidence", {})}  # older ones have no level of their own
    return StudySpec(**known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A spec with where its items come from: exactly one of arms, groups of outputs, or an imported set.

    block_given: whether the owner fixed how many votes of one person are a block of evidence.
    """

    title: str
    task: StudyTask
    modality: Modality | None
    access: str
    spec: StudySpec
    block_given: bool
    arms: tuple[Mapping[str, Any], ...] = ()
    cases: tuple[Case, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    source: Mapping[str, Any] | None = None
    gold: tuple[Mapping[str, Any], ...] = ()


_KNOWN = {
    "title", "task", "question", "guidelines", "worked_examples", "arms", "modality", "cases", "variables", "draws",
    "samples", "outputs", "import", "overlap", "target", "quota", "access", "reveal", "adaptive", "gold_share",
    "repeat_share", "lease_minutes", "seed", "questions", "gold", "evidence", "allocation",
}  # fmt: skip


def check_spec(given: object) -> Asked:
    """The study asked for, checked as far as it can be without the store. Raises InvalidStudy with one sentence."""
    if not isinstance(given, Mapping):
        raise InvalidStudy("A study is described by an object of names and values.")
    for name in given:
        if name not in _KNOWN:
            raise InvalidStudy(f"A study has no “{str(name)[:16]}”: it has {', '.join(sorted(_KNOWN))}.")
    task = one_of(given.get("task"), "task", TASKS)
    modality = one_of(given["modality"], "modality", MODALITIES) if given.get("modality") else None
    if task == "edit" and modality == "image":
        raise InvalidStudy("A study of corrections is for text: compare, rank or rate pictures instead.")
    sources = [name for name in ("arms", "outputs", "import") if given.get(name)]
    if len(sources) != 1:
        raise InvalidStudy(
            f"The study takes its items from {' and '.join(sources) or 'nowhere'}: give exactly one of arms, outputs "
            "and import."
        )
    seed = a_whole(given, "seed", secrets.randbelow(2**31), 0, 2**32 - 1)
    arms = _check_arms(given.get("arms") or (), task)
    questions = check_questions(given.get("questions"), task)
    gold_share, evidence = a_number(given, "gold_share", 0.1, 0.0, 0.5), given.get("evidence")
    spec = StudySpec(
        question=a_text(given, "question", 500) or QUESTIONS.get((task, modality or "text"), ""),
        guidelines=a_text(given, "guidelines", GUIDELINES_LIMIT),
        worked_examples=_check_examples(given.get("worked_examples")),
        questions=questions,
        samples=a_whole(given, "samples", 1, 1, 8),
        overlap=a_whole(given, "overlap", 1 if task == "edit" else 3, 1, 1000),
        target=_check_target(given.get("target")),
        quota=a_whole(given, "quota", 0, 0, 100_000),
        reveal=yes_or_no(given, "reveal"),
        adaptive=yes_or_no(given, "adaptive"),
        allocation=one_of(given.get("allocation") or "widths", "allocation", ALLOCATIONS),
        gold_share=gold_share if given.get("gold") else 0.0,
        repeat_share=a_number(given, "repeat_share", 0.0, 0.0, 0.3),
        lease_minutes=a_number(given, "lease_minutes", 15.0, 0.01, 240),
        seed=seed,
        evidence=_check_evidence(evidence),
    )
    if "interval_width" in spec.target and task != "compare":
        raise InvalidStudy("The width of an interval is a target for comparing: set a number of votes instead.")
    if spec.reveal and given.get("gold"):
        raise InvalidStudy(
            "Gold items have no arms to reveal, so a reveal would tell which items they are: leave gold out or switch "
            "“reveal” off."
        )
    if spec.adaptive and task != "compare":
        raise InvalidStudy("Only comparing can choose its pairs adaptively: leave “adaptive” off.")
    if spec.allocation != "widths" and not spec.adaptive:
        raise InvalidStudy(f"The allocation “{spec.allocation}” is for an adaptive study: switch “adaptive” on.")
    block_given = isinstance(evidence, Mapping) and evidence.get("block") not in (None, "")
    block = int(spec.evidence["block"])
    if block_given and spec.evidence["scope"] == "population" and 0 < spec.quota < block:
        raise InvalidStudy(
            f"The evidence takes {block} votes of each person, but the quota ends with {spec.quota}: raise the quota "
            "or lower the block."
        )
    return Asked(
        title=clean_text(given.get("title"), "title", limit=200, error=InvalidStudy, required=True).strip(),
        task=task,
        modality=modality,
        access=one_of(given.get("access") or "open", "access", ("open", "link")),
        spec=spec,
        block_given=block_given,
        arms=arms,
        cases=check_cases(given, Random(seed)),
        groups=_check_groups(given.get("outputs") or (), task),
        source=an_object(given.get("import"), "import") if given.get("import") else None,
        gold=_check_gold(given.get("gold") or ()),
    )


def _check_arms(arms: object, task: StudyTask) -> tuple[Mapping[str, Any], ...]:
    if not arms:
        return ()
    checked = [an_object(arm, f"arm {n}") for n, arm in enumerate(a_list(arms, "arms", 1000), 1)]
    low, high = ARMS[task]
    if not low <= len(checked) <= high:
        raise InvalidStudy(f"The study has {len(checked)} arms: to {task} takes {low} to {high}.")
    for number, arm in enumerate(checked, 1):
        for name in arm:
            if name not in ("name", "prompt", "prompt_version_id", "system_text", "negative_prompt", "model",
                            "settings", "examples"):  # fmt: skip
                raise InvalidStudy(f"Arm {number} has an unknown “{str(name)[:40]}”.")
        if bool(arm.get("prompt")) == bool(arm.get("prompt_version_id")):
            raise InvalidStudy(f"Arm {number} needs a prompt or a prompt version, one of them: give it one.")
        clean_text(arm.get("name"), f"name of arm {number}", limit=80, error=InvalidStudy)
    names = [arm["name"].strip() for arm in checked if arm.get("name")]
    for name in names:
        if names.count(name) > 1:
            raise InvalidStudy(f"Two arms are named “{name}”: give each its own name.")
    return tuple(checked)


def _check_groups(groups: object, task: StudyTask) -> tuple[tuple[str, ...], ...]:
    low, high = {"compare": (2, 2), "rank": (3, 6), "rate": (1, 1), "edit": (1, 1)}[task]
    checked = []
    for number, group in enumerate(a_list(groups, "outputs", GROUPS_LIMIT), 1):
        ids = [group] if isinstance(group, str) else list(a_list(group, f"item {number}", 64))
        if not low <= len(ids) <= high or len(set(map(str, ids))) < len(ids):
            wanted = str(low) if low == high else f"{low} to {high} different"
            raise InvalidStudy(f"Item {number} names {len(ids)} outputs: to {task} takes {wanted}.")
        checked.append(tuple(str(output_id) for output_id in ids))
    return tuple(checked)


def _check_gold(gold: object) -> tuple[Mapping[str, Any], ...]:
    checked = []
    for number, entry in enumerate(a_list(gold, "gold items", GOLD_LIMIT), 1):
        item = an_object(entry, f"gold item {number}")
        if not set(item) <= {"prompt", "variables", "outputs", "output_ids", "expected", "tag"}:
            raise InvalidStudy(
                f"Gold item {number} may hold prompt or variables, outputs or output_ids, expected and tag."
            )
        if bool(item.get("outputs")) == bool(item.get("output_ids")):
            raise InvalidStudy(f"Gold item {number} needs outputs or output_ids, one of them.")
        checked.append(item)
    return tuple(checked)


_EXAMPLE = ("prompt", "outputs", "output_ids", "answer", "why")


def _check_examples(examples: object) -> tuple[dict[str, Any], ...]:
    checked = []
    for number, entry in enumerate(a_list(examples or (), "worked examples", EXAMPLES_LIMIT), 1):
        item = an_object(entry, f"worked example {number}")
        if unknown := [str(name) for name in item if name not in _EXAMPLE]:
            raise InvalidStudy(
                f"Worked example {number} has “{unknown[0][:40]}”: an example takes {', '.join(_EXAMPLE)}; "
                "outputs are texts, output_ids pictures of yours."
            )
        outputs = a_list(item.get("outputs") or (), f"outputs of worked example {number}", 6)
        pictures = a_list(item.get("output_ids") or (), f"output_ids of worked example {number}", 6)
        if outputs and pictures:
            raise InvalidStudy(f"Worked example {number} needs outputs or output_ids, not both.")

        def said(value: object, name: str, number: int = number) -> str:
            return clean_text(value, f"{name} of worked example {number}", limit=TEXT_LIMIT, error=InvalidStudy)

        example: dict[str, Any] = {name: said(item.get(name), name) for name in ("prompt", "answer", "why")}
        example["outputs"] = [said(text, "output") for text in outputs]
        if pictures:
            example["output_ids"] = [said(name, "output id") for name in pictures]
        checked.append(example)
    return tuple(checked)


def _check_target(target: object) -> dict[str, Any]:
    if not target:
        return {}
    given = {name: value for name, value in an_object(target, "target").items() if value not in (None, "")}
    match list(given):
        case ["votes"]:
            return {"votes": a_whole(given, "votes", 0, 1, 10_000_000)}
        case ["interval_width"]:
            return {"interval_width": a_number(given, "interval_width", 0.2, 0.01, 1)}
    raise InvalidStudy("A target is {“votes”: n} or {“interval_width”: w}: give one of them.")


def _check_evidence(given: object) -> dict[str, Any]:
    claim = {**_EVIDENCE, **an_object(given or {}, "evidence")}
    if set(claim) != set(_EVIDENCE):
        raise InvalidStudy("“evidence” may hold scope, block, panel, alpha and test only.")
    one_of(claim["scope"], "scope of the evidence", ("population", "panel"))
    claim["block"] = a_whole(claim, "block", 5, 1, 5)
    claim["alpha"] = a_number(claim, "alpha", ALPHA, LEAST_ALPHA, ALPHA)
    claim["test"] = a_whole(claim, "test", 0, 0, TESTS_LIMIT)
    claim["panel"] = some_names(claim["panel"], "panel", PANEL_LIMIT)
    if claim["scope"] == "panel" and not claim["panel"]:
        raise InvalidStudy("Evidence about a panel needs its members beforehand: list their names or ids, or “me”.")
    if claim["scope"] == "population" and claim["panel"]:
        raise InvalidStudy("A panel is named, but the scope is population: choose the scope panel, or name nobody.")
    return claim
