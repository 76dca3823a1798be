"""What every page owes its people: language, notice, name, keys, and nothing that axe-core finds serious."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from collab.ui.language import words_script
from tests.ui import harness_composer, harness_desk, harness_insights, harness_refine, looking, states
from tests.ui.conftest import Studio, open_create, wait_done, write
from tests.ui.studio_states import walk_studio

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
PROMPT = "Say hello."
TABS = {
    "en": ("Create", "Rate", "Refine", "Train", "Insights", "History"),
    "zh": ("创作", "评价", "改进", "训练", "分析", "历史"),
}
FIND = """async (part) => {
  // what a harness shows of its own is Gradio's
  const where = part ? {include: [[part]]} : {exclude: [["#seen"], ["#seen-history"]]};
  const found = await axe.run(where, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a",
    "wcag21aa", "best-practice"]});
  return found.violations.filter(v => ["serious", "critical"].includes(v.impact)).flatMap(v => v.nodes.map(n =>
    `${v.id}: ${n.html.slice(0, 200)} | ${(n.any[0] || n.all[0] || n.none[0] || {}).message || ""}`));
}"""


def look(page: Page, where: str, part: str = "") -> list[str]:
    """What is wrong with the page as it stands, or with a part of it: what axe-core calls serious or critical, and
    sideways scrolling.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    # moving things have no colour of their own yet; what waits without end, or is not drawn, is not waited for
    page.evaluate("Promise.race([new Promise(done => setTimeout(done, 2000)), Promise.allSettled("
                  "document.getAnimations().map(a => a.effect.getTiming().iterations === Infinity ? 0 : a.finished))])"
                  )  # fmt: skip
    found = [f"{where}: {said}" for said in page.evaluate(FIND, part)]
    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*found, *([f"{where}: {beyond} px wider than the window"] if beyond > 0 else [])]


def open_tab(page: Page, name: str) -> None:
    tab = page.get_by_role("tab", name=name, exact=True).first
    if not tab.is_visible():  # narrow: behind the button at the end of the row
        page.locator(".overflow-menu > button").first.click()
        tab = page.locator(".overflow-dropdown button", has_text=re.compile(f"^\\s*{name}\\s*$"))
    tab.click()


@pytest.fixture(scope="module")
def used(browser: Browser, studio: Studio) -> Iterator[dict[str, object]]:
    """The cookies of somebody who has generated and rated."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    open_create(page, studio)
    write(page, PROMPT, outputs=1, tokens=8)
    page.click("#generate")
    wait_done(page)
    page.locator("#board").get_by_role("radio", name=re.compile("^4 of 5")).first.click()
    expect(page.locator("#board")).to_contain_text("saved ✓")
    yield context.storage_state()
    context.close()


# words of the page in Latin letters that are nobody's own, no name, number or key
ENGLISH = """() => {
  const left = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const apart = "script, style, textarea, kbd, [translate=no], .cb-provenance";
  while (texts.nextNode()) {
    const said = texts.currentNode.data.trim(), parent = texts.currentNode.parentElement;
    if (!parent.checkVisibility() || parent.closest(apart) || /[\\u4e00-\\u9fff]/.test(said)) continue;
    if (/[A-Za-z]{3,} [a-z]{2,}/.test(said)) left.add(said.slice(0, 80));
  }
  return [...left];
}"""


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("en", "light", 1280), ("zh", "dark", 1280), ("zh", "light", 320), ("en", "dark", 320)],
)
def test_no_tab_keeps_anybody_out(
    browser: Browser, studio: Studio, used: dict[str, object], language: str, scheme: str, width: int
):
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, storage_state=used, reduced_motion="reduce",
        locale="zh-CN" if language == "zh" else "en-GB",
    )  # fmt: skip
    page = context.new_page()
    page.goto(studio.url, wait_until="commit")
    page.wait_for_selector("#board .cb-toolbar")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if language == "zh" else "en")
    found = []
    for name in TABS[language]:
        open_tab(page, name)
        page.wait_for_timeout(400)
        if name == TABS[language][0]:
            page.locator("#settings button.label-wrap").click()
        found += look(page, f"{name}, {language}, {scheme}, {width}")
        if language == "zh":
            found += [f"{name}: still English: {said}" for said in page.evaluate(ENGLISH) if said != PROMPT]
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    found += look(page, "keys")
    page.keyboard.press("Escape")
    assert not found, "\n".join(sorted(set(found)))
    # and it would have found something
    page.evaluate("document.querySelector('#collab-header').insertAdjacentHTML('beforeend', '<input><i>x</i>')")
    assert any("label" in said for said in look(page, "made worse"))
    context.close()


def look_over(page: Page, walk: Iterator[tuple[str, str]]) -> list[str]:
    """What is wrong with the states that the walk goes through, each told with the part of the page it is about: each
    in one theme and width, in turns.
    """
    found = []
    wide = page.viewport_size
    assert wide is not None
    for turn, (name, part) in enumerate(walk):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", turn % 2 == 1)
        page.set_viewport_size({"width": 320, "height": 700} if turn % 4 in (1, 2) else wide)
        where = f"{name}, {'dark' if turn % 2 else 'light'}, {'320' if turn % 4 in (1, 2) else 'wide'}"
        found += look(page, where, part)
        page.set_viewport_size(wide)
    return found


def test_nothing_one_does_keeps_anybody_out(browser: Browser, studio: Studio):
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="zh-CN"
    )  # fmt: skip
    context.set_default_timeout(30_000)
    page = context.new_page()
    open_create(page, studio)
    english: set[str] = set()

    def walk() -> Iterator[tuple[str, str]]:
        for name, part in walk_studio(page):
            english.update(f"{name}: still English: {said}" for said in page.evaluate(ENGLISH))
            yield name, part

    found = look_over(page, walk())
    context.close()
    assert not found, "\n".join(found)
    assert not english, "\n".join(sorted(english))


@pytest.mark.parametrize(
    ("made", "build", "walk"),
    [
        (harness_desk.Memory, harness_desk.build, states.walk_rate),
        (harness_composer.Desk, harness_composer.build, states.walk_composer),
        (harness_insights.Desk, harness_insights.build, states.walk_insights),
        (harness_refine.Desk, harness_refine.build, states.walk_refine),
    ],
    ids=("rate", "composer", "insights", "refine"),
)
def test_no_study_keeps_anybody_out(
    browser: Browser, made: Callable[[], Any], build: Callable[[Any], Any], walk: Callable[[Page, str], Iterator[str]]
):
    with looking.served(made(), build) as desk:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        context.add_init_script(words_script("zh"))
        page = context.new_page()
        found = look_over(page, ((name, "") for name in walk(page, desk.url)))
        context.close()
    assert not found, "\n".join(found)


def test_language_name_notice_and_keys(page: Page, studio: Studio):
    bar = page.locator("#collab-header")
    # the notice: read, agree, gone, and still gone after a reload
    bar.get_by_role("button", name="Read more").click()
    expect(page.locator("dialog[open]")).to_contain_text("export or delete everything")
    page.locator("dialog[open]").get_by_role("button", name="I agree").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(bar.get_by_role("button", name="I agree")).to_have_count(0)
    # the name: refused with a sentence, then kept
    bar.get_by_role("button", name="Your name").click()
    page.get_by_label("Name", exact=True).fill("Owner")
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open] [role=alert]")).to_contain_text("could pass for whoever runs this studio")
    page.get_by_label("Name", exact=True).fill("Ada <b>L")
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open] [role=alert]")).to_contain_text("letters, digits")
    page.get_by_label("Name", exact=True).fill("Ada L.")
    page.keyboard.press("Enter")
    expect(bar).to_contain_text("Ada L.")
    # every key in one list; Esc closes it, and the focus is back
    button = bar.get_by_role("button", name="Keyboard shortcuts")
    button.click()
    for words in (
        "Rate: compare two",
        "propose new versions",
        "stop generating",
        "reply to the text",
        "invert the mask",
        "Everywhere",
    ):
        expect(page.locator("dialog[open]")).to_contain_text(words)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(button).to_be_focused()
    # the language: what was written stays, errors speak it too, and it is remembered
    page.fill("#prompt textarea", "a {b} c")
    page.wait_for_timeout(500)
    bar.get_by_role("button", name="Switch the page to Chinese").click()
    expect(page.locator("#generate")).to_contain_text("生成")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#prompt textarea")).to_have_value("a {b} c")
    expect(bar).to_contain_text("Ada L.")
    page.wait_for_timeout(300)
    page.click("#generate")
    expect(page.locator(".toast-body")).to_contain_text("变量 {b} 没有值")
    page.reload()
    expect(page.locator("#generate")).to_contain_text("生成")
    bar.get_by_role("button", name="切换到英文").click()
    expect(page.locator("#generate")).to_contain_text("Generate")
