"""Insights in a real browser, over made-up results."""

from __future__ import annotations

import csv
import io
import re
import struct
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, expect

from collab.ui import widgets
from tests.ui.harness_insights import Desk, build
from tests.ui.looking import sent, served, watched_page

WIDGETS = Path(widgets.__file__).parent
EVERY = ("two", "eight", "rank", "rate", "marks", "edit", "fresh")


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """One harness for all tests of this module."""
    with served(Desk(), build) as made:
        yield made


@pytest.fixture
def board(browser: Browser, desk: Desk) -> Iterator[Page]:
    """A page of the harness."""
    desk.reset()
    with watched_page(browser, accept_downloads=True) as page:
        yield page


def show(page: Page, desk: Desk, study: str = "", theme: str = "light") -> None:
    page.goto(urljoin(desk.url, f"/?open={study}&__theme={theme}" if study else "/"))
    page.wait_for_selector("#insights .cb-insights")
    if study and study != "none":
        page.wait_for_selector("#insights .in-study:not([hidden])")


def look_again(page: Page) -> None:
    """Let the seconds pass after which an open study is looked at again."""
    page.clock.fast_forward(5100)


def plot(page: Page, name: str):
    return page.locator(f"[data-plot={name}]")


def save(page: Page, name: str, kind: str) -> bytes:
    plot(page, name).locator(".in-fig-head .cb-iconbtn").click()
    with page.expect_download() as download:
        plot(page, name).get_by_role("button", name=re.compile(kind)).click()
    return Path(download.value.path()).read_bytes()


def test_the_empty_page_teaches_and_leads_to_the_first_study(board: Page, desk: Desk) -> None:
    show(board, desk, "none")
    expect(board.locator(".in-steps li")).to_have_count(3)
    board.get_by_role("button", name="New study").click()
    expect(board.locator("#seen")).to_contain_text("compose")


def test_a_study_opens_from_the_list_and_back_again(board: Page, desk: Desk) -> None:
    show(board, desk)
    expect(board.locator(".in-item")).to_have_count(len(EVERY))
    board.get_by_role("button", name="Make these answers right").click()
    expect(board.locator(".in-study h2")).to_have_text("Make these answers right")
    expect(board.locator(".in-study h2")).to_be_focused()
    board.keyboard.press("Escape")
    expect(board.get_by_role("button", name="Make these answers right")).to_be_focused()


@pytest.mark.parametrize(
    ("study", "shown"),
    [
        ("two", {"leaderboard", "evidence", "agreement", "votes", "seconds"}),
        ("eight", {"leaderboard", "evidence", "matrix", "agreement", "votes", "seconds"}),
        ("edit", {"edits", "agreement", "votes", "seconds"}),
        ("fresh", set()),
    ],
)
def test_only_what_means_something_for_the_task_is_shown(board: Page, desk: Desk, study: str, shown: set[str]) -> None:
    show(board, desk, study)
    seen = board.locator("figure:not([hidden])").evaluate_all("all => all.map(f => f.dataset.plot)")
    assert set(seen) == shown
    expect(board.locator(".in-first")).to_be_visible(visible=study == "fresh")


def test_a_rate_study_shows_each_question_in_its_own_way(board: Page, desk: Desk) -> None:
    show(board, desk, "rate")
    expect(plot(board, "question-quality").locator(".in-finding")).to_contain_text("“25 steps” has the highest mean")
    expect(plot(board, "question-use").locator(".in-finding")).to_contain_text("their intervals overlap")
    expect(plot(board, "question-flaw").locator(".p-bar")).to_have_count(12)
    expect(plot(board, "question-why").locator(".in-plot")).to_be_hidden()


def test_overlapping_intervals_are_joined_and_separate_ones_are_not(board: Page, desk: Desk) -> None:
    """Every tie bar joins rows whose intervals all overlap, and every overlapping pair shares a bar."""
    show(board, desk, "eight")
    rows = desk.studies["eight"].results()["leaderboard"]["rows"]
    ties = plot(board, "leaderboard").locator("[data-key^='tie:']").evaluate_all(
        "all => all.map(m => m.dataset.key.slice(4).split(',').map(Number))"
    )  # fmt: skip
    overlapping = {
        (i, j)
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if rows[i]["lower"] <= rows[j]["upper"] and rows[j]["lower"] <= rows[i]["upper"]
    }
    assert {(i, j) for tie in ties for i in tie for j in tie if i < j} == overlapping


def test_the_leaderboard_is_put_together_by_model_and_by_tag(board: Page, desk: Desk) -> None:
    show(board, desk, "eight")
    rows = plot(board, "leaderboard").locator("[data-key^='row:']")
    expect(rows).to_have_count(8)
    board.get_by_role("radio", name="Models").click()
    expect(rows).to_have_count(4)
    board.get_by_label("Tag").select_option("animals")
    votes = [row["votes"] for row in desk.studies["eight"].results("model", "animals")["leaderboard"]["rows"]]
    expect(plot(board, "leaderboard").locator(".in-numbers tbody td:last-child")).to_have_text([*map(str, votes)])
    assert {"act": "results", "study_id": "eight", "by": "model", "tag": "animals"} in desk.acts


def test_each_tag_has_a_leaderboard_beside_the_others(board: Page, desk: Desk) -> None:
    show(board, desk, "eight")
    tags = board.locator("[data-part=tags]")
    expect(tags).to_be_hidden()
    board.get_by_role("radio", name="Tags").click()
    expect(tags.locator("figure")).to_have_count(3)
    expect(tags).to_contain_text("3 tags with the most votes of 20")
    for tag in ("animals", "buildings", "food"):
        expect(plot(board, f"tag-{tag}").locator("[data-key^='row:']")).to_have_count(8)
        expect(plot(board, f"tag-{tag}").locator(".in-kicker")).to_have_text(f"Leaderboard of the tag {tag}")
    board.get_by_role("radio", name="Arms").click()
    expect(tags).to_be_hidden()


def test_that_a_figure_is_missing_is_said(board: Page, desk: Desk) -> None:
    made = desk.studies["eight"].leaderboard
    missing = "How many votes would have to change is worked out for up to 12 arms."
    desk.studies["eight"].leaderboard = lambda *asked: {**made(*asked), "flips": None, "flips_missing": missing}
    show(board, desk, "eight")
    expect(plot(board, "leaderboard")).to_contain_text(missing)


def test_new_answers_appear_while_one_looks_and_the_focus_stays(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    desk.grows = 7
    row = plot(board, "leaderboard").locator("[data-key='row:short and plain']")
    row.focus()
    expect(board.locator(".in-live")).to_have_attribute("data-state", "live")
    look_again(board)
    expect(board.locator(".in-counts dd").first).to_have_text("91")
    expect(row).to_be_focused()
    expect(plot(board, "leaderboard").locator(".in-tip")).to_contain_text("of 91 votes")


def test_the_link_to_share_opens_the_study_on_this_page(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    assert board.get_by_label("The link to share").input_value() == urljoin(desk.url, "/?study=Jq3vX0h2-two")
    expect(board.locator(".in-reach")).to_contain_text("works on this machine only")


def test_a_lost_connection_is_said_and_passes(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    desk.down = 1
    look_again(board)
    expect(board.locator(".in-live")).to_have_attribute("data-state", "late")
    expect(board.locator(".in-study")).to_be_visible()
    look_again(board)
    expect(board.locator(".in-live")).to_have_attribute("data-state", "live")


def test_a_closed_study_stands_still_until_it_is_reopened(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    board.get_by_role("button", name="Close the study").click()
    expect(board.locator(".in-facts .in-state")).to_have_text("closed")
    expect(board.locator(".in-share")).to_be_hidden()
    asked = len(desk.acts)
    look_again(board)
    board.wait_for_timeout(500)
    assert len(desk.acts) == asked
    board.get_by_role("button", name="Reopen the study").click()
    expect(board.locator(".in-facts .in-state")).to_have_text("open")


def test_failed_items_are_named_and_asked_for_again(board: Page, desk: Desk) -> None:
    show(board, desk, "eight")
    expect(board.locator(".in-problems")).to_contain_text("ran out of memory")
    board.get_by_role("button", name="Generate them again").click()
    expect(board.locator(".in-problems")).to_be_hidden()


def test_nobody_is_left_out_without_a_reason_and_a_banner(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    board.get_by_label("Choose Dmitri").check()
    leave = board.get_by_role("button", name="Leave out of the results")
    leave.click()
    expect(board.locator("[data-part=people] [role=alert]")).to_contain_text("Say why")
    board.get_by_label("Reason for leaving").fill("faster than anyone can read")
    leave.click()
    expect(board.locator(".in-filter")).to_contain_text("1 person is left out")
    expect(board.locator(".in-filter")).to_contain_text("faster than anyone can read")
    expect(board.locator("tr[data-excluded]")).to_contain_text("Dmitri")
    board.get_by_label("Choose Ada").check()
    leave.click()  # the reason stands in the box, ready to be changed
    expect(board.locator(".in-filter")).to_contain_text("2 people are left out")
    assert set(sent(desk, "filter")["annotator_ids"]) == {"p0", "p3"}
    board.locator("tr[data-excluded]", has_text="Ada").get_by_role("button", name="Count again").click()
    expect(board.locator(".in-filter")).to_contain_text("1 person is left out")
    board.get_by_role("button", name="Count everybody again").click()
    expect(board.locator(".in-filter")).to_be_hidden()


def test_evidence_without_some_people_is_marked_and_shown_beside_everybodys(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    evidence = plot(board, "evidence")
    expect(evidence.locator("[data-part=everybody]")).to_have_count(0)
    board.get_by_label("Choose Dmitri").check()
    board.get_by_label("Reason for leaving").fill("in a hurry")
    board.get_by_role("button", name="Leave out of the results").click()
    expect(evidence.locator(".in-finding")).to_contain_text("with 1 person left out")
    expect(evidence.locator(".in-lead")).to_contain_text("the error bound does not cover that choice")
    everybody = desk.studies["two"].results()["evidence"]["everybody"]
    expect(evidence.locator("[data-part=everybody]")).to_contain_text(f"of {everybody['n_votes']} votes")
    expect(evidence).to_contain_text("What luck alone could do is not bounded")
    counts = desk.studies["two"].results()["counts"]
    said = f"{counts['answers']}, {counts['answers_left_out']} left out"
    expect(board.locator(".in-counts dd").first).to_have_text(said)


def test_people_are_sorted_by_any_column(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    names = board.locator("[data-part=people] tbody .in-name")
    board.get_by_role("button", name="person").click()
    expect(names.nth(1)).to_contain_text("Ada")
    board.get_by_role("button", name="agreement", exact=True).click()
    expect(board.locator("[aria-sort=descending]")).to_contain_text("agreement")
    expect(names.last).to_contain_text("Dmitri")


def test_disputed_items_are_decided_one_after_the_other(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    queue = board.locator("[data-part=adjudication]")
    expect(queue).to_contain_text("3 items on which people disagree")
    queue.get_by_role("button", name="A is better").click()
    expect(queue).to_contain_text("2 items on which people disagree")
    assert [a["answer"] for a in desk.acts if a["act"] == "adjudicate"] == [{"winner": "a"}]
    queue.get_by_role("button", name="Both bad").click()
    expect(board.locator(".in-refusal")).to_contain_text("was decided meanwhile")


def test_an_order_with_a_tie_is_decided(board: Page, desk: Desk) -> None:
    show(board, desk, "rank")
    expect(board.locator("[data-part=adjudication]")).to_contain_text("A > B = C > D")
    for label, place in zip("ABCD", "2133", strict=True):
        board.get_by_label(f"Place of {label}").select_option(place)
    board.get_by_role("button", name="Decide", exact=True).click()
    expect(board.locator("[data-part=adjudication]")).to_be_hidden()
    assert sent(desk, "adjudicate")["answer"] == {"groups": [["B"], ["A"], ["C", "D"]]}


def test_a_correction_is_chosen_or_written(board: Page, desk: Desk) -> None:
    show(board, desk, "edit")
    queue = board.locator("[data-part=adjudication]")
    field = queue.get_by_label("The right text")
    expect(field).to_have_value("The sky is blue because of light.")
    queue.get_by_role("radio", name="Bela").click()
    expect(field).to_have_value("The sky is blue because of scattered light.")
    queue.get_by_role("radio", name="the original").click()
    expect(field).to_have_value("The sky is blue becuase of light.")
    field.fill("Air scatters blue light most.")
    queue.get_by_role("button", name="Decide", exact=True).click()
    expect(queue).to_be_hidden()
    assert sent(desk, "adjudicate")["answer"] == {"text": "Air scatters blue light most."}


def test_a_rating_is_decided(board: Page, desk: Desk) -> None:
    show(board, desk, "rate")
    queue = board.locator("[data-part=adjudication]")
    expect(queue).to_contain_text("How well is it drawn? 1 · Would you use it? down · Why? too dark")
    queue.get_by_role("button", name="Decide", exact=True).click()
    expect(queue.get_by_role("alert")).to_contain_text("Answer first")
    queue.get_by_role("radio", name="4", exact=True).click()
    queue.get_by_role("radio", name="down").click()
    queue.get_by_label("a cat").check()
    desk.grows = 1
    look_again(board)  # what is half decided stays
    expect(board.locator(".in-counts dd").first).to_have_text("361")
    queue.get_by_role("button", name="Decide", exact=True).click()
    expect(queue).to_be_hidden()
    assert sent(desk, "adjudicate")["answer"] == {"values": {"quality": 4, "use": -1, "seen": ["a cat"]}}


def test_of_the_marks_that_people_made_one_persons_stand(board: Page, desk: Desk) -> None:
    show(board, desk, "marks")
    queue = board.locator("[data-part=adjudication]")
    expect(queue).not_to_contain_text("null")  # the item has no context
    expect(queue.get_by_role("radio")).to_have_text(["“fox”: good · “reads”: bad", "“reads”: bad"])
    queue.get_by_role("radio", name="“reads”: bad", exact=True).click()
    queue.get_by_role("button", name="Decide", exact=True).click()
    expect(queue).to_be_hidden()
    assert sent(desk, "adjudicate")["answer"] == {"values": {"places": [{"start": 19, "end": 24, "label": "bad"}]}}


@pytest.mark.parametrize(
    ("study", "name", "theme"),
    [
        ("eight", "leaderboard", "light"),
        ("eight", "matrix", "dark"),
        ("two", "evidence", "dark"),
        ("rate", "question-flaw", "light"),
    ],
)
def test_a_saved_picture_needs_nothing_of_the_page(board: Page, desk: Desk, study: str, name: str, theme: str) -> None:
    show(board, desk, study, theme)
    text = save(board, name, "SVG").decode()
    root = ET.fromstring(text)
    width, height = float(root.get("width")), float(root.get("height"))
    assert not re.search(r"var\(|color-mix|class=|style=|href|currentColor", text)
    assert root.get("font-family") and root.find("{*}title").text
    background = root.find("{*}rect")
    assert float(background.get("width")) == width and (background.get("fill") < "#888888") == (theme == "dark")
    words = " ".join(root.itertext())
    assert plot(board, name).locator(".in-finding").inner_text().split()[0] in words and "answers from" in words
    picture = save(board, name, "PNG")
    assert struct.unpack(">II", picture[16:24]) == (width * 2, height * 2)


def test_the_numbers_of_a_plot_are_a_table_and_a_file(board: Page, desk: Desk) -> None:
    desk.studies["rank"].spec["arms"][0]["name"] = "=HYPERLINK(1)"
    show(board, desk, "rank")
    told = list(csv.DictReader(io.StringIO(save(board, "leaderboard", "CSV").decode("utf-8-sig"))))
    rows = desk.studies["rank"].results()["leaderboard"]["rows"]
    assert [float(row["strength"]) for row in told] == [row["strength"] for row in rows]
    assert {row["name"] for row in told} == {"'" + r["name"] if r["name"][0] == "=" else r["name"] for r in rows}
    table = plot(board, "leaderboard").locator(".in-numbers table")
    assert table.locator("tbody tr").count() == len(rows)
    plot(board, "leaderboard").locator(".in-fig-head .cb-iconbtn").click()
    board.get_by_role("button", name="Show the numbers").click()
    expect(table.locator("td").first).to_be_in_viewport()


def test_whole_tables_come_from_the_server(board: Page, desk: Desk) -> None:
    show(board, desk, "edit")
    board.get_by_role("button", name="Tables").click()
    expect(board.get_by_role("button", name="Leaderboard (CSV)")).to_have_count(0)
    with board.expect_download() as download:
        board.get_by_role("button", name="All answers (CSV)").click()
    assert download.value.suggested_filename == "edit-answers.csv"
    board.get_by_role("button", name="Tables").click()
    with board.expect_download() as download:
        board.get_by_role("button", name="Consensus (CSV)").click()
    assert download.value.suggested_filename == "edit-consensus.csv"


def test_a_study_is_exported_in_a_format_that_holds_it(board: Page, desk: Desk) -> None:
    show(board, desk, "edit")
    export = board.locator(".in-study-tools").get_by_role("button", name="Export")
    export.click()
    expect(board.locator(".in-study-tools .in-menu:visible button")).to_have_count(3)
    with board.expect_download():
        board.get_by_role("button", name="TRL: texts to imitate").click()
    asked = sent(desk, "export")
    assert (asked["format"], asked["study_id"]) == ("trl-sft", "edit")
    expect(export).to_have_text("Export")
    export.click()
    board.get_by_role("button", name="Argilla").click()
    expect(board.locator(".in-banner.in-refusal")).to_contain_text("no answers that argilla holds")
    expect(export).to_be_enabled()


def test_the_arrow_keys_go_through_a_plot_and_say_its_numbers(board: Page, desk: Desk) -> None:
    show(board, desk, "two")
    marks = plot(board, "evidence").locator(".p-mark")
    assert plot(board, "evidence").locator(".p-mark[tabindex='0']").count() == 1
    marks.first.focus()
    board.keyboard.press("End")
    expect(marks.last).to_be_focused()
    expect(plot(board, "evidence").locator(".in-tip")).to_contain_text("After 84 votes")
    assert "interval" in marks.last.get_attribute("aria-label")
    board.keyboard.press("Escape")
    expect(plot(board, "evidence").locator(".in-tip")).to_be_hidden()
    expect(board.locator(".in-study")).to_be_visible()


@pytest.mark.parametrize("study", EVERY)
def test_nothing_is_wider_than_the_page(board: Page, desk: Desk, study: str) -> None:
    """Plots follow the page's width; only the win matrix may scroll, inside its own box."""
    show(board, desk, study)
    for width in (1280, 390, 320):
        board.set_viewport_size({"width": width, "height": 700})
        board.wait_for_timeout(200)
        assert board.evaluate("document.documentElement.scrollWidth") <= width
        for each in board.locator("figure:not([data-plot=matrix]) .in-plot:visible").all():
            assert float(each.get_attribute("width") or 0) <= width


def test_what_people_wrote_is_never_markup(board: Page, desk: Desk) -> None:
    show(board, desk, "rank")
    expect(board.locator("[data-part=people]")).to_contain_text('<img src=x onerror="window.pwned=1">')
    assert board.locator(".cb-insights img[src=x]").count() == 0


def test_only_the_newest_question_is_answered_on_the_page(board: Page, desk: Desk) -> None:
    """A slow answer to an older switch does not replace the newer one's."""
    show(board, desk, "eight")
    desk.delay_s = 1.5
    board.get_by_role("radio", name="Models").click()
    threading.Timer(0.2, lambda: setattr(desk, "delay_s", 0.0)).start()
    board.wait_for_timeout(400)
    board.get_by_role("radio", name="Prompts").click()
    rows = plot(board, "leaderboard").locator("[data-key^='row:']")
    expect(rows).to_have_count(2)
    board.wait_for_timeout(1800)
    expect(rows).to_have_count(2)


def test_the_first_answer_stands_over_its_hour_and_is_counted_in_the_singular(board: Page, desk: Desk) -> None:
    desk.studies["fresh"].grow(1)
    show(board, desk, "fresh")
    expect(board.locator(".in-counts dt").first).to_have_text("answer")
    expect(board.locator(".in-counts dt").nth(1)).to_have_text("person")
    expect(board.locator(".in-counts dt", has_text="people are answering now")).to_be_visible()
    middle = "(node) => {const box = node.getBoundingClientRect(); return box.x + box.width / 2}"
    bar = plot(board, "votes").locator(".p-bar")
    hours = plot(board, "votes").locator("text", has_text=re.compile(r"\d{2}:\d{2}"))
    expect(hours).to_have_count(1)
    assert bar.evaluate(middle) == pytest.approx(hours.evaluate(middle), abs=2)


@pytest.mark.parametrize(("locale", "clock"), [("en-US", r"\d\d:\d\d(:\d\d)? [AP]M"), ("en-GB", r"\d\d:\d\d(:\d\d)?$")])
def test_every_clock_is_the_readers(browser: Browser, desk: Desk, locale: str, clock: str) -> None:
    desk.reset()
    with watched_page(browser, locale=locale) as page:
        show(page, desk, "two")
        expect(page.locator(".in-live")).to_have_text(re.compile("live · " + clock))
        expect(page.locator(".in-facts")).to_have_text(re.compile("since .*" + clock))


@pytest.mark.parametrize(
    ("host", "reach"),
    [
        ("localhost:7860", "machine"), ("127.0.1.1", "machine"), ("[::1]:7860", "machine"), ("192.168.0.4", "network"),
        ("172.20.1.1", "network"), ("[fd00::1]", "network"), ("gpu-box", "network"), ("studio.local", "network"),
        ("172.32.1.1", ""), ("11.0.0.1", ""), ("abc.gradio.live", ""), ("[2001:db8::1]", ""),
    ],
)  # fmt: skip
def test_a_link_says_how_far_it_reaches(browser: Browser, host: str, reach: str) -> None:
    script = (WIDGETS / "dom.js").read_text("utf-8").partition("function reachWords")[2].partition("\n}")[0]
    words = "const T = {link_this_machine: 'machine', link_this_network: 'network'};"
    with watched_page(browser) as page:
        made = f"(address) => {{{words} function reachWords{script}}} return reachWords(address)}}"
        assert page.evaluate(made, f"http://{host}/?study=x") == reach
