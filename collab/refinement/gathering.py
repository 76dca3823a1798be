"""From acts in force to judged outputs and pairs. Knows the acts, not which of them were asked for.

A person's latest word counts: their newest text for an output, their newest remarks. A rating is of outputs as they
are; what a comparison says of two outputs stands in the pairs alone.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rapidfuzz.distance import Levenshtein

from collab.errors import InvalidPrompt
from collab.prompts import Wording, fill
from collab.refinement.digest import Correction, JudgedOutput, JudgedPair, Remark
from collab.said_of_outputs import liking, named_in, preferred
from collab.store.evidence_queries import Made
from collab.types import Act, Edit, Modality, Preference, PromptVersion, Rating

PAIRS_LIMIT = 20_000  # the newest: rankings of many outputs hold hundreds each


def judged_outputs(
    acts: Iterable[Act], made: Mapping[str, Made], versions: Mapping[str, PromptVersion], weights: Mapping[str, float]
) -> dict[str, JudgedOutput]:
    """The outputs in `weights` with all that was said of them, in its order. acts: in force, newest first."""
    about: dict[str, list[Act]] = defaultdict(list)
    for act in acts:
        for output_id in named_in(act):
            about[output_id].append(act)
    modalities = {made[output_id].prompt_version_id: made[output_id].modality for output_id in weights}
    wordings = {version_id: _wording(version, modalities[version_id]) for version_id, version in versions.items()}
    return {
        output_id: _judged(made[output_id], about[output_id], wordings[made[output_id].prompt_version_id], weight)
        for output_id, weight in weights.items()
    }


def judged_pairs(acts: Iterable[Act], outputs: Mapping[str, JudgedOutput]) -> tuple[JudgedPair, ...]:
    """Who was preferred to whom among these outputs, newest first; ties say nothing. A pair weighs what the heavier
    of its two outputs does."""

    def told() -> Iterator[JudgedPair]:
        for act in acts:
            comment = act.comment if isinstance(act, Preference) else ""
            for better, worse in preferred(act):
                if better in outputs and worse in outputs:
                    weight = max(outputs[better].weight, outputs[worse].weight)
                    yield JudgedPair(better=better, worse=worse, event_id=act.id, annotator_id=act.annotator_id,
                                     weight=weight, comment=comment)  # fmt: skip

    return tuple(itertools.islice(told(), PAIRS_LIMIT))


def _wording(version: PromptVersion, modality: Modality) -> Wording:
    return Wording(modality=modality, text=version.text, negative_text=version.negative_text,
                   system_text=version.system_text, examples=version.examples,
                   settings=version.settings)  # fmt: skip


def _judged(made: Made, acts: Sequence[Act], wording: Wording, weight: float) -> JudgedOutput:
    return JudgedOutput(
        output_id=made.output_id,
        prompt_version_id=made.prompt_version_id,
        wording=wording,
        weight=weight,
        asked=_asked(wording, made.variables),
        variables=made.variables,
        settings=made.settings,
        text=made.text,
        blob_sha256=made.blob_sha256,
        liking=liking(act for act in acts if isinstance(act, Rating)),
        corrections=tuple(_corrections(acts, made.text)),
        remarks=tuple(_remarks(acts, made.text)),
        event_ids=tuple(act.id for act in acts),
    )


def _asked(wording: Wording, variables: Mapping[str, str]) -> str:
    """The user's message that the model was sent."""
    try:
        (text, *_), _ = fill([wording.text, wording.negative_text, wording.system_text], variables)
    except InvalidPrompt:  # an imported one may bring no values
        return wording.text
    return text


def _corrections(acts: Sequence[Act], text: str | None) -> Iterator[Correction]:
    seen: set[str] = set()
    for act in acts:
        if isinstance(act, Edit) and act.text is not None and act.annotator_id not in seen:
            seen.add(act.annotator_id)
            if act.text == text:  # who edits in a study may leave a text as it is: nothing to correct
                continue
            distance = act.edit_distance
            if distance is None:
                distance = Levenshtein.distance((text or "").split(), act.text.split())
            yield Correction(text=act.text, distance=distance, event_id=act.id, annotator_id=act.annotator_id)


def _remarks(acts: Sequence[Act], text: str | None) -> Iterator[Remark]:
    seen: set[str] = set()
    for act in acts:
        if not isinstance(act, Rating) or act.annotator_id in seen:
            continue
        said = list(_said(act, text or ""))
        if said:
            seen.add(act.annotator_id)
        for label, words in said:
            yield Remark(label=label, text=words, event_id=act.id, annotator_id=act.annotator_id)


def _said(rating: Rating, text: str) -> Iterator[tuple[str, str]]:
    for span in rating.spans:  # first: they say where it is good or bad, and readers of remarks stop after a few
        if words := text[span["start"] : span["end"]].strip():
            yield span["label"], words
        if note := span.get("note"):
            yield "comment", note
    if rating.comment:
        yield "comment", rating.comment
    for tag in rating.tags:
        yield "tag", tag
