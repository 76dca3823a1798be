"""Proposes new wordings by reflection: a language model reads what people said of the outputs and rewrites the prompt.

GEPA's instruction proposal (Agrawal et al. 2025, "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement
Learning"), with people's feedback in place of a metric. Knows the digest; whether a wording is better, it cannot know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from collab.errors import Unavailable
from collab.prompts import Wording, placeholders
from collab.refinement.digest import Digest
from collab.refinement.proposal import Candidate, NothingToLearn, Tools
from collab.refinement.proposers import surrogate
from collab.refinement.proposers.contradiction import contradiction
from collab.refinement.proposers.lessons import Lesson, choose, lessons, said_changes
from collab.refinement.proposers.proposed_text import objection_to, said_answer, tidy
from collab.refinement.proposers.surrogate_search import Generate, optimize_against_surrogate
from collab.types import Modality

CONTEXT_TOKENS = 2000  # of evidence in one reflection; the prompt itself comes on top
SEARCH_BUDGET = 60  # outputs that a search may generate
_SPARE_REFLECTIONS = 1  # tries beyond one for each candidate wanted
_REASONS = 3
PICTURE_TEMPLATE = """A picture model was given this prompt:
```
<curr_param>
```

These are pictures that it made from this prompt and prompts like it, told by their prompts, and what people said of them:
```
<side_info>
```

Write a better prompt for the picture model. Prompts for picture models are short phrases, not instructions: name what is to be seen, then style, colours, background and place, parted by commas. Keep what is shown. Say what people wanted, and leave out what they disliked. Use at most 40 words.

Provide the new prompt, and nothing else, within ``` blocks."""  # noqa: E501

__all__ = ["Reflect", "Search", "optimize_against_surrogate"]


class Reflect:
    """Rewrites the prompt, and its system text in turn where it has one, with the model behind `tools.ask`.

    model: that model's name, for messages. search: instead of single reflections, a search that `generate`s outputs of
    new wordings and lets a model of past votes score them, at most `budget` of them; `picture` reads a picture by its
    SHA-256.
    """

    name = "reflect"
    modalities: tuple[Modality, ...] = ("text", "image")

    def __init__(
        self, model: str = "", *, context_tokens: int = CONTEXT_TOKENS, search: bool = False,
        generate: Generate | None = None, budget: int = SEARCH_BUDGET, picture: Callable[[str], bytes] | None = None,
    ) -> None:  # fmt: skip
        self.model, self.context_tokens = model, context_tokens
        self.search, self.generate, self.budget, self.picture = search, generate, budget, picture

    def propose(self, digest: Digest, tools: Tools, count: int) -> Sequence[Candidate]:
        """At most `count` candidates. An answer that cannot be a prompt makes none.

        Raises NothingToLearn when nothing was said of the outputs, when all that was said contradicts itself, and when
        no answer was usable (it says why); Unavailable when the model fails before anything was proposed; Stopped.
        """
        if self.search:
            return self._search(digest, tools, count)
        if said := contradiction(digest):
            raise NothingToLearn(said)
        found = lessons(digest)
        if not found:
            raise NothingToLearn(
                "Nobody has rated, compared, corrected or commented on an output of this prompt yet: "
                "judge a few, then ask again."
            )
        made: list[Candidate] = []
        dropped: list[str] = []
        for n in range(count + _SPARE_REFLECTIONS):
            if len(made) == count:
                break
            tools.tell(n / (count + _SPARE_REFLECTIONS), "Asking a model to reword the prompt")
            try:
                candidate = self._reflect(digest, tools, found, n, made, dropped)
            except Unavailable as error:
                if not made:
                    raise
                dropped.append(f"the model failed: {error}")
                break
            if candidate is not None:
                made.append(candidate)
        if not made:
            who = f"The model “{self.model}”" if self.model else "The model"
            reasons = "; ".join(list(dict.fromkeys(dropped))[:_REASONS])
            raise NothingToLearn(f"{who} gave no usable proposal: {reasons}.")
        return [replace(each, details={**each.details, "dropped": dropped}) for each in made]

    def _reflect(
        self, digest: Digest, tools: Tools, found: Sequence[Lesson], n: int, made: Sequence[Candidate],
        dropped: list[str],
    ) -> Candidate | None:  # fmt: skip
        from gepa.strategies.instruction_proposal import InstructionProposalSignature as Signature

        components = components_of(digest.wording)
        component = components[n % len(components)]
        old: str = getattr(digest.wording, component)

        def asked(chosen: Sequence[Lesson]) -> dict[str, object]:
            return {
                "current_instruction_doc": old,
                "dataset_with_feedback": [lesson.record for lesson in chosen],
                "prompt_template": reflection_template(digest.modality, old),
            }

        def fits(chosen: Sequence[Lesson]) -> bool:
            said = "\n".join(text for lesson in chosen for text in lesson.record.values())
            return tools.tokens(said) <= self.context_tokens

        chosen = choose(found, n, tools.rng, fits) or [min(found, key=lambda each: len(str(each.record)))]
        new = tidy(Signature.run(cast(Any, tools.ask), asked(chosen))["new_instruction"], old)
        embed = tools.embed if component == "text" else None  # a system text may well become another
        outputs = [output.text for output in digest.own if output.text]
        objection = objection_to(new, old, digest.modality, tools.tokens, outputs, embed)
        if objection is None and any(getattr(each.wording, component) == new for each in made):
            objection = "came twice"
        if objection is not None:
            dropped.append(f"the answer {said_answer(new)} {objection}" if new else f"an answer {objection}")
            return None
        by = f"“{self.model}”" if self.model else "a language model"
        where = "Its system text was reworded" if component == "system_text" else "Reworded"
        return Candidate(
            wording=with_component(digest.wording, component, new),
            proposer=self.name,
            rationale=f"{where} by {by} after reading what people said of {_told(chosen)}. "
            f"It {said_changes(old, new) or 'changed the layout'}.",
            evidence_ids=tuple(dict.fromkeys(event for lesson in chosen for event in lesson.event_ids)),
            details={
                "component": component, "outputs": [lesson.output_id for lesson in chosen], "model": self.model,
                "search": False,
            },
        )  # fmt: skip

    def _search(self, digest: Digest, tools: Tools, count: int) -> Sequence[Candidate]:
        if self.generate is None:
            raise NothingToLearn("A search needs a model that answers each new wording: choose one.")
        ranker = surrogate.fit(digest, tools, self.picture)
        if ranker is None:
            raise NothingToLearn(
                f"The comparisons so far do not say what people prefer well enough for a search: it needs at least "
                f"{surrogate.MIN_PAIRS}, on several prompts or outputs, whose winner can be told better than by chance."
            )
        return optimize_against_surrogate(digest, tools, ranker, self.budget, generate=self.generate)[:count]


class Search(Reflect):
    """GEPA's whole search, scored by a model of past votes: slow, and asked for by name only."""

    name = "search"

    def __init__(
        self, model: str = "", *, generate: Generate | None = None, picture: Callable[[str], bytes] | None = None
    ) -> None:
        super().__init__(model, search=True, generate=generate, picture=picture)

    def propose(self, digest: Digest, tools: Tools, count: int) -> Sequence[Candidate]:
        """As Reflect's, under this proposer's name."""
        return [replace(each, proposer=self.name) for each in super().propose(digest, tools, count)]


def components_of(wording: Wording) -> list[str]:
    """What can be reworded, in the order of the turns: the text, unless it is nothing but variables, and the system
    text, if there is one."""
    bare = wording.text
    for name in placeholders(bare):
        bare = bare.replace(f"{{{name}}}", "")
    kept = ["text"] if any(character.isalpha() for character in bare) or not wording.system_text else []
    return [*kept, *(["system_text"] if wording.system_text else [])]


def with_component(wording: Wording, component: str, text: str) -> Wording:
    """The wording with other words for one of its components."""
    return replace(wording, system_text=text) if component == "system_text" else replace(wording, text=text)


def reflection_template(modality: Modality, old: str) -> str:
    """GEPA's template for instructions, or ours for pictures, with the variables that must stay."""
    from gepa.strategies.instruction_proposal import InstructionProposalSignature

    template = PICTURE_TEMPLATE if modality == "image" else InstructionProposalSignature.default_prompt_template
    names = placeholders(old)
    if not names:
        return template
    kept = ", ".join(f"{{{name}}}" for name in names)
    return template.replace(
        "Provide the new", f"Keep {kept} exactly as written: a text is put in there later.\n\nProvide the new"
    )


def _told(chosen: Sequence[Lesson]) -> str:
    disliked, corrected, lost = (
        sum(lesson.disliked for lesson in chosen),
        sum(lesson.corrected for lesson in chosen),
        sum(lesson.lost for lesson in chosen),
    )
    parts = [f"{disliked} disliked"] if disliked else []
    parts += [f"{corrected} corrected"] if corrected else []
    parts += [f"{lost} beaten in a comparison"] if lost else []
    outputs = f"{len(chosen)} output{'s' if len(chosen) > 1 else ''}"
    return f"{outputs} ({', '.join(parts)})" if parts else outputs
