"""The rating desk in a real browser, over the harness's scripted studies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from collab.ui.language import words_script
from tests.ui import looking
from tests.ui.harness_desk import LONG, QUESTIONS, SKY, Memory, build

HIDE = "(hidden) => {Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))}"  # noqa: E501
Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def harness() -> Iterator[tuple[Memory, str]]:
    with looking.served(Memory(), build) as memory:
        yield memory, memory.url


@pytest.fixture
def memory(harness: tuple[Memory, str]) -> Memory:
    harness[0].reset()
    return harness[0]


@pytest.fixture
def opened(harness: tuple[Memory, str], memory: Memory, context: BrowserContext) -> Iterator[Opener]:
    """Opens a study (or another query) in this person's browser. Fails if a page's script fell over."""
    problems: list[str] = []

    def open_page(study: str = "", query: str = "", wait: str = ".dk-act") -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{harness[1]}?{query or f'study={study}'}")
        page.wait_for_selector(f".cb-desk {wait}")
        return page

    yield open_page
    assert not problems, problems


def count(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator(".dk-count")).to_have_text(text)


def saved(page: Page) -> None:
    expect(page.locator(".dk-note")).to_have_attribute("data-state", "saved")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def vote(page: Page, *keys: str) -> None:
    """Answers pair after pair, each when it is there."""
    for key in keys:
        before = int(page.locator(".dk-count").inner_text().split(" ")[0])
        page.wait_for_selector(".dk-acts-compare")
        page.keyboard.press(key)
        count(page, re.compile(f"^{before + 1} / "))


def said(memory: Memory, *keys: str) -> list[tuple]:
    return [tuple(memory.said[task].get(key) for key in keys) for task in memory.order]


def heard(page: Page, memory: Memory, wanted: list[tuple], *keys: str) -> None:
    """Wait until the server has heard this: the note may still say that what came before is saved."""
    for _ in range(100):
        if said(memory, *keys) == wanted:
            break
        page.wait_for_timeout(100)
    assert said(memory, *keys) == wanted


def test_pairs_are_compared_by_keys_and_arrive_in_order(opened: Opener, memory: Memory):
    page = opened("compare-text")
    vote(page, "a", "ArrowRight", "=", "0")
    count(page, "4 / 12")
    saved(page)
    expect(page.locator(".dk-last")).to_contain_text("Both bad")
    assert said(memory, "winner") == [("a",), ("b",), ("tie",), ("both_bad",)]
    assert all(answer["dwell_ms"] >= 0 for answer in memory.said.values())


def test_the_next_item_is_there_before_the_key_is_done_with_however_slow_the_server(opened: Opener, memory: Memory):
    page = opened("compare-text")
    for answered in range(1, 6):
        page.wait_for_timeout(250)  # the next one is held by now
        memory.delay_s = 0.2
        before, after = page.evaluate(
            """() => {
                const text = () => document.querySelector('.dk-panes').textContent;
                const before = text();
                document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true, cancelable: true}));
                return [before, text()];
            }"""
        )
        assert before != after
        count(page, f"{answered} / 12")
        saved(page)
        memory.delay_s = 0


def test_pictures_of_the_next_item_are_loaded_before_it_is_shown(opened: Opener, memory: Memory):
    page = opened("compare-image")
    expect(page.locator(".dk-img")).to_have_count(2)
    page.wait_for_timeout(400)
    press(page, "b")
    assert page.evaluate("[...document.querySelectorAll('.dk-img')].every((img) => img.complete && img.naturalWidth)")


def test_undo_goes_back_with_what_was_said(opened: Opener, memory: Memory):
    page = opened("compare-text")
    first = page.locator(".dk-panes").inner_text()
    press(page, "c")
    page.keyboard.type("clearer")
    press(page, "Control+Enter", "b")
    count(page, "1 / 12")
    saved(page)
    press(page, "z")
    assert page.locator(".dk-panes").inner_text() == first
    expect(page.locator(".dk-pane.dk-chosen")).to_have_attribute("data-label", "B")
    expect(page.locator(".dk-last")).to_contain_text("You had said: B is better")
    count(page, "0 / 12")
    press(page, "a")
    count(page, "1 / 12")
    heard(page, memory, [("a", "clearer")], "winner", "comment")
    page.reload()
    page.wait_for_selector(".dk-act")
    press(page, "z")  # this page never gave that answer: the tab remembers which it was, the server what was said
    expect(page.locator(".dk-last")).to_contain_text("You had said: A is better")
    assert page.locator(".dk-panes").inner_text() == first


def test_a_broken_connection_loses_nothing_and_sends_nothing_twice(opened: Opener, memory: Memory):
    page = opened("compare-text")
    page.wait_for_timeout(200)
    memory.down = 1
    press(page, "a")
    memory.lose = 1  # stored, but the page never hears of it
    press(page, "b")
    expect(page.locator(".dk-note")).to_have_attribute("data-state", "saved", timeout=15_000)
    expect(page.locator(".dk-last")).to_contain_text("B is better")
    count(page, "2 / 12")
    assert said(memory, "winner") == [("a",), ("b",)]
    ids = [act["answer"]["request_id"] for act in memory.told("answer")]
    assert len(ids) > len(set(ids)) == 2


def test_an_unsent_answer_survives_a_reload(opened: Opener, memory: Memory):
    page = opened("compare-text")
    memory.down = 1000
    press(page, "a")
    page.wait_for_timeout(200)
    sent = memory.told("answer")[0]["answer"]["request_id"]
    memory.down = 0
    page.reload()
    page.wait_for_selector(".dk-act")
    count(page, "1 / 12")
    assert said(memory, "winner") == [("a",)]
    assert {act["answer"]["request_id"] for act in memory.told("answer")} == {sent}


def test_a_refused_answer_says_why_and_can_be_given_again(opened: Opener, memory: Memory):
    page = opened("compare-text")
    press(page, "c")
    page.keyboard.type("REFUSE")
    press(page, "Control+Enter", "a")
    expect(page.locator(".dk-note")).to_contain_text("The word REFUSE is not allowed here")
    count(page, "0 / 12")
    press(page, "z", "c", "Control+a", "Delete", "Control+Enter", "a")
    saved(page)
    assert said(memory, "winner", "comment") == [("a", None)]


def test_what_is_half_typed_survives_a_reload(opened: Opener, memory: Memory):
    page = opened("edit")
    page.locator(".dk-edit-area").fill("Half a correc")
    press(page, "Escape", "c")
    page.keyboard.type("half a comm")
    page.reload()
    page.wait_for_selector(".dk-act")
    expect(page.locator(".dk-edit-area")).to_have_value("Half a correc")
    press(page, "Escape", "c")
    expect(page.locator(".dk-drawer textarea")).to_have_value("half a comm")
    press(page, "Control+Enter", "Enter", "Control+Enter")
    saved(page)
    assert said(memory, "text", "comment") == [("Half a correc", "half a comm")]


def test_a_comment_can_follow_the_answer(opened: Opener, memory: Memory):
    page = opened("compare-text")
    press(page, "a", "Enter")
    page.keyboard.type("the other was wrong")
    press(page, "Control+Enter")
    saved(page)
    page.wait_for_timeout(300)
    assert said(memory, "winner", "comment") == [("a", "the other was wrong")]
    count(page, "1 / 12")


def test_keys_do_nothing_while_one_types_or_holds_them_down(opened: Opener, memory: Memory):
    page = opened("compare-text")
    press(page, "c")
    page.keyboard.type("a b = 0 z s f")
    press(page, "Control+Enter")
    page.keyboard.down("Control")
    press(page, "b")
    page.keyboard.up("Control")
    page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', repeat: true, bubbles: true}))")
    assert not memory.told("answer", "skip", "flag", "undo")


def test_texts_are_ranked_with_ties(opened: Opener, memory: Memory):
    page = opened("rank-text")
    press(page, "c", "1", "b", "=", "Enter")  # three of four placed: the last one is clear
    saved(page)
    assert said(memory, "groups") == [([["C"], ["A", "B"], ["D"]],)]
    press(page, "z")
    expect(page.locator(".dk-strip .dk-group")).to_have_count(3)
    press(page, "a", "a")  # out of its tie, and in again at the end
    expect(page.locator(".dk-strip")).to_have_text("CBDA")
    press(page, "Shift+C")  # C names an output here
    expect(page.locator(".dk-drawer textarea")).to_be_focused()


def test_letters_are_dragged_into_order(opened: Opener, memory: Memory):
    page = opened("rank-image")
    for label in "ABC":
        page.locator(f".dk-chip[data-chip={label}]").click()
    expect(page.locator(".dk-strip")).to_have_text("ABC")

    def drag(label: str, onto: str, share: float) -> None:
        start, end = (page.locator(f".dk-chip[data-chip={name}]").bounding_box() for name in (label, onto))
        assert start and end
        page.mouse.move(start["x"] + 20, start["y"] + 20)
        page.mouse.down()
        page.mouse.move(end["x"] + end["width"] * share, end["y"] + 20, steps=6)
        page.mouse.up()

    drag("C", "A", 0.05)
    expect(page.locator(".dk-strip")).to_have_text("CAB")
    drag("B", "C", 0.5)
    press(page, "Enter")
    saved(page)
    assert said(memory, "groups") == [([["C", "B"], ["A"]],)]


def test_questions_of_every_kind_are_answered_by_keys(opened: Opener, memory: Memory):
    page = opened("rate-text")
    expect(page.locator(".dk-missing")).to_have_text("3 to answer")
    press(page, "4", "d", "2", "1", "3", "Enter")
    saved(page)
    assert memory.said["rate-text:0"]["values"] == {
        "quality": 4, "right": -1, "reader": "a grown-up", "faults": ["too long", "made up"],
    }  # fmt: skip
    press(page, "Enter")
    expect(page.locator(".dk-current")).to_have_attribute("data-question", "quality")
    press(page, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    expect(page.locator(".dk-question textarea")).to_be_focused()
    page.keyboard.type("5 stars u d")
    press(page, "Escape", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "5", "ArrowRight", "ArrowDown", "1")
    press(page, "Enter")
    saved(page)
    assert memory.said["rate-text:1"]["values"] == {
        "quality": 5, "right": 1, "reader": "a child", "why": "5 stars u d",
    }  # fmt: skip


def test_a_marked_place_counts_characters_as_python_does(opened: Opener, memory: Memory):
    text = "🦊🦊 A fox <b>jumps</b> over it."
    memory.studies["rate-text"]["items"][0] = [{"label": "A", "text": text}]
    page = opened("rate-text")
    page.evaluate(
        """(word) => {
            const node = document.querySelector('.dk-text').firstChild, range = document.createRange();
            const at = node.data.indexOf(word);
            range.setStart(node, at); range.setEnd(node, at + word.length + 1);
            getSelection().removeAllRanges(); getSelection().addRange(range);
        }""",
        "jumps",
    )
    expect(page.locator(".dk-current")).to_have_attribute("data-question", "places")
    press(page, "2")
    expect(page.locator(".dk-span")).to_have_text("jumps<")
    press(page, "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "3", "u", "1", "Enter")
    saved(page)
    [span] = memory.said["rate-text:0"]["values"]["places"]
    assert text[span["start"] : span["end"]] == "jumps<" and span["label"] == "bad"


def test_a_text_is_corrected_with_the_difference_shown(opened: Opener, memory: Memory):
    page = opened("edit")
    area = page.locator(".dk-edit-area")
    expect(area).to_be_focused()
    area.fill(SKY.replace("white", "yellow"))
    expect(page.locator(".dk-pane-diff del")).to_have_text("white")
    expect(page.locator(".dk-pane-diff ins")).to_have_text("yellow")
    press(page, "Control+Enter")
    expect(area).to_have_value(LONG)
    page.get_by_role("button", name="It is fine as it is").click()
    saved(page)
    assert said(memory, "text") == [(SKY.replace("white", "yellow"),), (LONG,)]


def test_skipping_takes_a_reason_and_a_flag_a_note(opened: Opener, memory: Memory):
    page = opened("compare-text")
    press(page, "f")
    page.keyboard.type("look here")
    press(page, "Control+Enter", "s", "2", "s", "4")
    page.keyboard.type("too long for me")
    press(page, "Enter")
    expect(page.locator(".dk-note")).to_contain_text("skipped")
    page.wait_for_timeout(300)
    assert [act["note"] for act in memory.told("flag")] == ["look here"]
    assert memory.skipped == {"compare-text:0": "broken", "compare-text:1": "too long for me"}
    press(page, "a")
    heard(page, memory, [("a",)], "winner")
    assert memory.order == ["compare-text:2"]


def test_a_skip_is_undone_and_one_that_went_to_somebody_else_says_so(opened: Opener, memory: Memory):
    page = opened("compare-text")
    vote(page, "a")
    press(page, "s", "2", "z", "b")  # the same pair again, and this time an answer
    heard(page, memory, [("a",), ("b",)], "winner")
    assert memory.order == ["compare-text:0", "compare-text:1"] and not memory.skipped
    count(page, "2 / 12")
    press(page, "s", "2")
    expect(page.locator(".dk-note")).to_contain_text("skipped")
    memory.lost.add("compare-text:2")
    press(page, "z")
    expect(page.locator(".dk-note")).to_contain_text("somebody else")
    press(page, "z")  # so what is undone next is the answer before
    heard(page, memory, [("a",)], "winner")
    expect(page.locator(".dk-said")).to_contain_text("B")


def test_revealing_names_the_arms_and_locks_the_answer(opened: Opener, memory: Memory):
    page = opened("compare-text")
    assert "short prompt" not in page.content()
    press(page, "a", "r")
    expect(page.locator(".dk-arms")).to_contain_text("A was short prompt")
    expect(page.locator(".dk-last")).to_contain_text("locked")
    press(page, "z")
    expect(page.locator(".dk-dock")).to_have_attribute("data-says", re.compile("locked"))
    count(page, "1 / 12")
    assert not memory.told("undo")


def test_guidelines_are_shown_once_per_browser_and_behind_g(opened: Opener, memory: Memory, context: BrowserContext):
    page = opened("guided", wait=".dk-start")
    expect(page.locator(".dk-welcome")).to_contain_text("Both are right, but only B says why.")
    press(page, "a")
    assert not memory.told("answer")
    press(page, "Enter")
    page.wait_for_selector(".dk-act")
    press(page, "g")
    expect(page.locator("dialog[open]")).to_contain_text("Being right comes first")
    press(page, "Escape")
    page.close()
    opened("guided")


def test_differences_are_marked_on_demand_and_both_pictures_zoom_together(opened: Opener, memory: Memory):
    page = opened("compare-text")
    press(page, "m")
    expect(page.locator("[data-label=B] .dk-only").first).to_have_text(re.compile("in fact a mixture"))
    assert page.locator("[data-label=A] .dk-text").inner_text() == SKY
    press(page, "m")
    expect(page.locator(".dk-only")).to_have_count(0)
    page = opened("compare-image")
    press(page, "x")
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -500)
    expect(page.locator(".dk-lens img").first).to_have_attribute("style", re.compile(r"scale\((?!1\))"))
    styles = [img.get_attribute("style") for img in page.locator(".dk-lens img").all()]
    assert styles[0] == styles[1]
    press(page, "Escape", "b")
    saved(page)
    assert said(memory, "winner") == [("b",)]


def test_long_texts_scroll_together(opened: Opener, memory: Memory):
    page = opened("compare-text")
    vote(page, "a", "a")
    expect(page.locator(".dk-panes")).to_contain_text("azure")
    press(page, "PageDown")
    share = "(box) => box.scrollTop / (box.scrollHeight - box.clientHeight)"
    tops = f"[...document.querySelectorAll('.dk-scroll')].map({share})"
    page.wait_for_function(f"{tops}.every((share) => share > 0.05)")
    left, right = page.evaluate(tops)
    assert abs(left - right) < 0.01


def test_time_away_does_not_count_and_coming_back_renews(opened: Opener, memory: Memory):
    page = opened("compare-text")
    page.wait_for_timeout(300)
    page.evaluate(HIDE, True)
    page.wait_for_timeout(1500)
    page.evaluate(HIDE, False)
    page.wait_for_timeout(200)
    assert {act["task_id"] for act in memory.told("renew")} == {"compare-text:0", "compare-text:1"}
    press(page, "a")
    saved(page)
    assert said(memory, "dwell_ms")[0][0] < 1500


def test_a_lost_lease_is_told_and_what_was_typed_stays(opened: Opener, memory: Memory):
    page = opened("edit")
    page.wait_for_timeout(200)
    page.locator(".dk-edit-area").fill("Mine")
    memory.lost = {"edit:0"}
    page.evaluate(HIDE, True)
    page.evaluate(HIDE, False)
    expect(page.locator(".dk-banner")).to_contain_text("gone to somebody else")
    expect(page.locator(".dk-edit-area")).to_have_value("Mine")
    page.get_by_role("button", name="Next item").click()
    expect(page.locator(".dk-edit-area")).to_have_value(LONG)


def test_waiting_goes_on_by_itself_and_the_end_is_friendly(opened: Opener, memory: Memory):
    page = opened("waiting", wait=".dk-rest-page[data-kind=waiting]")
    expect(page.locator(".dk-rest-page")).to_contain_text("of 3 are ready")
    page.wait_for_selector(".dk-act", timeout=15_000)
    for answered in range(3):
        page.wait_for_selector(".dk-act")
        press(page, "a")
        count(page, f"{answered + 1} / 3")
    expect(page.locator(".dk-rest-page[data-kind=done]")).to_contain_text("You answered 3 items")
    press(page, "z")
    page.wait_for_selector(".dk-chosen")
    press(page, "b")
    page.wait_for_selector(".dk-rest-page[data-kind=done]")
    assert said(memory, "winner") == [("a",), ("a",), ("b",)]


def test_studies_are_chosen_from_a_list_and_empty_pages_teach(opened: Opener, memory: Memory):
    page = opened(query="none=1", wait=".dk-study")
    page.get_by_role("button", name="Start: Why is the sky blue").click()
    page.wait_for_selector(".dk-act")
    press(page, "a")
    saved(page)
    page.get_by_role("button", name="All studies").click()
    expect(page.locator("[data-study=compare-text]")).to_contain_text("1 of 12")
    expect(page.get_by_role("button", name="Closed: Still being drawn")).to_be_disabled()
    opened(query="empty=annotator", wait=".cb-empty h3:text('No study is open to you now')")
    page = opened(query="empty=owner", wait=".cb-empty")
    page.get_by_role("button", name="Create the first study").click()
    page.get_by_role("tab", name="Elsewhere").click()
    expect(page.locator("#seen")).to_contain_text("compose")
    page = opened("nonsense", wait=".dk-rest-page[data-kind=stopped]")  # and can be asked for once more
    page.get_by_role("button", name="Retry").click()
    page.wait_for_selector(".dk-rest-page[data-kind=stopped]")
    expect(page.locator(".dk-rest-page")).to_contain_text("There is no study “nonsense”")


def test_nothing_in_the_page_tells_more_than_letters(opened: Opener, memory: Memory):
    page = opened("compare-image")
    drawn = page.locator(".cb-desk").evaluate("(node) => node.outerHTML.replace(/data:image[^\"]*/g, '')")
    assert "compare-image:" not in drawn and "task" not in drawn
    assert [img.get_attribute("alt") for img in page.locator(".dk-img").all()] == ["Answer A", "Answer B"]
    page = opened("compare-text")
    vote(page, "a", "a", "a")  # to the hostile text
    expect(page.locator(".dk-panes")).to_contain_text("<img src=x")
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_everything_and_answers_by_tapping(
    browser: Browser, harness: tuple[Memory, str], memory: Memory, width: int
):
    context = browser.new_context(viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True)
    page = context.new_page()
    for study in ("compare-text", "compare-image", "rank-text", "rank-image", "rate-text", "rate-image", "edit"):
        page.goto(f"{harness[1]}?study={study}")
        page.wait_for_selector(".dk-act")
        room = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert room <= 0, study
        for target in page.locator(".dk-dock :is(.dk-act, .dk-chip, .dk-tool):visible").all():
            box = target.bounding_box()
            assert box and box["height"] >= 44 and box["width"] >= 44, (study, target.inner_text())
            assert box["y"] + box["height"] <= 700, (study, target.inner_text())
    page.goto(f"{harness[1]}?study=compare-text")
    page.get_by_role("button", name="B is better").tap()
    expect(page.locator(".dk-last")).to_contain_text("B is better")
    saved(page)
    assert said(memory, "winner") == [("b",)]
    context.close()


def test_a_question_that_nobody_changed_is_asked_in_the_readers_language(opened: Opener, context: BrowserContext):
    context.add_init_script(f"try {{ {words_script('zh')} }} catch {{}}")  # there is no document yet to look after
    page = opened("rank-text")
    expect(page.locator(".dk-question-line")).to_have_text("给这些回答排序，最好的在前。")
    page.goto(page.url.replace("rank-text", "compare-text"))  # whose question its owner wrote
    expect(page.locator(".dk-question-line")).to_have_text("Which answer explains it better to a ten-year-old?")
    expect(page.locator(".dk-context-label").first).to_have_text("提示词")


def test_that_fewer_items_may_come_is_said_in_the_head_and_in_the_list(opened: Opener, memory: Memory):
    memory.at_most = True
    page = opened("compare-text")
    count(page, "0 of at most 12")
    page = opened(query="none=1", wait=".dk-study")
    expect(page.locator("[data-study=compare-text]")).to_contain_text("0 of at most 12")


def test_the_pace_of_a_sitting_is_counted_as_finely_as_insights_does(opened: Opener, memory: Memory):
    page = opened("compare-text")
    for answered in range(3):
        count(page, f"{answered} / 12")
        page.wait_for_timeout(100)
        press(page, "a")
    expect(page.locator(".dk-pace")).to_have_text("0.3 s each")  # all within the first half second, whose middle it is


@pytest.mark.parametrize(
    ("question", "title", "above", "beside"),
    [
        ("How good is this picture?", "How good is it?", "How good is this picture?", False),
        ("How good is this picture?", "Quality", "How good is this picture?", False),
        ("Is the cat cute?", "How good is it?", "Is the cat cute?", False),
        ("How good is this picture?", "How sharp is it?", "", True),
        ("Is the cat cute?", "How sharp is it?", "Is the cat cute?", True),
    ],
)
def test_a_rating_asks_its_question_once(
    opened: Opener, memory: Memory, question: str, title: str, above: str, beside: bool
):
    memory.studies["rate-image"] |= {"question": question, "questions": [{**QUESTIONS[0], "title": title}]}
    page = opened("rate-image")
    expect(page.locator(".dk-question-line")).to_have_text(above)
    box = page.get_by_role("group", name=title)  # those who cannot see it hear it
    expect(box.locator(".dk-question-head.cb-offscreen")).to_have_count(0 if beside else 1)


@pytest.mark.parametrize("late", [False, True])
def test_on_a_phone_the_title_stands_above_and_the_stars_clear_of_the_dock(
    browser: Browser, harness: tuple[Memory, str], memory: Memory, late: bool
):
    """late: whether the notice above comes when the item is there already."""
    memory.studies["rate-image"]["questions"] = QUESTIONS[:1]
    notice = "() => {const box = document.createElement('div'); box.style.height = '190px'; document.body.prepend(box)}"
    context = browser.new_context(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    page = context.new_page()
    if not late:
        page.add_init_script(f"document.addEventListener('DOMContentLoaded', {notice})")
    page.goto(f"{harness[1]}?study=rate-image")
    page.wait_for_selector(".dk-star")
    if late:
        page.evaluate(notice)
    expect(page.locator(".dk-title")).to_have_text("Rate one picture")
    expect(page.locator(".dk-title")).to_be_visible()
    page.wait_for_function(
        "document.querySelector('.dk-dock').getBoundingClientRect().top >="
        " document.querySelector('.dk-star').getBoundingClientRect().bottom"
    )
    context.close()
