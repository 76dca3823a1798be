"""History, one's own data, and pictures that give back what made them: a real browser, models that answer at once."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from collab import api
from collab.identity import Visitor
from collab.pictures.restoring import downloaded
from collab.types import Output
from tests.ui.fake_studio import FakeStudio, fake_studio


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeStudio]:
    """One served studio for all tests of this module."""
    with fake_studio(tmp_path_factory.mktemp("studio")) as running:
        yield running


@pytest.fixture
def person(desk: FakeStudio) -> Visitor:
    return desk.somebody()


@pytest.fixture
def page(browser: Browser, desk: FakeStudio, person: Visitor) -> Iterator[Page]:
    """The studio as the person sees it. Fails if the page's script fell over, or ran what people wrote."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    desk.enter(context, person)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(desk.url)
    opened.wait_for_selector("#prompt textarea")
    yield opened
    assert opened.evaluate("window.pwned") is None and not problems, problems
    context.close()


def history(page: Page) -> Locator:
    page.get_by_role("tab", name="History").click()
    page.wait_for_selector("#history .cb-list > li")
    return page.locator("#history")


def rows(page: Page) -> Locator:
    return page.locator("#history .cb-list > li")


def test_words_and_filters_find_it_and_keys_do_it_all(page: Page) -> None:
    past = history(page)
    expect(rows(page)).to_have_count(6)
    page.keyboard.press("/")
    page.keyboard.type("ÜBERRASCHUNG")
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(rows(page)).to_have_count(6)
    page.keyboard.type("quetzal")  # in a comment
    page.keyboard.press("Enter")
    expect(rows(page)).to_contain_text(["杭州"])
    page.keyboard.press("Escape")
    past.get_by_label("Any stars").select_option("4")
    expect(rows(page)).to_have_count(2)
    past.get_by_label("Any tag").focus()
    past.get_by_label("Any tag").select_option("great tone")
    expect(rows(page)).to_have_count(1)
    past.get_by_label("Texts and pictures").select_option("image")
    expect(past.get_by_role("heading", name="Nothing like that")).to_be_visible()
    past.locator(".cb-empty").get_by_role("button", name="Clear").click()
    past.get_by_role("button", name="Corrected").click()
    expect(rows(page)).to_contain_text(["why the sky is blue"])
    past.locator(".cb-filters").get_by_role("button", name="Clear").click()
    expect(rows(page)).to_have_count(6)
    page.evaluate("document.activeElement.blur()")
    for key in ("j", "j", "ArrowDown", "k", "Enter"):
        page.keyboard.press(key)
    story = past.locator(".cb-story")
    expect(story).to_contain_text("a green bicycle")
    story.get_by_role("button", name="All from this prompt").click()
    expect(rows(page)).to_have_count(1)
    expect(past.get_by_label("Any prompt")).to_have_value(re.compile(".{36}"))


def test_several_are_tagged_downloaded_and_deleted_at_once(
    page: Page, desk: FakeStudio, person: Visitor, tmp_path: Path
) -> None:
    past = history(page)
    past.get_by_role("button", name="Pictures as a gallery").click()
    expect(past.locator(".cb-tile")).to_have_count(6)
    rows(page).first.locator("button").focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    bulk = past.locator(".cb-bulk")
    expect(bulk).to_contain_text("2 chosen")
    bulk.get_by_label("A tag for all").fill("keep <b>this</b>")
    bulk.get_by_role("button", name="Tag").click()
    expect(past).to_contain_text("2 outputs tagged")
    with page.expect_download() as taken:
        bulk.get_by_role("button", name="Download").click()
    taken.value.save_as(tmp_path / "few.zip")
    with zipfile.ZipFile(tmp_path / "few.zip") as file:
        assert sum(name.startswith("pictures/") for name in file.namelist()) == 2
        acts = [json.loads(line) for line in file.read("feedback.jsonl").splitlines()]
        assert [act["tags"] for act in acts] == [["keep <b>this</b>"]] * 2
    bulk.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 outputs go")
    expect(dialog).to_contain_text("2 things you said")
    dialog.get_by_role("button", name="Keep it").click()
    expect(rows(page)).to_have_count(6)
    bulk.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(rows(page)).to_have_count(4)
    assert len(api.history(desk.ws, person, str)["items"]) == 5  # the generation went with its last picture


def test_one_output_is_deleted_from_its_story(page: Page, desk: FakeStudio, person: Visitor) -> None:
    past = history(page)
    past.locator(".cb-row-open", has_text="杭州").click()
    past.locator(".cb-card").first.get_by_role("button", name="Delete this output").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 output goes")
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(past.locator(".cb-card")).to_have_count(1)
    assert api.history(desk.ws, person, str, query="quetzal")["items"] == []


def test_all_of_ones_data_is_taken_away_and_deleted(page: Page, desk: FakeStudio, person: Visitor) -> None:
    past = history(page)
    past.get_by_role("button", name="My data").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".cb-my-counts")).to_contain_text("Outputs12")
    with page.expect_download() as taken:
        dialog.get_by_role("button", name="Export everything").click()
    with zipfile.ZipFile(taken.value.path()) as file:
        assert len(file.read("generations.jsonl").splitlines()) == 6 and "README.md" in file.namelist()
    expect(dialog).to_contain_text("6 generations")
    dialog.get_by_role("button", name="Delete everything").click()
    confirm = page.get_by_role("dialog", name="Delete my data")
    expect(confirm.get_by_role("button", name="Delete my data")).to_be_disabled()
    confirm.get_by_label("Type “delete”").fill("delete")
    confirm.get_by_role("button", name="Delete my data").click()
    expect(past.get_by_text("Nothing generated yet")).to_be_visible()
    assert api.history(desk.ws, person, str)["items"] == []


def test_a_picture_gives_back_what_made_it_and_a_bad_one_says_why(
    page: Page, desk: FakeStudio, person: Visitor, tmp_path: Path
) -> None:
    _, (output,) = desk.make(person, "a {what} under <b>snow</b>", modality="image", variables={"what": "fir tree"},
                             negative_prompt="rain", seed=77, settings={"num_inference_steps": 7})  # fmt: skip
    picture, broken = tmp_path / "mine.png", tmp_path / "broken.png"
    picture.write_bytes(downloaded(desk.ws, output.id))
    broken.write_bytes(picture.read_bytes()[:-30])
    page.locator("#modality label", has_text="Text").click()
    page.locator("#count label", has_text="1").click()
    page.set_input_files("#picture-drop input[type=file]", broken)
    expect(page.get_by_text("hidden behind its end")).to_be_visible()
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 30), "#9fc9ee").save(photo)
    page.set_input_files("#picture-drop input[type=file]", photo)
    expect(page.locator("#picture-drop")).to_contain_text("does not say how it was made")
    page.get_by_role("button", name="Start from the picture itself").click()
    page.locator(".pe-dialog .pe-sheet").wait_for()
    page.keyboard.press("Escape")
    drop(page, picture)
    expect(page.locator("#prompt textarea")).to_have_value("a {what} under <b>snow</b>")
    expect(page.locator("#negative textarea")).to_have_value("rain")
    expect(page.locator("#variable-1 textarea")).to_have_value("fir tree")
    expect(page.locator("#seed-lock")).to_contain_text("seed 77")
    page.click("#generate")
    expect(page.locator("#board .cb-card")).to_have_count(1)
    page.wait_for_selector("#board .cb-toolbar[data-status=done]")
    (made,) = (item for item in api.history(desk.ws, person, str, limit=1)["items"])
    assert made["settings"]["num_inference_steps"] == 7
    again = desk.ws.store.get(Output, made["outputs"][0]["output_id"])
    assert again.blob_sha256 == output.blob_sha256  # the same picture


def drop(page: Page, path: Path) -> None:
    """Drop a file onto the middle of the page, as a person would."""
    data = list(path.read_bytes())
    page.evaluate(
        """(data) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([new Uint8Array(data)], "x.png", { type: "image/png" }));
            const target = document.querySelector("#prompt");
            for (const name of ["dragenter", "dragover", "drop"])
              target.dispatchEvent(new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        data,
    )


def test_on_a_phone_the_filters_fold_away(page: Page) -> None:
    past = history(page)
    page.set_viewport_size({"width": 320, "height": 700})
    expect(past.get_by_label("Any tag")).to_be_hidden()
    past.get_by_role("button", name="Filters").click()
    expect(past.get_by_label("Any tag")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
