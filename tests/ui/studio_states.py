"""A walk through what the studio can show, on a real server with the embedded models, whatever its language.

A generator as those of `states`: it yields the name of each state while the page stands in it, and which part of the
page that is about. It finds its way by places and keys, not by words, and has as little generated as shows everything.
"""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Locator, Page

from tests.ui.conftest import wait_done
from tests.ui.test_picture_editor import draw
from tests.ui.test_texts import select

State = tuple[str, str]  # its name, and the part of the page that it is about: "" for all of it


def walk_studio(page: Page) -> Iterator[State]:
    """From an empty page to the deletion of one's data. The page has just been opened by somebody new."""
    yield "create, empty", ""
    yield from _dialogs_of_the_bar(page)
    yield from _texts(page)
    yield from _library(page)
    yield from _grid(page)
    yield from _pictures(page)
    yield from _history(page)
    yield from _data(page)


def _gone(page: Page) -> None:
    """Close the dialog that is open."""
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")


def _opened(page: Page, button: Locator) -> None:
    button.click()
    page.wait_for_selector("dialog[open]")


def _dialogs_of_the_bar(page: Page) -> Iterator[State]:
    buttons = page.locator(".hd-bar button")
    for at, name in enumerate(("name", "notice")):
        _opened(page, buttons.nth(at))
        yield f"dialog, {name}", "dialog[open]"
        _gone(page)
    page.locator("body").press("?")
    page.wait_for_selector("dialog[open]")
    yield "dialog, keys", "dialog[open]"
    _gone(page)
    page.locator(".hd-notice .cb-primary").click()


def _settings(page: Page, first: int) -> None:
    """Unfold the settings and fill the first of them: how long a text, or how many steps."""
    fold = page.locator("#settings button.label-wrap")
    if "open" not in (fold.get_attribute("class") or ""):
        fold.click()
    box = page.locator("#settings input[type=number]:visible").first
    box.fill(str(first))
    box.blur()
    page.wait_for_timeout(400)
    if box.input_value() != str(first):  # the page's own first values came after it
        box.fill(str(first))
        box.blur()


def _texts(page: Page) -> Iterator[State]:
    board = page.locator("#board")
    page.fill("#prompt textarea", "Say {greeting}.")
    page.locator("#variable-1 textarea").fill("hello")
    page.locator("#instructions button.label-wrap").click()
    _settings(page, 10)
    yield "create, unfolded", "#collab-form"
    page.click("#generate")
    wait_done(page)
    card = board.locator(".cb-card").first
    for key in ("Shift+4", "u", "c"):
        card.press(key)
    yield "card, judged", "#board"
    board.locator(".cb-toolbar .cb-tools > [aria-expanded]").click()
    board.locator(".cb-order-chip").first.click()
    yield "board, putting in order", "#board"
    page.keyboard.press("Escape")
    select(page, 0, 4)
    board.locator(".cb-span-bar:visible").wait_for()
    yield "text, a place selected", "#board"
    page.keyboard.press("b")
    board.locator(".cb-span-tools button").first.click()
    board.locator(".cb-span-note-input").fill("vague")
    yield "text, marked", "#board"
    page.keyboard.press("Enter")
    card.press("e")
    board.locator(".cb-edit-area").fill("Hello 天, dear")
    board.locator(".cb-diff:visible").first.wait_for()
    yield "text editor", "#board"
    board.locator(".cb-continue button").click()
    page.wait_for_selector("#board .cb-begun:visible")
    wait_done(page)
    board.get_by_role("tree").wait_for()
    yield "text, gone on from", "#board"
    board.locator(".cb-card").first.press("w")
    page.wait_for_selector("#board .cb-piece:focus")
    page.keyboard.press("ArrowRight")
    yield "why", "#board"
    page.keyboard.press("Escape")
    board.locator(".cb-card").first.press("r")
    page.keyboard.insert_text("Shorter?")
    yield "reply", "#board"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#board .cb-turn")
    wait_done(page)
    yield "conversation", "#board"


def _library(page: Page) -> Iterator[State]:
    library = page.locator("#library")
    _opened(page, library.locator(".li-save button").nth(1))
    yield "dialog, save a prompt", "dialog[open]"
    page.locator("dialog[open] input").first.fill("greetings")
    page.locator("dialog[open] input").nth(1).fill("short, kind")
    page.keyboard.press("Enter")
    library.locator(".li-item").wait_for()
    page.fill("#prompt textarea", "Say {greeting} kindly.")
    library.locator(".li-save .cb-primary:visible").wait_for()
    page.wait_for_timeout(400)
    library.locator(".li-save .cb-primary").click()
    library.locator(".li-version").nth(1).wait_for()
    library.locator(".li-version [aria-pressed]").first.click()
    library.locator(".li-diff ins").wait_for()
    yield "library, a difference", "#library"
    _opened(page, library.locator(".li-item > div button").nth(1))
    yield "dialog, rename a prompt", "dialog[open]"
    _gone(page)
    library.locator(".li-item > div button").nth(2).click()
    library.locator(".li-undo button").wait_for()
    yield "library, undo", "#library"


def _grid(page: Page) -> Iterator[State]:
    grid = page.locator("#grid")
    page.click("#grid-open")
    grid.locator(".gr-axis").first.wait_for()
    yield "grid, its form", "#grid"
    grid.locator(".gr-axis textarea").first.fill("hi | ho")
    grid.locator(".gr-axis select").nth(1).select_option("")
    grid.locator("[type=checkbox]").check()
    grid.locator("[type=submit]").click()
    grid.locator(".gr-cell [aria-pressed]").nth(15).wait_for(timeout=60_000)
    grid.locator(".gr-star").nth(3).click()
    reveal = grid.locator(".gr-bar .cb-primary")
    reveal.wait_for()
    yield "grid, hidden", "#grid"
    _opened(page, reveal)
    yield "dialog, reveal", "dialog[open]"
    page.locator("dialog[open] .cb-primary").click()
    grid.locator("thead th").first.wait_for()
    yield "grid, revealed", "#grid"


def _pictures(page: Page) -> Iterator[State]:
    page.locator("#modality label").nth(1).click()
    page.fill("#prompt textarea", "a red apple")
    page.locator("#count label").first.click()
    _settings(page, 4)
    page.click("#generate")
    page.wait_for_selector("#board .cb-card .cb-img:visible")
    wait_done(page)
    _opened(page, page.locator("#board .cb-picture").first)
    yield "lightbox", "dialog[open]"
    _gone(page)
    page.locator("#board .cb-card").first.press("e")
    sheet = page.locator(".pe-sheet")
    sheet.wait_for()
    draw(page, (0.3, 0.4), (0.7, 0.5))
    yield "picture editor", "dialog[open]"
    page.locator(".pe-actions .cb-primary:visible").click()
    page.locator(".pe-compare [role=slider]").wait_for(timeout=60_000)
    yield "picture editor, results", "dialog[open]"
    page.locator(".pe-actions .cb-primary:visible").click()
    page.locator("#board .cb-card [role=slider]").wait_for()
    yield "picture, before and after", "#board"


def _history(page: Page) -> Iterator[State]:
    history = page.locator("#history")
    page.locator("[data-tab-id=history]").first.click()
    history.locator(".cb-row-open").first.wait_for()
    yield "history", "#history"
    history.locator(".cb-row-open").first.focus()
    page.keyboard.press("x")
    yield "history, choosing", "#history"
    _opened(page, history.locator(".cb-bulk .cb-danger"))
    yield "dialog, delete", "dialog[open]"
    _gone(page)
    page.keyboard.press("Escape")
    history.locator("[data-view=gallery]").click()
    history.locator(".cb-gallery img").first.wait_for()
    yield "history, gallery", "#history"
    history.locator("[data-view=list]").click()
    rows = history.locator(".cb-list:not(.cb-gallery) .cb-row-open")
    rows.nth(2).wait_for()
    rows.nth(1).click()
    history.locator(".cb-story [role=slider]").first.wait_for()
    yield "story of a picture", "#history"
    page.keyboard.press("Escape")
    rows.last.click()
    history.locator(".cb-story [role=tree]").wait_for()
    yield "story of a text", "#history"
    page.keyboard.press("Escape")


def _data(page: Page) -> Iterator[State]:
    data = page.locator("#data")
    page.locator("[data-tab-id=data]").first.click()
    table = data.locator("[data-format=table]")
    buttons = table.locator(".da-foot button:visible")
    buttons.first.wait_for()
    buttons.first.click()
    table.locator("tbody td").first.wait_for()
    buttons.nth(1).click()
    yield "data", "#data"
    page.keyboard.press("Escape")
    _opened(page, buttons.nth(2))
    yield "dialog, push", "dialog[open]"
    _gone(page)
    _opened(page, data.locator(".da-head button"))
    yield "dialog, my data", "dialog[open]"
    _opened(page, page.locator("dialog[open] .cb-danger"))
    yield "dialog, delete my data", "dialog[open]"
    _gone(page)
