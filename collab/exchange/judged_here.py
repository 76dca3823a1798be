"""What people said of their own outputs, outside studies, as sets that exchange formats hold. Reads the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from collab.errors import InvalidPrompt
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet, TaskKind
from collab.prompts import fill
from collab.said_of_outputs import named_in, preferred
from collab.store.evidence_queries import versions
from collab.store.export_queries import Origin, origins_of, parsed
from collab.store.training_queries import acts_outside_studies
from collab.studies.names import pseudonym
from collab.types import Act, Edit, FeedbackKind, Modality, ModelVersion, Preference, Rating
from collab.workspace import Workspace

ACTS_LIMIT = 200_000  # the newest
LOOKED_AT = 200  # the newest, for a look at a few rows
PAIRS_PER_ACT = 50  # of a ranking, which may order 64 outputs
_KINDS: Mapping[TaskKind, tuple[FeedbackKind, ...]] = {"rate": ("rating",), "compare": ("preference", "ranking")}
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

    annotator_id: by this person alone. limit: so many items of the newest acts at most, for a look at them.
    """
    with ws.store.reading() as connection:
        read = partial(acts_outside_studies, ws.store, modality, annotator_id, kinds=_KINDS[task],
                       connection=connection)  # fmt: skip
        acts = read(limit=ACTS_LIMIT if limit is None else LOOKED_AT)
        if limit is not None:
            giving = [act for act in acts if next(_said(act, task), None)]
            if len(giving) < limit and len(acts) == LOOKED_AT:
                giving = [act for act in read(limit=ACTS_LIMIT) if next(_said(act, task), None)]
            acts = giving[:limit]
        origins = origins_of(connection, sorted({i for act in acts for i in named_in(act)}))
        known = versions(ws.store, {o.prompt_version_id for o in origins.values()}, connection=connection)
        models = {m.id: m for m in ws.store.find(
            ModelVersion, id=sorted({o.model_version_id for o in origins.values()}), connection=connection
        )}  # fmt: skip
    names = {person: pseudonym(ws, person) for person in {act.annotator_id for act in acts}}
    asked: dict[tuple[str, str], str] = {}  # of a version and the values of its variables
    items: list[JudgedItem] = []
    for act in sorted(acts, key=attrgetter("id")):
        for number, (ids, answer) in enumerate(_said(act, task)):
            found = [origins[i] for i in ids if i in origins]
            questions = {(origin.prompt_version_id, origin.variables) for origin in found}
            if len(found) < len(ids) or len(questions) > 1:
                continue  # answers to different prompts are no comparison
            (question,) = questions
            if question not in asked:
                asked[question] = _asked(known[question[0]].text, parsed(question[1]))
            blind = isinstance(act, Preference) and act.blind
            said = JudgedAnswer(
                annotator=names[act.annotator_id], answer=answer, at=act.created_at, event_id=act.id, blind=blind,
                comment=getattr(act, "comment", ""),
            )  # fmt: skip
            items.append(JudgedItem(
                item_id=f"{act.id}-{number}", prompt=asked[question],
                outputs=tuple(_output(ws, origin, models[origin.model_version_id]) for origin in found),
                answers=(said,),
            ))  # fmt: skip
    items = items if limit is None else items[:limit]
    return JudgedSet(title=_TITLES[task, modality], task=task, modality=modality,
                     questions=_QUESTIONS if task == "rate" else (), items=items)  # fmt: skip


def count_here(
    ws: Workspace, annotator_id: str | None = None, *, on_texts: Sequence[Act]
) -> dict[tuple[TaskKind, Modality], int]:
    """How many items `judged_here` would have, about; pairs across prompts are still among them.

    on_texts: the acts on texts, newest first, which whoever counts has read already.
    """
    found: dict[tuple[TaskKind, Modality], int] = {}
    tasks: tuple[TaskKind, ...] = ("compare", "rate")
    with ws.store.reading() as connection:
        on_pictures = acts_outside_studies(ws.store, "image", annotator_id, limit=ACTS_LIMIT, connection=connection)
    said: Mapping[Modality, Sequence[Act]] = {
        "text": [act for act in on_texts if act.task_id is None][:ACTS_LIMIT], "image": on_pictures,
    }  # fmt: skip
    for modality, acts in said.items():
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
