"""Acts of feedback in a few words for whoever looks at a proposal: what was said of its evidence. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collab.types import Act, Edit, Preference, Ranking, Rating, Retraction

SAID_LIMIT = 160  # characters
_WORDS_COMPARED = 3_000  # of a text: beyond, only the distance is told
_PLACES, _SHOWN = 2, 36  # of an edit, how many are shown; characters of each side of one
Made = Mapping[str, tuple[str, str]]  # output id → (its prompt version's id, its text)


def outputs_named(act: Act) -> tuple[str, ...]:
    """The outputs that an act is about."""
    match act:
        case Rating() | Edit():
            return (act.output_id,)
        case Preference():
            return act.output_a_id, act.output_b_id
        case Ranking():
            return tuple(output for group in act.groups for output in group)
    return ()


def said_of(act: Act, version_id: str, made: Made) -> str:
    """What the act says about the outputs of this version, in words: “★★☆☆☆ “too long””, “edited: −12 +3 words, …”."""
    match act:
        case Rating():
            words = _rating(act)
        case Preference():
            words = f"{_preference(act, version_id, made)}{_quoted(act.comment)}"
        case Ranking():
            words = _ranking(act, version_id, made)
        case Edit():
            words = _edit(act, made.get(act.output_id, ("", ""))[1])
        case Retraction():
            words = "taken back"
    return _short(words)


def _rating(act: Rating) -> str:
    said = []
    if act.score is not None:
        said.append("★" * act.score + "☆" * (5 - act.score))
    if act.thumb is not None:
        said.append("👍" if act.thumb > 0 else "👎")
    said += [f"{name} {value}/5" for name, value in act.aspects.items()]
    said += list(act.tags)
    for label in ("good", "bad"):
        marked = sum(1 for span in act.spans if span.get("label") == label)
        if marked:
            said.append(f"{marked} place{'' if marked == 1 else 's'} marked {label}")
    stars = " ".join(said[:1])
    rest = ", ".join(said[1:])
    return f"{stars} {rest}".strip() + _quoted(act.comment)


def _quoted(comment: str, limit: int = 100) -> str:
    words = " ".join(comment.split())
    return f" “{words if len(words) <= limit else words[: limit - 1] + '…'}”" if words else ""


def _preference(act: Preference, version_id: str, made: Made) -> str:
    if act.winner == "both_bad":
        return "both outputs are bad"
    if act.winner == "tie":
        return "as good as another output"
    better, worse = (
        (act.output_a_id, act.output_b_id) if act.winner == "a" else (act.output_b_id, act.output_a_id)
    )  # fmt: skip
    won, lost = (made.get(output, ("", ""))[0] == version_id for output in (better, worse))
    if won == lost:
        return "one output was preferred to another"
    return "won against another output" if won else "lost to another output"


def _ranking(act: Ranking, version_id: str, made: Made) -> str:
    groups, total = act.groups, sum(map(len, act.groups))
    places = [n for n, group in enumerate(groups) if any(made.get(o, ("", ""))[0] == version_id for o in group)]
    if len(groups) < 2 or len(places) != 1:
        return f"{total} outputs put in order"
    if places[0] == 0:
        return f"put first of {total}"
    return f"put last of {total}" if places[0] == len(groups) - 1 else f"put in the middle of {total}"


def _edit(act: Edit, before: str) -> str:
    if act.text is None:
        return "corrected as a picture"
    old, new = before.split(), act.text.split()
    if not old or max(len(old), len(new)) > _WORDS_COMPARED:
        return f"edited: {act.edit_distance or 0:,} words changed"
    gone, added, places = 0, 0, []
    for out, into in _places(old, new):
        gone, added = gone + len(out), added + len(into)
        told = _quoted(" ".join(out), _SHOWN), _quoted(" ".join(into), _SHOWN)
        places.append(f"{told[0]} became{told[1]}" if out and into else f"{told[0]} cut" if out else f"{told[1]} added")
    return f"edited: −{gone} +{added} words" + "".join(f",{place}" for place in places[:_PLACES])


def _places(old: list[str], new: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """The words that were taken out and put in, place by place."""
    from rapidfuzz.distance import Levenshtein

    out: list[str] = []
    into: list[str] = []
    for part in Levenshtein.opcodes(old, new):
        if part.tag == "equal" and (out or into):
            yield out, into
            out, into = [], []
        elif part.tag != "equal":
            out, into = out + old[part.src_start : part.src_end], into + new[part.dest_start : part.dest_end]
    if out or into:
        yield out, into


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= SAID_LIMIT else line[: SAID_LIMIT - 1] + "…"
