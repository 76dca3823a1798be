"""Runs the proposers over the evidence about a version and stores what passes as equal candidates with their evidence.

Knows what proposers are called and what they are given, not how they think.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from collab.checks import is_id
from collab.errors import CollabError, InvalidPrompt, Stopped
from collab.identity import Visitor
from collab.jobs import JobControl
from collab.model_versions import resolve_model
from collab.refinement.asking import ANSWER_TOKENS, about_tokens, asker
from collab.refinement.foreseeing import in_order_of_promise, maker
from collab.refinement.keeping import Proposals, keep_proposals
from collab.refinement.owned import owned_prompt, owned_version
from collab.refinement.proposal import Candidate, NothingToLearn, Proposer, Tools
from collab.refinement.sieve import Note, Sieve, embed_texts
from collab.types import Modality, Prompt, PromptVersion
from collab.workspace import Workspace

if TYPE_CHECKING:
    from collab.refinement.digest import Digest, JudgedOutput

log = logging.getLogger(__name__)
COUNT_LIMIT = 12
ON_REQUEST = ("search",)  # proposers that take minutes, asked only by name
NO_FEEDBACK = (
    "Nobody has said anything about this prompt's outputs yet: rate, compare or edit a few of them first. Those made "
    "with steering do not count."
)


def known_proposers(reflector: str = "") -> list[Proposer]:
    """Every proposer, in the order in which their candidates alternate. reflector: the name of the model they ask."""
    from collab.refinement.proposers.demonstrations import Demonstrations
    from collab.refinement.proposers.modifiers import Modifiers
    from collab.refinement.proposers.preferences import Preferences
    from collab.refinement.proposers.reflect import Reflect, Search

    return [Reflect(reflector), Preferences(), Demonstrations(), Modifiers(), Search(reflector)]


def check_asked(
    ws: Workspace, visitor: Visitor, version_id: object, count: object, proposers: object = (), reflector: object = ""
) -> tuple[PromptVersion, int, list[Proposer]]:
    """What was asked for, checked before any work; a prompt's id means its version that serves.

    Raises a CollabError with one sentence.
    """
    from collab import aliases

    if is_id(version_id) and ws.store.find(Prompt, id=version_id):
        version_id = aliases.serving_version(ws, owned_prompt(ws, visitor, version_id).id).id
    prompt, version = owned_version(ws, visitor, version_id)
    whole = isinstance(count, int | float) and not isinstance(count, bool) and count == count
    if not whole or not 1 <= count <= COUNT_LIMIT or count != int(count):  # type: ignore[operator,call-overload]
        raise InvalidPrompt(f"The number of proposals is {str(count)[:40]}: choose 1 to {COUNT_LIMIT}.")
    chosen = _choose(prompt.modality, proposers, str(reflector or ""))
    if reflector not in ("", None):
        resolve_model(ws, visitor, reflector, "text")
    return version, int(count), chosen  # type: ignore[call-overload]


def _choose(modality: Modality, names: object, reflector: str) -> list[Proposer]:
    fitting = {p.name: p for p in known_proposers(reflector) if modality in p.modalities}
    if names is None or names == "" or names == [] or names == ():
        return [proposer for name, proposer in fitting.items() if name not in ON_REQUEST]
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, Sequence) or len(names) > len(fitting):
        raise InvalidPrompt(f"Proposers must be a list of names: choose from {', '.join(fitting)}.")
    for name in names:
        if not isinstance(name, str) or name not in fitting:
            raise InvalidPrompt(
                f"There is no proposer “{str(name)[:40]}” for {modality} prompts: choose from {', '.join(fitting)}."
            )
    return [fitting[name] for name in dict.fromkeys(names)]


def propose(
    ws: Workspace, visitor: Visitor, version_id: str, count: int, *, proposers: Sequence[str] = (), reflector: str = "",
    control: JobControl | None = None,
) -> Proposals:  # fmt: skip
    """Up to `count` new versions under this one, each stored with the feedback it rests on.

    Every proposer that fits the modality is asked, and their candidates alternate until enough pass the guardrails;
    where there are votes enough to learn from, a model of them says in which order to look at them.
    Raises NothingToLearn with what is missing when none does, Stopped when `control` says so; then nothing is stored.
    """
    from collab.refinement import digest as digests

    version, count, chosen = check_asked(ws, visitor, version_id, count, proposers, reflector)
    tell = control.tell if control else _quiet
    tell(0.01, "Reading the feedback")
    digest = digests.gather(ws, visitor, version)
    if not digest.own:
        raise NothingToLearn(NO_FEEDBACK)
    rng = Random(f"{version.id}:{digest.acts}")
    stopped = (lambda: control.stopped) if control else (lambda: False)
    room = _answer_tokens(digest)
    tools = Tools(ask=_lazily(lambda: asker(ws, visitor, reflector or "", rng, stopped, tokens=room)),
                  embed=embed_texts, tokens=about_tokens, rng=rng, tell=tell)  # fmt: skip
    for proposer in chosen:
        if proposer.name in ON_REQUEST:
            proposer.generate = maker(ws, visitor, digest, tools, stopped)  # type: ignore[attr-defined]
            proposer.picture = ws.blobs.get  # type: ignore[attr-defined]
    sieve = Sieve(ws, version, [text for output in digest.own for text in _texts_of(output)])
    if digest.steered:
        outputs = f"{digest.steered} judged output{'' if digest.steered == 1 else 's'}"
        sieve.note("", f"{outputs} made with steering left out: not what this prompt makes.")
    accepted = _gather_candidates(chosen, digest, tools, count, sieve)
    if not accepted:
        raise NothingToLearn(_nothing(sieve.notes))
    quietly = replace(tools, tell=lambda fraction, words: tell(0.86 + 0.1 * fraction, words))
    accepted, ordered = in_order_of_promise(ws, visitor, digest, quietly, accepted, stopped)
    if ordered:
        sieve.note("", ordered)
    tell(0.97, "Storing the proposals")
    return keep_proposals(ws, visitor, version, accepted, sieve.notes)


def _quiet(fraction: float, words: str) -> None:
    """Nobody is watching."""


def _answer_tokens(digest: Digest) -> int:
    """How long a model's answer may be: a small one that loses the thread talks on to the end, and more than twice the
    present words is refused anyway (guardrails.py)."""
    wording = digest.wording
    return min(2_000, ANSWER_TOKENS + 2 * about_tokens(f"{wording.text} {wording.system_text}"))


def _texts_of(output: JudgedOutput) -> Iterator[str]:
    """What was shown and said about an output: what a proposal may take addresses from."""
    yield from (output.asked, output.text or "")
    yield from (correction.text for correction in output.corrections)
    yield from (remark.text for remark in output.remarks)


def _lazily(make: Callable[[], Callable[[str], str]]) -> Callable[[str], str]:
    """The function that `make` makes, made at its first use: a missing model stops only those who ask it."""
    made: list[Callable[[str], str]] = []

    def ask(message: str) -> str:
        if not made:
            made.append(make())
        return made[0](message)

    return ask


# ---- asking the proposers -------------------------------------------------------------------------------------------


def _gather_candidates(
    chosen: Sequence[Proposer], digest: Digest, tools: Tools, count: int, sieve: Sieve
) -> list[Candidate]:
    """Each is asked for its share; where that does not make enough, those that gave theirs are asked for more."""
    accepted: list[Candidate] = []
    willing, share = list(chosen), math.ceil(count / len(chosen))
    for turn in range(2):
        offered = []
        for place, proposer in enumerate(willing):
            span = (0.05 + 0.6 * turn, 0.6 if turn == 0 else 0.2)
            part = (span[0] + span[1] * place / len(willing), span[1] / len(willing))
            offered.append((proposer, _ask_one(proposer, digest, _telling(tools, proposer.name, part), share, sieve)))
        for candidate in _alternating([found for _, found in offered]):
            if len(accepted) < count and sieve.passes(candidate):
                accepted.append(candidate)
        willing = [proposer for proposer, found in offered if len(found) >= share]
        if len(accepted) >= count or not willing:
            break
        share += count - len(accepted)
    return accepted


def _telling(tools: Tools, name: str, part: tuple[float, float]) -> Tools:
    """The tools with this proposer's progress as its part of the whole."""
    start, length = part
    return replace(tools, tell=lambda fraction, words: tools.tell(
        start + length * min(1.0, max(0.0, fraction)), f"{name}: {words}" if words else name
    ))  # fmt: skip


def _ask_one(proposer: Proposer, digest: Digest, tools: Tools, count: int, sieve: Sieve) -> list[Candidate]:
    tools.tell(0.0, "")
    try:
        return list(proposer.propose(digest, tools, count))[:count]
    except Stopped:
        raise
    except CollabError as error:
        sieve.note(proposer.name, str(error))
    except Exception:
        log.exception("the proposer %s failed", proposer.name)
        sieve.note(proposer.name, "it failed unexpectedly; the server's log says more.")
    return []


def _alternating(lists: Sequence[Sequence[Candidate]]) -> Iterator[Candidate]:
    """The first of each, then the second of each, and so on."""
    for place in range(max(map(len, lists), default=0)):
        yield from (found[place] for found in lists if place < len(found))


def _nothing(notes: Sequence[Note]) -> str:
    whose: dict[str, list[str]] = {}
    for note in notes:  # several may lack the same
        whose.setdefault(note.said.rstrip("."), []).append(note.proposer)
    said = "; ".join(str(Note(", ".join(filter(None, names)), what)) for what, names in list(whose.items())[:4])
    return f"Nothing could be proposed. {said}."[:600] if said else NO_FEEDBACK
