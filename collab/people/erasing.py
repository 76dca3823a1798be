"""Deletes for good what a person made and said: all of it, or outputs of their choice. Only deletion erases.

One transaction: all goes, or nothing. What others judged stays (see store/belongings.py); a Tombstone says how much
went, never what. Pictures that nobody else's rows name go with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from sqlalchemy.engine import Connection

from collab.checks import is_id
from collab.errors import InvalidPrompt, NotAllowed, NotFound, Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.inputs import own_generation, own_outputs
from collab.people.my_export import forget_exports
from collab.store import Conflict
from collab.store.belongings import Belongings, all_of, some_of
from collab.store.erasing import (
    erase_acts,
    erase_consents,
    erase_generations,
    erase_jobs,
    erase_library,
    erase_outputs,
    erase_part_in_study,
    erase_prompts,
    erase_studies,
    erase_trials,
    generations_of,
    hold_off_writers,
    pictures_of,
    without_owner,
)
from collab.store.history_words import keep_words
from collab.store.picture_queries import drawn_for
from collab.studies.uploads import forget_uploads
from collab.training.learnt import forget_trainings, unlearn_words
from collab.types import UNFINISHED, Annotator, Generation, Job, Output, Tombstone
from collab.workspace import Workspace

CHOSEN_LIMIT = 200
Counts = dict[str, int]
Scope = Literal["everything", "chosen"]
Choose = Callable[[Connection], Belongings]
Erase = Callable[[Belongings, Connection], tuple[str, ...]]  # the generations of which only some outputs went


def chosen_outputs(ws: Workspace, visitor: Visitor, generation_ids: object, output_ids: object) -> list[Output]:
    """The outputs of one's own that were chosen, singly or by their generations, each once.

    Raises InvalidPrompt for what is no choice, NotFound naming the first that is not one's own.
    """
    outputs: dict[str, Output] = {}
    for generation_id in _listed(generation_ids):
        own_generation(ws, visitor, generation_id)
        outputs |= {output.id: output for output in ws.store.find(Output, generation_id=generation_id)}
    outputs |= {output.id: output for output in own_outputs(ws, visitor, _listed(output_ids), masked=True)}
    if not outputs:
        raise InvalidPrompt("Nothing is chosen: choose some first.")
    return list(outputs.values())


def _listed(ids: object) -> list[str]:
    if ids is None:
        return []
    if not isinstance(ids, Sequence) or isinstance(ids, str) or len(ids) > CHOSEN_LIMIT:
        raise InvalidPrompt(f"What is chosen must be a list of at most {CHOSEN_LIMIT} ids.")
    for each in ids:
        if not is_id(each):
            raise NotFound(f"There is nothing of yours with the id “{str(each)[:60]}”: check the id.")
    return list(ids)


def would_delete(ws: Workspace, visitor: Visitor, outputs: Sequence[Output]) -> Counts:
    """What would go with these outputs, and how many of them would stay because a study shows them."""
    with ws.store.reading() as connection:
        return counts_of(_with_drawn(connection, visitor, {output.id for output in outputs}))


def _with_drawn(connection: Connection, visitor: Visitor, output_ids: set[str]) -> Belongings:
    """What goes with these outputs, the masks and paintings that were drawn for them alone included."""
    drawn = drawn_for(connection, visitor.annotator_id, output_ids)
    return some_of(connection, visitor.annotator_id, sorted(output_ids | drawn))


def delete_outputs(ws: Workspace, visitor: Visitor, outputs: Sequence[Output]) -> Counts:
    """Erase these outputs and what was said of them; a generation with its last one, a prompt with its last one.

    Raises Unavailable for a single output of what is still being made.
    """
    ids = {output.id for output in outputs}
    for made in ws.store.find(Generation, id=sorted({o.generation_id for o in outputs}), status=list(UNFINISHED)):
        if not {o.id for o in ws.store.find(Output, generation_id=made.id)} <= ids:
            raise Unavailable("That is still being made: stop it first, or delete all of it.")
        ws.runs.cancel(made.id)

    def choose(connection: Connection) -> Belongings:
        return _with_drawn(connection, visitor, ids)

    def erase(going: Belongings, connection: Connection) -> tuple[str, ...]:
        single = {o.id: o.generation_id for o in outputs if o.id in going.outputs}
        single = {i: generation_id for i, generation_id in single.items() if generation_id not in going.generations}
        erase_outputs(connection, single)
        return tuple(sorted(set(single.values())))

    return _delete(ws, visitor, "chosen", choose, erase)


def would_delete_all(ws: Workspace, visitor: Visitor) -> Counts:
    """What would go with everything of a person's."""
    with ws.store.reading() as connection:
        return counts_of(all_of(connection, visitor.annotator_id))


def delete_my_data(ws: Workspace, visitor: Visitor, confirm: object) -> Counts:
    """Erase everything of a person's. confirm: the word “delete”.

    Their votes go from all results, their name from what stays; what they still had made is stopped.
    """
    if confirm != "delete":
        raise NotAllowed("Deleting everything cannot be undone: confirm it with the word delete.")
    me = visitor.annotator_id
    for made in ws.store.find(Generation, requested_by=me, status=list(UNFINISHED)):
        ws.runs.cancel(made.id)
    for job in ws.store.find(Job, created_by=me, status=["queued", "running"]):
        ws.jobs.cancel(job.id)

    def choose(connection: Connection) -> Belongings:
        return all_of(connection, me)

    def erase(going: Belongings, connection: Connection) -> tuple[str, ...]:
        erase_jobs(connection, me)
        erase_library(connection, me)
        erase_consents(connection, me)
        nameless = {"display_name": "", "consent_version": ""}
        ws.store.update(Annotator, me, nameless, connection=connection)
        return ()

    counts = _delete(ws, visitor, "everything", choose, erase)
    forget_exports(ws, visitor)
    forget_uploads(ws, visitor)
    return counts


def counts_of(going: Belongings) -> Counts:
    """How much goes and stays, by name."""
    return {
        "outputs": len(going.outputs), "generations": len(going.generations), "acts": len(going.acts),
        "prompts": len(going.prompts), "studies": len(going.studies),
        "outputs_that_stay": going.outputs_that_stay, "studies_that_stay": going.studies_that_stay,
    }  # fmt: skip


def _delete(ws: Workspace, visitor: Visitor, scope: Scope, choose: Choose, erase: Erase) -> Counts:
    """One transaction around all that goes, and the files of pictures along with it."""
    for _ in range(3):
        aside: list[str] = []
        try:
            with ws.store.writing() as connection:
                hold_off_writers(connection)
                ensure_annotator(ws, visitor, connection)
                going = choose(connection)
                pictures = pictures_of(connection, going.outputs, going.acts)
                trainings = unlearn_words(ws.store, going.acts, connection)
                spoken_of = generations_of(connection, going.acts) - going.generations
                erase_acts(connection, going.acts)
                for study_id in sorted(going.taken_part):
                    erase_part_in_study(connection, study_id, visitor.annotator_id)
                thinned = erase(going, connection)
                erase_generations(connection, going.generations)
                erase_trials(connection, going.prompts)
                erase_studies(connection, going.studies)
                erase_prompts(connection, going.prompts)
                counts = counts_of(going)
                stone = Tombstone(annotator_id=visitor.annotator_id, scope=scope, counts=counts, thinned=thinned)
                ws.store.add(stone, connection=connection)
                for generation_id in spoken_of | set(thinned):
                    keep_words(ws.store, generation_id, connection=connection)
                for sha256 in without_owner(connection, pictures):
                    aside.append(sha256)
                    ws.blobs.set_aside(sha256)
        except Conflict:  # this person's other tab made their first row at this moment
            _put_back(ws, aside)
            continue
        except BaseException:
            _put_back(ws, aside)
            raise
        for sha256 in aside:
            ws.blobs.forget(sha256)
        forget_trainings(ws, trainings)
        return counts
    raise Unavailable("The store is very busy: nothing was deleted, try again in a moment.")


def _put_back(ws: Workspace, pictures: Iterable[str]) -> None:
    for sha256 in pictures:
        ws.blobs.put_back(sha256)
