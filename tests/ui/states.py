"""Walks through what the widgets of a harness can show, state after state, whatever its language: to look at each.

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
