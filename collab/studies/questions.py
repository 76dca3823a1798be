"""The questions of a rating study, and what may be answered to each. Knows nothing of studies or the store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from collab.checks import clean_text
from collab.errors import InvalidFeedback, InvalidStudy
from collab.feedback import COMMENT_LIMIT, check_spans, check_whole
from collab.studies.plain import a_list, an_object, one_of, yes_or_no
from collab.types import Output, StudyTask

QuestionKind = Literal["stars", "thumb", "choice", "multi_choice", "text", "span"]
KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
QUESTIONS_LIMIT, OPTIONS_LIMIT = 12, 30
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """name: by which answers and exports call it. options: of choice and multi_choice."""

    name: str
    title: str
    kind: QuestionKind
    options: tuple[str, ...] = ()
    required: bool = True


STARS = Question(name="quality", title="Quality", kind="stars")


def check_questions(given: object, task: StudyTask) -> tuple[Question, ...]:
    """The questions as asked, or one of stars where a rating study gives none. Raises InvalidStudy."""
    listed = a_list(given or (), "questions", QUESTIONS_LIMIT)
    if task != "rate":
        if listed:
            raise InvalidStudy(f"Questions belong to a rating study: leave them out to {task}.")
        return ()
    questions = tuple(_check_question(n, entry) for n, entry in enumerate(listed, 1)) or (STARS,)
    names = [question.name for question in questions]
    for name in names:
        if names.count(name) > 1:
            raise InvalidStudy(f"Two questions are named “{name}”: give each its own name.")
    if not any(question.required for question in questions):
        raise InvalidStudy("No question is required, so an answer could be empty: make one of them required.")
    return questions


def _check_question(number: int, entry: object) -> Question:
    given = an_object(entry, f"question {number}")
    if not set(given) <= {"name", "title", "kind", "options", "required"}:
        raise InvalidStudy(f"Question {number} may hold name, title, kind, options and required only.")
    kind = one_of(given.get("kind"), f"kind of question {number}", KINDS)
    title = clean_text(given.get("title"), f"title of question {number}", limit=300, error=InvalidStudy).strip()
    name = str(given.get("name") or "") or re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:40]
    if not _NAME.fullmatch(name):
        name_given = given.get("name")
        if name_given:
            raise InvalidStudy(
                f"The name of question {number} is “{str(name_given)[:40]}”: use small letters, digits and _."
            )
        name = f"question_{number}"  # a title in another script
    options = tuple(
        clean_text(option, f"option of question {number}", limit=120, error=InvalidStudy, required=True).strip()
        for option in a_list(given.get("options") or (), f"options of question {number}", OPTIONS_LIMIT)
    )
    chosen = kind in ("choice", "multi_choice")
    if chosen and (len(options) < 2 or len(set(options)) < len(options)):
        raise InvalidStudy(f"Question {number} needs at least two different options.")
    if options and not chosen:
        raise InvalidStudy(f"Question {number} is of {kind}: only choices have options.")
    required = True if given.get("required") is None else yes_or_no(given, "required")
    return Question(name=name, title=title or name.replace("_", " "), kind=kind, options=options, required=required)


def check_values(given: object, questions: Sequence[Question], output: Output) -> dict[str, Any]:
    """The answers to a rating study's questions. Raises InvalidFeedback naming the question."""
    if not isinstance(given, Mapping):
        raise InvalidFeedback("The answer needs “values”, an object with an answer for each question.")
    known = {question.name for question in questions}
    for name in given:
        if name not in known:
            raise InvalidFeedback(f"There is no question “{str(name)[:40]}”: answer {', '.join(sorted(known))}.")
    values: dict[str, Any] = {}
    for question in questions:
        value = given.get(question.name)
        if value in (None, "", [], ()):
            if question.required:
                raise InvalidFeedback(f"“{question.title}” is not answered: answer it first.")
            continue
        values[question.name] = _check_value(value, question, output)
    return values


def _check_value(value: Any, question: Question, output: Output) -> Any:
    match question.kind:
        case "stars":
            return check_whole(value, f"“{question.title}”", 1, 5, "choose one to five stars")
        case "thumb":
            if check_whole(value, f"“{question.title}”", -1, 1, "use 1 for up and -1 for down") == 0:
                raise InvalidFeedback(f"“{question.title}” is 0: use 1 for up and -1 for down.")
            return int(value)
        case "choice":
            return _check_option(value, question)
        case "multi_choice":
            if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > OPTIONS_LIMIT:
                raise InvalidFeedback(f"“{question.title}” takes a list of its options.")
            chosen = {_check_option(option, question) for option in value}
            return [option for option in question.options if option in chosen]
        case "text":
            return clean_text(value, f"“{question.title}”", limit=COMMENT_LIMIT, error=InvalidFeedback, required=True)
        case "span":
            return list(check_spans(value, output))


def _check_option(value: object, question: Question) -> str:
    if value not in question.options:
        raise InvalidFeedback(f"“{question.title}” has no “{str(value)[:40]}”: choose {', '.join(question.options)}.")
    return str(value)
