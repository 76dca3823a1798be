"""Writes prompt versions and fills in their variables. Knows nothing of models."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from collab.checks import clean_text
from collab.errors import InvalidPrompt
from collab.identity import Visitor
from collab.store import Store
from collab.types import Example, Modality, Prompt, PromptVersion, SavedPrompt

PROMPT_LIMIT = 20_000  # characters
VARIABLE_LIMIT = 100_000  # characters: an article to summarise goes here
EXAMPLES_LIMIT = 16
# {{name}} stands for {name} itself and {{{name}}} for the value in braces; other braces, JSON's say, are left alone
_NAME = r"[^\W\d]\w{0,63}"
_PLACEHOLDER = re.compile(
    rf"\{{\{{\{{(?P<braced>{_NAME})\}}\}}\}}|\{{\{{(?P<literal>{_NAME})\}}\}}|\{{(?P<bare>{_NAME})\}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a person typed, checked: the content of a prompt version."""

    modality: Modality
    text: str
    negative_text: str = ""
    system_text: str = ""
    examples: tuple[Example, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """SHA-256 of the wording's canonical JSON."""
        canonical = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def check_wording(
    modality: Modality,
    text: object,
    *,
    negative_text: object = "",
    system_text: object = "",
    examples: Sequence[Any] | None = None,
) -> Wording:
    """The typed prompt, checked. Raises InvalidPrompt with one sentence."""
    if modality == "text" and negative_text:
        raise InvalidPrompt("A negative prompt is for pictures: leave it empty for text.")
    if modality == "image" and (system_text or examples):
        raise InvalidPrompt("System text and examples are for text: leave them empty for pictures.")
    if examples is not None and (not isinstance(examples, Sequence) or isinstance(examples, str)):
        raise InvalidPrompt("Examples must be a list of objects with “user” and “assistant”.")
    if len(examples or ()) > EXAMPLES_LIMIT:
        raise InvalidPrompt(f"There are {len(examples or ())} examples: at most {EXAMPLES_LIMIT} are possible.")
    return Wording(
        modality=modality,
        text=clean_text(text, "prompt", limit=PROMPT_LIMIT, error=InvalidPrompt, required=True),
        negative_text=clean_text(negative_text, "negative prompt", limit=PROMPT_LIMIT, error=InvalidPrompt),
        system_text=clean_text(system_text, "system text", limit=PROMPT_LIMIT, error=InvalidPrompt),
        examples=tuple(_check_example(n, example) for n, example in enumerate(examples or (), 1)),
    )


def _check_example(number: int, example: Any) -> Example:
    if isinstance(example, Example):
        example = asdict(example)
    if not isinstance(example, Mapping) or set(example) != {"user", "assistant"}:
        raise InvalidPrompt("An example needs exactly “user” and “assistant”: what is said, and the answer wanted.")
    said = {
        key: clean_text(
            example[key], f"{what} of example {number}", limit=PROMPT_LIMIT, error=InvalidPrompt, required=True
        )
        for key, what in (("user", "prompt"), ("assistant", "answer"))
    }
    return Example(**said)


def typed_version(store: Store, wording: Wording, author: Visitor, *, connection: Connection) -> PromptVersion:
    """The author's version with this very wording, or a new prompt with it as its first version.

    Raises Conflict when the author's other tab is making the same one at this moment: try again.
    """
    found = store.find(
        PromptVersion,
        created_by=author.annotator_id,
        content_sha256=wording.sha256,
        parent_id=None,
        origin="human",
        connection=connection,
    )
    if found:
        return found[0]
    if saved := _saved_version(store, wording, author, connection):
        return saved
    prompt = Prompt(title=_title(wording.text), modality=wording.modality, created_by=author.annotator_id)
    version = PromptVersion(
        prompt_id=prompt.id,
        text=wording.text,
        negative_text=wording.negative_text,
        system_text=wording.system_text,
        examples=wording.examples,
        settings=wording.settings,
        content_sha256=wording.sha256,
        created_by=author.annotator_id,
    )
    store.add(prompt, version, connection=connection)
    return version


def _saved_version(store: Store, wording: Wording, author: Visitor, connection: Connection) -> PromptVersion | None:
    """The newest version with this very wording among the prompts in the author's library: it goes on there."""
    mine: dict[str, Any] = {"created_by": author.annotator_id}
    kept = store.find(PromptVersion, content_sha256=wording.sha256, origin="human", connection=connection, **mine)
    prompts = [version.prompt_id for version in kept]
    saved = {s.prompt_id for s in store.find(SavedPrompt, prompt_id=prompts, connection=connection)} if kept else set()
    return next((version for version in reversed(kept) if version.prompt_id in saved), None)


def placeholders(text: str) -> list[str]:
    """The variables of a prompt in the order of first mention."""
    found = (match["braced"] or match["bare"] for match in _PLACEHOLDER.finditer(text))
    return list(dict.fromkeys(name for name in found if name))


def without_variables(text: str) -> str:
    """A wording that means this very text: `{name}` in it stands for itself."""
    return _PLACEHOLDER.sub(lambda match: f"{{{match[0]}}}" if match["bare"] else match[0], text)


def fill(texts: Sequence[str], variables: Mapping[str, Any] | None) -> tuple[list[str], dict[str, str]]:
    """The texts with every `{variable}` replaced, and the checked variables.

    Raises InvalidPrompt when one has no value, or a value is given for none. A value is put in as it is: braces
    inside it are not read again.
    """
    given = {} if variables is None else variables
    if not isinstance(given, Mapping):
        raise InvalidPrompt("Variables must be an object of names and values.")
    wanted = list(dict.fromkeys(name for text in texts for name in placeholders(text)))
    for name in given:
        if name not in wanted:
            known = ", ".join(f"{{{w}}}" for w in wanted) or "none"
            raise InvalidPrompt(f"The prompt has no variable {{{str(name)[:60]}}}: it has {known}.")
    values: dict[str, str] = {}
    for name in wanted:
        value = given.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        values[name] = clean_text(value, f"variable {{{name}}}", limit=VARIABLE_LIMIT, error=InvalidPrompt)
        if not values[name].strip():
            raise InvalidPrompt(
                f"The variable {{{name}}} has no value: fill it in, or write {{{{{name}}}}} for braces."
            )

    def put_in(match: re.Match[str]) -> str:
        if match["literal"]:
            return f"{{{match['literal']}}}"
        return f"{{{values[match['braced']]}}}" if match["braced"] else values[match["bare"]]

    return [_PLACEHOLDER.sub(put_in, text) for text in texts], values


def _title(text: str) -> str:
    first = text.strip().splitlines()[0].strip()
    return first if len(first) <= 80 else first[:79] + "…"
