"""The whole loop in a real browser: feedback becomes versions, a blind test decides, what won serves, and back again.

The model is a fake that keeps to the rules it is given, so that the versions can be told apart by what they make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from gradio_client import Client
from playwright.sync_api import BrowserContext, Locator, Page, expect

from collab.identity import VISITOR_COOKIE
from collab.types import PromptVersion, Study, StudyArm, Trial
from models.base import TextRequest
from tests.models.fake import FakeBackend, FakeCatalog
from tests.server.served import Studio, open_studio
from tests.ui.conftest import owners_page, wait_done, write

PROMPT = "Write about {thing}."
LEAD_IN = "Sure, here is a text about"
MANNERS = ["quietly", "slowly", "early", "gently", "softly", "suddenly", "always", "rarely"]
DEEDS = ["changes", "brightens", "fills", "colours", "calms", "crosses", "covers", "follows"]
PLACES = ["morning", "evening", "street", "valley", "harbour", "garden", "village", "summer"]
SHORT = 8  # words of its first sentence, which people leave of it
SCREENING_VOTES = 10
CONFIRMING_VOTES = 8  # as many as decide the first test of a prompt where all agree
SOON_MS = 30_000  # the server looks after trials every few seconds, and the page looks every few seconds


class Obedient(FakeBackend):
    """Begins with a lead-in and goes on for long, unless a rule or an example says otherwise."""

    def _words(self, request: TextRequest, seed: int) -> list[str]:
        told = "\n".join(message.content for message in request.messages)
        subject = re.search(r"about (\w+)", request.messages[-1].content)
        thing = subject[1] if subject else "it"
        (manner, other), (deed, also), (place, far) = (Random(f"{seed}{n}").sample(words, 2)
                                                       for n, words in enumerate((MANNERS, DEEDS, PLACES)))  # fmt: skip
        body = f"{thing.capitalize()} comes {manner} and {deed} the whole {place}. It {also} the {far} {other}, and "
        body += "people who notice stop what they do to look."
        most = re.search(r"at most (\d+) words", told)
        plain = "lead-in" in told or any(message.role == "assistant" for message in request.messages)
        return [*([] if plain else f"{LEAD_IN} {thing}:".split()), *body.split()[: int(most[1]) if most else None]]


class ObedientCatalog(FakeCatalog):
    backend = Obedient


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with open_studio(tmp_path, ObedientCatalog()) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext, studio: Studio) -> Iterator[Page]:
    with owners_page(context, studio.served.url) as opened:
        yield opened


def test_feedback_becomes_a_version_that_wins_serves_and_is_rolled_back(page: Page, studio: Studio) -> None:
    for thing in ("rain", "bread"):
        give_feedback(page, thing)
    root = the_only(studio, PromptVersion)
    to(page, "Refine")
    page.locator("#refine .in-item", has_text=PROMPT).get_by_role("button").click()
    serves(page, 1)

    propose(page)
    reject(page, 4, "Rules belong into the system text.")
    try_blind(page, 2, 3)

    vote_until_done(page, studio)
    to(page, "Refine")
    expect(page.locator(".rf-steps [data-state=now]")).to_have_text("make sure", timeout=SOON_MS)
    vote_until_done(page, studio, decided_after=CONFIRMING_VOTES)
    to(page, "Refine")
    expect(page.locator(".rf-said").locator("visible=true")).to_contain_text(
        "beat version 1 on fresh votes", timeout=SOON_MS
    )
    expect(page.locator("figure[data-plot=evidence]")).to_be_visible()

    (trial,) = studio.ws.store.find(Trial)
    number = numbers(studio)[str(trial.leader_id)]
    act(page, f"Promote Version {number}")
    confirm(page, "Promote")
    serves(page, number)
    expect(log(page)).to_contain_text(f"Version {number} serves in place of version 1")
    expect(page.locator(".rf-watch")).to_be_visible()
    assert served(studio, page, root) == trial.leader_id
    (trial,) = studio.ws.store.find(Trial)
    assert trial.watch_id and studio.ws.store.get(Study, trial.watch_id).status == "open"

    act(page, "Roll back")
    confirm(page, "Roll back", "Readers miss the long texts.")
    serves(page, 1)
    expect(log(page)).to_contain_text("Readers miss the long texts.")
    assert served(studio, page, root) == root.id
    assert studio.ws.store.get(Study, trial.watch_id).status == "closed"


# ---- what the owner does --------------------------------------------------------------------------------------------


def give_feedback(page: Page, thing: str) -> None:
    """Generate four texts, take the lead-in off two of them and shorten them, and say what is thought of all."""
    to(page, "Create")
    write(page, PROMPT, outputs=4, tokens=None)
    page.locator("#variable-1").get_by_label("{thing}").fill(thing)
    page.click("#generate")
    page.wait_for_function("n => document.querySelector('#board')?.textContent.includes(n)", arg=f"about {thing}")
    wait_done(page)
    for number in range(4):
        card = page.locator("#board .cb-card").nth(number)
        if number % 2:
            card.locator(".cb-star").nth(1).click()
            continue
        text = card.locator(".cb-text").first.inner_text()
        card.get_by_role("button", name=re.compile("^Edit")).click()
        area = card.locator(".cb-edit-area")
        area.fill(" ".join(text.partition(": ")[2].split()[:SHORT]))
        area.press("Control+Enter")
        expect(card.locator(".cb-note")).to_contain_text(re.compile("saved", re.I))


def propose(page: Page) -> None:
    """By the ways that ask no model; what comes has its difference, its reason and the feedback behind it."""
    page.keyboard.press("p")
    form = page.get_by_role("form", name="Propose new versions")
    form.get_by_role("checkbox", name=re.compile("reflect", re.I)).uncheck()
    form.get_by_role("button", name="Propose").click()
    expect(page.locator("[data-fresh]")).to_have_count(4, timeout=60_000)
    page.locator("[data-version='2'] .rf-open").click()
    compared = page.locator(".rf-compare")
    expect(compared.locator("ins").locator("visible=true").first).to_be_visible()
    expect(compared.locator(".rf-rationale")).to_contain_text("lead-in")
    expect(compared.locator(".rf-cites")).to_contain_text("acts of feedback")
    expect(compared.locator(".rf-cited li").first).not_to_be_empty()


def reject(page: Page, number: int, reason: str) -> None:
    page.locator(f"[data-version='{number}'] .rf-open").click()
    act(page, f"Reject Version {number}")
    confirm(page, "Reject", reason)
    expect(page.locator(".rf-node[data-rejected]")).to_have_attribute("data-version", str(number))
    expect(log(page)).to_contain_text(reason)


def try_blind(page: Page, *versions: int) -> None:
    for number in versions:
        page.get_by_role("checkbox", name=f"Put Version {number} into the next blind test").check()
    act(page, "Plan a test…")
    form = page.get_by_role("form", name="Plan a blind test")
    form.get_by_role("radio", name="just me").click()
    form.get_by_label("Votes to find the best of them").fill(str(SCREENING_VOTES))
    expect(form).to_contain_text(f"At most {SCREENING_VOTES} votes to find the best, then 60 fresh ones")
    form.get_by_role("button", name="Start the test").click()
    expect(page.locator(".rf-steps [data-state=now]")).to_have_text("find the best")


def vote_until_done(page: Page, studio: Studio, decided_after: int = 0) -> None:
    """Vote from the keyboard for the shorter text of each pair, until there are none left or so many are given."""
    page.get_by_role("button", name="Vote yourself").click()
    page.locator(".dk-act, .dk-rest-page, .dk-welcome").locator("visible=true").first.wait_for()
    votes = 0
    while True:
        page.wait_for_function(READY)
        texts = page.locator("#desk .dk-pane .dk-scroll").all_inner_texts()
        if not texts or (decided_after and votes == decided_after):
            break
        assert_blind(page, studio)
        sizes = [len(text.split()) for text in texts]
        page.keyboard.press("=" if sizes[0] == sizes[1] else "ab"[sizes.index(min(sizes))])
        votes += 1
        page.wait_for_function(
            "before => document.querySelector('.dk-rest-page') || "
            "[...document.querySelectorAll('#desk .dk-pane .dk-scroll')].map(p => p.innerText).join() !== before",
            arg=",".join(texts),
        )


READY = "document.querySelector('#desk :is(.dk-acts-compare, [data-kind=done], [data-kind=stopped])')"


def assert_blind(page: Page, studio: Studio) -> None:
    shown = page.locator("#desk").inner_html()
    assert not re.search(r"version \d|follow these rules|lead-in|preferences|demonstrations", shown, re.I)
    for kind in (PromptVersion, StudyArm):
        assert not any(each.id in shown for each in studio.ws.store.find(kind))


def act(page: Page, name: str) -> None:
    page.locator(".rf-decide").get_by_role("button", name=name, exact=True).click()


def confirm(page: Page, name: str, reason: str = "") -> None:
    dialog = page.get_by_role("dialog")
    if reason:
        dialog.get_by_label("Why?").fill(reason)
    dialog.get_by_role("button", name=name, exact=True).click()
    expect(dialog).to_have_count(0)


# ---- what is on the page, and what is in the store -------------------------------------------------------------------


def to(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab).click()


def serves(page: Page, number: int) -> None:
    expect(page.locator(".rf-node[data-current]")).to_have_attribute("data-version", str(number))


def log(page: Page) -> Locator:
    return page.locator(".rf-log-list")


def the_only(studio: Studio, kind: type[Any]) -> Any:
    (found,) = studio.ws.store.find(kind)
    return found


def numbers(studio: Studio) -> dict[str, int]:
    return {version.id: n for n, version in enumerate(studio.ws.store.find(PromptVersion), 1)}


def served(studio: Studio, page: Page, root: PromptVersion) -> str:
    """The version that a generation of the prompt by its name uses."""
    visitor = next(each["value"] for each in page.context.cookies() if each["name"] == VISITOR_COOKIE)
    client: Client = studio.client(Cookie=f"{VISITOR_COOKIE}={visitor}")
    made = client.submit(
        "", prompt_version_id=f"prompt:{root.prompt_id}", variables={"thing": "ice"}, count=1, api_name="/generate"
    ).result(timeout=60)
    return made["prompt_version_id"]
