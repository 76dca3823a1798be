"""What people said of their own outputs, outside studies, as sets that exchange formats hold. Reads the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collab.errors import InvalidPrompt
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet, TaskKind
from collab.prompts import fill
from collab.said_of_outputs import named_in, preferred
from collab.store.evidence_queries import versions
from collab.store.export_queries import Origin, origins_of, parsed
from collab.store.training_queries import acts_outside_studies
from collab.studies.names import pseudonym
from collab.types import Act, Edit, Generation, Modality, ModelVersion, Preference, Rating
from collab.workspace import Workspace

ACTS_LIMIT = 200_000  # the newest
PAIRS_PER_ACT = 50  # of a ranking, which may order 64 outputs
_TITLES: Mapping[tuple[str, str], str] = {
    ("compare", "text"): "Comparisons of texts", ("compare", "image"): "Comparisons of pictures",
    ("rate", "text"): "Ratings of texts", ("rate", "image"): "Ratings of pictures",
}  # fmt: skip
_QUESTIONS: tuple[Mapping[str, Any], ...] = (
    {"name": "stars", "title": "Stars", "kind": "stars", "options": [], "required": False},
    {"name": "thumb", "title": "Thumb", "kind": "thumb", "options": [], "required": False},
)


def judged_here(
    ws: Workspace, task: TaskKind, modality: Modality, annotator_id: str | None = None, *, limit: int | None = None
) -> JudgedSet:
    """Comparisons (votes, best of n, rankings: one item a pair) or ratings (stars and thumbs) of one modality.

    annotator_id: by this person alone. limit: so many items at most, for a look at them.
    """
    with ws.store.reading() as connection:
        acts = acts_outside_studies(ws.store, modality, annotator_id, limit=ACTS_LIMIT, connection=connection)
        if limit is not None:
            acts = [act for act in acts if next(_said(act, task), None)][:limit]
        origins = origins_of(connection, sorted({i for act in acts for i in named_in(act)}))
        known = versions(ws.store, {o.prompt_version_id for o in origins.values()}, connection=connection)
        variables = {
            g.id: g.variables
            for g in ws.store.find(Generation, id=sorted({a.generation_id for a in acts}), connection=connection)
        }
        models = {m.id: m for m in ws.store.find(
            ModelVersion, id=sorted({o.model_version_id for o in origins.values()}), connection=connection
        )}  # fmt: skip
    items: list[JudgedItem] = []
    for act in sorted(acts, key=lambda act: act.id):
        for number, (ids, answer) in enumerate(_said(act, task)):
            outputs = [_output(ws, origins[i], models[origins[i].model_version_id]) for i in ids if i in origins]
            if len(outputs) < len(ids) or len({origins[i].prompt_version_id for i in ids}) > 1:
                continue  # texts of different prompts are no comparison of answers
            first = known[origins[ids[0]].prompt_version_id]
            blind = isinstance(act, Preference) and act.blind
            said = JudgedAnswer(
                annotator=pseudonym(ws, act.annotator_id), answer=answer, at=act.created_at,
                event_id=act.id, blind=blind, comment=getattr(act, "comment", ""),
            )  # fmt: skip
            items.append(JudgedItem(
                item_id=f"{act.id}-{number}", prompt=_asked(first.text, variables.get(act.generation_id, {})),
                outputs=tuple(outputs), answers=(said,),
            ))  # fmt: skip
    items = items if limit is None else items[:limit]
    return JudgedSet(title=_TITLES[task, modality], task=task, modality=modality,
                     questions=_QUESTIONS if task == "rate" else (), items=items)  # fmt: skip


def count_here(ws: Workspace, annotator_id: str | None = None) -> dict[tuple[TaskKind, Modality], int]:
    """How many items `judged_here` would have, about; pairs across prompts are still among them."""
    found: dict[tuple[TaskKind, Modality], int] = {}
    modalities: tuple[Modality, ...] = ("text", "image")
    tasks: tuple[TaskKind, ...] = ("compare", "rate")
    for modality in modalities:
        with ws.store.reading() as connection:
            acts = acts_outside_studies(ws.store, modality, annotator_id, limit=ACTS_LIMIT, connection=connection)
        for task in tasks:
            found[task, modality] = sum(1 for act in acts for _ in _said(act, task))
        if modality == "image":  # an edit is a pair, too
            found["compare", modality] += sum(isinstance(act, Edit) and act.blob_sha256 is not None for act in acts)
    return found


def _said(act: Act, task: TaskKind) -> Iterator[tuple[Sequence[str], dict[str, Any]]]:
    """The outputs that an act judges together, and the answer that it is, for each item it gives."""
    if task == "rate":
        if isinstance(act, Rating) and (act.score is not None or act.thumb is not None):
            values = {"stars": act.score, "thumb": act.thumb}
            yield [act.output_id], {"values": {k: v for k, v in values.items() if v is not None}}
        return
    if isinstance(act, Preference):
        yield [act.output_a_id, act.output_b_id], {"winner": act.winner}
        return
    every = list(preferred(act))
    for better, worse in every[:: -(-len(every) // PAIRS_PER_ACT) or 1]:
        # by their ids, so that the place says nothing of who won
        first = better < worse
        yield ([better, worse] if first else [worse, better]), {"winner": "a" if first else "b"}


def _output(ws: Workspace, origin: Origin, model: ModelVersion) -> JudgedOutput:
    image = ws.blobs.get(origin.blob_sha256) if origin.blob_sha256 else None
    return JudgedOutput(
        arm=model.name, text=origin.text, image=image, media_type="image/png" if image else "text/plain",
        output_id=origin.output_id, seed=origin.seed, model_revision=model.revision,
        prompt_version_id=origin.prompt_version_id, settings=parsed(origin.settings),
    )  # fmt: skip


def _asked(text: str, variables: Mapping[str, str]) -> str:
    try:
        return fill([text], {k: v for k, v in variables.items() if f"{{{k}}}" in text})[0][0]
    except InvalidPrompt:
        return text
