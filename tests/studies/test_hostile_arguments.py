"""What nobody should send, sent to every function and every act of studies, on each kind of database.

Each is answered by a sentence meant for people, and nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from collab.api import study as study_api
from collab.errors import CollabError
from collab.identity import OWNER_COOKIE, VISITOR_COOKIE, Identity, Visitor
from collab.types import Study, StudyItem, Task, new_id
from collab.ui.endpoints import UNEXPECTED
from collab.ui.study_acts import composer_acts, desk_acts, insights_acts
from collab.ui.web import task_link
from collab.workspace import Workspace
from tests.conftest import counts
from tests.server.served import is_a_sentence
from tests.studies.people import TWO_ARMS, filled_study, given
from tests.visitors import new_visitor

CONFUSED: list[Any] = [
    None, True, 0, -1, 7, 1.5, float("nan"), float("inf"), 10**300, "", " ", "x", "a\x00b", "\x1b[0m", "\x7f\x85",
    "../../etc/passwd", "%s %d {0} {x}", "' OR 1=1 --", "\u202e\u2066北京👩‍👩‍👧", "x" * 1_000_000, "\ud800", [], ["x"],
    [["x"]], [None], [{"a": 1}], list(range(1000)), {}, {"a": 1}, {"": None}, {"x" * 10_000: "y"}, [[[[[[]]]]]],
]  # fmt: skip
NAMES = [*CONFUSED, new_id(), f"/?study={new_id()}", "?study=", "?study=\x00"]


@pytest.fixture
def study(ws: Workspace, owner: Visitor) -> Study:
    return filled_study(ws, owner, cases=TWO_ARMS["cases"][:2])


@pytest.fixture
def task(ws: Workspace, ann: Visitor, study: Study) -> Task:
    return given(ws, ann, study)[0]


def refuses(call: Callable[[], Any], what: str) -> None:
    """The call must raise a CollabError with one sentence."""
    try:
        answer = call()
    except CollabError as error:
        assert is_a_sentence(str(error)), (what, str(error)[:300])
        str(error).encode()  # a half of a surrogate pair would break the answer on its way
        return
    raise AssertionError(f"{what} was accepted: {str(answer)[:200]}")


@pytest.mark.each_database
def test_names_of_studies_that_are_none(ws: Workspace, owner: Visitor, ann: Visitor, study: Study):
    before = counts(ws.store)
    for name in NAMES:
        what = ascii(name)[:80]
        refuses(lambda name=name: study_api.open_study(ws, ann, name, lambda *_: ""), what)
        refuses(lambda name=name: study_api.next_task(ws, ann, name, lambda *_: ""), what)
        for call in (
            lambda name: study_api.results(ws, owner, name, str), lambda name: study_api.leaderboard(ws, owner, name),
            lambda name: study_api.set_status(ws, owner, name, "closed"), lambda name: study_api.retry(ws, owner, name),
            lambda name: study_api.export(ws, owner, name), lambda name: study_api.table(ws, owner, name, "answers"),
            lambda name: study_api.leave_out(ws, owner, name, [], ""),
            lambda name: study_api.adjudicate(ws, owner, name, "", {}),
        ):  # fmt: skip
            refuses(lambda call=call, name=name: call(name), what)
    assert counts(ws.store) == before


@pytest.mark.each_database
def test_names_of_tasks_that_are_none_or_anothers(ws: Workspace, ann: Visitor, bob: Visitor, study: Study, task: Task):
    before = counts(ws.store)
    for token in [*NAMES, task.id, task.token, task.token[:-1]]:
        what = ascii(token)[:80]
        for call in (
            lambda token: study_api.answer_task(ws, bob, token, {"winner": "a"}),
            lambda token: study_api.skip(ws, bob, token, "x"), lambda token: study_api.flag(ws, bob, token, "x"),
            lambda token: study_api.renew_task(ws, bob, token), lambda token: study_api.reveal(ws, bob, token),
            lambda token: study_api.undo_task(ws, bob, token, lambda *_: ""),
        ):  # fmt: skip
            refuses(lambda call=call, token=token: call(token), what)
    assert counts(ws.store) == before


def storable(it: Any, limit: int, *, empty: bool = False) -> bool:
    """Whether this may be what a person wrote."""
    if not isinstance(it, str) or len(it) > limit or "\x00" in it or "\x1b" in it or "\x7f" in it or "\ud800" in it:
        return False
    return empty or bool(it.strip())


@pytest.mark.each_database
def test_answers_reasons_and_notes_that_are_none(ws: Workspace, ann: Visitor, task: Task):
    before = counts(ws.store)
    token = task.token
    for it in CONFUSED:
        what = ascii(it)[:80]

        def answer(said: Any, what: str = what) -> None:
            refuses(lambda: study_api.answer_task(ws, ann, token, said), what)

        answer(it)
        answer({"winner": it})
        if it is not None and not (type(it) in (int, float) and 0 <= it <= 86_400_000):
            answer({"winner": "a", "dwell_ms": it})
        if it is not None and not (storable(it, 80, empty=True) and it.isprintable()):
            answer({"winner": "a", "request_id": it})
        if it is not None and not storable(it, 5_000, empty=True):
            answer({"winner": "a", "comment": it})
            refuses(lambda it=it: study_api.skip(ws, ann, token, it), what)
        if not storable(it, 500):
            refuses(lambda it=it: study_api.flag(ws, ann, token, it), what)
    refuses(lambda: study_api.undo_task(ws, ann, token, lambda *_: ""), "nothing to undo")
    refuses(lambda: study_api.reveal(ws, ann, token), "nothing to reveal")
    assert counts(ws.store) == before


@pytest.mark.parametrize(("kind", "key"), [("rank", "groups"), ("edit", "text"), ("rate", "values")])
def test_answers_of_the_wrong_kind(ws: Workspace, owner: Visitor, ann: Visitor, kind: str, key: str):
    arms = [{"name": n, "prompt": f"{n} {{thing}}"} for n in ("one", "two", "three")]
    questions = [{"name": k, "kind": k, "options": ["x", "y"] if "choice" in k else []} for k in
                 ("stars", "thumb", "choice", "multi_choice", "text", "span")] if kind == "rate" else None  # fmt: skip
    study = filled_study(ws, owner, task=kind, arms=arms if kind == "rank" else arms[:1], questions=questions)
    task, _ = given(ws, ann, study)
    one = {"start": 0, "end": 1, "label": "good"}
    right = {"stars": 3, "thumb": 1, "choice": "x", "multi_choice": ["y"], "text": "so", "span": [one]}
    takes = {"thumb": [-1], "choice": ["x"], "multi_choice": [["x"]]}
    before = counts(ws.store)

    def refused(said: Any) -> None:
        refuses(lambda: study_api.answer_task(ws, ann, task.token, said), ascii(said)[:200])

    for it in CONFUSED:
        if kind != "edit" or not storable(it, 200_000):
            refused({key: it})
        for name in right if kind == "rate" else ():
            if not (it in takes.get(name, []) or (name == "text" and storable(it, 5_000))):
                refused({"values": {**right, name: it}})
    for spans in ([{"start": 0}], [{**one, "end": "1"}], [{**one, "end": 10**9}], [{**one, "label": 7}], [one] * 300):
        if kind == "rate":
            refused({"values": {**right, "span": spans}})
    assert counts(ws.store) == before


SPEC_KEYS = [
    "title", "task", "question", "guidelines", "worked_examples", "arms", "modality", "cases", "variables", "draws",
    "samples", "outputs", "import", "overlap", "target", "quota", "access", "reveal", "adaptive", "gold_share",
    "repeat_share", "lease_minutes", "seed", "questions", "gold", "evidence",
]  # fmt: skip
NESTED: dict[str, tuple[str, ...]] = {
    "arms": ("name", "prompt", "prompt_version_id", "model", "settings", "system_text", "examples"),
    "cases": ("variables", "tag"), "questions": ("name", "title", "kind", "options", "required"),
    "gold": ("prompt", "outputs", "output_ids", "expected"),
    "worked_examples": ("prompt", "outputs", "output_ids", "answer", "why"),
    "target": ("votes", "interval_width"), "variables": ("thing", "\x00"),
    "evidence": ("scope", "block", "panel", "alpha", "test"), "import": ("upload_id",),
}  # fmt: skip
RIGHT: dict[str, dict[str, Any]] = {
    "arms": {"prompt": "hello {thing}"}, "questions": {"name": "q", "kind": "choice", "options": ["x", "y"]},
    "gold": {"outputs": ["x", "y"], "expected": {"winner": "a"}}, "cases": {"variables": {"thing": "x"}},
}  # fmt: skip


def specs(key: str) -> Iterator[dict[str, Any]]:
    """Specs of which one thing is confused."""
    base = {**TWO_ARMS, "cases": TWO_ARMS["cases"][:1]}
    if key == "questions":
        base |= {"task": "rate", "arms": TWO_ARMS["arms"][:1]}
    yield from ({**base, key: it} for it in CONFUSED)
    for name in NESTED.get(key, ()):
        for it in CONFUSED:
            entry = {**RIGHT.get(key, {}), name: it}
            if name in ("prompt_version_id", "output_ids"):
                entry.pop(name.split("_")[0] + ("s" if name == "output_ids" else ""), None)
            in_list = key in ("arms", "cases", "questions", "gold", "worked_examples")
            yield {**base, key: [*(base.get(key) or []), entry] if in_list else entry}


@pytest.mark.parametrize("key", [*SPEC_KEYS, "nonsense", "\x00", "x" * 10_000])
@pytest.mark.each_database
def test_a_spec_with_one_thing_confused_is_made_or_refused_in_a_sentence(ws: Workspace, owner: Visitor, key: str):
    before, possible = counts(ws.store), []
    for spec in specs(key):
        try:
            study_api.check_study(ws, owner, spec)
            possible.append(spec)
        except CollabError as error:
            assert is_a_sentence(str(error)), (key, ascii(spec)[:300], str(error)[:300])
            refuses(lambda spec=spec: study_api.create_study(ws, owner, spec), ascii(spec)[:300])
    assert counts(ws.store) == before
    for spec in possible[:12]:  # what only making it can tell is told as well, and what was made can be read
        try:
            made = study_api.create_study(ws, owner, spec)["study_id"]
        except CollabError as error:
            assert is_a_sentence(str(error)), (key, ascii(spec)[:300], str(error)[:300])
        else:
            study_api.results(ws, owner, made, str)


# ---- the widgets' acts ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asking:
    """A request as identity sees one."""

    headers: dict[str, str]
    client: Any = None
    query_params: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def identity(ws: Workspace) -> Identity:
    return Identity("k" * 40, replace(ws.settings, owner_token="the operator's token"))


def by(identity: Identity, visitor: Visitor) -> Any:
    cookie = f"{VISITOR_COOKIE}={identity.visitor_cookie(visitor)}"
    if visitor.is_owner:
        cookie += f"; {OWNER_COOKIE}={identity.owner_cookie(identity.settings.owner_token)}"
    return Asking({"cookie": cookie})


def payloads(acts: dict[str, tuple[str, ...]], right: dict[str, Any]) -> Iterator[Any]:
    """What a widget should not send: no act at all, and each of its acts with one field confused."""
    yield from CONFUSED
    yield from ({**right, "act": it} for it in CONFUSED)
    yield from ({**right, "act": act, name: it} for act, names in acts.items() for name in names for it in CONFUSED)


def test_the_acts_of_each_widget_answer_in_sentences(
    ws: Workspace, owner: Visitor, study: Study, task: Task, identity: Identity
):
    (item, *_) = ws.store.find(StudyItem, study_id=study.id)
    of_desk = {
        "open": ("study_id",), "next": ("study_id", "held"), "answer": ("task_id", "answer"), "skip": ("task_id",),
        "flag": ("task_id", "note"), "renew": ("task_id",), "undo": ("task_id", "request_id"), "reveal": ("task_id",),
    }  # fmt: skip
    of_insights = {
        "results": ("study_id", "by", "tag"), "close": ("study_id",), "retry": ("study_id",), "csv": ("table",),
        "export": ("format", "study_id"), "filter": ("annotator_ids", "reason"), "adjudicate": ("item_id", "answer"),
    }  # fmt: skip
    of_composer = {
        "check": ("spec",), "create": ("request_id",), "upload": ("upload_id", "index", "total", "data", "format"),
    }  # fmt: skip
    named: dict[str, Any] = {"study_id": study.id, "task_id": task.token, "item_id": item.id, "table": "answers"}
    said: dict[str, Any] = {"answer": {"winner": "a"}, "note": "x", "annotator_ids": [], "reason": ""}
    sent: dict[str, Any] = {"spec": {"title": "T"}, "index": 0, "total": 2, "data": "eA==", "format": "csv"}
    other = by(identity, new_visitor())
    for act, who, each in (
        (desk_acts(ws, identity), other, payloads(of_desk, named | said)),
        (insights_acts(ws, identity), by(identity, owner), payloads(of_insights, named | said)),
        (composer_acts(ws, identity), by(identity, owner), payloads(of_composer, sent)),
    ):
        for payload in each:
            answer = act(payload, who)
            if not answer["ok"]:
                what = ascii(payload)[:300]
                assert answer["error"] != UNEXPECTED and is_a_sentence(answer["error"]), (what, answer["error"][:300])
                answer["error"].encode()


def test_the_acts_of_the_owners_widgets_are_refused_to_annotators(
    ws: Workspace, ann: Visitor, study: Study, identity: Identity
):
    before = counts(ws.store)
    insights, composer = insights_acts(ws, identity), composer_acts(ws, identity)
    for act in ("studies", "results", "close", "reopen", "retry", "filter", "adjudicate", "csv", "export"):
        answer = insights(
            {"act": act, "study_id": study.id, "annotator_ids": [], "table": "answers", "format": "trl-dpo"},
            by(identity, ann),
        )
        assert not answer["ok"] and "owner" in answer["error"], act
    for act in ("check", "create", "upload"):
        sent = {"act": act, "spec": dict(TWO_ARMS), "index": 0, "total": 1, "data": "eA==", "format": "table"}
        answer = composer(sent, by(identity, ann))
        assert not answer["ok"] and "owner" in answer["error"], act
    assert counts(ws.store) == before
    assert task_link(identity)("token", 0).startswith("/collab/task/")
