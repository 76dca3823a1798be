"""GEPA's whole search over wordings, scored by a model of past votes: nobody is asked, so it only finds candidates.

Knows the surrogate and how to have outputs generated; what it finds is for a blind trial to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from collab.prompts import Wording
from collab.refinement.digest import Digest
from collab.refinement.proposal import Candidate, NothingToLearn, Tools
from collab.refinement.proposers.lessons import lessons, said_changes
from collab.refinement.proposers.proposed_text import objection_to
from collab.refinement.proposers.surrogate import Surrogate

Generate = Callable[[Wording, Mapping[str, str]], "str | bytes"]  # an output of this wording, its variables filled in
CASES = 8  # sets of variables that each wording is tried on
SCORED_BY = "scored by a model of past votes, not by people"
_USELESS = -1e3  # logits: of a wording that cannot be a prompt


def optimize_against_surrogate(
    digest: Digest, tools: Tools, surrogate: Surrogate, budget: int, *, generate: Generate
) -> list[Candidate]:
    """Wordings that the surrogate scores higher than the present one, the best first (Agrawal et al. 2025, "GEPA").

    At most about `budget` outputs are generated. Raises NothingToLearn when it found none; what `tools.ask`,
    `tools.tell` and `generate` raise passes on.
    """
    from gepa import optimize

    adapter = _Adapter(digest, tools, surrogate, budget, generate)
    cases = list({str(dict(each.variables)): dict(each.variables) for each in digest.own}.values())[:CASES] or [{}]
    found: Any = optimize(
        seed_candidate=adapter.seed, trainset=cases, valset=cases, adapter=cast(Any, adapter),
        reflection_lm=adapter.ask, reflection_prompt_template={name: adapter.template(name) for name in adapter.seed},
        reflection_minibatch_size=min(3, len(cases)), max_metric_calls=max(budget, 2 * len(cases)),
        stop_callbacks=[lambda state: adapter.failure is not None or adapter.asked >= budget],
        skip_perfect_score=False, cache_evaluation=False, seed=tools.rng.randrange(2**31), logger=_Silent(),
    )  # fmt: skip
    if adapter.failure is not None:
        raise adapter.failure
    scores: Sequence[float] = found.val_aggregate_scores
    better = sorted((n for n, score in enumerate(scores) if score > scores[0] + 1e-9), key=lambda n: -scores[n])
    if not better:
        raise NothingToLearn(
            f"A search over {adapter.generated} outputs found no wording that a model of past votes scores higher."
        )
    evidence = tuple(dict.fromkeys(pair.event_id for pair in digest.pairs))
    return [
        Candidate(
            wording=adapter.wording(found.candidates[n]),
            proposer="reflect",
            rationale=f"Found by a search over {adapter.generated} outputs, {SCORED_BY}: it scores {scores[n]:+.2f}, "
            f"the present wording {scores[0]:+.2f}. {surrogate.said} It {_said(adapter.seed, found.candidates[n])}.",
            evidence_ids=evidence,
            details={
                "search": True, "scored_by": SCORED_BY, "score": float(scores[n]), "parent_score": float(scores[0]),
                "generated": adapter.generated, "accuracy": surrogate.accuracy, "accuracy_lower": surrogate.lower,
                "accuracy_upper": surrogate.upper, "votes": surrogate.pairs,
            },
        )
        for n in better
    ]  # fmt: skip


def _said(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    return "; ".join(filter(None, (said_changes(old[name], new[name]) for name in old))) or "changed the layout"


class _Silent:
    def log(self, message: str) -> None:
        """GEPA prints its progress; ours goes through `tools.tell`."""


class _Adapter:
    """gepa.core.adapter.GEPAAdapter: a case is a set of variables, its score the surrogate's for the output."""

    propose_new_texts = None

    def __init__(self, digest: Digest, tools: Tools, surrogate: Surrogate, budget: int, generate: Generate) -> None:
        from collab.refinement.proposers.reflect import components_of

        self.digest, self.tools, self.surrogate, self.budget, self._generate = (
            digest,
            tools,
            surrogate,
            budget,
            generate,
        )
        self.seed = {name: str(getattr(digest.wording, name)) for name in components_of(digest.wording)}
        self.said = {str(dict(digest.outputs[lesson.output_id].variables)): lesson for lesson in lessons(digest)}
        self.failure: Exception | None = None  # GEPA catches what a reflection raises and tries on: kept to stop it
        self.generated = self.asked = 0

    def wording(self, candidate: Mapping[str, str]) -> Wording:
        changed: dict[str, Any] = dict(candidate)
        return replace(self.digest.wording, **changed)

    def template(self, name: str) -> str:
        from collab.refinement.proposers.reflect import reflection_template

        return reflection_template(self.digest.modality, self.seed[name])

    def ask(self, prompt: Any) -> str:
        if self.failure is not None:
            return ""
        self.asked += 1
        try:
            return self.tools.ask(prompt)
        except Exception as error:
            self.failure = error
            raise

    def evaluate(self, batch: list[dict[str, str]], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        from gepa.core.adapter import EvaluationBatch

        objections = [
            objection_to(candidate[name], self.seed[name], self.digest.modality, self.tools.tokens)
            for name in self.seed
            if candidate[name] != self.seed[name]
        ]
        if any(objections):  # nothing is generated for what cannot be a prompt
            said = [f"The new text {objection}." for objection in objections if objection]
            return EvaluationBatch(
                outputs=["" for _ in batch], scores=[_USELESS] * len(batch),
                trajectories=[{"inputs": case, "output": "", "said": " ".join(said)} for case in batch],
            )  # fmt: skip
        outputs: list[str | bytes] = []
        try:
            for case in batch:
                self.tools.tell(min(0.99, self.generated / self.budget), "Searching with a model of past votes")
                outputs.append(self._generate(self.wording(candidate), case))
                self.generated += 1
        except Exception as error:
            self.failure = error
            raise
        scores = [float(score) for score in self.surrogate.score(outputs)]
        traces = [
            {
                "inputs": case,
                "output": output if isinstance(output, str) else "(a picture)",
                "said": self._said(case, score),
            }
            for case, output, score in zip(batch, outputs, scores, strict=True)
        ]
        return EvaluationBatch(outputs=outputs, scores=scores, trajectories=traces)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> dict[str, list[dict[str, Any]]]:
        records = [
            {"Inputs": trace["inputs"] or "(none)", "Generated Outputs": trace["output"], "Feedback": trace["said"]}
            for trace in eval_batch.trajectories
        ]
        return {name: records for name in components_to_update}

    def _said(self, case: Mapping[str, str], score: float) -> str:
        lesson = self.said.get(str(dict(case)))
        earlier = f"\nOf an earlier answer to the same: {lesson.record['Feedback']}" if lesson else ""
        return f"A model of people's past votes scores it {score:+.2f}; higher is better.{earlier}"
