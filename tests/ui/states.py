"""Walks through what the page can show, one state after another, whatever its language: to look at each.

Each walk is a generator that has the page in the state whose name it yields; nobody reads words here, only places.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

from playwright.sync_api import Page


def walk_rate(page: Page, url: str) -> Iterator[str]:
    """The rating desk over `harness_desk`: the list, both empty states, a study of each task, its drawer and guide."""
    for query, shown in (("", ".cb-desk"), ("empty=annotator", ".cb-empty"), ("study=waiting", ".cb-desk")):
        page.goto(f"{url}?{query}")
        page.wait_for_selector(f"{shown} :is(button, h2, h3):visible")
        yield f"rate {query or 'list'}"
    page.goto(f"{url}?study=guided")
    page.wait_for_selector(".dk-start")
    yield "rate guide"
    for study in ("compare-text", "compare-image", "rank-text", "rank-image", "rate-text", "rate-image", "edit"):
        page.goto(f"{url}?study={study}")
        page.wait_for_selector(".dk-act")
        yield f"rate {study}"
        if study == "compare-text":
            page.keyboard.press("c")
            page.wait_for_selector(".dk-drawer textarea")
            yield "rate comment"
            page.keyboard.press("Escape")
            page.keyboard.press("a")
            page.wait_for_timeout(500)
            yield "rate answered"
        if study == "compare-image":
            page.locator(".dk-img").first.click()
            page.wait_for_selector("dialog[open]")
            yield "rate enlarged"
        if study == "rank-image":
            page.locator(".dk-chip").first.click()
            yield "rate half ranked"


def walk_composer(page: Page, url: str) -> Iterator[str]:
    """The form for a new study over `harness_composer`: each task, each source, and a refusal."""
    page.goto(url)
    page.wait_for_selector("#composer .cb-sections > section")
    yield "composer"
    page.locator("#composer input[type=text]:visible").first.fill("Which is clearer?")
    page.locator(".cb-prompt").nth(0).fill("Say hello.")
    page.locator(".cb-prompt").nth(1).fill("REFUSE {this}")
    page.wait_for_timeout(1200)
    yield "composer refused"
    page.locator(".cb-task input[value=rate]").check()
    yield "composer rate"
    page.evaluate("document.querySelectorAll('#composer details').forEach((each) => { each.open = true; })")
    for source in ("outputs", "file"):
        page.locator("#composer [role=tab]").nth(1 if source == "outputs" else 2).click()
        page.wait_for_timeout(300)
        yield f"composer {source}"


def walk_insights(page: Page, url: str) -> Iterator[str]:
    """Insights over `harness_insights`: the list, the empty page, a study of each kind."""
    page.goto(url)
    page.wait_for_selector(".in-item")
    yield "insights list"
    for study in ("two", "rate", "marks", "edit", "none"):
        page.goto(urljoin(url, f"/?open={study}"))
        page.wait_for_selector(".cb-empty" if study == "none" else "#insights .in-study:not([hidden])")
        page.wait_for_timeout(300)
        yield f"insights {study}"


def walk_refine(page: Page, url: str) -> Iterator[str]:
    """Refine over `harness_refine`: the list, the empty page, boards and their forms."""
    page.goto(url)
    page.wait_for_selector("#refine .in-item")
    yield "refine list"
    for prompt in ("none", "running", "pictures", "decided"):
        page.goto(urljoin(url, f"/?open={prompt}"))
        page.wait_for_selector(".cb-empty" if prompt == "none" else "#refine .rf-page:not([hidden])")
        page.wait_for_timeout(300)
        yield f"refine {prompt}"
    for key in ("p", "t", "r"):
        page.locator(".rf-open").first.focus()
        page.keyboard.press(key)
        page.wait_for_selector("#refine form:visible")
        yield f"refine form {key}"
        page.keyboard.press("Escape")


def settled(page: Page) -> None:
    page.wait_for_selector("#board .cb-toolbar[data-status=done]")


def walk_texts(page: Page) -> Iterator[str]:
    """Create of a studio with the embedded models: what can be done with a text that is there."""
    page.locator("#modality label").first.click()
    page.fill("#prompt textarea", "Why is the sky {colour}?")
    page.fill("#variable-1 textarea", "blue")
    page.locator("#count label").nth(1).click()
    page.locator("#settings button.label-wrap").click()
    longest = page.locator("#settings input[type=number]").first
    longest.fill("8")
    longest.blur()
    page.wait_for_timeout(400)
    page.click("#generate")
    settled(page)
    yield "texts"
    first = page.locator("#board .cb-card").first
    first.press("e")
    page.locator("#board .cb-edit-area").fill("The sky is blue because")
    yield "text editor"
    page.keyboard.press("Control+Shift+Enter")
    page.wait_for_selector("#board [role=treeitem]")
    settled(page)
    yield "text branches"
    first.focus()
    for key in ("m", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    yield "text selected"
    page.keyboard.press("b")
    page.wait_for_selector("#board .cb-span-row")
    page.keyboard.press("Escape")
    first.focus()
    page.keyboard.press("w")
    page.wait_for_selector("#board .cb-piece")
    page.keyboard.press("ArrowDown")
    yield "text explained, marked"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    first.focus()
    page.keyboard.press("r")
    page.keyboard.insert_text("Shorter, please.")
    yield "text reply"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#board .cb-turn[data-last]", state="attached")
    settled(page)
    first.focus()
    page.keyboard.press("Shift+4")
    page.keyboard.press("c")
    page.wait_for_timeout(300)
    yield "text answered, comment"


def walk_pictures(page: Page) -> Iterator[str]:
    """Create with pictures: the cards, the editor while drawing and with results, before and after."""
    page.locator("#modality label").nth(1).click()
    page.wait_for_timeout(400)
    page.fill("#prompt textarea", "a red apple")
    page.locator("#count label").nth(1).click()
    page.wait_for_timeout(400)
    page.click("#generate")
    page.wait_for_selector("#board .cb-toolbar:not([data-status=done])")
    settled(page)
    yield "pictures"
    page.locator("#board .cb-card").first.press("e")
    page.wait_for_selector(".pe-sheet")
    box = page.locator(".pe-sheet").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=4)
    page.mouse.up()
    yield "picture editor"
    page.locator(".pe-dialog [role=radio]").nth(1).click()
    yield "picture editor, paint"
    page.locator(".pe-dialog [role=radio]").first.click()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".pe-dialog [role=slider]")
    yield "picture results"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".pe-dialog", state="detached")
    page.wait_for_selector("#board .cb-card [role=slider]")
    yield "before and after"


def walk_library(page: Page) -> Iterator[str]:
    """The library beside the prompt or as a drawer, its dialog; the grid's form, the grid hidden and revealed."""
    page.fill("#prompt textarea", "a {colour} fox")
    page.fill("#variable-1 textarea", "red | blue")
    page.wait_for_timeout(300)
    toggle = page.locator("#library .li-toggle")
    if toggle.is_visible():
        toggle.click()
    page.locator("#library .li-save button:visible").last.click()
    page.wait_for_selector("dialog[open]")
    yield "save dialog"
    page.locator("dialog[open] input").first.fill("foxes")
    page.locator("dialog[open] input").nth(1).fill("animals, red")
    page.keyboard.press("Enter")
    page.wait_for_selector("#library .li-item")
    page.wait_for_timeout(500)
    yield "library"
    if toggle.is_visible():
        page.keyboard.press("Escape")
    page.click("#grid-open")
    page.wait_for_selector("#grid form:visible")
    yield "grid form"
    page.locator("#grid [type=checkbox]").check()
    page.locator("#grid [type=submit]").click()
    page.wait_for_selector("#grid .gr-bar .cb-primary:visible")
    yield "grid hidden"
    page.locator("#grid .gr-bar .cb-primary").click()
    yield "reveal dialog"
    page.locator("dialog[open] .cb-primary").click()
    page.wait_for_selector("#grid th")
    yield "grid revealed"


def walk_history(page: Page) -> Iterator[str]:
    """History as a list, with its filters, choosing, as a gallery; a story; one's own data."""
    page.wait_for_selector("#history .cb-row-open")
    if page.locator("#history .cb-filter-toggle").is_visible():
        page.locator("#history .cb-filter-toggle").click()
    yield "history"
    page.locator("#history [data-view]:not([data-view=list])").first.click()
    page.wait_for_selector("#history .cb-tile")
    page.locator("#history .cb-list button").first.focus()
    page.keyboard.press("x")
    yield "gallery, one chosen"
    page.keyboard.press("Escape")
    page.locator("#history [data-view=list]").click()
    page.locator("#history .cb-row-open").first.click()
    page.wait_for_selector("#history .cb-story .cb-card")
    yield "story"


def walk_data(page: Page) -> Iterator[str]:
    """The Data tab with what was given: a preview, the Hub's dialog, one's own data."""
    page.wait_for_selector("#data .da-card")
    yield "data"
    card = page.locator("#data [data-format=table]")
    card.locator(".da-foot button:visible").first.click()
    page.wait_for_selector("#data .da-preview:visible td")
    yield "data preview"
    card.locator(".da-foot button:visible").last.click()
    page.wait_for_selector("dialog[open]")
    yield "hub dialog"
    page.keyboard.press("Escape")
    page.locator("#data .da-head button").click()
    page.wait_for_selector(".cb-my-counts")
    yield "my data"
    page.keyboard.press("Escape")


def walk_header(page: Page) -> Iterator[str]:
    """The notice and one's name."""
    buttons = page.locator("#collab-header .hd-bar button")
    for place, name in ((1, "notice"), (0, "name")):
        buttons.nth(place).click()
        page.wait_for_selector("dialog[open]")
        yield f"{name} dialog"
        page.keyboard.press("Escape")
