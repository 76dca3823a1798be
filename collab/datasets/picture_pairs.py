"""What people said of pictures, as pairs: comparisons, rankings, and each edit over its original.

Reads the store; knows no files.
"""

from __future__ import annotations

from collections.abc import Iterator

from collab.datasets.sources import ACTS_LIMIT
from collab.errors import CollabError, InvalidStudy
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.prompts import fill
from collab.said_of_outputs import named_in, preferred
from collab.store.evidence_queries import versions
from collab.store.picture_queries import Drawn, acts_on_pictures, drawn_pictures, own_output_with
from collab.store.training_queries import acts_outside_studies
from collab.studies.decisions import excluded_tasks
from collab.studies.names import pseudonym
from collab.types import Act, Edit, Generation, Output, Preference, PromptVersion, Rating
from collab.workspace import Workspace

PAIRS_PER_ACT = 50  # of a ranking, which may order 64 pictures
EDITED = "edited by hand"  # the system that drew the better picture of an edit


def picture_pairs(
    ws: Workspace, annotator_id: str | None = None, *, outside_studies: bool = False, limit: int | None = None
) -> JudgedSet:
    """Every pair in force, by anybody, the better picture first; of a tie both. Raises InvalidStudy where none is.

    annotator_id: only what this person said, outside studies. limit: of so many of the newest acts, for a look.
    """
    with ws.store.reading() as connection:
        if outside_studies or annotator_id is not None:
            said = acts_outside_studies(ws.store, "image", annotator_id, limit=ACTS_LIMIT, connection=connection)
        else:
            said = acts_on_pictures(ws.store, limit=ACTS_LIMIT, connection=connection)
        without = excluded_tasks(ws, connection=connection)
        acts = [act for act in said if act.task_id not in without and not isinstance(act, Rating)][:limit]
        pictures = drawn_pictures(ws.store, {i for act in acts for i in named_in(act)}, connection=connection)
        wordings = versions(ws.store, {d.made.prompt_version_id for d in pictures.values()}, connection=connection)
    items = [item for act in sorted(acts, key=lambda a: a.id) for item in _items(ws, act, pictures, wordings)]
    if not items:
        raise InvalidStudy("There is no pair of pictures to export yet: compare, rank or edit some first.")
    return JudgedSet(title="What people said of pictures", task="compare", modality="image",
                     question="Which picture is better?", items=tuple(items))  # fmt: skip


def _items(
    ws: Workspace, act: Act, pictures: dict[str, Drawn], wordings: dict[str, PromptVersion]
) -> Iterator[JudgedItem]:
    if isinstance(act, Edit):
        original = pictures.get(act.output_id)
        if original is None or act.blob_sha256 is None:
            return
        try:
            edited = JudgedOutput(arm=EDITED, image=ws.blobs.get(act.blob_sha256), media_type="image/png",
                                  output_id=act.blob_sha256)  # fmt: skip
            outputs = (edited, _shown(ws, original))
        except CollabError:  # a lost file is for `python -m collab verify` to tell
            return
        caption = _caption(original, wordings)
        if not caption and (made := own_output_with(ws.store, act.annotator_id, act.blob_sha256)):
            caption = _words_of(ws, made)  # of an upload, what the edit was asked for by
        yield _item(ws, act, 0, caption, outputs, "a")
        return
    pairs = [(a, b, "a") for a, b in preferred(act)][:PAIRS_PER_ACT]
    if isinstance(act, Preference) and act.winner in ("tie", "both_bad"):
        pairs = [(act.output_a_id, act.output_b_id, act.winner)]
    for number, (better_id, worse_id, winner) in enumerate(pairs):
        better, worse = pictures.get(better_id), pictures.get(worse_id)
        if better is None or worse is None or _caption(better, wordings) != _caption(worse, wordings):
            continue
        try:
            outputs = (_shown(ws, better), _shown(ws, worse))
        except CollabError:
            continue
        yield _item(ws, act, number, _caption(better, wordings), outputs, winner)


def _item(
    ws: Workspace, act: Act, number: int, caption: str, outputs: tuple[JudgedOutput, ...], winner: str
) -> JudgedItem:
    answer = JudgedAnswer(
        annotator=pseudonym(ws, act.annotator_id), answer={"winner": winner}, at=act.created_at, event_id=act.id,
        blind=isinstance(act, Preference) and act.blind,
    )  # fmt: skip
    item_id = f"{act.id}-{number}" if number else act.id
    return JudgedItem(item_id=item_id, prompt=caption, outputs=outputs, tag=_kind(act), answers=(answer,))


def _kind(act: Act) -> str:
    return type(act).__name__.lower()


def _shown(ws: Workspace, drawn: Drawn) -> JudgedOutput:
    return JudgedOutput(
        arm=drawn.model, image=ws.blobs.get(drawn.output.blob_sha256 or ""), media_type="image/png",
        output_id=drawn.output.id, seed=drawn.output.seed, model_revision=drawn.revision,
        prompt_version_id=drawn.made.prompt_version_id, settings=drawn.made.settings,
    )  # fmt: skip


def _words_of(ws: Workspace, output: Output) -> str:
    made = ws.store.get(Generation, output.generation_id)
    version = ws.store.get(PromptVersion, made.prompt_version_id)
    return fill([version.text], made.variables)[0][0]


def _caption(drawn: Drawn, wordings: dict[str, PromptVersion]) -> str:
    version = wordings[drawn.made.prompt_version_id]
    try:
        return fill([version.text], drawn.made.variables)[0][0]
    except CollabError:  # an imported one may bring no values
        return str(drawn.made.variables.get("prompt", version.text))
