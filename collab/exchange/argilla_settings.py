"""Argilla 2's `.argilla/settings.json`: what a study would be there, and what a dataset from there is here.

Shapes are those of the `argilla` 2.8 package's models, as `Settings.to_json` writes them. Knows nothing of records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collab.errors import InvalidImport
from collab.exchange.cells import shown
from collab.exchange.judged import JudgedSet, TaskKind
from collab.types import Modality

WINNER, RANKING, EDIT = "preference", "ranking", "edit"  # the questions of studies that ask only one thing
THUMBS = {"1": "Good", "-1": "Bad"}
_BESIDE = {"tie": "Equally good", "both_bad": "Both bad"}
# names that argilla's own collections of settings use for themselves
_TAKEN = {"prompt", "messages", "add", "remove", "count", "index", "serialize", "id", "status"}
_UNSAVED = {"id": None, "inserted_at": None, "updated_at": None, "dataset_id": None, "description": None}


def output_names(judged: JudgedSet) -> list[str]:
    """The fields that hold an item's outputs, in order."""
    content = "image" if judged.modality == "image" else "response"
    outputs = max((len(item.outputs) for item in judged.items), default=1)
    return [content] if outputs == 1 else [f"{content}_{letter}" for letter in "abcdef"[:outputs]]


def question_names(questions: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each question that Argilla takes: lower case, digits, _ and -; each once."""
    names: list[str] = []
    for question in questions:
        slug = re.sub(r"[^a-z0-9_-]+", "_", question["name"].lower()).strip("_") or "question"
        slug = f"{slug}_" if slug in _TAKEN or re.fullmatch(r"(response|image)(_[a-f])?", slug) else slug
        names.append(next(n for i in range(len(names) + 1) if (n := slug + "_" * i) not in names))
    return names


def settings_of(judged: JudgedSet) -> dict[str, Any]:
    """What `Settings.to_json` would write for this study."""
    outputs = output_names(judged)
    fields = [_field("prompt", {"type": "text", "use_markdown": False}, required=False)]
    if any(item.messages for item in judged.items):
        fields.append(_field("messages", {"type": "chat", "use_markdown": True}, required=False))
    kind = {"type": "image"} if judged.modality == "image" else {"type": "text", "use_markdown": False}
    # rankings may have fewer outputs than fields
    fields += [_field(name, dict(kind), required=place < 2) for place, name in enumerate(outputs)]
    title = judged.question
    if judged.task == "compare":
        labels = {outputs[0]: "A is better", outputs[1]: "B is better"} | _BESIDE
        questions = [_question(WINNER, _labels(labels), title=title or "Which is better?")]
    elif judged.task == "rank":
        options = {name: name[-1].upper() for name in outputs}
        settings = {"type": "ranking", "options": _options(options)}
        questions = [_question(RANKING, settings, title=title or "Order them, best first.")]
    elif judged.task == "edit":
        questions = [_question(EDIT, {"type": "text", "use_markdown": False}, title=title or "Make it right.")]
    else:
        named = zip(question_names(judged.questions), judged.questions, strict=True)
        questions = [_asked(judged, name, question, outputs[0]) for name, question in named]
        if not any(question["required"] for question in questions) and questions:
            questions[0]["required"] = True  # Argilla takes no dataset without
    return {
        "guidelines": judged.guidelines or None,
        "questions": questions,
        "fields": fields,
        "vectors": [],
        "metadata": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def _field(name: str, settings: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return _UNSAVED | {
        "name": name,
        "settings": settings,
        "title": name,
        "required": required,
        "type": settings["type"],
    }


def _question(name: str, settings: dict[str, Any], *, title: str, required: bool = True) -> dict[str, Any]:
    return _UNSAVED | {
        "name": name,
        "settings": settings,
        "title": title,
        "required": required,
        "type": settings["type"],
    }


def _options(words: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"value": value, "text": text} for value, text in words.items()]


def _labels(words: Mapping[str, str], *, kind: str = "label_selection") -> dict[str, Any]:
    visible = len(words) if len(words) >= 3 else None  # fewer are always visible
    return {"type": kind, "options": _options(words), "visible_options": visible}


def _asked(judged: JudgedSet, name: str, question: Mapping[str, Any], output: str) -> dict[str, Any]:
    kind, words = question["kind"], {option: option for option in question["options"]}
    settings: dict[str, Any]
    if kind == "stars":
        settings = {"type": "rating", "options": [{"value": stars} for stars in range(1, 6)]}
    elif kind == "thumb":
        settings = _labels(THUMBS)
    elif kind == "choice":
        settings = _labels(words)
    elif kind == "multi_choice":
        settings = _labels(words, kind="multi_label_selection") | {"options_order": "natural"}
    elif kind == "text":
        settings = {"type": "text", "use_markdown": False}
    else:
        spans = (s for i in judged.items for a in i.answers for s in a.answer["values"].get(question["name"], ()))
        words = words or {span["label"]: span["label"] for span in spans} or {"span": "span"}
        settings = _labels(words, kind="span") | {"field": output, "allow_overlapping": True}
    return _question(name, settings, title=question["title"], required=question["required"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an Argilla dataset's records are read. asked: Argilla's names of `questions`, in their order."""

    task: TaskKind
    modality: Modality
    outputs: tuple[str, ...]
    prompts: tuple[str, ...]
    chat: str | None
    asked: tuple[str, ...]
    questions: tuple[dict[str, Any], ...]
    question: str
    guidelines: str


def plan_of(settings: Mapping[str, Any]) -> Plan:
    """What the dataset asks in our terms. Raises InvalidImport for what cannot be said in them.

    One label question whose labels are two fields (and tie, both_bad) compares; one ranking question whose values are
    fields ranks; one text question called `edit` edits; everything else rates the dataset's last text or image field.
    """
    fields = _named(settings, "fields")
    asked = _named(settings, "questions")
    if not fields or not asked:
        raise InvalidImport("The Argilla settings have no fields or no questions.")
    shown_fields = [name for name, kind in fields.items() if kind["type"] in ("text", "image")]
    first_name, first = next(iter(asked.items()))
    values = [option["value"] for option in first.get("options") or []]
    outputs = [value for value in values if value in shown_fields]
    task: TaskKind = "rate"
    if len(asked) == 1 and first["type"] == "label_selection" and len(outputs) == 2:
        if unknown := set(values) - set(outputs) - set(_BESIDE):
            raise InvalidImport(f"The label {shown(min(unknown))} is neither a field nor tie nor both_bad.")
        task = "compare"
    elif len(asked) == 1 and first["type"] == "ranking":
        if len(outputs) != len(values) or not 2 <= len(outputs) <= 6:
            raise InvalidImport("The ranking does not order two to six of the dataset's text or image fields.")
        task = "rank" if len(outputs) > 2 else "compare"
    else:
        task = "edit" if list(asked) == [EDIT] and first["type"] == "text" else "rate"
        images = [name for name in shown_fields if fields[name]["type"] == "image"]
        outputs = (images or shown_fields)[-1:]
    if not outputs:
        raise InvalidImport("The Argilla dataset has neither a text nor an image field to be judged.")
    kinds = {fields[name]["type"] for name in outputs}
    if len(kinds) > 1:
        raise InvalidImport("The Argilla dataset compares texts with pictures.")
    titles = {q["name"]: q.get("title") or q["name"] for q in settings["questions"]}
    return Plan(
        task=task,
        modality="image" if kinds == {"image"} else "text",
        outputs=tuple(outputs),
        prompts=tuple(n for n in shown_fields if n not in outputs and fields[n]["type"] == "text"),
        chat=next((name for name, kind in fields.items() if kind["type"] == "chat"), None),
        asked=tuple(asked),
        questions=tuple(_ours(q, asked[q["name"]]) for q in settings["questions"]) if task == "rate" else (),
        question="" if task == "rate" else titles[first_name],
        guidelines=settings.get("guidelines") or "",
    )


def _named(settings: Mapping[str, Any], key: str) -> dict[str, dict[str, Any]]:
    """Each field's or question's settings by its name. Raises InvalidImport."""
    found: dict[str, dict[str, Any]] = {}
    listed = settings.get(key)
    for one in listed if isinstance(listed, list) else []:
        name, inner = (one.get("name"), one.get("settings")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(inner, dict) or not isinstance(inner.get("type"), str):
            raise InvalidImport(f"The Argilla settings' {key} are not each a name with settings of a type.")
        if name in found:
            raise InvalidImport(f"The name {shown(name)} is there twice in the Argilla settings' {key}.")
        options = inner.get("options") or []
        if not isinstance(options, list) or not all(_is_option(option) for option in options):
            raise InvalidImport(f"The options of {shown(name)} in the Argilla settings are not each a value.")
        found[name] = inner
    return found


def _is_option(option: object) -> bool:
    return isinstance(option, dict) and isinstance(option.get("value"), (str, int))


def _ours(question: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The question as a study's spec has it. Raises InvalidImport."""
    options = [str(option["value"]) for option in settings.get("options") or []]
    kind = {
        "rating": "stars" if options == ["1", "2", "3", "4", "5"] else "choice",
        "label_selection": "thumb" if set(options) == set(THUMBS) else "choice",
        "multi_label_selection": "multi_choice",
        "text": "text",
        "span": "span",
    }.get(settings["type"])
    if kind is None:
        name = shown(question["name"])
        raise InvalidImport(f"The question {name} is of type {shown(settings['type'])}, which cannot be rated here.")
    return {
        "name": question["name"],
        "title": question.get("title") or question["name"],
        "kind": kind,
        "options": [] if kind in ("stars", "thumb") else options,
        "required": question.get("required", True) is not False,
    }
