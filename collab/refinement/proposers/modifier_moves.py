"""The changes that could be made to a picture's prompt, with what each would add to its worth. Chooses none of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from collab.prompts import Wording
from collab.refinement.digest import Digest
from collab.refinement.proposers.picture_terms import (
    FLAWS,
    ICON_PIXELS,
    ICON_TERMS,
    VOCABULARY,
    added_parts,
    negative_terms,
    read_slots,
    read_words,
    said,
    with_level,
    with_negative,
    with_words,
    without_words,
)
from collab.refinement.proposers.term_effects import NUMBERS, Contrast, Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One change of the parent. contrast: what it adds to a picture's worth; slot: moves of one slot exclude each
    other; hints: acts in which people asked for it in words."""

    slot: str
    wording: Wording
    words: str
    contrast: Contrast
    hints: tuple[str, ...] = ()


def moves(digest: Digest, effects: Effects) -> list[Move]:
    """Every change of the digest's wording that its votes, its asker's other prompts or the vocabulary suggest."""
    parent = digest.wording
    made = [*_slot_moves(digest, effects), *_word_moves(digest, effects), *_negative_moves(digest, effects)]
    made += _setting_moves(digest, effects)
    return [move for move in made if move.wording != parent and move.wording.text.strip()]


def _slot_moves(digest: Digest, effects: Effects) -> Iterable[Move]:
    parent = digest.wording
    present = read_slots(parent.text)
    for slot, levels in _levels(digest, effects).items():
        now = present[slot].level if slot in present else None
        # a slot that a variable fills is not ours to set
        if now is None and any(slot in read_slots(f"x, {value}") for value in _values(digest)):
            continue
        cost: Contrast = {f"{slot}={now}": -1.0} if now else {}
        if now:
            yield Move(
                slot=slot, wording=with_level(parent, slot, None), words=f"leave out “{said(slot, now)}”", contrast=cost
            )
        for level in levels:
            if level != now:
                instead = f" instead of “{said(slot, now)}”" if now else ""
                yield Move(
                    slot=slot, wording=with_level(parent, slot, level), words=f"“{said(slot, level)}”{instead}",
                    contrast={f"{slot}={level}": 1.0, **cost}, hints=_asked_for(digest, level),
                )  # fmt: skip


def _levels(digest: Digest, effects: Effects) -> dict[str, list[str]]:
    """The levels of each slot that are worth trying with the model that drew these pictures: what was tried, what the
    asker wrote elsewhere, and what the model is known to follow."""
    widths = [output.settings["width"] for output in digest.own if "width" in output.settings]
    known = ICON_TERMS if widths and max(widths) <= ICON_PIXELS else VOCABULARY
    levels: dict[str, list[str]] = {slot: [] for slot in VOCABULARY}
    for term in effects.terms:
        slot, _, level = term.partition("=")
        if level and slot in levels:
            levels[slot].append(level)
    for output in digest.outputs.values():
        for slot, found in read_slots(output.wording.text).items():
            levels[slot].append(found.level)
    return {slot: list(dict.fromkeys([*tried, *known.get(slot, ())])) for slot, tried in levels.items()}


def _word_moves(digest: Digest, effects: Effects) -> Iterable[Move]:
    parent = digest.wording
    present = read_words(parent.text)
    tried = [term.removeprefix("word:") for term in effects.terms if term.startswith("word:")]
    own = {term for output in digest.own for term in read_words(output.wording.text)}
    for term in tried:
        key = f"word:{term}"
        other = effects.opposite.get(key, "").removeprefix("word:")
        if term in present:
            yield Move(
                slot=f"word {term}",
                wording=without_words(parent, term),
                words=f"leave out “{term}”",
                contrast={key: -1.0},
            )
        elif term in own and other in present:
            yield Move(
                slot=f"word {other}", wording=with_words(without_words(parent, other), term),
                words=f"“{term}” instead of “{other}”", contrast={key: 1.0, f"word:{other}": -1.0},
            )  # fmt: skip
        elif term in own:  # words of other prompts are mostly about what those show
            yield Move(
                slot=f"word {term}", wording=with_words(parent, term), words=f"add “{term}”", contrast={key: 1.0}
            )
    parts = Counter(
        part.casefold() for output in digest.outputs.values() for part in set(added_parts(output.wording.text))
    )
    for part, _ in parts.most_common():
        if part not in tried and not read_words(part) <= present:
            yield Move(slot="history", wording=with_words(parent, part), words=f"add “{part}”, as in another prompt",
                       contrast={f"word:{part}": 1.0}, hints=_asked_for(digest, part))  # fmt: skip


def _negative_moves(digest: Digest, effects: Effects) -> Iterable[Move]:
    parent = digest.wording
    guidance = _current(digest, "guidance_scale")
    if isinstance(guidance, int | float) and guidance <= 1:
        return  # without guidance a negative prompt changes nothing
    for key in effects.terms:
        if key.startswith("negative:"):
            term = key.removeprefix("negative:")
            if term in negative_terms(parent):
                kept = [part.strip() for part in parent.negative_text.split(",") if part.strip().casefold() != term]
                yield Move(slot=f"negative {term}", wording=replace(parent, negative_text=", ".join(kept)),
                           words=f"leave out the negative term “{term}”", contrast={key: -1.0})  # fmt: skip
            else:
                yield Move(slot=f"negative {term}", wording=with_negative(parent, term),
                           words=f"the negative term “{term}”", contrast={key: 1.0})  # fmt: skip
        elif "=" in key and key.partition("=")[0] in VOCABULARY and effects.of({key: -1.0})[0] > 0:
            slot, _, level = key.partition("=")
            found = read_slots(parent.text).get(slot)
            mean, deviation = effects.of({key: -1.0})
            if (found is None or found.level != level) and mean > 2 * deviation:
                term = said(slot, level)  # that it is disliked was learned; that naming it helps was not
                yield Move(slot="negative", wording=with_negative(parent, term),
                           words=f"the negative term “{term}”, which people dislike in pictures",
                           contrast={f"negative:{term}": 1.0}, hints=effects.events({key: 1.0}))  # fmt: skip
    for flaw in FLAWS:
        told = _complained_of(digest, flaw)
        if told and f"negative:{flaw}" not in effects.terms:
            yield Move(slot="negative", wording=with_negative(parent, flaw), words=f"the negative term “{flaw}”",
                       contrast={f"negative:{flaw}": 1.0}, hints=told)  # fmt: skip


def _setting_moves(digest: Digest, effects: Effects) -> Iterable[Move]:
    parent = digest.wording
    for name in (*NUMBERS, "scheduler"):
        now = _current(digest, name)
        tried = {output.settings[name] for output in digest.own if name in output.settings} - {now}
        if now is None or (name in NUMBERS and name not in effects.terms):
            continue
        for value in sorted(tried, key=str):
            if name == "scheduler":
                contrast: Contrast = {f"scheduler={value}": 1.0, f"scheduler={now}": -1.0}
                if not effects.tried(contrast):
                    continue
            elif isinstance(now, int | float) and now > 0 and value > 0:
                contrast = {name: math.log2(value / now)}
            else:
                continue
            yield Move(slot=name, wording=replace(parent, settings={**parent.settings, name: value}),
                       words=f"{name} {_plain(value)} instead of {_plain(now)}",
                       contrast=contrast)  # fmt: skip


def applied(wording: Wording, digest: Digest, move: Move) -> Wording:
    """The move made on a wording that other moves have changed already: made anew from what it changes."""
    parent = digest.wording
    if move.wording.text != parent.text and wording.text != parent.text:
        slots = {slot: found.level for slot, found in read_slots(move.wording.text).items()}
        if move.slot in VOCABULARY:
            wording = with_level(wording, move.slot, slots.get(move.slot))
        else:
            for term, c in move.contrast.items():
                word = term.removeprefix("word:")
                wording = with_words(wording, word) if c > 0 else without_words(wording, word)
    elif move.wording.text != parent.text:
        wording = replace(wording, text=move.wording.text)
    if move.wording.negative_text != parent.negative_text:
        kept = [part.strip() for part in wording.negative_text.split(",") if part.strip()]
        gone = negative_terms(parent) - negative_terms(move.wording)
        added = [part.strip() for part in move.wording.negative_text.split(",") if part.strip().casefold()
                 in negative_terms(move.wording) - negative_terms(parent)]  # fmt: skip
        wording = replace(wording, negative_text=", ".join([p for p in kept if p.casefold() not in gone] + added))
    changed = {key: value for key, value in move.wording.settings.items() if parent.settings.get(key) != value}
    return replace(wording, settings={**wording.settings, **changed})


def _asked_for(digest: Digest, term: str) -> tuple[str, ...]:
    """The comments on this prompt's pictures that name a term other than to complain of it."""
    wanted = re.compile(rf"(?<!too )(?<!not )(?<!no )(?<!less )(?<!so )\b{re.escape(term)}\b", re.IGNORECASE)
    return tuple(dict.fromkeys(
        remark.event_id for output in digest.own for remark in output.remarks
        if remark.label == "comment" and wanted.search(remark.text)
    ))  # fmt: skip


def _complained_of(digest: Digest, flaw: str) -> tuple[str, ...]:
    """The tags, comments and marks that name a flaw of pictures that were not liked."""
    named = re.compile(rf"(?<!not )(?<!no )\b{re.escape(flaw)}\b", re.IGNORECASE)
    return tuple(dict.fromkeys(
        remark.event_id for output in digest.own if (output.liking or 0) <= 0 for remark in output.remarks
        if remark.label != "good" and named.search(remark.text)
    ))  # fmt: skip


def _values(digest: Digest) -> list[str]:
    return [value for output in digest.own for value in output.variables.values()]


def _current(digest: Digest, name: str) -> int | float | str | None:
    """A setting's value under the parent: its own, else what its pictures were mostly made with."""
    if name in digest.wording.settings:
        return digest.wording.settings[name]
    used: Mapping[int | float | str, int] = Counter(o.settings[name] for o in digest.own if name in o.settings)
    return max(used, key=lambda value: used[value]) if used else None


def _plain(value: int | float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
