"""Whole studies in real browsers, on the embedded models: made, answered by three people at once, read as results."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.studies.served import answer_to
from tests.ui.conftest import Studio, open_create

FEW = {"max_new_tokens": 10}
QUICK = {"num_inference_steps": 6}
PEOPLE = 3
STUDIES: dict[str, dict[str, Any]] = {
    "compare text": {
        "title": "Which sentence is better?", "task": "compare", "reveal": True, "guidelines": "Read both to the end.",
        "arms": [{"name": "PLAINARM", "prompt": "Write about {thing}.", "settings": FEW},
                 {"name": "KINDARM", "prompt": "Write kindly about {thing}.", "settings": FEW}],
        "cases": [{"variables": {"thing": "rain"}}, {"variables": {"thing": "bread"}}],
    },
    "compare pictures": {
        "title": "Which picture is prettier?", "task": "compare", "modality": "image",
        "arms": [{"name": "FLATARM", "prompt": "a red {thing}, flat style", "settings": QUICK},
                 {"name": "LINEARM", "prompt": "a {thing}, line style", "settings": QUICK}],
        "cases": [{"variables": {"thing": "apple"}}, {"variables": {"thing": "rocket"}}],
    },
    "rank": {
        "title": "Order the answers", "task": "rank",
        "arms": [{"name": name, "prompt": f"{name}, what is {{thing}}?", "settings": FEW}
                 for name in ("Oh", "Say", "Well")],
        "cases": [{"variables": {"thing": "ice"}}, {"variables": {"thing": "salt"}}],
    },
    "rate": {
        "title": "Rate the answers", "task": "rate", "arms": [{"prompt": "What is {thing}?", "settings": FEW}],
        "cases": [{"variables": {"thing": "ice"}}, {"variables": {"thing": "salt"}}],
        "questions": [{"title": "Helpful?", "kind": "stars"}, {"title": "Liked it?", "kind": "thumb"}],
    },
    "edit": {
        "title": "Make it right", "task": "edit", "arms": [{"prompt": "Describe {thing}.", "settings": FEW}],
        "cases": [{"variables": {"thing": "a bee"}}, {"variables": {"thing": "a bridge"}}],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def owner(studio: Studio) -> Client:
    return Client(studio.url, verbose=False)


@pytest.fixture(scope="module")
def made(owner: Client) -> dict[str, dict[str, Any]]:
    """One study of each kind, overlap three, with all its outputs made."""
    found = {
        kind: owner.predict({**spec, "overlap": PEOPLE, "gold_share": 0, "seed": 5}, api_name="/create_study")
        for kind, spec in STUDIES.items()
    }
    for study in found.values():
        wait_ready(owner, study["study_id"])
    return found


def wait_ready(owner: Client, study_id: str) -> None:
    for _ in range(480):
        counts = owner.predict(study_id, api_name="/study")["counts"]
        assert not counts["items_failed"]
        if counts["items_ready"] == counts["items"]:
            return
        time.sleep(0.5)
    raise AssertionError("the study's outputs were never ready")


@pytest.fixture
def annotators(browser: Browser, studio: Studio) -> Iterator[list[Page]]:
    """Three people's browsers. Fails if a page said anything on its console that it should not."""
    contexts: list[BrowserContext] = [browser.new_context(viewport={"width": 1280, "height": 900}) for _ in range(2)]
    contexts.append(browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    problems: list[str] = []
    pages = []
    for context in contexts:
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        pages.append(page)
    yield pages
    for context in contexts:
        context.close()
    assert not problems, problems


def enter(page: Page, studio: Studio, study: dict[str, Any]) -> None:
    page.goto(studio.url.rstrip("/") + study["link"])
    begin(page)


def begin(page: Page) -> None:
    """Past the guidelines, where there are any."""
    page.locator(".dk-welcome").or_(page.locator(".dk-act").first).first.wait_for()
    if page.locator(".dk-welcome").is_visible():
        page.locator(".dk-welcome .cb-primary").click()
    page.locator(".dk-act").first.wait_for()


def is_phone(page: Page) -> bool:
    return (page.viewport_size or {})["width"] < 500


def answer_at_once(pages: list[Page], items: int, answer: Callable[[Page, int], None]) -> None:
    """Everybody answers an item while the answers of the others are under way, then all go on to the next."""
    for number in range(items):
        for page in pages:
            answer(page, number)
        for page in pages:
            expect(page.locator(".dk-note")).to_have_attribute("data-state", "saved")
    for page in pages:
        expect(page.locator(".dk-rest-page")).to_have_attribute("data-kind", "done")


def results(owner: Client, study: dict[str, Any]) -> dict[str, Any]:
    return owner.predict(study["study_id"], api_name="/study")


@pytest.mark.parametrize("kind", ["compare text", "compare pictures"])
def test_three_people_compare_blind_and_the_owner_sees_who_leads(
    owner: Client, studio: Studio, made: dict[str, Any], annotators: list[Page], kind: str
):
    study = made[kind]
    for page in annotators:
        enter(page, studio, study)
        page.wait_for_function("[...document.querySelectorAll('.dk-img')].every((i) => i.complete && i.naturalWidth)")
        names = [arm["name"] for arm in STUDIES[kind]["arms"]]
        assert not any(name in page.content() for name in names)

    def vote(page: Page, number: int) -> None:
        page.locator(".dk-acts-compare").wait_for()
        if is_phone(page):
            page.locator(".dk-acts-compare .dk-act").first.tap()
        else:
            page.keyboard.press("a")

    answer_at_once(annotators, 2, vote)
    found = results(owner, study)
    assert found["counts"]["answers"] == found["counts"]["votes"] == 2 * PEOPLE
    assert found["counts"]["annotators"] == PEOPLE and found["counts"]["items_complete"] == 2
    assert {row["left_share"] for row in found["annotators"]} == {1.0}
    assert all(row["median_s"] is not None for row in found["annotators"])


def test_three_people_rank_by_keys_by_dragging_and_by_tapping_and_every_pair_is_counted(
    owner: Client, studio: Studio, made: dict[str, Any], annotators: list[Page]
):
    for page in annotators:
        enter(page, studio, made["rank"])

    def order(page: Page, number: int) -> None:
        page.locator(".dk-chip[data-chip=A]").wait_for()
        if page is annotators[0]:
            for key in ("2", "1", "3"):
                page.keyboard.press(key)
        else:
            for label in "ABC" if page is annotators[1] else "BAC":
                chip = page.locator(f".dk-chip[data-chip={label}]")
                chip.tap() if is_phone(page) else chip.click()
        if page is annotators[1]:
            drag(page, "B", "A")
        expect(page.locator(".dk-strip")).to_have_text("BAC")
        if is_phone(page):
            page.locator(".dk-act.dk-primary").first.tap()
        else:
            page.keyboard.press("Enter")

    answer_at_once(annotators, 2, order)
    found = results(owner, made["rank"])
    assert found["counts"]["answers"] == 2 * PEOPLE and found["counts"]["votes"] == 2 * 3 * PEOPLE
    assert found["counts"]["items_complete"] == 2


def drag(page: Page, label: str, onto: str) -> None:
    """Pull one letter of a ranking before another."""
    start, end = (page.locator(f".dk-chip[data-chip={name}]").bounding_box() for name in (label, onto))
    assert start and end
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] * 0.05, end["y"] + 20, steps=6)
    page.mouse.up()


def test_three_people_rate_and_one_of_them_changes_their_mind(
    owner: Client, studio: Studio, made: dict[str, Any], annotators: list[Page]
):
    for page in annotators:
        enter(page, studio, made["rate"])

    def rate(page: Page, number: int) -> None:
        page.locator(".dk-questions").wait_for()
        if is_phone(page):
            page.locator(".dk-star").nth(2).tap()
            page.locator(".dk-thumb-down").tap()
            page.locator(".dk-act.dk-primary").tap()
            return
        for key in ("4", "u", "Enter"):
            page.keyboard.press(key)

    answer_at_once(annotators, 2, rate)
    first = annotators[0]
    first.keyboard.press("z")
    first.locator(".dk-questions").wait_for()
    for key in ("ArrowUp", "ArrowUp", "2", "Enter"):
        first.keyboard.press(key)
    expect(first.locator(".dk-rest-page")).to_have_attribute("data-kind", "done")
    (stars, thumbs) = results(owner, made["rate"])["questions"]
    assert stars["rows"][0]["counts"] == {"1": 0, "2": 1, "3": 2, "4": 3, "5": 0}
    assert thumbs["rows"][0]["counts"] == {"up": 4, "down": 2}


def test_three_people_make_texts_right_and_the_distance_is_told(
    owner: Client, studio: Studio, made: dict[str, Any], annotators: list[Page]
):
    for page in annotators:
        enter(page, studio, made["edit"])

    def correct(page: Page, number: int) -> None:
        area = page.locator(".dk-edit-area")
        area.wait_for()
        fine = page.get_by_role("button", name="It is fine as it is")
        if number:
            fine.tap() if is_phone(page) else fine.click()
            return
        area.fill(area.input_value() + " and so on")
        if is_phone(page):
            page.locator(".dk-act.dk-primary").tap()
        else:
            page.keyboard.press("Control+Enter")

    answer_at_once(annotators, 2, correct)
    (row,) = results(owner, made["edit"])["edits"]
    assert row["n"] == 2 * PEOPLE and row["unchanged"] == PEOPLE and row["mean_distance"] > 0


FIGURES = {  # what the results of each kind are drawn as, and something that stands in the first of them
    "compare text": (["leaderboard", "evidence", "agreement", "votes"], "PLAINARM"),
    "compare pictures": (["leaderboard", "evidence", "agreement", "votes"], "FLATARM"),
    "rank": (["leaderboard", "matrix", "votes"], "Well"),
    "rate": (["agreement", "votes"], "Helpful?"),
    "edit": (["edits"], "1"),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_the_owner_looks_at_the_results_of_each_kind(
    owner: Client, studio: Studio, made: dict[str, Any], context: BrowserContext, kind: str
):
    for _ in range(PEOPLE):  # where this test runs alone
        somebody = Client(studio.url, verbose=False)
        while "task_id" in (task := somebody.predict(made[kind]["study_id"], api_name="/next_task")):
            somebody.predict(task["task_id"], answer_to(task), api_name="/answer_task")
    found = results(owner, made[kind])
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    open_create(page, studio)
    page.get_by_role("tab", name="Insights").click()
    insights = page.locator("#insights")
    insights.get_by_text(STUDIES[kind]["title"]).click()
    figures, words = FIGURES[kind]
    if kind == "rate":
        figures = [*figures, *(f"question-{question['name']}" for question in found["questions"])]
    for name in figures:
        expect(insights.locator(f"figure[data-plot={name}]:not([hidden])")).to_be_visible()
    expect(insights.locator(f"figure[data-plot={figures[0]}]")).to_contain_text(words)
    expect(insights).to_contain_text(f"{found['counts']['answers']} answers")
    assert not problems, problems


def test_the_owner_opens_the_results_and_closes_the_study(
    studio: Studio, made: dict[str, Any], context: BrowserContext
):
    somebody = Client(studio.url, verbose=False)
    while "task_id" in (task := somebody.predict(made["compare text"]["study_id"], api_name="/next_task")):
        somebody.predict(task["task_id"], {"winner": "a"}, api_name="/answer_task")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    open_create(page, studio)
    page.get_by_role("tab", name="Insights").click()
    page.locator("#insights").get_by_text("Which sentence is better?").click()
    figure = page.locator("#insights figure[data-plot=leaderboard]:not([hidden])")
    figure.wait_for()
    expect(figure).to_contain_text("PLAINARM")
    page.locator(".in-study-tools").get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Chatbot Arena").click()
    assert download.value.suggested_filename == "collab-export.zip"
    with zipfile.ZipFile(download.value.path()) as exported:
        assert {"arena.parquet", "arena.jsonl", "README.md"} <= set(exported.namelist())
    page.get_by_role("button", name="Close the study").click()
    expect(page.locator("#insights")).to_contain_text("closed")
    assert not problems, problems


def test_a_study_is_made_in_the_form_tried_at_once_and_watched(studio: Studio, context: BrowserContext):
    page = context.new_page()
    open_create(page, studio)
    page.get_by_role("tab", name="Insights").click()
    page.locator("#insights").get_by_role("button", name="New study").locator("visible=true").first.click()
    page.get_by_label("Title").fill("Made in the form")
    page.locator(".cb-prompt").nth(0).fill("Say hi to {name}.")
    page.locator(".cb-prompt").nth(1).fill("Greet {name} warmly.")
    page.get_by_label("name of case 1").fill("Ann")
    bar = page.locator("#composer .cb-composer-bar")
    expect(bar).to_contain_text("2 arms × 1 case make 1 pair", timeout=30_000)
    bar.get_by_role("button", name="Create study").click()
    expect(page.get_by_label("Link to the study")).to_have_value(re.compile(r"http://.*/\?study=[\w-]{22}"))
    page.get_by_role("button", name="Try it as an annotator").click()
    begin(page)
    page.keyboard.press("b")
    expect(page.locator(".dk-note")).to_have_attribute("data-state", "saved")
    page.get_by_role("tab", name="Insights").click()
    page.locator("#insights").get_by_text("Made in the form").click()
    expect(page.locator("#insights figure[data-plot=leaderboard]:not([hidden])")).to_be_visible()


def test_a_newcomer_without_a_study_is_told_what_rating_is(studio: Studio, context: BrowserContext):
    page = context.new_page()
    page.goto(f"{studio.url}?study=nowhere")
    expect(page.locator("#desk")).to_contain_text("There is no study “nowhere”: check the link.")
