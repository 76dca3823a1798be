"""Words, beginnings and endings that editors put in or strike out again and again. Knows nothing of other rules' kinds.

A word struck out counts only as far as that was a choice: in an edit that cuts two thirds of a text, most words go.
So a forbidden word must also have gone more often than such cuts explain, and a wanted one have come more often than it
is in these texts anyway (p < 0.02 over all words tried): three edits are too few for that, five will do.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from collab.refinement.proposers.features import style_of, words_of
from collab.refinement.proposers.rules import WORDINGS, Rule
from collab.refinement.proposers.tally import KEPT, Contrast, by_chance, suffices, sureness

WORDS_LIMIT = 3  # rules about single words, of each kind
_CHANCE = 0.02
_PHRASE = 5  # words of a beginning or an ending
_Edges = Mapping[tuple[str, ...], str]  # phrase in lower case -> the line it is in
# words that carry a sentence, not its subject: that they come and go means nothing
_STOP = frozenset(
    words_of(
        """a about above after again all also am an and another any are as at be because been before being below between
        both but by can could did do does doing down during each even every few for from further get got had has have
        having he her here hers him his how i if in into is it its just like made make many may me more most much my no
        nor not now of off on once one only onto or other our out over own per rather same she should so some such than
        that the their them then there these they this those through to too under until up upon us use using very via
        was we well were what when where which while who whom why will with within without would yet you your yours"""
    )
)  # fmt: skip


def phrase_rules(contrasts: Sequence[Contrast], rules: Sequence[Rule]) -> list[Rule]:
    """The rules about words and phrases in these edits. rules: those found already, not to be said again."""
    edits = [contrast for contrast in contrasts if contrast.how == "edit" and contrast.weight > 0]
    liked = [contrast for contrast in contrasts if contrast.how == "liked"]
    banned = {rule.dimension for rule in rules if rule.kind.endswith(": without")}
    found = [rule for rule in _edges(edits, liked) if not (_traits(rule.instruction) & banned)]
    said = {word for rule in found for word in _lowered(rule.instruction)}
    given = {rule.dimension for rule in rules}
    for rule in [*_forbidden(edits, liked), *_wanted(edits, liked)]:
        (word,) = _quoted(rule)
        if word not in said and not (_traits(word) & given):
            found.append(rule)
    return found


def _quoted(rule: Rule) -> list[str]:
    return [rule.instruction.partition("“")[2].rpartition("”")[0]]


def _traits(text: str) -> set[str]:
    """The traits of style that the words show by themselves: “perhaps” is a hedge."""
    quoted = text.partition("“")[2].rpartition("”")[0] or text
    return {name for name, state in style_of(quoted).traits.items() if state == "with"}


def _lowered(text: str) -> list[str]:
    return [word.lower() for word in words_of(text)]


@lru_cache(maxsize=2048)
def _content(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, in lower case."""
    return frozenset(w for w in _lowered(text) if 3 <= len(w) <= 30 and w.isalpha() and w not in _STOP)


def _forbidden(edits: Sequence[Contrast], liked: Sequence[Contrast]) -> Iterator[Rule]:
    gone: dict[str, list[int]] = defaultdict(list)
    stayed: dict[str, float] = defaultdict(float)
    shares, tried = [], Counter[str]()
    for at, edit in enumerate(edits):
        before, after = _content(edit.before), _content(edit.after)
        shares.append(len(before - after) / max(len(before), 1))
        tried.update(before)
        for word in before - after:
            gone[word].append(at)
        for word in after:
            stayed[word] += edit.weight
    for contrast in liked:
        for word in _content(contrast.after):
            stayed[word] += KEPT * contrast.weight
    candidates = {word: places for word, places in gone.items() if len(places) >= 3}
    befores = [_content(edit.before) for edit in edits]
    rules = []
    for word, places in candidates.items():
        support = sum(edits[at].weight for at in places)
        strength = sureness(support, stayed[word])
        chances = [share for share, before in zip(shares, befores, strict=True) if word in before]
        if suffices(support, stayed[word], strength) and by_chance(len(places), chances) < _CHANCE / len(candidates):
            rules.append(_rule("forbidden", "", word, support, stayed[word], strength, [edits[at] for at in places]))
    yield from sorted(rules, key=lambda rule: (-rule.support, rule.instruction))[:WORDS_LIMIT]


def _wanted(edits: Sequence[Contrast], liked: Sequence[Contrast]) -> Iterator[Rule]:
    """Words that nearly every corrected text has because somebody put them in. What was asked about is no such word."""
    put: dict[str, list[int]] = defaultdict(list)
    without: dict[str, float] = defaultdict(float)
    afters = [_content(edit.after) for edit in edits]
    for at, edit in enumerate(edits):
        for word in afters[at] - _content(edit.before) - _content(edit.asked):
            put[word].append(at)
    held: dict[str, float] = defaultdict(float)
    total = 0.0
    texts = [(after, edit.weight) for after, edit in zip(afters, edits, strict=True)]
    for words, weight in [*texts, *((_content(contrast.after), KEPT * contrast.weight) for contrast in liked)]:
        total += weight
        for word in words:
            held[word] += weight
    rules = []
    before = Counter(word for edit in edits for word in _content(edit.before))
    for word, places in put.items():
        if len(places) < 3:
            continue
        usual = [(before[word] + 1) / (len(edits) + 2)] * (len(edits) - before[word])
        without[word] = max(0.0, total - held[word])
        support = sum(edits[at].weight for at in places)
        strength = sureness(support, without[word])
        if suffices(support, without[word], strength) and by_chance(len(places), usual) < _CHANCE / len(put):
            rules.append(_rule("wanted", "", word, support, without[word], strength, [edits[at] for at in places]))
    yield from sorted(rules, key=lambda rule: (-rule.support, rule.instruction))[:WORDS_LIMIT]


def _edges(edits: Sequence[Contrast], liked: Sequence[Contrast]) -> Iterator[Rule]:
    """Beginnings struck out or put in, endings put in: of each the longest phrase that has the most support."""
    yield from _longest("start", "forbidden", edits, liked)
    yield from _longest("start", "wanted", edits, liked)
    yield from _longest("end", "wanted", edits, liked)


def _longest(edge: str, way: str, edits: Sequence[Contrast], liked: Sequence[Contrast]) -> Iterator[Rule]:
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    lines: dict[tuple[str, ...], list[str]] = defaultdict(list)
    ends = [(_phrases(edit.before, edge), _phrases(edit.after, edge)) for edit in edits]
    for at, (before, after) in enumerate(ends):
        lost, found = (before, after) if way == "forbidden" else (after, before)
        for phrase in lost.keys() - found.keys():
            places[phrase].append(at)
            lines[phrase].append(lost[phrase])
    pleased = [_phrases(contrast.after, edge) for contrast in liked]
    best: tuple[float, int, Rule] | None = None
    total, held = 0.0, defaultdict[tuple[str, ...], float](float)
    for phrases, weight in _finals(edits, ends, liked, pleased):
        total += weight
        for phrase in phrases:
            held[phrase] += weight
    for phrase, where in places.items():
        if len(where) < 3:
            continue
        support = sum(edits[at].weight for at in where)
        against = held[phrase] if way == "forbidden" else max(0.0, total - held[phrase])
        strength = sureness(support, against)
        if not suffices(support, against, strength):
            continue
        words = Counter(_spelled(line, len(phrase), edge) for line in lines[phrase]).most_common(1)[0][0]
        rule = _rule(edge, way, words, support, against, strength, [edits[at] for at in where])
        if best is None or (support, len(phrase)) > best[:2]:
            best = (support, len(phrase), rule)
    if best is not None:
        yield best[2]


def _finals(
    edits: Sequence[Contrast], ends: Sequence[tuple[_Edges, _Edges]],
    liked: Sequence[Contrast], pleased: Sequence[_Edges],
) -> Iterator[tuple[_Edges, float]]:  # fmt: skip
    """The texts that people settled on, by their edges, with what each weighs."""
    for edit, (_, after) in zip(edits, ends, strict=True):
        yield after, edit.weight
    for contrast, phrases in zip(liked, pleased, strict=True):
        yield phrases, KEPT * contrast.weight


@lru_cache(maxsize=4096)
def _phrases(text: str, edge: str) -> _Edges:
    """The phrases at one end of a text, in lower case, each with its line; a single word is none, unless it is a whole
    line."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        return {}
    line = lines[0] if edge == "start" else lines[-1]
    words = words_of(line[:400] if edge == "start" else line[-400:])
    found = {}
    for count in range(1, min(len(words), _PHRASE) + 1):
        some = words[:count] if edge == "start" else words[-count:]
        if count > 1 or (len(words) == 1 and len(lines) > 1):
            found[tuple(word.lower() for word in some)] = line
    return found


def _spelled(line: str, count: int, edge: str) -> str:
    """The first or last `count` words of a line; of the first with what stands between them, where that is harmless."""
    words = words_of(line[:400])[:count] if edge == "start" else words_of(line[-400:])[-count:]
    if edge == "start":
        start = end = line.index(words[0])
        for word in words:
            end = line.index(word, end) + len(word)
        if re.fullmatch(r"[\w ,.'’-]+", line[start:end]):
            return line[start:end]
    return " ".join(words)


def _rule(dimension: str, way: str, word: str, support: float, against: float, strength: float,
          edits: Iterable[Contrast]) -> Rule:  # fmt: skip
    """Words alone are quoted, with commas and the like: no bracket, quotation mark or line of somebody's text gets into
    a prompt."""
    instruction, did = WORDINGS[dimension][way]
    events = dict.fromkeys(event for edit in edits for event in edit.event_ids)
    return Rule(kind=f"{dimension}: {way or word}", instruction=instruction.format(word=word), support=support,
                against=against, strength=strength, event_ids=tuple(events), said=did)  # fmt: skip
