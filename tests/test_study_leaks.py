"""The leak test: whatever an annotator's browser or script can get before the reveal names no arm and no purpose.

A study whose arms have unmistakable names is served; one annotator collects every page, answer, header, link and
picture there is, before and after each vote. Then the store's own secrets are looked for in all of it.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from collab.identity import Visitor
from collab.studies.access import example_token
from collab.types import (
    Generation,
    ModelVersion,
    Output,
    PromptVersion,
    Study,
    StudyArm,
    StudyCase,
    StudyItem,
    Task,
)  # fmt: skip
from models.base import ImageRequest, Request, TextRequest
from models.catalog import CatalogEntry
from tests.models.fake import FAKE_IMAGE, FAKE_TEXT, FakeBackend, FakeCatalog
from tests.server.served import Studio, open_studio
from tests.studies.served import annotator, answer_to, from_elsewhere, made

ANN = Visitor("01890000-0000-7000-8000-00000000a001", "anonymous")
PLAIN_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"sRGB", b"gAMA", b"pHYs"}
MARKER = re.compile(r"SECRET[A-Z]+", re.IGNORECASE)
PURPOSES = re.compile(r"gold|repeat|propensity|purpose|expected|matched|stratum|arrangement|\barms?\b", re.IGNORECASE)


class QuietBackend(FakeBackend):
    """Answers without the marked words of the prompt, so that what it wrote gives nothing away."""

    def admit(self, request: Request) -> str:
        if isinstance(request, TextRequest):
            last = request.messages[-1]
            words = MARKER.sub(lambda found: "calm" if "ALPHA" in found[0] else "bold", last.content)
            request = replace(request, messages=(*request.messages[:-1], replace(last, content=words)))
        assert isinstance(request, TextRequest | ImageRequest)
        return super().admit(request)


class QuietCatalog(FakeCatalog):
    """Knows models that it does not list, whose names would tell an arm."""

    def __init__(self) -> None:
        super().__init__()
        for like in (FAKE_TEXT, FAKE_IMAGE):
            for arm in ("ALPHA", "BETA"):
                name = f"SECRETMODEL{arm}-{like.modality}"
                self.infos[name] = replace(like, name=name, base=name)

    def entries(self, modality: Any = None) -> list[CatalogEntry]:
        return [entry for entry in super().entries(modality) if "SECRET" not in entry.name]

    def load(self, info: Any, progress: Any) -> FakeBackend:
        return QuietBackend(info, rows=self.rows)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio"), QuietCatalog()) as opened:
        yield opened


@pytest.fixture(scope="module")
def owner(studio: Studio) -> Client:
    return studio.client()


def secret_study(owner: Client, modality: str, **changes: Any) -> dict[str, Any]:
    """A comparison whose arms are marked wherever an arm can be; some of its items are gold or come again."""
    gold: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    if modality == "image":
        drawn = owner.submit("square 9", api_name="/generate", modality="image", count=2).result(timeout=60)
        examples = [{"output_ids": [output["output_id"] for output in drawn["outputs"]], "answer": "A"}]
    for n in range(4):
        if modality == "text":
            gold.append({"prompt": f"say word{n}", "outputs": [f"fine {n}", f"poor {n}"]})
        else:
            drawn = owner.submit(f"square {n}", api_name="/generate", modality="image", count=2).result(timeout=60)
            gold.append({"prompt": "a square", "output_ids": [output["output_id"] for output in drawn["outputs"]]})
    arms = []
    for arm, setting in (("ALPHA", FIRST[modality]), ("BETA", SECOND[modality])):
        system = {"system_text": f"SECRETSYSTEM{arm}"} if modality == "text" else {}
        arms.append({"name": f"SECRETARM{arm}", "prompt": f"SECRETPROMPT{arm} say {{thing}}", "settings": setting,
                     "model": f"SECRETMODEL{arm}-{modality}", **system})  # fmt: skip
    cases = [{"variables": {"thing": f"word{n} or more"}, "tag": f"SECRETTAG{'AB'[n % 2]}"} for n in range(9)]
    return {
        "title": f"Two {modality}s", "task": "compare", "modality": modality, "overlap": 2, "seed": 11, "arms": arms,
        "cases": cases, "gold": [{**entry, "expected": {"winner": "a"}} for entry in gold], "gold_share": 0.35,
        "repeat_share": 0.3, "worked_examples": examples, **changes,
    }  # fmt: skip


FIRST = {"text": {"temperature": 0.71828}, "image": {"guidance_scale": 3.14159}}
SECOND = {"text": {"temperature": 0.57721}, "image": {"guidance_scale": 2.71828}}


@dataclass
class Browser:
    """One annotator with a browser and a script; keeps all that they are sent."""

    studio: Studio
    study_id: str
    seen: list[tuple[str, str]] = field(default_factory=list)  # (where from, what)
    pictures: list[httpx.Response] = field(default_factory=list)
    links: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.studio.served.url, headers=from_elsewhere(self.studio, ANN), timeout=30)
        self.script = annotator(self.studio, ANN)
        self.config = self.http.get("config").json()

    def get(self, path: str) -> httpx.Response:
        answer = self.http.get(path)
        self.seen.append((path, f"{list(answer.headers.items())}\n{answer.text}"))
        return answer

    def call(self, api_name: str, *args: Any, hide: Sequence[str] = ()) -> Any:
        """An endpoint's answer. hide: what was sent, which an error may quote."""
        try:
            answer = self.script.submit(*args, api_name=api_name).result(timeout=30)
        except AppError as error:
            answer = str(error)
        text = json.dumps(answer)
        for word in hide:
            text = text.replace(word, "")
        self.seen.append((api_name, text))
        return answer

    def act(self, widget: str, **payload: Any) -> Any:
        (component,) = [c for c in self.config["components"] if c["props"].get("elem_id") == widget]
        (name,) = component["props"].get("server_fns") or component["server_fns"]
        sent = {"session_hash": "s", "component_id": component["id"], "fn_name": name, "data": payload}
        answer = self.http.post("gradio_api/component_server", json=sent)
        self.seen.append((f"{widget} {payload.get('act')}", f"{list(answer.headers.items())}\n{answer.text}"))
        return answer.json()

    def events(self) -> None:
        """What the page's own events answer, asked for with nothing in the fields."""
        for event in self.config["dependencies"]:
            sent = {
                "fn_index": event["id"], "session_hash": f"s{event['id']}", "data": [None] * len(event["inputs"]),
                "event_data": {"study_id": self.study_id}, "trigger_id": None,
            }  # fmt: skip
            if not event["backend_fn"] or self.http.post("gradio_api/queue/join", json=sent).status_code != 200:
                continue
            told = []
            with self.http.stream("GET", "gradio_api/queue/data", params={"session_hash": f"s{event['id']}"}) as lines:
                for line in lines.iter_lines():
                    told.append(line)
                    if re.search("process_completed|process_generating|unexpected_error", line):  # some never end
                        break
            self.seen.append((f"event {event['id']} {event['api_name']}", "\n".join(told)))

    def look(self, task: dict[str, Any]) -> None:
        """Fetch the task's pictures and those of its guidelines."""
        shown = [option["image_url"] for option in task.get("options", ()) if "image_url" in option]
        for example in task.get("worked_examples", ()):
            shown += example.get("image_urls", ())
        for url in shown:
            if url not in self.links:
                self.links.add(url)
                path = urlsplit(url).path
                self.pictures.append(httpx.get(f"{self.studio.served.url.rstrip('/')}{path}").raise_for_status())

    def said(self) -> list[tuple[str, str]]:
        """The answers of endpoints and acts, without whole pages."""
        return [(where, text) for where, text in self.seen if where.startswith(("/", "desk")) and "?" not in where[1:]]


def goes_through(browser: Browser) -> list[dict[str, Any]]:
    """Answer the whole study, trying everything on the way; the tasks as they were shown."""
    study_id, had = browser.study_id, []
    while "task_id" in (task := browser.call("/next_task", study_id)):
        token = task["task_id"]
        had.append(task)
        browser.look(task)
        if len(had) > 8:  # all has been tried by now
            browser.call("/answer_task", token, {"winner": "a"})
            continue
        again = browser.act("desk", act="next", study_id=study_id, held=[])["task"]
        assert again["task_id"] == token
        browser.look(again)
        browser.act("desk", act="renew", task_id=token)
        assert "tell" in browser.call("/reveal_task", token)
        browser.act("desk", act="reveal", task_id=token)
        browser.call("/undo_task", token)
        if len(had) == 2:
            browser.call("/flag_task", token, "odd")
            browser.call("/skip_task", token, "no")
            continue
        saved = browser.call("/answer_task", token, {"winner": "a", "comment": "so"})
        assert "tell" in browser.call("/reveal_task", token)
        if len(had) == 3:
            browser.look(browser.call("/undo_task", token)["task"])
            browser.act("desk", act="answer", task_id=token, answer={"winner": "b"})
        elif len(had) == 4:
            browser.call("/undo", saved["feedback_id"])
            browser.act("desk", act="answer", task_id=token, answer={"winner": "tie"})
        browser.act("desk", act="open", study_id=study_id)
        browser.call("/study", study_id)
    browser.call("/history")
    browser.call("/studies")
    browser.act("desk", act="studies")
    return had


def secrets_of(studio: Studio, study_id: str) -> set[str]:
    """Everything in the store by which an arm, an output or an item could be told from another."""
    store = studio.ws.store
    study = store.get(Study, study_id)
    items, arms = store.find(StudyItem, study_id=study_id), store.find(StudyArm, study_id=study_id)
    outputs = store.find(Output, id=[output for item in items for output in item.outputs])
    generations = store.find(Generation, id=[output.generation_id for output in outputs])
    versions = store.find(PromptVersion, id=[generation.prompt_version_id for generation in generations])
    models = store.find(ModelVersion, id=[generation.model_version_id for generation in generations])
    rows = [*items, *arms, *outputs, *generations, *versions, *models, *store.find(StudyCase, study_id=study_id),
            *store.find(Task, study_id=study_id)]  # fmt: skip
    ids = {row.id for row in rows} | {version.prompt_id for version in versions} | {study.created_by}
    hashes = {sha for output in outputs if (sha := output.blob_sha256)} | {v.content_sha256 for v in versions}
    settings = {"0.71828", "0.57721", "3.14159", "2.71828"}
    return ids | hashes | settings | {sha[:16] for sha in hashes} | {id_.replace("-", "") for id_ in ids}


@pytest.mark.parametrize("modality", ["text", "image"])
def test_nothing_that_an_annotator_can_get_names_an_arm(studio: Studio, owner: Client, modality: str):
    study = made(studio, owner, secret_study(owner, modality))
    browser = Browser(studio, study["study_id"])
    link = study["link"].lstrip("/")
    for path in ("", link, f"?study={study['study_id']}", "config", "gradio_api/info", "gradio_api/openapi.json"):
        browser.get(path)
    browser.events()
    for api_name in ("/studies", "/models", "/history"):
        browser.call(api_name)
    had = goes_through(browser)
    purposes = [task.purpose for task in studio.ws.store.find(Task, study_id=study["study_id"])]
    assert set(purposes) == {"item", "gold", "repeat"} and len(had) == len(purposes)  # all of it was seen
    for path in (link, "config"):
        browser.get(path)
    browser.events()
    tries_the_owners_doors(browser)

    secrets = secrets_of(studio, study["study_id"])
    assert len(secrets) > 100 and len(browser.seen) > 120
    for where, text in browser.seen:
        shown = text.lower()
        assert not MARKER.search(text), (where, MARKER.findall(text))
        assert not [secret for secret in secrets if secret in shown], where
    for where, text in browser.said():
        assert not PURPOSES.search(text), (where, PURPOSES.findall(text), text[:500])
    shapes_are_alike(had, studio)
    if modality == "image":
        assert all(len(task["worked_examples"][0]["image_urls"]) == 2 for task in had)
        pictures_are_bare(browser, studio)


GOLD_OF: dict[str, tuple[list[str], dict[str, Any]]] = {
    "rank": (["fine", "fair", "poor"], {"groups": [["A"], ["B", "C"]]}),
    "rate": (["fine"], {"values": {"quality": 4}}),
    "edit": (["fine"], {"text": "fine indeed"}),
}


@pytest.mark.parametrize("task", GOLD_OF)
def test_nothing_in_the_other_tasks_names_an_arm(studio: Studio, owner: Client, task: str):
    asked = secret_study(owner, "text", task=task)
    outputs, expected = GOLD_OF[task]
    asked["gold"] = [{"prompt": f"say word{n}", "outputs": [f"{o} {n}" for o in outputs], "expected": expected}
                     for n in range(4)]  # fmt: skip
    if task == "rank":
        asked["arms"].append({**asked["arms"][0], "name": "SECRETARMGAMMA", "prompt": "SECRETPROMPTGAMMA {thing}"})
    if task == "rate":
        asked["questions"] = [{"name": "quality", "title": "Quality", "kind": "stars"}]
    study = made(studio, owner, asked)
    browser, had = Browser(studio, study["study_id"]), list[dict[str, Any]]()
    browser.get(study["link"].lstrip("/"))
    while "task_id" in (given := browser.call("/next_task", study["study_id"])):
        had.append(given)
        token = given["task_id"]
        again = browser.act("desk", act="next", study_id=study["study_id"], held=[])["task"]
        assert again["task_id"] == token
        if len(had) == 2:
            browser.call("/flag_task", token, "odd")
            browser.call("/skip_task", token, "no")
            continue
        browser.call("/answer_task", token, answer_to(given))
        if len(had) == 3:
            browser.call("/undo_task", token)
            browser.act("desk", act="answer", task_id=token, answer=answer_to(given, 1))
        browser.call("/study", study["study_id"])
    purposes = {row.purpose for row in studio.ws.store.find(Task, study_id=study["study_id"])}
    assert purposes == {"item", "gold", "repeat"} and len(had) >= 9
    secrets = secrets_of(studio, study["study_id"])
    for where, text in browser.seen:
        assert not MARKER.search(text), (where, MARKER.findall(text))
        assert not [secret for secret in secrets if secret in text.lower()], where
    for where, text in browser.said():
        assert not PURPOSES.search(text), (where, PURPOSES.findall(text), text[:500])
    shapes_are_alike(had, studio)


def tries_the_owners_doors(browser: Browser) -> None:
    """What an annotator may try by hand: other people's rows by their ids, and what only an owner may ask."""
    store, study_id = browser.studio.ws.store, browser.study_id
    (item, *_) = store.find(StudyItem, study_id=study_id)
    output = store.get(Output, item.outputs[0])
    for id_ in (output.generation_id, output.id, item.id, study_id):
        browser.call("/generation", id_, hide=[id_])
        browser.call("/history", 50, id_, hide=[id_])
        browser.call("/rate", id_, 3, hide=[id_])
        browser.call("/next_task", id_ if id_ != study_id else "x", hide=[id_])
        browser.call("/answer_task", id_, {"winner": "a"}, hide=[id_])
    for api_name, args in (
        ("/study", [study_id, "model"]),
        ("/leaderboard", [study_id]),
        ("/study_table", [study_id, "answers"]),
        ("/export", ["table", study_id]),
    ):
        browser.call(api_name, *args, hide=["model"])
    for act in ("results", "csv", "studies", "adjudicate", "close", "filter", "retry"):
        assert not browser.act("insights", act=act, study_id=study_id, table="answers", item_id="x")["ok"]
    assert not browser.act("composer", act="check", spec={})["ok"]
    for path in (
        f"collab/picture/{output.id}.png",
        f"collab/task/{output.id}.png",
        f"gradio_api/file={output.blob_sha256}",
    ):
        assert browser.http.get(path).status_code in (403, 404)


def shapes_are_alike(had: list[dict[str, Any]], studio: Studio) -> None:
    """Gold and repeats have the same keys, labels, context and progress as any other task."""
    by_purpose: dict[str, set[Any]] = {}
    for task in had:
        (row,) = studio.ws.store.find(Task, token=task["task_id"])
        shape = (
            tuple(sorted(task)), tuple(label for label, _ in task["context"]), len(task["task_id"]),
            tuple(tuple(sorted(option)) for option in task["options"]), tuple(sorted(task["progress"])),
        )  # fmt: skip
        by_purpose.setdefault(row.purpose, set()).add(shape)
    assert len({frozenset(shapes) for shapes in by_purpose.values()}) == 1, by_purpose


def pictures_are_bare(browser: Browser, studio: Studio) -> None:
    """Links name a task and a place, headers tell nothing, and the files hold pixels alone."""
    allowed = {"date", "server", "cache-control", "content-security-policy", "x-content-type-options", "content-length",
               "cross-origin-resource-policy", "content-type", "set-cookie", "vary"}  # fmt: skip
    assert len(browser.pictures) >= 20
    for answer in browser.pictures:
        assert set(answer.headers) <= allowed, set(answer.headers) - allowed
        assert answer.headers["content-type"] == "image/png"
        assert set(chunks(answer.content)) <= PLAIN_CHUNKS
        assert b"SECRET" not in answer.content
    tokens = {task.token for task in studio.ws.store.find(Task, study_id=browser.study_id)}
    tokens.add(example_token(studio.ws.store.get(Study, browser.study_id).link, 0))
    for link in browser.links:
        (name,) = re.findall(r"/collab/task/([^/]+)\.png$", urlsplit(link).path)
        payload = name.rpartition(".")[0]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        token, place, expires_s = said
        assert token in tokens and place in (0, 1) and isinstance(expires_s, int) and expires_s % 3600 == 0


def chunks(png: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind
        at += 12 + length


def test_a_reveal_comes_after_the_vote_and_only_where_the_study_tells(studio: Studio, owner: Client):
    study = made(studio, owner, secret_study(owner, "text", reveal=True, gold=[], repeat_share=0, cases=[
        {"variables": {"thing": f"word{n}"}} for n in range(3)]))  # fmt: skip
    browser = Browser(studio, study["study_id"])
    task = browser.call("/next_task", study["study_id"])
    assert task["reveal"] is True and "Answer first" in browser.call("/reveal_task", task["task_id"])
    assert "Answer first" in browser.act("desk", act="reveal", task_id=task["task_id"])["error"]
    browser.call("/answer_task", task["task_id"], {"winner": "a"})
    assert not any(MARKER.search(text) for _, text in browser.seen)
    arms = browser.act("desk", act="reveal", task_id=task["task_id"])["arms"]
    (row,) = studio.ws.store.find(Task, token=task["task_id"])
    item = studio.ws.store.get(StudyItem, row.item_id)
    names = ["SECRETARMALPHA", "SECRETARMBETA"]
    assert arms == {label: names[item.cells[at][0]] for label, at in zip("AB", row.arrangement, strict=True)}
    assert "stays as it is" in browser.call("/undo_task", task["task_id"])
    following = browser.call("/next_task", study["study_id"])  # and the next one is as blind as the first
    assert not MARKER.search(json.dumps(following))
    assert "Answer first" in browser.call("/reveal_task", following["task_id"])


def test_what_is_revealed_of_a_task_tells_nothing_of_another(studio: Studio, owner: Client):
    asked = secret_study(owner, "text", reveal=True, gold=[], repeat_share=0)
    third = {**asked["arms"][1], "name": "SECRETARMGAMMA", "prompt": "SECRETPROMPTBETA or say {thing}"}
    study = made(studio, owner, {**asked, "arms": [*asked["arms"], third], "cases": asked["cases"][:4]})
    browser, known, tasks = Browser(studio, study["study_id"]), set[str](), 0
    while "task_id" in (task := browser.call("/next_task", study["study_id"])):
        shown = {option["text"] for option in task["options"]}
        assert not MARKER.search(json.dumps(task)) and not shown & known
        browser.call("/answer_task", task["task_id"], {"winner": "a"})
        told = browser.call("/reveal_task", task["task_id"])["arms"]
        assert len(set(told.values())) == 2 and all(MARKER.fullmatch(name) for name in told.values())
        known |= shown
        tasks += 1
    assert tasks == 4 and len(known) == 8  # twelve items there are, of which each case gives one


def test_the_leak_test_would_find_a_leak():
    assert MARKER.search('{"model": "SECRETMODELALPHA"}') and PURPOSES.search('{"purpose": "item"}')
    assert not PURPOSES.search(json.dumps({"task_id": "x", "options": [], "feedback_id": "y", "harm": "charm"}))
