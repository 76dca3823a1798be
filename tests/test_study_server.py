"""Whole studies on a real server, each driven by an owner's client and three annotators' clients."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from collab.store.verify import problems
from collab.types import Task, new_id
from tests.conftest import counts
from tests.server.served import Studio, open_studio
from tests.studies.served import ARMS, annotator, answer_to, answers_all, made, spec

KINDS = [("compare", "text"), ("compare", "image"), ("rank", "text"), ("rate", "text"), ("edit", "text")]
TASK_KEYS = {
    "task_id", "study_id", "task", "modality", "title", "question", "guidelines", "worked_examples", "context",
    "options", "questions", "reveal", "lease_seconds", "progress",
}  # fmt: skip


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(scope="module")
def owner(studio: Studio) -> Client:
    return studio.client()


@pytest.fixture(scope="module")
def people(studio: Studio) -> list[Client]:
    return [annotator(studio) for _ in range(3)]


@pytest.fixture(scope="module")
def pair(studio: Studio, owner: Client) -> str:
    """A study with plenty to compare, for tests that need one task."""
    study_id: str = made(studio, owner, spec("compare", cases=6, title="Plenty", overlap=30))["study_id"]
    return study_id


def next_task(client: Client, study_id: str, *held: str) -> dict[str, Any]:
    task: dict[str, Any] = client.predict(study_id, list(held), api_name="/next_task")
    assert "task_id" in task, task
    return task


# ---- a whole study of each kind -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "modality"), KINDS)
def test_a_whole_study_is_made_answered_read_closed_and_exported(
    studio: Studio, owner: Client, people: list[Client], task: str, modality: str
):
    asked = spec(task, modality=modality, guidelines="Be fair.", worked_examples=[{"prompt": "p", "answer": "A"}])
    study = made(studio, owner, asked)
    study_id = study["study_id"]
    items = {"compare": 2, "rank": 2, "rate": 4, "edit": 2}[task]
    assert study["items"] == items and study["status"] == "open" and study["link"].startswith("/?study=")
    had = [answers_all(person, study_id, choice) for choice, person in enumerate(people)]
    assert [len(tasks) for tasks in had] == [items] * 3
    for shown in (each for tasks in had for each in tasks):
        assert set(shown) == TASK_KEYS and shown["title"] == asked["title"] and shown["guidelines"] == "Be fair."
        assert [option["label"] for option in shown["options"]] == list("ABC")[: len(shown["options"])]
        content = "image_url" if modality == "image" else "text"
        assert all(set(option) == {"label", content} and option[content] for option in shown["options"])
        assert (shown["questions"] != []) == (task == "rate") and shown["context"][0][0] in ("prompt", "thing")
    found = owner.predict(study_id, api_name="/study")
    assert (found["counts"]["answers"], found["counts"]["annotators"]) == (3 * items, 3)
    assert found["counts"]["items_complete"] == items and found["counts"]["target_progress"] == 1
    assert [arm["name"] for arm in found["study"]["arms"]] == [arm["name"] for arm in asked["arms"]]
    assert {row["answers"] for row in found["annotators"]} == {items}
    check_results(task, found, owner.predict(study_id, api_name="/leaderboard"))
    answers = owner.predict(study_id, "answers", api_name="/study_table")
    assert answers["name"] == "answers.csv" and len(list(csv.DictReader(io.StringIO(answers["csv"])))) == 3 * items
    assert owner.predict(study_id, api_name="/close_study") == {"study_id": study_id, "status": "closed"}
    ended = people[0].predict(study_id, api_name="/next_task")
    assert ended["done"] and "closed" in ended["reason"]
    formats = {("compare", "text"): "arena", ("compare", "image"): "pick-a-pic"}
    for format in ("table", "argilla", formats.get((task, modality), "table")):
        answer = owner.predict(format, study_id, api_name="/export")
        assert {f"{format}.parquet", f"{format}.jsonl", "study.json", "README.md"} <= set(answer["files"])
        fetched = httpx.get(answer["url"]).raise_for_status()
        assert "attachment" in fetched.headers["content-disposition"]
        archive = zipfile.ZipFile(io.BytesIO(fetched.content))
        assert archive.testzip() is None and set(archive.namelist()) >= set(answer["files"])
        rows = [json.loads(line) for line in archive.read(f"{format}.jsonl").decode().splitlines()]
        assert len(rows) == (items if format == "argilla" else 3 * items)
        if format == "table":
            table = list(csv.DictReader(io.StringIO(archive.read("table.csv").decode())))
            assert len({row["annotator"] for row in table}) == 3


def check_results(task: str, found: dict[str, Any], board: dict[str, Any]) -> None:
    assert set(board) == {"leaderboard", "tags", "matrix", "evidence", "agreement", "counts", "filter"}
    assert all(board[name] == found[name] for name in board)
    if task in ("compare", "rank"):
        rows = board["leaderboard"]["rows"]
        assert {row["name"] for row in rows} == {arm["name"] for arm in found["study"]["arms"]}
        assert all(row["lower"] <= row["strength"] <= row["upper"] for row in rows)
        assert sum(map(sum, board["matrix"]["votes"])) == 2 * found["counts"]["votes"] > 0
    elif task == "rate":
        asked = {question["name"]: question["rows"] for question in found["questions"]}
        assert list(asked) == ["quality", "liked", "tone", "faults", "why", "places"]
        assert all(row["n"] == 6 for rows in asked.values() for row in rows)
        assert asked["quality"][0]["mean"] == pytest.approx(2) and asked["tone"][0]["counts"] == {"warm": 6, "cold": 0}
        assert {agreement["question"] for agreement in found["agreement"]} == {"quality", "liked", "tone", "faults"}
    else:
        (row,) = found["edits"]
        assert row["n"] == 6 and 0 < row["mean_distance"] < 1 and row["unchanged"] == 0


# ---- one task -------------------------------------------------------------------------------------------------------


def test_the_same_task_comes_until_it_is_answered_and_held_ones_are_not_given_again(pair: str, people: list[Client]):
    ann = people[0]
    first = next_task(ann, pair)
    assert next_task(ann, pair)["task_id"] == first["task_id"]
    ahead = next_task(ann, pair, first["task_id"])
    assert ahead["task_id"] != first["task_id"] and ahead["options"] != first["options"]
    ann.predict(first["task_id"], {"winner": "a"}, api_name="/answer_task")
    assert next_task(ann, pair)["task_id"] == ahead["task_id"]


def test_an_answer_sent_twice_is_one_answer_and_another_answer_is_refused(
    studio: Studio, pair: str, people: list[Client]
):
    bob = people[1]
    task = next_task(bob, pair)
    first = bob.predict(task["task_id"], {"winner": "a", "request_id": "once"}, api_name="/answer_task")
    assert set(first) == {"feedback_id", "saved_at", "task_id", "progress"}
    assert datetime.fromisoformat(first["saved_at"]).tzinfo
    before = counts(studio.ws.store)
    again = bob.predict(task["task_id"], {"winner": "a"}, api_name="/answer_task")
    assert again["feedback_id"] == first["feedback_id"]
    with pytest.raises(AppError, match="undo that answer to change it"):
        bob.predict(task["task_id"], {"winner": "b"}, api_name="/answer_task")
    assert counts(studio.ws.store) == before


def test_skipping_flagging_and_renewing(studio: Studio, owner: Client, people: list[Client]):
    study = made(studio, owner, spec("rate", cases=1, title="Skipped"))["study_id"]
    ann = people[0]
    task = next_task(ann, study)
    renewed = ann.predict(task["task_id"], api_name="/renew_task")
    assert renewed["status"] == "leased" and datetime.fromisoformat(renewed["lease_until"]).tzinfo
    assert ann.predict(task["task_id"], "two words are wrong", api_name="/flag_task") == {"task_id": task["task_id"]}
    skipped = ann.predict(task["task_id"], "I know this text", api_name="/skip_task")
    assert skipped["progress"]["answered"] == 0 and skipped["progress"]["left"] == 1
    with pytest.raises(AppError, match="You have skipped this item"):
        ann.predict(task["task_id"], answer_to(task), api_name="/answer_task")
    (other,) = answers_all(ann, study)  # of two items: the one skipped never came back
    assert other["options"] != task["options"]
    found = owner.predict(study, api_name="/study")
    assert (found["counts"]["skipped"], found["counts"]["flagged"]) == (1, 1)
    assert any("two words are wrong" in problem for problem in found["study"]["problems"])


def test_undoing_by_the_task_and_by_the_act(pair: str, people: list[Client]):
    cat = people[2]
    task = next_task(cat, pair)
    cat.predict(task["task_id"], {"winner": "b", "comment": "hm"}, api_name="/answer_task")
    undone = cat.predict(task["task_id"], api_name="/undo_task")
    assert undone["task_id"] == task["task_id"] and undone["task"]["answer"] == {"winner": "b", "comment": "hm"}
    assert set(undone["task"]) == TASK_KEYS | {"answer"} and undone["task"]["options"] == task["options"]
    saved = cat.predict(task["task_id"], {"winner": "a"}, api_name="/answer_task")
    assert cat.predict(saved["feedback_id"], api_name="/undo")["undone_id"] == saved["feedback_id"]
    assert next_task(cat, pair)["task_id"] == task["task_id"]
    with pytest.raises(AppError, match="nothing to undo"):
        cat.predict(task["task_id"], api_name="/undo_task")


def test_revealing_comes_after_the_answer_and_locks_it(studio: Studio, owner: Client, people: list[Client]):
    study = made(studio, owner, spec("compare", cases=2, title="Revealed", reveal=True))["study_id"]
    ann = people[0]
    task = next_task(ann, study)
    with pytest.raises(AppError, match="Answer first"):
        ann.predict(task["task_id"], api_name="/reveal_task")
    saved = ann.predict(task["task_id"], {"winner": "a"}, api_name="/answer_task")
    arms = ann.predict(task["task_id"], api_name="/reveal_task")["arms"]
    assert set(arms) == {"A", "B"} and set(arms.values()) == {"plain", "kind"}
    assert arms == ann.predict(task["task_id"], api_name="/reveal_task")["arms"]
    for api_name, of in (("/undo_task", task["task_id"]), ("/undo", saved["feedback_id"])):
        with pytest.raises(AppError, match="stays as it is"):
            ann.predict(of, api_name=api_name)


def test_a_closed_study_takes_nothing_more_and_can_be_opened_again(studio: Studio, owner: Client, people: list[Client]):
    study = made(studio, owner, spec("compare", title="Closed"))["study_id"]
    ann = people[0]
    answered = next_task(ann, study)
    ann.predict(answered["task_id"], {"winner": "tie"}, api_name="/answer_task")
    held = next_task(ann, study)
    owner.predict(study, api_name="/close_study")
    before = counts(studio.ws.store)
    for api_name, args in (("/answer_task", [held["task_id"], {"winner": "a"}]), ("/undo_task", [answered["task_id"]])):
        with pytest.raises(AppError, match="“Closed” is closed"):
            ann.predict(*args, api_name=api_name)
    assert counts(studio.ws.store) == before
    assert ann.predict(study, api_name="/study")["status"] == "closed"
    assert owner.predict(study, True, api_name="/close_study")["status"] == "open"
    ann.predict(held["task_id"], {"winner": "a"}, api_name="/answer_task")


def test_a_lease_that_ran_out_is_told_and_its_place_goes_to_the_next(
    studio: Studio, owner: Client, people: list[Client]
):
    asked = spec("rate", cases=1, title="Slow", arms=ARMS[:1], overlap=1, lease_minutes=0.05)
    study = made(studio, owner, asked)["study_id"]
    task = next_task(people[0], study)
    while "task_id" not in (other := people[1].predict(study, api_name="/next_task")):
        assert other["done"]  # for 3 s the only place is taken
    people[1].predict(other["task_id"], answer_to(other), api_name="/answer_task")
    with pytest.raises(AppError, match="ran out"):
        people[0].predict(task["task_id"], answer_to(task), api_name="/answer_task")
    with pytest.raises(AppError, match="went to somebody else"):
        people[0].predict(task["task_id"], api_name="/renew_task")
    assert owner.predict(study, api_name="/study")["counts"]["answers"] == 1


# ---- who may see what -----------------------------------------------------------------------------------------------


def test_two_clients_never_see_or_touch_each_others_tasks(studio: Studio, pair: str, people: list[Client]):
    tasks = [next_task(person, pair) for person in people]
    assert len({task["task_id"] for task in tasks}) == 3
    own = tasks[0]["task_id"]
    before = counts(studio.ws.store)
    for api_name, args in (
        ("/answer_task", [{"winner": "a"}]), ("/skip_task", ["no"]), ("/flag_task", ["no"]), ("/renew_task", []),
        ("/undo_task", []), ("/reveal_task", []),
    ):  # fmt: skip
        for token in (own, studio.ws.store.find(Task, token=own)[0].id):  # nor does its row's own id open it
            with pytest.raises(AppError, match=r"no task .* of yours"):
                people[1].predict(token, *args, api_name=api_name)
    assert people[1].predict(pair, [own], api_name="/next_task")["task_id"] == tasks[1]["task_id"]
    assert counts(studio.ws.store) == before


def test_an_annotator_sees_the_study_without_results_and_is_refused_what_is_the_owners(
    studio: Studio, pair: str, people: list[Client]
):
    shown = people[0].predict(pair, api_name="/study")
    assert set(shown) == TASK_KEYS - {"task_id", "context", "options", "lease_seconds"} | {"status"}
    listed = people[0].predict(api_name="/studies")["studies"]
    assert pair in [study["study_id"] for study in listed]
    assert all(set(study) == set(listed[0]) and "arms" not in study for study in listed)
    before = counts(studio.ws.store)
    for api_name, args in (
        ("/create_study", [spec("compare")]), ("/leaderboard", [pair]), ("/study_table", [pair]),
        ("/close_study", [pair]),
        ("/close_study", [pair, True]), ("/export", ["table", pair]),
    ):  # fmt: skip
        with pytest.raises(AppError, match=r"[Oo]nly the studio's owner"):
            people[0].predict(*args, api_name=api_name)
    assert counts(studio.ws.store) == before and not list((studio.ws.settings.home).glob("exports/*/*"))


def test_a_study_by_link_is_there_for_who_has_the_link(studio: Studio, owner: Client, people: list[Client]):
    study = made(studio, owner, spec("edit", title="Hidden", access="link"))
    ann, bob = people[0], people[1]
    for name in (study["study_id"], new_id(), "nowhere", ""):
        with pytest.raises(AppError, match="check the link"):
            ann.predict(name, api_name="/next_task")
    assert "Hidden" not in str(ann.predict(api_name="/studies"))
    task = next_task(ann, study["link"])
    assert task["study_id"] == study["link"].partition("=")[2] and study["study_id"] not in json.dumps(task)
    assert next_task(ann, task["study_id"])["task_id"] == task["task_id"]
    assert "Hidden" in str(ann.predict(api_name="/studies")) and "Hidden" not in str(bob.predict(api_name="/studies"))


def test_an_exports_link_is_for_whoever_holds_it_and_ends(studio: Studio, owner: Client, pair: str):
    url = owner.predict("table", pair, api_name="/export")["url"]
    token = urlsplit(url).path.rsplit("/", 1)[1].removesuffix(".zip")
    sign, unsign = studio.served.identity.sign, studio.served.identity.unsign
    name, until = unsign("export", token)
    assert httpx.get(url).status_code == 200 and until > datetime.now().timestamp() + 3600
    for wrong in (
        name, token[:-1], token + "x", "x", sign("export", [name, 1]), sign("export", ["../collab", 10**10]),
        sign("export", [new_id(), 10**10]), sign("picture", [name, until]), sign("export", name),
    ):  # fmt: skip
        answer = httpx.get(f"{studio.served.url}collab/export/{wrong}.zip")
        assert answer.status_code == 404 and "Traceback" not in answer.text, wrong
    file = f"{studio.served.url}gradio_api/file={studio.ws.settings.home}/exports/{name}.zip"
    assert httpx.get(file).status_code in (403, 404)


def test_the_same_request_makes_one_study(studio: Studio, owner: Client):
    first, again = (owner.predict(spec("compare", title="Once"), "once", api_name="/create_study") for _ in range(2))
    assert first["study_id"] == again["study_id"]


def test_the_store_is_sound_after_all_of_this(studio: Studio):
    assert list(problems(studio.ws.store, studio.ws.blobs)) == []


def test_a_script_uploads_rows_in_pieces_and_asks_about_them(studio: Studio, owner: Client):
    rows = b"prompt,response_a,response_b\n" + b"".join(b"ask %d,one,two\n" % n for n in range(40))
    pieces = [base64.b64encode(rows[at : at + 300]).decode() for at in range(0, len(rows), 300)]
    upload = ""
    for index, piece in enumerate(pieces):
        more = {"upload_id": upload, "index": index, "total": len(pieces)}
        told = owner.predict(piece, "table", "rows.csv", **more, api_name="/upload_rows")
        upload = told["upload_id"]
        assert told["done"] is (index == len(pieces) - 1)
    assert (told["items"], told["task"], told["sample"][0]["prompt"]) == (40, "compare", "ask 0")
    asked = {"title": "Uploaded", "task": "compare", "overlap": 2, "import": {"upload_id": upload}}
    made = owner.predict(asked, api_name="/create_study")
    assert (made["items"], made["status"]) == (40, "open")
    refusals = (({"path": "/etc/passwd"}, "names no upload"), ({"upload_id": "x" * 22}, "send the file again"))
    for wrong, said in refusals:
        with pytest.raises(AppError, match=said):
            owner.predict({**asked, "import": wrong}, api_name="/create_study")
    with pytest.raises(AppError, match="owner"):
        annotator(studio).predict(pieces[0], "table", api_name="/upload_rows")
