"""Who leads a study and how surely: strengths, ranks, the win matrix, what would flip it. Reads the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from collab.errors import InvalidStudy
from collab.store.vote_counts import CountedVotes, voted_tags
from collab.studies.pairs import counted
from collab.types import ModelVersion, PromptVersion, Study, StudyArm
from collab.workspace import Workspace

if TYPE_CHECKING:
    from collab.statistics.pair_counts import PairCounts

Json = dict[str, Any]
BY = ("arm", "model", "prompt", "tag")
MOST_TAGS = 12  # as many leaderboards as a page can show side by side
FLIP_ARMS = 12  # beyond so many arms the search for the fewest votes takes too long for a page
_WORDS = {"arm": "arms", "model": "models", "prompt": "prompts", "tag": "arms"}


@dataclass(frozen=True, slots=True)
class Grouping:
    """What is told apart: its names, and to which of them each arm belongs."""

    names: list[str]
    group_of: list[int]


def grouping(ws: Workspace, arms: Sequence[StudyArm], by: str, connection: Connection) -> Grouping:
    """The study's arms (by tag too, see `tag_boards`), or the models or prompts that they share.

    Raises InvalidStudy for anything else.
    """
    if by not in BY:
        raise InvalidStudy(f"The leaderboard is by “{str(by)[:40]}”: choose arm, model, prompt or tag.")
    if by in ("arm", "tag"):
        return Grouping([arm.name for arm in arms], list(range(len(arms))))
    if by == "model":
        ids = [arm.model_version_id for arm in arms]
        models = {m.id: m.name for m in ws.store.find(ModelVersion, id=list(set(ids)), connection=connection)}
        return _grouped(ids, models)
    ids = [arm.prompt_version_id for arm in arms]
    prompts = {
        v.id: v.text.strip()[:60] for v in ws.store.find(PromptVersion, id=list(set(ids)), connection=connection)
    }
    return _grouped(ids, prompts)


def _grouped(ids: Sequence[str], names: dict[str, str]) -> Grouping:
    order = list(dict.fromkeys(ids))
    shown = [names[each] for each in order]
    for at, name in enumerate(shown):  # two versions may have the same words to show
        if shown.count(name) > 1:
            shown[at] = f"{name} ({at + 1})"
    return Grouping(shown, [order.index(each) for each in ids])


def leaderboard(
    ws: Workspace, study: Study, arms: Sequence[StudyArm], *, by: str = "arm", tag: str = "",
    without: Collection[str] = (), rows: Sequence[CountedVotes] | None = None, connection: Connection,
) -> tuple[Json, Json]:  # fmt: skip
    """The leaderboard and the win matrix as the page draws them. rows: all votes, where they are counted already."""
    groups = grouping(ws, arms, by, connection)
    counts = counted(ws, study, groups.names, group_of=groups.group_of, tag=tag, without=without, rows=rows,
                     connection=connection)  # fmt: skip
    return _board(counts, by, tag), _matrix(counts)


def tag_boards(
    ws: Workspace, study: Study, arms: Sequence[StudyArm], *, tag: str = "", without: Collection[str] = (),
    connection: Connection,
) -> Json:  # fmt: skip
    """The leaderboard of the arms on each tag's items alone, of the MOST_TAGS tags with the most votes (or of `tag`).

    sentence: how many tags there are beyond those, "" if none.
    """
    tags = [tag] if tag else voted_tags(connection, study.id, without)
    names = [arm.name for arm in arms]
    boards = [
        _board(counted(ws, study, names, tag=each, without=without, connection=connection), "tag", each)
        for each in sorted(tags[:MOST_TAGS])
    ]
    said = ""
    if len(tags) > MOST_TAGS:
        said = f"These are the {MOST_TAGS} tags with the most votes of {len(tags):,}: choose any other from the list."
    return {"boards": boards, "sentence": said}


def _board(counts: PairCounts, by: str, tag: str) -> Json:
    from collab.statistics.pair_counts import components

    board: Json = {"by": by, "tag": tag, "rows": [], "sentence": "", "flips": None, "flips_missing": ""}
    if counts.arms < 2 or not len(counts.count):
        board["sentence"] = "There are no votes to rank by yet."
        return board
    groups = components(counts)
    compared = list(groups[0])
    if len(compared) < counts.arms:
        left_out = ", ".join(counts.names[arm] for group in groups[1:] for arm in group)
        note = f" Not compared with the others yet, and so not ranked: {left_out[:300]}."
        counts = counts.only(sorted(compared))
    else:
        note = ""
    rows, problems, first_alone = _rows(counts)
    board["rows"] = rows
    if counts.arms <= FLIP_ARMS:
        board["flips"] = _flips(counts)
    else:
        board["flips_missing"] = (
            f"How many votes would have to change to flip the leader is worked out for up to {FLIP_ARMS} {_WORDS[by]}, "
            f"and these are {counts.arms}: put them together by model or prompt, or ask about fewer."
        )
    leader = rows[0]["name"]
    if first_alone:
        said = f"{leader} leads: no other of the {len(rows)} {_WORDS[by]} can hold rank 1 at 95 %."
    else:
        tied = sum(row["rank_low"] == 1 for row in rows)
        said = f"No single leader yet: {tied} of the {len(rows)} {_WORDS[by]} may hold rank 1."
    board["sentence"] = " ".join([said + note, *problems])
    return board


def _rows(counts: PairCounts) -> tuple[list[Json], Sequence[str], bool]:
    from collab.statistics.ranking import bradley_terry, rank_ranges

    fit = bradley_terry(counts)
    low, high = rank_ranges(fit)
    rows: list[Json] = [
        {
            "name": name, "strength": float(fit.strength[at]), "lower": float(fit.lower[at]),
            "upper": float(fit.upper[at]), "rank_low": int(low[at]), "rank_high": int(high[at]),
            "votes": int(fit.votes[at]), "win_rate": float(fit.win_rate[at]),
        }
        for at, name in enumerate(counts.names)
    ]  # fmt: skip
    rows.sort(key=lambda row: -row["strength"])
    return rows, fit.problems, rows[0]["rank_high"] == 1


def _flips(counts: PairCounts) -> Json | None:
    from collab.statistics.ranking import votes_to_flip

    flip = votes_to_flip(counts)
    return {"votes": flip.votes, "leader": flip.leader, "runner_up": flip.runner_up} if flip else None


def _matrix(counts: PairCounts) -> Json:
    from collab.statistics.pair_counts import win_matrix

    share, votes = win_matrix(counts)
    return {
        "names": list(counts.names),
        "wins": [[None if value != value else float(value) for value in row] for row in share.tolist()],
        "votes": votes.tolist(),
    }
