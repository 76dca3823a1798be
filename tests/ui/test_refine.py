"""Refine in a real browser, over made-up boards."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.ui.harness_refine import NO_DEMONSTRATIONS, Desk, build
from tests.ui.looking import sent, served, watched_page


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """One harness for all tests of this module."""
    with served(Desk(), build) as made:
        yield made


@pytest.fixture
def board(browser: Browser, desk: Desk) -> Iterator[Page]:
    """A page of the harness."""
    desk.reset()
    with watched_page(browser) as page:
        yield page


def show(page: Page, desk: Desk, prompt: str = "") -> None:
    page.goto(urljoin(desk.url, f"/?open={prompt}" if prompt else "/"))
    page.wait_for_selector("#refine .cb-refine")
    if prompt and prompt != "none":
        page.wait_for_selector("#refine .rf-page:not([hidden])")


def look_again(page: Page, seconds: float = 6) -> None:
    """Let the seconds pass after which what moves is looked at again."""
    page.clock.run_for(seconds * 1000)


def version(page: Page, number: int) -> Locator:
    return page.locator(f"[data-version='{number}'] .rf-open")


def button(page: Page, name: str) -> Locator:
    return page.locator(".rf-decide").get_by_role("button", name=name)


def test_the_empty_page_teaches_and_leads_to_create(board: Page, desk: Desk) -> None:
    show(board, desk, "none")
    expect(board.locator(".cb-empty")).to_contain_text("Rate or edit some outputs on Create first")
    board.get_by_role("button", name="Go to Create").click()
    expect(board.locator("#seen")).to_contain_text("start")


def test_a_prompt_opens_from_the_list_and_back_again(board: Page, desk: Desk) -> None:
    show(board, desk)
    row = board.locator(".in-item", has_text="Explain {topic}")
    expect(row).to_contain_text("5 versions")
    expect(row).to_contain_text("test running: making sure")
    row.get_by_role("button").click()
    expect(board.locator(".rf-page h2")).to_be_focused()
    expect(board.locator(".rf-node")).to_have_count(5)
    board.keyboard.press("Escape")
    expect(row.get_by_role("button")).to_be_focused()


def test_the_tree_says_how_each_version_did(board: Page, desk: Desk) -> None:
    """In the order of descent, with what serves, what was rejected, and each win rate with its interval."""
    show(board, desk, "running")
    numbers = board.locator(".rf-node").evaluate_all("all => all.map(n => n.dataset.version).join(' ')")
    assert numbers == "1 2 3 5 4"
    expect(board.locator(".rf-node[data-current]")).to_contain_text("serves")
    expect(board.locator(".rf-node[data-rejected]")).to_contain_text("Version 4")
    expect(version(board, 3)).to_contain_text("64 % (51–77 %)")
    expect(version(board, 3)).to_contain_text("in the test · 84 votes · 5 feedback")
    assert "made from version 3" in (version(board, 5).get_attribute("aria-label") or "")


def test_the_keys_go_through_the_versions_and_open_the_forms(board: Page, desk: Desk) -> None:
    show(board, desk, "decided")
    version(board, 3).focus()
    board.keyboard.press("ArrowDown")
    expect(version(board, 5)).to_be_focused()
    board.keyboard.press("k")
    board.keyboard.press("k")
    board.keyboard.press("Enter")
    expect(board.locator(".rf-compare .in-finding")).to_have_text("Version 2")
    board.keyboard.press("p")
    expect(board.get_by_role("form", name="Propose new versions")).to_be_visible()
    board.keyboard.press("Escape")
    board.keyboard.press("t")
    expect(board.get_by_role("form", name="Plan a blind test")).to_be_visible()
    board.keyboard.press("Escape")
    board.keyboard.press("?")
    expect(board.get_by_role("dialog")).to_contain_text("propose new versions")
    board.keyboard.press("Escape")
    expect(board.locator(".rf-page")).to_be_visible()


def test_the_difference_is_marked_field_by_field_and_cites_its_feedback(board: Page, desk: Desk) -> None:
    show(board, desk, "running")
    text = board.locator("[data-field=text]")
    expect(text.locator(".rf-pair ins").first).to_have_text("Use at most 60 words. ")
    expect(board.locator("[data-field=system_text]")).to_contain_text("You write for children.")
    expect(board.locator("[data-field=settings]")).to_contain_text("Temperature: 0.6")
    expect(board.locator(".rf-why")).to_contain_text("It rests on 17 acts of feedback")
    expect(board.locator(".rf-cited li")).to_have_count(6)
    version(board, 5).click()
    expect(board.locator("[data-field=examples]")).to_contain_text("asked: Explain why the sky is blue")
    board.get_by_role("radio", name="its parent").click()
    expect(board.locator(".rf-sides")).to_contain_text("Version 3")
    expect(board.locator("[data-field=system_text] .rf-pair del")).to_have_text("You write for children.")


def test_pictures_open_at_full_size(board: Page, desk: Desk) -> None:
    show(board, desk, "pictures")
    expect(board.locator("[data-field=negative_text]")).to_contain_text("noise")
    board.get_by_role("button", name="Enlarge output 2 of Version 2").click()
    expect(board.get_by_role("dialog")).to_contain_text("a lighthouse at night")


def test_a_running_test_is_watched_and_nothing_else_is_offered(board: Page, desk: Desk) -> None:
    show(board, desk, "running")
    expect(board.locator(".rf-steps [aria-current=step]")).to_have_text("make sure")
    expect(board.locator("[data-plot=evidence] .p-curve")).to_have_count(1)
    expect(board.locator("[data-plot=screening] .p-dot")).to_have_count(4)
    link = board.locator(".rf-trial").get_by_label("The link for annotators")
    assert link.input_value() == urljoin(desk.url, "/?study=Jq3vX0h2-s2")
    expect(button(board, "Start blind test")).to_be_disabled()
    expect(button(board, "Promote")).to_be_disabled()
    expect(board.locator(".rf-reasons")).to_contain_text("Promote Version 3: its blind test is undecided so far.")
    votes = board.locator(".rf-trial .in-counts dd").first
    before = int(votes.inner_text())
    look_again(board)
    expect(votes).to_have_text(str(before + 1))
    board.get_by_role("button", name="Vote yourself").click()
    expect(board.locator("#seen")).to_contain_text("Jq3vX0h2-s2")
    board.get_by_role("button", name="Stop the test").click()
    board.get_by_role("dialog").get_by_role("button", name="Stop the test").click()
    expect(board.locator(".rf-said").nth(1)).to_contain_text("nothing is decided")
    assert sent(desk, "stop_trial")["trial_id"] == "t1"


def test_a_lost_connection_is_said_and_passes(board: Page, desk: Desk) -> None:
    show(board, desk, "running")
    desk.down = 1
    look_again(board)
    expect(board.locator(".in-live")).to_have_attribute("data-state", "late")
    look_again(board)
    expect(board.locator(".in-live")).to_have_attribute("data-state", "live")


def test_a_promotion_shows_its_evidence_first_and_can_be_rolled_back(board: Page, desk: Desk) -> None:
    show(board, desk, "decided")
    button(board, "Promote Version 3").click()
    expect(board.get_by_role("dialog")).to_contain_text("190 votes from 190 people")
    desk.refusal = "Version 1 was promoted meanwhile: reload the page."
    board.get_by_role("dialog").get_by_role("button", name="Promote").click()
    expect(board.get_by_role("dialog").get_by_role("alert")).to_contain_text("promoted meanwhile")
    board.get_by_role("dialog").get_by_role("button", name="Promote").click()
    expect(board.locator(".rf-node[data-current]")).to_contain_text("Version 3")
    expect(board.locator(".rf-saving")).to_contain_text("saved ✓")
    expect(board.locator(".rf-watch")).to_contain_text("No votes yet since the promotion.")
    button(board, "Roll back").click()
    board.get_by_role("dialog").get_by_label("Why?").fill("people complained")
    board.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(board.locator(".rf-node[data-current]")).to_contain_text("Version 1")
    assert sent(desk, "rollback")["reason"] == "people complained"


def test_a_version_is_rejected_with_a_reason_and_goes_into_the_log(board: Page, desk: Desk) -> None:
    show(board, desk, "pictures")
    button(board, "Reject Version 2").click()
    board.get_by_role("dialog").get_by_label("Why?").fill("it looks noisy")
    board.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    button(board, "Reject Version 2").click()
    expect(board.get_by_role("dialog").get_by_label("Why?")).to_have_value("it looks noisy")
    board.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(board.locator(".rf-node[data-rejected]")).to_contain_text("Version 2")
    expect(board.locator(".rf-log li").first).to_contain_text("it looks noisy")


def test_proposing_shows_how_far_it_is_what_came_and_who_had_nothing_to_say(board: Page, desk: Desk) -> None:
    show(board, desk, "pictures")
    board.keyboard.press("p")
    form = board.get_by_role("form", name="Propose new versions")
    form.get_by_role("radio", name="2", exact=True).click()
    form.get_by_label("Reflect", exact=True).uncheck()
    expect(form.get_by_label("Model that reflects")).to_be_hidden()
    form.get_by_role("button", name="Propose", exact=True).click()
    expect(form).to_be_hidden()
    asked = sent(desk, "propose")
    assert (asked["prompt_version_id"], asked["count"], asked["proposers"]) == ("v2", 2, ["modifiers"])
    look_again(board, 1.1)
    expect(board.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "33")
    expect(button(board, "Propose")).to_be_disabled()
    for _ in range(40):
        if "has arrived" in board.locator(".rf-job").inner_text():
            break
        look_again(board, 1.1)
        board.wait_for_timeout(150)
    expect(board.locator(".rf-job")).to_contain_text("1 new version has arrived.")
    expect(board.locator(".rf-job")).to_contain_text(NO_DEMONSTRATIONS)
    expect(version(board, 3).locator(".rf-open-foot")).to_have_text("new")
    board.get_by_role("button", name="Dismiss").click()
    expect(board.locator(".rf-job")).to_be_hidden()


def test_a_job_is_cancelled(board: Page, desk: Desk) -> None:
    show(board, desk, "working")
    board.get_by_role("button", name="Cancel").click()
    assert sent(desk, "cancel_job")["job_id"] == "j1"
    expect(button(board, "Propose")).to_be_enabled()


def test_what_was_typed_stays_until_it_is_saved_as_a_version(board: Page, desk: Desk) -> None:
    """Through looks at a running test, through closing the form, and through a reload of the page."""
    show(board, desk, "running")
    version(board, 2).click()
    board.keyboard.press("r")
    form = board.get_by_role("form", name="Revise Version 2 by hand")
    text = form.get_by_label("Prompt")
    text.fill(text.input_value() + " Be kind.")
    look_again(board)
    expect(text).to_be_focused()
    expect(form.locator(".rf-revise-diff ins")).to_contain_text("Be kind.")
    board.reload()
    board.wait_for_selector("#refine .rf-page:not([hidden])")
    version(board, 2).click()
    button(board, "Revise by hand").click()
    expect(text).to_have_value(desk.boards["running"]["versions"][1]["text"] + " Be kind.")
    expect(form).to_contain_text("What you had typed was kept.")
    form.locator("summary").click()
    form.get_by_label("Temperature").fill("0.4")
    form.get_by_label("What do you want to change").fill("kindness")
    form.get_by_role("button", name="Save as a new version").click()
    expect(version(board, 6)).to_be_focused()
    expect(board.locator(".rf-rationale")).to_have_text("kindness")
    assert sent(desk, "revise")["settings"] == {"temperature": 0.4}


def test_a_blind_test_starts_with_what_was_chosen_in_the_tree(board: Page, desk: Desk) -> None:
    show(board, desk, "decided")
    board.get_by_label("Put Version 2 into the next blind test").check()
    button(board, "Plan a test").click()
    form = board.get_by_role("form", name="Plan a blind test")
    expect(form.get_by_label("Version 2")).to_be_checked()
    form.get_by_label("Version 5").check()
    expect(board.get_by_label("Put Version 5 into")).to_be_checked()
    form.get_by_role("radio", name="these").click()
    start = form.get_by_role("button", name="Start the test")
    start.click()
    expect(form.get_by_role("alert")).to_contain_text("Write at least one case")
    form.get_by_label("{topic}").fill("rain\nsnow")
    form.get_by_role("radio", name="just me").click()
    form.get_by_label("Votes to find the best").fill("24")
    form.get_by_label("Fresh votes to make sure").fill("40")
    expect(form).to_contain_text("At most 24 votes to find the best, then 40 fresh ones")
    desk.refusal = "The model “x” is not here: choose another."
    start.click()
    expect(form.get_by_role("alert")).to_contain_text("choose another")
    start.click()
    expect(board.locator(".rf-trial")).to_contain_text("0 of 24")
    asked = sent(desk, "trial")
    assert asked["prompt_version_ids"] == ["v2", "v5"] and asked["scope"] == "panel" and asked["votes"] == 24
    assert asked["confirming_votes"] == 40
    assert asked["cases"] == [{"variables": {"topic": "rain"}}, {"variables": {"topic": "snow"}}]


def test_one_click_starts_the_usual_test_of_what_was_chosen(board: Page, desk: Desk) -> None:
    show(board, desk, "decided")
    board.get_by_label("Put Version 5 into the next blind test").check()
    desk.refusal = "No values are known for {topic}: give some cases."
    button(board, "Start blind test").click()
    expect(board.locator(".rf-decide").get_by_role("alert")).to_contain_text("give some cases")
    button(board, "Start blind test").click()
    expect(board.locator(".rf-trial")).to_contain_text("No votes yet")
    expect(board.locator(".rf-decide").get_by_role("alert")).to_be_hidden()
    asked = sent(desk, "trial")
    assert (asked["prompt_version_ids"], asked["scope"]) == (["v5"], "panel")
    expect(button(board, "Start blind test")).to_be_disabled()
    expect(button(board, "Plan a test")).to_be_disabled()


def test_what_is_usually_left_out_is_asked_when_it_is_ticked(board: Page, desk: Desk) -> None:
    show(board, desk, "decided")
    board.keyboard.press("p")
    form = board.get_by_role("form", name="Propose new versions")
    form.get_by_label("Search", exact=True).check()
    form.get_by_role("button", name="Propose", exact=True).click()
    expect(form).to_be_hidden()
    assert sent(desk, "propose")["proposers"] == ["reflect", "preferences", "demonstrations", "search"]


def test_a_sample_that_is_being_made_is_said_and_then_shown(board: Page, desk: Desk) -> None:
    show(board, desk, "decided")
    board.keyboard.press("p")
    board.get_by_role("form", name="Propose new versions").get_by_role("button", name="Propose", exact=True).click()
    for _ in range(40):
        if "has arrived" in board.locator(".rf-job").inner_text():
            break
        look_again(board, 1.1)
        board.wait_for_timeout(150)
    version(board, 6).click()
    expect(board.locator(".rf-samples")).to_contain_text("1 output is being made…")
    desk.samples_ready = True
    look_again(board)
    expect(board.locator(".rf-samples")).to_contain_text("The sky is blue.")
    column = board.locator(".rf-sample-column").nth(1)
    expect(column).to_have_text("Outputs of Version 6Asked: Why is the sky blue?The sky is blue.")


def test_what_people_wrote_is_never_markup_and_fits_a_phone(board: Page, desk: Desk) -> None:
    """Hostile strings everywhere, in an impossible tree, at any width; on a phone the tree is a list to pick from."""
    show(board, desk, "hostile")
    expect(board.locator(".rf-page h2")).to_contain_text('<img src=x onerror="window.pwned=1">')
    expect(board.locator(".rf-node")).to_have_count(4)
    for width in (1280, 700, 320):
        board.set_viewport_size({"width": width, "height": 700})
        board.clock.run_for(300)
        board.wait_for_timeout(200)
        assert board.evaluate("document.documentElement.scrollWidth") <= width
    assert board.locator(".cb-refine img[src=x]").count() == 0
    expect(board.locator(".rf-tree")).to_be_hidden()
    board.locator(".rf-pick select").select_option("v2")
    expect(board.locator(".rf-compare .in-finding")).to_have_text("Version 2")
