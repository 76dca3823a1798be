"""Editing texts in a real browser: go on from an edit, mark places, look into the words, choose another, reply."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.ui.conftest import Studio, generate, wait_done

BODY = "#board .cb-card .cb-body-text .cb-text:visible"


def select(page: Page, start: int, end: int) -> str:
    """Select characters of the first text as a person's mouse would leave it; the words."""
    return page.evaluate(
        """([start, end]) => {
          const node = [...document.querySelectorAll("#board .cb-body-text .cb-text")].find((n) => n.offsetParent);
          const walk = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
          const range = document.createRange();
          let at = 0;
          for (let text = walk.nextNode(); text; text = walk.nextNode()) {
            const length = text.data.length;
            if (start >= at && start < at + length) range.setStart(text, start - at);
            if (end > at && end <= at + length) range.setEnd(text, end - at);
            at += length;
          }
          getSelection().removeAllRanges();
          getSelection().addRange(range);
          return String(range);
        }""",
        [start, end],
    )


def test_a_text_that_still_ends_as_it_did_is_corrected_by_what_one_goes_on_from(page: Page) -> None:
    generate(page, "Why is the sea salty?", outputs=1, tokens=12, seed=4)
    wait_done(page)
    board = page.locator("#board")
    page.locator(".cb-card").first.press("e")
    area = board.locator(".cb-edit-area")
    area.fill("Well, " + area.input_value())
    board.get_by_role("button", name="Continue from here").click()
    wait_done(page)
    expect(board.get_by_role("treeitem").first).to_have_accessible_name(re.compile("^first, .*edited, gone on from"))


def test_an_edit_grows_into_branches_marks_another_word_and_a_conversation(page: Page, studio: Studio) -> None:
    generate(page, "Why is the sky blue?", outputs=1, tokens=12, seed=4)
    wait_done(page)
    board = page.locator("#board")
    expect(board.get_by_role("tree")).to_be_hidden()  # nothing has come of it yet

    # continue from an edit, twice at once
    page.locator(".cb-card").first.press("e")
    area = board.locator(".cb-edit-area")
    area.fill("The sky 天 👋 is blue because")
    board.get_by_label("How many continuations").select_option("2")
    board.get_by_role("button", name="Continue from here").click()
    expect(board.locator(".cb-card")).to_have_count(2)
    wait_done(page)
    expect(board.locator(".cb-begun:visible").first).to_have_text("The sky 天 👋 is blue because")
    assert page.locator(BODY).first.inner_text().startswith("The sky 天 👋 is blue because ")
    items = board.get_by_role("treeitem")
    expect(items).to_have_count(3)
    expect(items.first).to_have_accessible_name(re.compile("^first, .*gone on from"))
    expect(items.first).not_to_have_accessible_name(re.compile("edited"))  # the beginning of a text corrects none

    # the best of the two, by its key; and undone by Z
    board.locator(".cb-card").nth(1).press("2")
    expect(items.nth(2)).to_have_accessible_name(re.compile("Best"))
    board.locator(".cb-card").nth(1).press("z")
    expect(items.nth(2)).not_to_have_accessible_name(re.compile("Best"))

    # mark a place behind characters that JavaScript counts as two, give it a note, take it away, and undo that
    assert select(page, 8, 15) == "天 👋 is"
    board.locator(".cb-span-bar:visible").wait_for()
    page.keyboard.press("b")
    row = board.locator(".cb-span-row")
    expect(row.locator("q")).to_have_text("天 👋 is")
    expect(board.locator("mark.cb-span:visible").first).to_be_visible()
    row.get_by_label("Note on").click()
    row.locator(".cb-span-note-input").fill("too vague")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("too vague")
    row.get_by_label("Remove the mark").click()
    expect(row).to_have_count(0)
    page.keyboard.press("z")
    expect(row).to_contain_text("too vague")

    # by keyboard alone: a caret, a selection, G
    board.locator(".cb-card").first.focus()
    page.keyboard.press("m")
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "g"):
        page.keyboard.press(key)
    expect(row).to_have_count(2)
    expect(row.first.locator("q")).to_have_text("he")

    # why: tints, alternatives by keyboard, and a branch from another word
    board.locator(".cb-card").first.focus()
    page.keyboard.press("w")
    pieces = board.locator(".cb-piece")
    expect(pieces.first).to_be_focused()
    expect(board.locator(".cb-explain")).to_contain_text("temperature 1")
    said = page.evaluate("[...document.querySelectorAll('.cb-piece')].map((p) => p.textContent)")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    choice = board.locator("button.cb-alt:focus")
    other = re.match(r"Go on with “(.*)” \(", choice.get_attribute("aria-label") or "")
    assert other
    page.keyboard.press("Enter")
    expect(items).to_have_count(4)
    wait_done(page)
    begun = "The sky 天 👋 is blue because" + said[0] + re.sub("^·", " ", other[1])
    expect(board.locator(".cb-begun:visible").first).to_have_text(begun)
    expect(items.nth(2)).to_have_attribute("aria-level", "3")

    # reply, and reply to the answer: the conversation is shown and told in History
    for words in ("Shorter, please.", "And as a {question}?"):
        board.locator(".cb-card").first.focus()
        page.keyboard.press("r")
        page.keyboard.insert_text(words)
        page.keyboard.press("Control+Enter")
        expect(board.locator(".cb-turn[data-last]")).to_have_text(re.compile(re.escape(words)))
        wait_done(page)
    expect(items).to_have_count(6)
    expect(board.get_by_text("2 earlier turns")).to_be_visible()

    # the tree goes there, by keyboard
    items.first.focus()
    for key in ("End", "Home", "ArrowLeft", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(board.locator(".cb-thread-place")).to_be_hidden()
    expect(items.first).to_have_attribute("aria-current", "true")

    # what the person made of it is read by the model
    board.locator(".cb-card").first.press("e")
    area.fill("The sky 天 👋 is blue because")
    area.press("Control+Enter")
    expect(items.first).to_have_accessible_name(re.compile("edited"))
    board.locator(".cb-card").first.focus()
    page.keyboard.press("w")
    expect(board.locator(".cb-explain")).to_contain_text("did not write this text as it stands")
    expect(pieces.last).to_have_text("⏹")
    assert "".join(pieces.all_text_contents()[:-1]) == "The sky 天 👋 is blue because"
    page.keyboard.press("Escape")

    page.get_by_role("tab", name="History").click()
    page.locator("#history").get_by_role("button", name=re.compile("And as a")).first.click()
    story = page.locator("#history .cb-story")
    expect(story.get_by_role("treeitem")).to_have_count(6)
    expect(story.locator(".cb-turn")).to_have_count(5)
    story.get_by_role("treeitem").nth(1).locator(".cb-tree-row").first.click()
    expect(story.locator(".cb-span-row").first).to_contain_text("he")
    expect(story.locator(".cb-begun").first).to_be_visible()
