"""Create in a real browser, with the embedded models."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from collab.ui.create import EXAMPLES
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


def test_an_empty_board_offers_one_example_after_another(page: Page) -> None:
    another = page.locator("#board").get_by_role("button", name="Try an example")
    prompt = page.locator("#prompt textarea")
    for example in (*EXAMPLES["text"], EXAMPLES["text"][0]):
        another.click()
        expect(prompt).to_have_value(example)
    page.locator("#modality label", has_text="Image").click()
    expect(page.locator("#negative")).to_be_visible()
    another.click()
    expect(prompt).to_have_value(EXAMPLES["image"][0])


@pytest.mark.left_in_mid_stream
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
    page.locator("#prompt textarea").focus()
    page.keyboard.press("Escape")  # leaves the field first
    expect(page.locator("#prompt textarea")).not_to_be_focused()
    expect(page.locator("#board .cb-toolbar")).to_have_attribute("data-status", "running")
    page.keyboard.press("Escape")
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


def test_a_newer_generation_takes_the_board_over(page: Page) -> None:
    generate(page, "Tell a long story about OLD things.", outputs=1, tokens=100)
    page.wait_for_selector("#board .cb-running", timeout=120_000)
    generate(page, "Say NEW.", outputs=2, tokens=8)
    expect(cards(page)).to_have_count(2)
    for _ in range(20):
        page.wait_for_timeout(200)
        assert cards(page).count() == 2
    wait_done(page)
    page.wait_for_timeout(1500)
    assert cards(page).count() == 2
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history .cb-list > li")).to_have_count(2)


def test_what_is_being_written_survives_a_reload(page: Page) -> None:
    page.locator("#modality label", has_text="Image").click()
    page.fill("#prompt textarea", "a {colour} bicycle, not sent yet")
    page.locator("#variable-1").get_by_label("{colour}").fill("red")
    page.locator("#count label", has_text="8").click()
    page.wait_for_timeout(800)
    page.reload()
    page.wait_for_selector("#prompt textarea")
    expect(page.locator("#variable-1").get_by_label("{colour}")).to_have_value("red")
    expect(page.locator("#count input[value='8']")).to_be_checked()
    expect(page.locator("#prompt textarea")).to_have_value("a {colour} bicycle, not sent yet")
    expect(page.locator("#modality input[value=image]")).to_be_checked()
    expect(page.locator("#negative")).to_be_visible()


def test_examples_and_system_text_reach_the_model(page: Page) -> None:
    page.locator("#instructions button.label-wrap").click()
    page.get_by_label("System text").fill("Answer with one word.")
    page.get_by_label("Example prompt 1").fill("Capital of France?")
    page.click("#add-example")
    page.get_by_label("Example prompt 2").fill("Capital of Spain?")
    page.get_by_label("Answer wanted 2").fill("Madrid")
    write(page, "Capital of Italy?", outputs=1, tokens=6)
    page.click("#generate")
    expect(page.locator(".toast-wrap")).to_contain_text("The answer of example 1 is empty")
    page.get_by_label("Answer wanted 1").fill("Paris")
    page.wait_for_timeout(300)
    page.click("#generate")
    wait_done(page)
    page.get_by_role("tab", name="History").click()
    page.locator("#history .cb-row-open").first.click()
    sent = page.locator("#history .cb-provenance")
    expect(sent).to_contain_text("<|im_start|>system\nAnswer with one word.<|im_end|>")
    expect(sent).to_contain_text("<|im_start|>assistant\nMadrid<|im_end|>")


def test_a_locked_seed_gives_the_same_text_until_it_is_unlocked(page: Page) -> None:
    generate(page, "Invent a word.", outputs=1, tokens=8)
    wait_done(page)
    first = cards(page).first
    text, seed = first.locator(".cb-text").first.inner_text(), first.locator(".cb-seed").inner_text()
    first.get_by_role("button", name=re.compile("seed", re.I)).last.click()
    expect(page.locator("#seed-lock")).to_be_visible()
    page.click("#generate")
    page.wait_for_timeout(500)
    wait_done(page)
    expect(first.locator(".cb-seed")).to_have_text(seed)
    assert first.locator(".cb-text").first.inner_text() == text
    page.click("#seed-lock")
    expect(page.locator("#seed-lock")).to_be_hidden()


def test_old_work_can_be_opened_again_and_judged(page: Page) -> None:
    for words in ("Say first.", "Say second."):
        generate(page, words, outputs=1, tokens=6)
        page.wait_for_timeout(500)
        wait_done(page)
    page.get_by_role("tab", name="History").click()
    page.locator("#history .cb-row-open", has_text="Say first.").click()
    page.locator("#history").get_by_role("button", name=re.compile("Open on Create")).click()
    page.wait_for_selector("#board", state="visible")
    cards(page).first.locator(".cb-star").nth(4).click()
    saved(page)
    page.get_by_role("tab", name="History").click()
    page.locator("#history .cb-back").click()
    expect(page.locator("#history .cb-list > li", has_text="Say first.").locator(".cb-fact").first).to_contain_text("5")


def test_a_liked_picture_steers_the_next_ones_and_the_board_says_so(page: Page) -> None:
    page.locator("#modality label", has_text="Image").click()
    expect(page.locator("#negative")).to_be_visible()
    page.locator("#steer input").check()
    expect(page.get_by_label("number input for Strength")).to_have_value("0.5")
    generate(page, "a star", outputs=1, tokens=None)
    wait_done(page)
    steered = page.locator("#board .cb-steered")
    expect(steered).to_have_text("Nothing to steer by yet: rate, edit or compare something first.")
    cards(page).first.locator(".cb-up").click()
    saved(page)
    page.click("#generate")
    expect(steered).to_have_text("Steered by 1 liked", timeout=120_000)
    wait_done(page)
    page.locator("#steer input").uncheck()
    page.click("#generate")
    expect(steered).to_be_hidden(timeout=120_000)
    wait_done(page)


def test_what_the_chosen_model_ignores_is_not_offered_and_not_asked_of_it(page: Page) -> None:
    page.locator("#modality label", has_text="Image").click()
    page.fill("#negative textarea", "fog")
    page.locator("#settings button.label-wrap").click()
    steps, width = (page.get_by_label(f"number input for {name}") for name in ("Steps", "Width"))
    draft = page.locator("#library .li-presets").get_by_role("button", name="Draft")
    status = page.locator("#model-status")
    expect(steps).to_be_visible()
    expect(draft).to_have_count(1)
    expect(status).to_have_text("Icons 64×64 is ready", timeout=60_000)

    page.locator("#model input").click()
    page.get_by_role("option", name="Digits VAE").click()
    for hidden in (page.locator("#negative"), steps, page.get_by_label("number input for Guidance"),
                   page.get_by_label("Scheduler")):  # fmt: skip
        expect(hidden).to_be_hidden()
    expect(draft).to_have_count(0)
    expect(width).to_be_visible()
    expect(status).to_contain_text("Digits VAE 28×28")
    generate(page, "a handwritten seven", outputs=1, tokens=None)
    wait_done(page)
    expect(status).to_have_text("Digits VAE 28×28 is ready")
    page.reload()
    expect(page.locator("#model input")).to_have_value("Digits VAE 28×28")
    expect(page.locator("#negative")).to_be_hidden()
    expect(draft).to_have_count(0)

    page.locator("#model input").click()
    page.get_by_role("option", name="Icons").click()
    expect(page.locator("#negative textarea")).to_have_value("fog")
    expect(draft).to_have_count(1)
    expect(status).to_have_text("Icons 64×64 is ready")
