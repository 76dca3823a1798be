"""The prompt library, a grid and the Data tab in a real browser, with the embedded models."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Studio, start_studio

SHOTS = os.environ.get("COLLAB_SHOTS")  # a folder, to look at what was walked through


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One of its own: what has been collected is counted."""
    running = start_studio(tmp_path_factory.mktemp("library"))
    yield running
    running.process.terminate()
    running.process.wait(timeout=30)


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_a_prompt_is_kept_spread_into_a_hidden_grid_and_taken_away_as_data(page: Page) -> None:
    library = page.locator("#library")
    expect(library).to_contain_text("No saved prompts yet")
    page.locator("#modality label", has_text="Image").click()
    page.fill("#prompt textarea", "a {colour} fox <b>x</b>")
    box = page.locator("#variable-1").get_by_label("{colour}")
    box.fill("red | blue")
    library.get_by_role("button", name="Save as…").click()
    dialog = page.get_by_role("dialog", name="Save this prompt")
    dialog.get_by_label("Name").fill("foxes <i>")
    dialog.get_by_label("Tags, separated by commas").fill("animals, red")
    page.keyboard.press("Enter")
    expect(library.locator(".li-status")).to_have_text("saved as v1 · current")
    expect(dialog).to_have_count(0)  # Enter does not press the button again that opened it
    page.fill("#prompt textarea", "a {colour} owl <b>x</b>")
    expect(library.locator(".li-status")).to_have_text("changed since v1")
    page.wait_for_timeout(300)
    library.get_by_role("button", name="Save as the next version of foxes <i>").click()
    expect(library.locator(".li-status")).to_have_text("saved as v2 · current")
    library.get_by_role("button", name="What version 2 changed").click()
    expect(library.locator(".li-diff ins")).to_have_text("owl")
    library.get_by_role("button", name="Make version 1 current again").click()
    expect(page.locator("#prompt textarea")).to_have_value("a {colour} fox <b>x</b>")
    expect(box).to_have_value("red | blue")  # other words, the same values
    library.get_by_role("button", name="Undo").click()
    expect(page.locator("#prompt textarea")).to_have_value("a {colour} owl <b>x</b>")
    library.get_by_role("button", name="Archive foxes <i>").click()
    expect(library.locator(".li-item")).to_have_count(0)
    library.get_by_role("button", name="Undo").click()
    expect(library.locator(".li-item")).to_have_count(1)
    library.get_by_role("button", name="Draft").click()
    library.get_by_label("Name for the form's settings").fill("Mine")
    page.wait_for_timeout(300)
    library.get_by_role("button", name="Save", exact=True).click()
    library.get_by_role("button", name="Delete the preset Mine").click()
    library.get_by_role("button", name="Undo").click()
    expect(library.get_by_role("button", name="Mine", exact=True)).to_be_visible()

    box.fill("red | blue")
    page.wait_for_timeout(300)
    page.click("#grid-open")
    grid = page.locator("#grid")
    expect(grid.get_by_label("Across", exact=True)).to_have_value("variable:colour")
    grid.get_by_label("Values Across").fill("1..100000")
    grid.get_by_role("button", name="Make the grid").click()
    expect(grid.get_by_role("alert")).to_contain_text("more than 32 values")
    grid.get_by_label("Values Across").fill("red | blue")
    grid.get_by_label("Down", exact=True).select_option("setting:guidance_scale")
    grid.get_by_label("Values Down").fill("2 | 6")
    grid.get_by_label("Hide which is which").check()
    told: list[str] = []
    page.on("response", lambda r: told.append(r.text()) if "component_server" in r.url else None)
    grid.get_by_role("button", name="Make the grid").click()
    expect(grid.locator(".gr-picture")).to_have_count(4, timeout=120_000)
    expect(grid.locator("th")).to_have_count(0)
    cell = grid.locator(".gr-cell").first
    cell.get_by_role("button", name="4 stars for cell 1").click()
    expect(cell.locator(".gr-star.gr-on")).to_have_count(4)
    grid.get_by_role("button", name="Cell 2 is the best of the grid").click()
    expect(grid.locator(".gr-best")).to_have_attribute("data-cell", "1")
    page.keyboard.press("z")
    expect(grid.locator(".gr-best")).to_have_count(0)
    expect(grid.get_by_role("status")).to_contain_text("undone")
    expect(cell.locator(".gr-star.gr-on")).to_have_count(4)
    cells = [json.loads(text).get("grid") for text in told if '"cells"' in text]
    assert cells and all(g["masked"] and "place" not in c and "seed" not in c for g in cells if g for c in g["cells"])
    shot(page, "grid-masked")
    grid.get_by_role("button", name="Reveal").click()
    page.get_by_role("dialog", name="Reveal the values?").get_by_role("button", name="Reveal").click()
    expect(grid.locator("thead th")).to_have_text(["colour: red", "colour: blue"])
    expect(grid.get_by_text("locked")).to_have_count(1)
    with page.expect_download() as taken:
        grid.get_by_role("button", name="As PNG").click()
    assert Path(taken.value.path()).read_bytes().startswith(b"\x89PNG")
    shot(page, "grid")
    page.reload()
    expect(library.locator(".li-status")).to_have_text(re.compile("v2"))
    expect(page.locator("#board .cb-empty")).to_be_visible()  # no single cell of the grid as if it were all
    page.click("#grid-open")
    grid.get_by_label("Earlier grids").select_option(index=1)
    expect(grid.locator("thead th")).to_have_count(2)

    page.get_by_role("tab", name="Data").click()
    data = page.locator("#data")
    expect(data.locator("[data-plot=stars]")).to_contain_text("1 rating: 4.0 stars")
    expect(data.locator("[data-format=trl-kto]")).to_contain_text("No row yet. What gives one: give texts thumbs")
    table = data.locator("[data-format=table]")
    expect(table.locator(".da-rows")).to_have_text("1 row")
    table.get_by_role("button", name="Look at rows").click()
    expect(table.locator("tbody tr")).to_have_count(1)
    table.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as taken:
        table.get_by_role("button", name="Parquet only").click()
    with zipfile.ZipFile(taken.value.path()) as archive:
        assert "README.md" in archive.namelist()
    table.get_by_role("button", name="To the Hub").click()
    push = page.get_by_role("dialog")
    push.get_by_label("Name of the dataset").fill("not a name")
    push.get_by_role("button", name="Send").click()
    expect(table.locator(".da-build")).to_contain_text("write it as user/name")
    data.get_by_role("button", name="My data").click()
    expect(page.get_by_role("dialog", name="My data")).to_be_visible()
    page.keyboard.press("Escape")
    shot(page, "data")
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_role("tab", name="Create").click()
    expect(library.locator(".li-body")).to_be_hidden()
    library.get_by_role("button", name="Prompt library").click()
    expect(library.locator(".li-body")).to_be_visible()
    page.wait_for_timeout(300)
    shot(page, "drawer")
    page.keyboard.press("Escape")
    expect(library.locator(".li-body")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.evaluate("window.pwned") is None
