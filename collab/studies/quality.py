"""How far answers can be trusted: gold, repeats, speed, sides, agreement. Tells the owner, filters nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from collab.store.result_queries import (
    Work,
    agreement_with_others,
    vote_patterns,
)
from collab.store.study_schema import DWELL_STEP_MS
from collab.store.vote_counts import CountedVotes
from collab.studies.names import consents_of, names_of
from collab.types import Study
from collab.workspace import Workspace

Json = dict[str, Any]
AGREEMENT_ITEMS = 2_000  # a random sample as large as a page can wait for
FAST_SHARE_OF_MEDIAN = 1 / 3  # an answer given in less than a third of everyone's median time is called fast
_LEAST = {"gold": 5, "repeat": 5, "sides": 20, "answers": 10, "agreement": 20}  # below it a share says nothing
_SIGNALS = {"gold": 0.7, "repeat": 0.7, "fast": 0.3, "side": 0.8}


def annotators(
    ws: Workspace, study: Study, work: Sequence[Work], votes: Sequence[CountedVotes], excluded: Collection[str],
    connection: Connection,
) -> list[Json]:  # fmt: skip
    """One row a person, the busiest first, with what may be wrong in words."""
    by_person: dict[str, list[Work]] = {}
    for each in work:
        by_person.setdefault(each.annotator_id, []).append(each)
    sides = _sides(votes)
    like_others = agreement_with_others(connection, study.id, AGREEMENT_ITEMS)
    overall_s = median_s(answered_dwell(work))
    names = names_of(ws, list(by_person), connection=connection)
    consents = consents_of(ws, list(by_person), connection=connection)
    rows = []
    for annotator_id, mine in by_person.items():
        row = _person(mine, sides.get(annotator_id, (0, 0)), like_others.get(annotator_id, (0, 0)), overall_s)
        if row["answers"] or annotator_id in excluded:
            at = max((each.last_at for each in mine if each.last_at), default=None)
            rows.append({
                "annotator_id": annotator_id, "name": names[annotator_id], **row,
                "last_at": at.isoformat(timespec="seconds") if at else None, "excluded": annotator_id in excluded,
                "consent": consents[annotator_id],
            })  # fmt: skip
    return sorted(rows, key=lambda row: -row["answers"])


def _sides(votes: Sequence[CountedVotes]) -> dict[str, tuple[int, int]]:
    """How often each person chose the left and the right one."""
    found: dict[str, list[int]] = {}
    for row in votes:
        found.setdefault(row.annotator_id, [0, 0, 0])[row.side] += row.votes
    return {annotator_id: (left, right) for annotator_id, (_, left, right) in found.items()}


def _person(
    work: Sequence[Work], sides: tuple[int, int], like_others: tuple[int, int], overall_s: float | None
) -> Json:
    done = [each for each in work if each.status == "answered"]
    dwell = answered_dwell(done)
    right = {p: sum(w.tasks for w in done if w.purpose == p and w.matched) for p in ("gold", "repeat")}
    told = {p: sum(w.tasks for w in done if w.purpose == p and w.matched is not None) for p in ("gold", "repeat")}
    chosen, timed = sum(sides), sum(dwell.values())
    fast = None
    if overall_s and timed:
        limit = overall_s * FAST_SHARE_OF_MEDIAN * 1000 / DWELL_STEP_MS
        fast = sum(number for step, number in dwell.items() if step + 1 <= limit) / timed
    row: Json = {
        "answers": sum(each.tasks for each in done),
        "skipped": sum(each.tasks for each in work if each.status == "skipped"),
        "gold_right": right["gold"],
        "gold_total": told["gold"],
        "repeats_same": right["repeat"],
        "repeats_total": told["repeat"],
        "agreement": like_others[0] / like_others[1] if like_others[1] else None,
        "median_s": median_s(dwell),
        "fast_share": fast,
        "left_share": sides[0] / chosen if chosen else None,
    }
    return {**row, "signals": _signals(row, chosen, timed)}


def _signals(row: Json, chosen: int, timed: int) -> list[str]:
    """What stands out, each with its numbers: a reason to look, not a verdict."""
    said = []
    if row["gold_total"] >= _LEAST["gold"] and row["gold_right"] / row["gold_total"] < _SIGNALS["gold"]:
        said.append(f"Right on {row['gold_right']} of {row['gold_total']} gold items only.")
    if row["repeats_total"] >= _LEAST["repeat"] and row["repeats_same"] / row["repeats_total"] < _SIGNALS["repeat"]:
        said.append(f"Said the same again on {row['repeats_same']} of {row['repeats_total']} repeated items only.")
    if timed >= _LEAST["answers"] and row["fast_share"] is not None and row["fast_share"] > _SIGNALS["fast"]:
        said.append(f"{row['fast_share']:.0%} of the answers in less than a third of everyone's median time.")
    if chosen >= _LEAST["sides"] and not 1 - _SIGNALS["side"] < row["left_share"] < _SIGNALS["side"]:
        side = "left" if row["left_share"] > 0.5 else "right"
        share = max(row["left_share"], 1 - row["left_share"])
        said.append(f"Chose the {side} one in {share:.0%} of {chosen} choices.")
    return said


def answered_dwell(work: Sequence[Work]) -> dict[int, int]:
    """How many answers took how many half seconds."""
    added: dict[int, int] = {}
    for each in work:
        if each.status == "answered":
            for step, number in each.dwell.items():
                added[step] = added.get(step, 0) + number
    return added


def median_s(dwell: Mapping[int, int], share: float = 0.5) -> float | None:
    """The seconds that `share` of the answers stayed below, each taken to half a second; None without any.

    Between two answers it is their middle (the second definition of Hyndman & Fan 1996), as on the desk (desk_pace.js).
    """
    wanted, passed = share * sum(dwell.values()), 0
    before: int | None = None
    for step in sorted(step for step, number in dwell.items() if number):
        passed += dwell[step]
        if passed > wanted:
            return ((step if before is None else (before + step) / 2) + 0.5) * DWELL_STEP_MS / 1000
        before = step if passed == wanted else None
    return None if before is None else (before + 0.5) * DWELL_STEP_MS / 1000


def vote_agreement(study: Study, without: Collection[str], question: str, connection: Connection) -> Json:
    """Krippendorff's alpha of the votes: over items to compare, over pairs of an item to rank."""
    from collab.statistics.agreement import alpha

    patterns = vote_patterns(connection, study.id, without, one_pair=study.task == "compare")
    counts = [pattern[:4] for pattern in patterns] or [(0, 0, 0, 0)]
    found = alpha(counts, [pattern[4] for pattern in patterns] or [0], "nominal", seed=study.items)
    return agreement_json("winner", question, found)


def agreement_json(name: str, title: str, found: Any) -> Json:
    """An agreement as the page draws it."""
    return {
        "question": name, "title": title, "alpha": found.alpha, "lower": found.lower, "upper": found.upper,
        "level": found.level, "units": found.units, "pairs": found.pairs, "sentence": found.sentence,
    }  # fmt: skip


def time_per_item(work: Sequence[Work]) -> Json:
    """How long people look at an item: median, tenths, and a histogram of about twenty bars."""
    dwell = answered_dwell(work)
    if not dwell:
        return {"median": None, "p10": None, "p90": None, "histogram": []}
    last = max(1, int((median_s(dwell, 0.98) or 1) * 1000 / DWELL_STEP_MS) + 1)
    width = max(1, -(-last // 20))
    bars: dict[int, int] = {}
    for step, number in dwell.items():
        at = min(step // width, last // width)  # what took longer than nearly all stands in the last bar
        bars[at] = bars.get(at, 0) + number
    second = DWELL_STEP_MS / 1000
    return {
        "median": median_s(dwell), "p10": median_s(dwell, 0.1), "p90": median_s(dwell, 0.9),
        "histogram": [
            {"from_s": at * width * second, "to_s": (at + 1) * width * second, "n": bars.get(at, 0)}
            for at in range(max(bars) + 1)
        ],
    }  # fmt: skip
