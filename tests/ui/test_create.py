"""Create in a real browser, with the embedded models."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.ui.conftest import Studio, generate, open_create, wait_done, write

HOSTILE = "<img src=x onerror=window.pwned=1> <script>window.pwned=1</script> ${window.pwned=1} {{value}} & مرحبا 🦊"


def cards(page: Page):
    return page.locator("#board .cb-card")


def saved(page: Page, card: int = 0) -> None:
    expect(cards(page).nth(card).locator(".cb-note")).to_contain_text(re.compile("saved", re.I))


def test_a_text_streams_is_rated_edited_and_found_again_after_a_reload(page: Page, studio: Studio) -> None:
    generate(page, "Name three colours.", outputs=2)
    page.wait_for_selector("#board .cb-running, #board .cb-toolbar[data-status=done]", timeout=120_000)
    wait_done(page)
    first = cards(page).first
    original = first.locator(".cb-text").first.inner_text()
    assert original.strip()
    first.locator(".cb-star").nth(3).click()
    saved(page)
    first.locator(".cb-up").click()
    first.locator("[aria-pressed=true].cb-up").wait_for()
    cards(page).nth(0).get_by_role("button", name=re.compile("^Edit")).click()
    box = first.locator(".cb-edit-area")
    box.fill("Red, green and **blue**.")
    expect(first.locator(".cb-diff ins").first).to_be_visible()
    box.press("Control+Enter")
    expect(first.locator(".cb-text").first).to_contain_text("Red, green and **blue**.")
    saved(page)
    page.reload()
    page.wait_for_selector("#board .cb-card")
    expect(first.locator(".cb-text").first).to_contain_text("Red, green and **blue**.")
    expect(first.locator(".cb-star[aria-checked=true]")).to_have_attribute("aria-label", re.compile("4"))
    expect(page.locator("#prompt textarea")).to_have_value("Name three colours.")
    page.get_by_role("tab", name="History").click()
    page.locator("#history .cb-row-open").first.click()
    story = page.locator("#history .cb-story")
    expect(story).to_contain_text("SmolLM2")
    expect(story.locator(".cb-provenance")).to_contain_text("<|im_start|>user")
    expect(story.locator("ins").first).to_be_visible()


def test_a_reload_in_mid_stream_loses_nothing(page: Page) -> None:
    generate(page, "Tell a long story about a lighthouse.", outputs=2, tokens=120)
    page.wait_for_selector("#board .cb-running", timeout=120_000)
    page.reload()
    page.wait_for_selector("#board .cb-running, #board .cb-toolbar[data-status=done]", timeout=120_000)
    wait_done(page)
    for card in cards(page).all():
        assert len(card.locator(".cb-text").first.inner_text().split()) > 20


def test_stop_keeps_what_is_there(page: Page) -> None:
    generate(page, "Tell a very long story about the sea.", outputs=1, tokens=900)
    page.wait_for_function(
        "(document.querySelector('#board .cb-text')?.textContent || '').length > 20", timeout=120_000
    )
    page.locator("#stop").click()
    wait_done(page, "cancelled")
    text = cards(page).first.locator(".cb-text").first.inner_text()
    assert len(text) > 20
    expect(page.locator("#stop")).to_be_disabled()
    cards(page).first.locator(".cb-star").nth(1).click()
    saved(page)


def test_keys_do_it_all(page: Page) -> None:
    write(page, "Say hello.", outputs=2, tokens=8)
    page.locator("#prompt textarea").press("Control+Enter")
    wait_done(page)
    page.locator("#board .cb-card").first.focus()
    page.keyboard.press("2")
    expect(cards(page).nth(1).locator(".cb-badge")).to_contain_text(re.compile("best", re.I))
    page.keyboard.press("Shift+Digit5")
    expect(cards(page).first.locator(".cb-star[aria-checked=true]")).to_have_attribute("aria-label", re.compile("5"))
    saved(page)
    page.keyboard.press("z")
    expect(cards(page).first.locator(".cb-star[aria-checked=true]")).to_have_count(0)
    page.keyboard.press("z")
    expect(cards(page).nth(1).locator(".cb-badge")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.press("Escape")


def test_variables_get_boxes_and_an_empty_one_is_asked_for(page: Page) -> None:
    write(page, "Describe {animal} in {mood} words.", outputs=1, tokens=8)
    page.locator("#variable-1").get_by_label("{animal}").fill("a fox")
    page.click("#generate")
    expect(page.locator(".toast-wrap")).to_contain_text("The variable {mood} has no value")
    page.locator("#variable-2").get_by_label("{mood}").fill("three")
    page.click("#generate")
    wait_done(page)
    page.get_by_role("tab", name="History").click()
    page.locator("#history .cb-row-open").first.click()
    expect(page.locator("#history .cb-provenance")).to_contain_text("Describe a fox in three words.")


def test_hostile_words_are_shown_as_words_and_never_run(page: Page) -> None:
    # {value} alone would be a variable; doubled braces are literal
    generate(page, "Repeat: " + HOSTILE, outputs=1, tokens=8)
    wait_done(page)
    first = cards(page).first
    first.get_by_role("button", name=re.compile("^Edit")).click()
    first.locator(".cb-edit-area").fill(HOSTILE)
    first.locator(".cb-edit-area").press("Control+Enter")
    expect(first.locator(".cb-text").first).to_have_text(HOSTILE)
    first.locator(".cb-chip-add").click()
    first.locator(".cb-tag-input").fill("<b>${1}</b>")
    first.locator(".cb-tag-input").press("Enter")
    expect(first.locator(".cb-chosen")).to_have_text("<b>${1}</b>")
    first.locator(".cb-details").click()
    first.locator(".cb-comment-area").fill(HOSTILE)
    first.locator(".cb-comment-area").press("Control+Enter")
    saved(page)
    page.reload()
    page.wait_for_selector("#board .cb-card")
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history .cb-row-open").first).to_contain_text("<img src=x")
    page.locator("#history .cb-row-open").first.click()
    expect(page.locator("#history .cb-provenance")).to_contain_text("${window.pwned=1} {{value}}")
    assert page.evaluate("window.pwned") is None


def test_a_bad_seed_and_an_empty_prompt_are_one_sentence(page: Page) -> None:
    page.click("#generate")
    expect(page.locator(".toast-wrap")).to_contain_text("The prompt is empty")
    write(page, "Hello", outputs=1, tokens=8)
    page.locator("#seed :is(input, textarea)").fill("minus one")
    page.click("#generate")
    expect(page.locator(".toast-wrap")).to_contain_text("The seed is “minus one”")
    expect(page.locator("#board .cb-card")).to_have_count(0)


def test_replay_from_history_gives_the_same_text(page: Page) -> None:
    generate(page, "Invent a name for a boat.", outputs=2, tokens=12, seed=7)
    wait_done(page)
    texts = [card.locator(".cb-text").first.inner_text() for card in cards(page).all()]
    page.get_by_role("tab", name="History").click()
    page.locator("#history .cb-row-open").first.click()
    page.locator("#history").get_by_role("button", name=re.compile("^Replay")).click()
    page.wait_for_selector("#board", state="visible")
    wait_done(page)
    assert [card.locator(".cb-text").first.inner_text() for card in cards(page).all()] == texts
    page.get_by_role("tab", name="History").click()
    page.locator("#history .cb-back").click()
    expect(page.locator("#history .cb-list > li")).to_have_count(2)
    page.locator("#history .cb-row-open").nth(1).click()
    expect(page.locator("#history .cb-replays")).to_contain_text(re.compile("same", re.I))


def test_pictures_form_step_by_step_and_are_rated(page: Page) -> None:
    page.locator("#modality label", has_text="Image").click()
    expect(page.locator("#negative")).to_be_visible()
    page.fill("#prompt textarea", "a red apple on a blue background")
    page.locator("#count label", has_text="2").click()
    page.click("#generate")
    wait_done(page)
    expect(page.locator("#board .cb-card img")).to_have_count(2)
    sizes = page.eval_on_selector_all("#board .cb-card img", "all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[64, 64], [64, 64]]
    page.keyboard.press("1")
    expect(cards(page).first.locator(".cb-badge")).to_contain_text(re.compile("best", re.I))
    page.reload()
    page.wait_for_selector("#board .cb-card img")
    expect(cards(page).first.locator(".cb-badge")).to_contain_text(re.compile("best", re.I))


def test_two_people_at_once_never_see_each_other(page: Page, browser, studio: Studio) -> None:
    generate(page, "Say something about ONE.", outputs=1, tokens=10)
    other = browser.new_context()
    theirs = other.new_page()
    theirs.set_default_timeout(60_000)
    open_create(theirs, studio)
    expect(theirs.locator("#board .cb-card")).to_have_count(0)
    generate(theirs, "Say something about TWO.", outputs=1, tokens=10)
    wait_done(page)
    wait_done(theirs)
    for mine, word, foreign in ((page, "ONE", "TWO"), (theirs, "TWO", "ONE")):
        mine.get_by_role("tab", name="History").click()
        expect(mine.locator("#history .cb-row-open").first).to_contain_text(word)
        assert foreign not in mine.locator("#history").inner_text()
    other.close()
