"""Who is given what: leases that run out, nothing twice to one person, pairs drawn with a known probability.

In a study that reveals which was which, no output comes twice to one person either: what is told of one task says
nothing of another, whenever it is told.

Every decision of a person's sequence is drawn from the study's seed, the person and how many tasks they have had, so a
study can be replayed. Knows nothing of what is answered or how it is shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from sqlalchemy.engine import Connection

from collab.errors import InvalidStudy, Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.store import Conflict
from collab.store.study_queries import (
    expired,
    free_item,
    give_place_back,
    item_states,
    lock_study,
    open_leases,
    outputs_given,
    own_counts,
    own_leases,
    repeatable,
    take_place,
)
from collab.studies.kept import Kept
from collab.studies.spec import StudySpec, read_spec
from collab.types import Purpose, Study, StudyItem, Task, now
from collab.workspace import Workspace

HELD_LIMIT = 3  # leases one person may hold in one study: the task on the screen and those fetched ahead
REASON_LIMIT = 500  # characters
KEPT_S = 5.0  # how long what was counted over all votes is good for


@dataclass(frozen=True, slots=True)
class Nothing:
    """Why there is no task now. waiting: whether there may be one soon. ready of total: items with their outputs."""

    reason: str
    waiting: bool = False
    ready: int = 0
    total: int = 0


def next_task(
    ws: Workspace, visitor: Visitor, study: Study, *, held: Sequence[str] = (), moment: datetime | None = None
) -> tuple[Task, StudyItem] | Nothing:
    """A leased task of this person's that is not among `held` (tokens), taken up again or newly given.

    Raises InvalidStudy when the study is closed.
    """
    at = moment or now()
    spec = read_spec(study.spec)
    for _ in range(20):
        try:
            with ws.store.writing() as connection:
                release_expired(ws, study, at, connection)
                ensure_annotator(ws, visitor, connection)
                given = _next(ws, visitor, study, spec, frozenset(held), at, connection)
            if given is not None:
                return given
        except Conflict:  # this person's other tab was given the same item at this moment
            continue
    raise Unavailable("The study is very busy: try again in a moment.")


def _next(
    ws: Workspace, visitor: Visitor, study: Study, spec: StudySpec, held: frozenset[str], at: datetime,
    connection: Connection,
) -> tuple[Task, StudyItem] | Nothing | None:  # fmt: skip
    study = ws.store.get(Study, study.id, connection=connection)
    if study.status == "closed":
        return Nothing(f"The study “{study.title}” is closed. Thank you for taking part.")
    leases = own_leases(ws.store, study.id, visitor.annotator_id, connection=connection)
    for task in leases:
        if task.token not in held:
            ws.store.update(Task, task.id, {"lease_until": lease_end(spec, at)}, connection=connection)
            return task, ws.store.get(StudyItem, task.item_id, connection=connection)
    counts = own_counts(ws.store, study.id, visitor.annotator_id, connection=connection)
    answered = sum(number for (_, status), number in counts.items() if status == "answered")
    if spec.quota and answered + len(leases) >= spec.quota:
        return Nothing(f"You have answered {answered} of the {spec.quota} that one person is asked: thank you!")
    missing = _missing(ws, study, spec, connection)
    if missing <= 0:
        return Nothing("The study has all the answers it asked for: thank you!")
    if _all_held(ws, study, missing, connection):
        said = "Others are giving the last answers that the study asks for: wait a moment, one may be left for you."
        return Nothing("Answer the tasks you hold first." if leases else said, waiting=True)
    if "interval_width" in spec.target and target_width_reached(ws, study, spec, connection):
        return Nothing("The study knows what it asked for as surely as it wanted to: thank you!")
    if len(leases) >= HELD_LIMIT:
        return Nothing("Answer the tasks you hold first.", waiting=True)
    rng = Random(f"{spec.seed}:{visitor.annotator_id}:{sum(counts.values())}")
    drawn = _draw(ws, visitor, study, spec, rng, connection)
    if drawn is None:
        return _nothing_left(ws, study, answered, connection)
    item, purpose, propensity, weight = drawn
    if purpose == "item" and not take_place(ws.store, item.id, connection=connection):
        return None  # its last place has just gone to somebody else: look again
    arrangement = list(range(len(item.cells)))
    rng.shuffle(arrangement)
    task = Task(
        created_at=at, study_id=study.id, item_id=item.id, annotator_id=visitor.annotator_id, purpose=purpose,
        token=secrets.token_urlsafe(16), arrangement=tuple(arrangement), propensity=propensity, weight=weight,
        lease_until=lease_end(spec, at),
    )  # fmt: skip
    ws.store.add(task, connection=connection)
    return task, item


def _missing(ws: Workspace, study: Study, spec: StudySpec, connection: Connection) -> float:
    """How many answers the study still asks for; while this transaction lasts, nobody else is told so too."""
    if "votes" not in spec.target:
        return float("inf")
    return int(spec.target["votes"]) - lock_study(ws.store, study.id, connection=connection).answered


def _all_held(ws: Workspace, study: Study, missing: float, connection: Connection) -> bool:
    """Whether as many answers as are missing will come if nobody's lease runs out."""
    return missing < float("inf") and open_leases(ws.store, study.id, connection=connection) >= missing


def _draw(
    ws: Workspace, visitor: Visitor, study: Study, spec: StudySpec, rng: Random, connection: Connection
) -> tuple[StudyItem, Purpose, float, float] | None:
    """The next item for this person: gold or a repeat by their shares, else the next of the study's order."""
    me = visitor.annotator_id
    fate = rng.random()
    if fate < spec.gold_share and (gold := free_item(ws.store, study.id, me, purpose="gold", connection=connection)):
        return gold, "gold", 1.0, 1.0
    if spec.gold_share <= fate < spec.gold_share + spec.repeat_share:
        again = repeatable(ws.store, study.id, me, connection=connection)
        if again:
            return ws.store.get(StudyItem, rng.choice(again), connection=connection), "repeat", 1.0, 1.0
    known = outputs_given(ws.store, study.id, me, connection=connection) if spec.reveal else []
    if spec.adaptive:
        return _draw_pair(ws, study, me, known, rng, connection)
    item = free_item(ws.store, study.id, me, without=known, connection=connection)
    return (item, "item", 1.0, 1.0) if item else None


def _nothing_left(ws: Workspace, study: Study, answered: int, connection: Connection) -> Nothing:
    states = item_states(connection, study.id)
    total, ready = sum(states.values()), states.get("ready", 0)
    if states.get("waiting"):
        return Nothing(f"The next outputs are being made: {ready} of {total} items are ready.", True, ready, total)
    said = f"You have answered all there is for you ({answered}): thank you!"
    return Nothing(said if answered else "There is nothing left to answer here now: thank you for coming.")


# ---- which pair next ------------------------------------------------------------------------------------------------


_pair_chances: Kept[dict[str, float]] = Kept(KEPT_S)
_width_reached: Kept[bool] = Kept(KEPT_S)


def target_width_reached(ws: Workspace, study: Study, spec: StudySpec, connection: Connection) -> bool:
    """Whether the win rate's interval is as narrow as was asked for; looked at every few seconds."""

    def look() -> bool:
        from collab.studies.claims import interval_width

        return interval_width(ws, study, spec, connection) <= spec.target["interval_width"]

    return _width_reached.get(study.id, look)


def _draw_pair(
    ws: Workspace, study: Study, me: str, known: Sequence[str], rng: Random, connection: Connection
) -> tuple[StudyItem, Purpose, float, float] | None:
    """A pair of arms drawn by how much a vote on it would tell, with the probability it was drawn with.

    The vote's weight, uniform ÷ drawn probability over the pairs that were open to this person, undoes the choice
    (inverse propensity; Horvitz & Thompson 1952; Chiang et al. 2024).
    """
    chances = pair_chances(ws, study, connection)
    free = {
        stratum: item
        for stratum in chances
        if (item := free_item(ws.store, study.id, me, stratum=stratum, without=known, connection=connection))
    }
    if not free:
        return None
    total = sum(chances[stratum] for stratum in free)
    strata = list(free)
    (stratum,) = rng.choices(strata, [chances[s] for s in strata])
    propensity = chances[stratum] / total
    return free[stratum], "item", propensity, 1 / len(free) / propensity


def pair_chances(ws: Workspace, study: Study, connection: Connection) -> dict[str, float]:
    """The probability of each pair ("0:1"): uniform until votes suffice, then by the study's allocation."""

    def count() -> dict[str, float]:
        from collab.studies.pairs import chances_of_pairs

        return chances_of_pairs(ws, study, connection)

    return _pair_chances.get(study.id, count)


# ---- leases ---------------------------------------------------------------------------------------------------------


def lease_end(spec: StudySpec, at: datetime) -> datetime:
    """When a lease given or renewed at this moment runs out."""
    return at + timedelta(minutes=spec.lease_minutes)


def release_expired(ws: Workspace, study: Study, at: datetime, connection: Connection) -> None:
    """Take back the leases that have run out, so that their places can be given to others."""
    for task in expired(ws.store, study.id, at, connection=connection):
        changed = ws.store.update(Task, task.id, {"status": "expired"}, only_if={"status": "leased"},
                                  connection=connection)  # fmt: skip
        if changed and task.purpose == "item":
            give_place_back(ws.store, task.item_id, connection=connection)


def renew(ws: Workspace, visitor: Visitor, task: Task, *, moment: datetime | None = None) -> Task:
    """Lengthen a lease; one that has run out is taken up again while its place is still free.

    Raises InvalidStudy when it is not, when the study has all its answers, or when it was told what was what.
    """
    at = moment or now()
    study = ws.store.get(Study, task.study_id)
    spec = read_spec(study.spec)
    with ws.store.writing() as connection:
        release_expired(ws, study, at, connection)
        task = ws.store.get(Task, task.id, connection=connection)
        if task.status == "expired":
            if task.revealed_at:
                raise InvalidStudy("You have seen which was which in this item: take the next one.")
            if task.purpose == "item":
                take_again(ws, study, spec, task, "Your time on this item ran out", connection)
        elif task.status != "leased":
            return task
        changes = {"status": "leased", "lease_until": lease_end(spec, at)}
        ws.store.update(Task, task.id, changes, connection=connection)
        return ws.store.get(Task, task.id, connection=connection)


def take_again(ws: Workspace, study: Study, spec: StudySpec, task: Task, gave_up: str, connection: Connection) -> None:
    """Take up an item whose place was given back. gave_up: how it was, as the first half of a sentence.

    Raises InvalidStudy where its place, or every answer still asked for, went to others.
    """
    if not take_place(ws.store, task.item_id, connection=connection):
        raise InvalidStudy(f"{gave_up} and it went to somebody else: take the next one.")
    # an answer writes its item before its study: in the other order the two could wait for each other
    if _all_held(ws, study, _missing(ws, study, spec, connection), connection):
        raise InvalidStudy(f"{gave_up} and others give the last answers: take the next one.")
