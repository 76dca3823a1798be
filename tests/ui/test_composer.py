"""The form for a new study in a real browser, over scripted answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.ui import looking
from tests.ui.harness_board import HOSTILE
from tests.ui.harness_composer import Desk, build

WAIT_S = 10


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Desk, str]]:
    with looking.served(Desk(), build) as desk:
        yield desk, desk.url


@pytest.fixture
def desk(served: tuple[Desk, str]) -> Desk:
    """What the page asks, forgotten between tests."""
    served[0].acts.clear()
    served[0].created.clear()
    served[0].down = 0
    return served[0]


@pytest.fixture
def page(context: BrowserContext, served: tuple[Desk, str], desk: Desk) -> Iterator[Page]:
    context.set_default_timeout(WAIT_S * 1000)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(served[1])
    form(opened)
    yield opened
    assert not problems, problems
    assert opened.evaluate("window.pwned") is None


def form(page: Page) -> Locator:
    sections = page.locator("#composer .cb-sections > section")
    sections.first.wait_for()
    return sections


def bar(page: Page) -> Locator:
    return page.locator("#composer .cb-composer-bar")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def task(page: Page, name: str) -> None:
    page.locator(f".cb-task input[value={name}]").check()


def checked(page: Page, desk: Desk, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The last spec the page had checked, once it fits."""
    for _ in range(WAIT_S * 20):
        specs = desk.specs("check")
        if specs and fits(specs[-1]):
            return specs[-1]
        page.wait_for_timeout(50)
    raise AssertionError(f"No such spec was checked; the last: {desk.specs('check')[-1:]}")


def two_prompts(page: Page, title: str = "Which is clearer?") -> None:
    page.get_by_label("Title").fill(title)
    page.locator(".cb-prompt").nth(0).fill("Say hello.")
    page.locator(".cb-prompt").nth(1).fill("Say hello in verse.")


def test_a_comparison_of_two_prompts_is_created_and_leads_to_its_study(page: Page, desk: Desk) -> None:
    two_prompts(page)
    expect(bar(page)).to_have_attribute("data-state", "ready")
    expect(bar(page)).to_contain_text("2 arms × 1 cases make 1 items; with overlap 3 that is 3 votes")
    expect(bar(page)).to_contain_text("2 generations are made for it.")
    button(page, "Create study").click()
    link = page.get_by_label("Link to the study")
    expect(link).to_have_value(re.compile(r"^http://.*\?study=study-1-\w+"))
    expect(page.locator(".cb-reach")).to_contain_text("works on this machine only")
    (spec,) = desk.created.values()
    assert [arm["name"] for arm in spec["arms"]] == ["Prompt 1", "Prompt 2"]
    assert spec["question"] == "Which answer is better?" and spec["task"] == "compare"
    assert "questions" not in spec and "cases" not in spec
    button(page, "Watch the results").click()
    page.get_by_role("button", name="Harness").click()
    expect(page.locator("#seen")).to_contain_text("study-1")
    page.locator("#again").click()  # whoever comes back for another study finds an empty form
    expect(page.get_by_label("Title")).to_have_value("")
    page.reload()
    form(page)
    expect(page.get_by_label("Title")).to_have_value("")


def test_what_is_missing_is_said_quietly_and_stands_at_its_field_once_one_tries(page: Page) -> None:
    expect(bar(page)).to_have_attribute("data-state", "todo")
    title = page.get_by_label("Title")
    expect(title).not_to_have_attribute("aria-invalid", "true")
    button(page, "Create study").click()
    expect(title).to_be_focused()
    expect(title).to_have_attribute("aria-invalid", "true")
    described = title.get_attribute("aria-describedby") or ""
    said = [page.locator(f"#{name}").inner_text() for name in described.split()]
    assert said[-1] == "Give the study a title."
    title.fill("Something")
    expect(title).not_to_have_attribute("aria-invalid", "true")
    expect(bar(page)).to_contain_text("Write the prompt of arm 1.")
    button(page, "Show me").click()
    expect(page.locator(".cb-prompt").first).to_be_focused()


def test_a_refusal_stands_at_the_field_it_is_about(page: Page) -> None:
    two_prompts(page)
    page.get_by_label("People per item").fill("101")
    expect(bar(page)).to_have_attribute("data-state", "error")
    expect(page.locator("[data-field=overlap] .cb-field-error")).to_have_text("“overlap” is 101: choose 1 to 100.")
    page.locator(".cb-prompt").nth(1).fill("REFUSE")
    page.get_by_label("People per item").fill("2")
    expect(page.locator("[data-field=overlap] .cb-field-error")).to_be_hidden()
    button(page, "Show me").click()
    expect(page.locator(".cb-prompt").nth(1)).to_be_focused()
    expect(page.locator(".cb-prompt").nth(1)).to_have_attribute("aria-invalid", "true")


def test_a_draft_survives_a_reload_and_starting_over_can_be_taken_back(page: Page) -> None:
    two_prompts(page, "A draft")
    page.locator(".cb-prompt").nth(0).fill("Explain {topic}.")
    page.get_by_label("topic of case 1").fill("the sky")
    page.reload()
    form(page)
    expect(page.get_by_label("Title")).to_have_value("A draft")
    expect(page.get_by_label("topic of case 1")).to_have_value("the sky")
    button(page, "Start over").click()
    expect(page.get_by_label("Title")).to_have_value("")
    button(page, "Bring back what I had").click()
    expect(page.get_by_label("topic of case 1")).to_have_value("the sky")


def test_a_study_is_created_once_however_often_the_network_fails(page: Page, desk: Desk) -> None:
    two_prompts(page)
    expect(bar(page)).to_have_attribute("data-state", "ready")
    desk.down = 1
    button(page, "Create study").click()
    expect(bar(page)).to_contain_text("It will not be made twice.")
    button(page, "Create study").click()
    expect(page.get_by_label("Link to the study")).to_be_visible()
    asked = [act["request_id"] for act in desk.acts if act["act"] == "create"]
    assert len(asked) == 2 and len(set(asked)) == 1


def test_variables_become_cases_that_can_be_typed_and_pasted(page: Page, desk: Desk) -> None:
    two_prompts(page)
    page.locator(".cb-prompt").nth(0).fill("Explain {topic} to {who}. {{topic}} stays.")
    page.get_by_label("topic of case 1").fill("rivers, lakes")
    page.get_by_label("who of case 1").fill("a child")
    page.get_by_label("Tag of case 1").fill("water")
    button(page, "Paste many").click()
    page.get_by_label("Paste many").fill('tag,who,topic\nsky,"a pilot, tired",clouds\n,a poet,"two\nlines"')
    button(page, "Add these").click()
    spec = checked(page, desk, lambda spec: len(spec.get("cases", [])) == 3)
    assert spec["cases"] == [
        {"variables": {"topic": "rivers, lakes", "who": "a child"}, "tag": "water"},
        {"variables": {"topic": "clouds", "who": "a pilot, tired"}, "tag": "sky"},
        {"variables": {"topic": "two\nlines", "who": "a poet"}, "tag": ""},
    ]
    button(page, "Remove case 2").click()
    page.get_by_label("who of case 2").fill("")
    expect(bar(page)).to_contain_text("Case 2 says nothing for {who}.")


def test_one_variable_takes_whole_lines_as_its_values(page: Page, desk: Desk) -> None:
    two_prompts(page)
    page.locator(".cb-prompt").nth(0).fill("Explain {topic}.")
    button(page, "Paste many").click()
    page.get_by_label("Paste many").fill('rivers, lakes\nthe "sky"\tblue\n')
    button(page, "Add these").click()
    spec = checked(page, desk, lambda spec: len(spec.get("cases", [])) == 2)
    assert [(c["variables"]["topic"], c["tag"]) for c in spec["cases"]] == [
        ("rivers, lakes", ""),
        ('the "sky"', "blue"),
    ]


def test_lists_are_combined_and_drawn_from(page: Page, desk: Desk) -> None:
    two_prompts(page)
    page.locator(".cb-prompt").nth(1).fill("{topic}, {style}")
    page.get_by_label("Combine lists").check()
    page.get_by_label("{topic}").fill("a\n\nb\nc")
    page.get_by_label("{style}").fill("x\ny")
    expect(page.get_by_text("6 combinations")).to_be_visible()
    page.get_by_label("Draw at random").fill("4")
    spec = checked(page, desk, lambda spec: spec.get("draws") == 4)
    assert spec["variables"] == {"topic": ["a", "b", "c"], "style": ["x", "y"]} and "cases" not in spec


def test_arms_are_added_with_the_same_prompt_or_the_same_model(page: Page, desk: Desk) -> None:
    two_prompts(page)
    button(page, "Remove arm 2").click()
    button(page, "Same prompt, another model").click()
    expect(page.locator(".cb-model").nth(1)).to_be_focused()
    # not the check of the two prompts that were there before
    spec = checked(page, desk, lambda spec: [a["prompt"] for a in spec["arms"]] == ["Say hello."] * 2)
    assert [(a["prompt"], a["model"]) for a in spec["arms"]] == [
        ("Say hello.", "smollm2-135m-instruct"),
        ("Say hello.", "smollm2-360m-instruct"),
    ]
    assert [a["name"] for a in spec["arms"]] == ["SmolLM2 135M Instruct", "SmolLM2 360M Instruct"]
    button(page, "Same model, another prompt").click()
    page.get_by_label("Use a recent prompt for arm 3").select_option(label="Write a haiku about {topic}.")
    page.get_by_label("topic of case 1").fill("rain")
    page.locator(".cb-arm").nth(2).get_by_text("System text and settings").click()
    page.locator(".cb-arm").nth(2).get_by_label("Temperature").fill("0.2")
    spec = checked(page, desk, lambda spec: "settings" in spec["arms"][-1])
    assert spec["arms"][2] == {"name": "Prompt 2 · SmolLM2 360M Instruct", "prompt_version_id": "pv-2",
                               "model": "smollm2-360m-instruct", "settings": {"temperature": 0.2}}  # fmt: skip
    page.locator(".cb-prompt").nth(2).press("End")
    page.locator(".cb-prompt").nth(2).type("!")
    spec = checked(page, desk, lambda spec: "prompt" in spec["arms"][2])
    assert spec["arms"][2]["prompt"] == "Write a haiku about {topic}.!"


def test_outputs_that_are_there_are_paired_by_hand_and_by_prompt(page: Page, desk: Desk) -> None:
    page.get_by_label("Title").fill("Mine")
    page.get_by_role("tab", name="My outputs").click()
    tiles = page.locator("[data-field=outputs] .cb-tile")
    tiles.nth(0).click()
    expect(bar(page)).to_contain_text("One output waits for its partner")
    tiles.nth(2).click()
    assert checked(page, desk, lambda spec: "outputs" in spec)["outputs"] == [["t0", "t2"]]
    button(page, "Group by prompt").click()
    spec = checked(page, desk, lambda spec: len(spec["outputs"]) > 1)
    assert spec["outputs"][:3] == [["t0", "t2"], ["t4", "t5"], ["t6", "t7"]]
    task(page, "rate")
    spec = checked(page, desk, lambda spec: spec["task"] == "rate")
    assert spec["outputs"][:3] == [["t0"], ["t2"], ["t4"]] and "arms" not in spec


def test_a_file_goes_up_in_pieces_and_its_first_items_are_shown(page: Page, desk: Desk, tmp_path: Path) -> None:
    page.get_by_label("Title").fill("From a file")
    page.get_by_role("tab", name="A file").click()
    file = tmp_path / "set.jsonl"
    row = {"prompt": HOSTILE, "outputs": ["one " * 20_000, HOSTILE]}
    file.write_text("\n".join([json.dumps(row)] * 12), encoding="utf-8")
    page.locator("#composer input[type=file]").set_input_files(file)
    expect(page.locator(".cb-sample")).to_have_count(3)
    assert len([act for act in desk.acts if act["act"] == "upload"]) == 2
    expect(page.locator(".cb-sample").first).to_contain_text("<img src=x")
    spec = checked(page, desk, lambda spec: "import" in spec)
    assert spec["import"]["upload_id"] in desk.files
    file.write_text(json.dumps(row) + "\nnot json")
    button(page, "Remove the file").click()
    page.locator("#composer input[type=file]").set_input_files(file)
    expect(page.get_by_role("alert")).to_have_text("Row 2 is not JSON: write one object a line.")
    expect(bar(page)).to_contain_text("Choose a file")


def test_pictures_have_their_own_models_and_cannot_be_corrected(page: Page, desk: Desk) -> None:
    task(page, "edit")
    page.get_by_label("Pictures").check()
    expect(page.locator(".cb-task input[value=compare]")).to_be_checked()
    expect(page.locator(".cb-task input[value=edit]")).to_be_disabled()
    page.get_by_label("Title").fill("Bicycles")
    page.locator(".cb-prompt").nth(0).fill("a red bicycle")
    page.locator(".cb-prompt").nth(1).fill("a bicycle, red")
    page.get_by_text("Worked examples").click()
    button(page, "Add an example").click()
    for tile in page.locator("[data-section=task] .cb-tile").all()[:3]:  # two fit: the third takes a place
        tile.click()
    spec = checked(page, desk, lambda spec: spec["modality"] == "image" and spec["worked_examples"])
    assert spec["worked_examples"] == [{"prompt": "", "output_ids": ["i0", "i2"], "answer": "", "why": ""}]
    assert {arm["model"] for arm in spec["arms"]} == {"icons"} and spec["question"] == "Which picture is better?"


def test_a_rating_asks_what_its_owner_writes_in_their_order(page: Page, desk: Desk) -> None:
    two_prompts(page)
    task(page, "rate")
    button(page, "Add a question: Several choices").click()
    page.get_by_label("Options").fill("too long\nmade up")
    button(page, "Add a question: Marked words").click()
    button(page, "Move question 3 up").click()
    button(page, "Move question 2 up").click()
    expect(button(page, "Move question 1 down")).to_be_focused()
    page.get_by_role("group", name="Question 3").get_by_label("An answer is required").uncheck()
    spec = checked(
        page, desk, lambda spec: len(spec.get("questions", [])) == 3 and not spec["questions"][2]["required"]
    )
    assert [(q["name"], q["kind"], q["options"]) for q in spec["questions"]] == [
        ("mark_what_is_good_and_what_is_bad", "span", []),
        ("how_good_is_it", "stars", []),
        ("what_is_wrong_with_it", "multi_choice", ["too long", "made up"]),
    ]
    page.get_by_text("Quality and pace").click()
    button(page, "Add a gold item").click()
    gold = page.get_by_role("group", name="Gold item 1")
    gold.get_by_label("Output", exact=True).fill("A perfect answer.")
    gold.get_by_label("5", exact=True).check()
    gold.get_by_label("made up").check()
    spec = checked(page, desk, lambda spec: len(spec.get("gold", [{}])[0].get("expected", {}).get("values", [])) == 2)
    expected = {"values": {"how_good_is_it": 5, "what_is_wrong_with_it": ["made up"]}}
    assert spec["gold"] == [{"prompt": "", "outputs": ["A perfect answer."], "expected": expected}]


def test_gold_and_a_reveal_exclude_each_other_with_a_word_why(page: Page, desk: Desk) -> None:
    two_prompts(page)
    reveal = page.get_by_role("switch", name="Tell after the vote which was which")
    reveal.check(force=True)
    page.get_by_text("Quality and pace").click()
    add = button(page, "Add a gold item")
    expect(add).to_have_attribute("aria-disabled", "true")
    expect(page.locator("[data-field=gold] > .cb-help")).to_contain_text("would give gold items away")
    add.click(force=True)
    expect(page.get_by_role("group", name="Gold item 1")).to_have_count(0)
    reveal.uncheck(force=True)
    add.click()
    expect(page.get_by_role("group", name="Gold item 1")).to_be_visible()
    expect(reveal).to_be_disabled()
    expect(page.locator("[data-field=reveal] .cb-help")).to_contain_text("Not beside gold items")


def test_gold_shows_what_the_other_items_show(page: Page, desk: Desk) -> None:
    two_prompts(page)
    page.locator(".cb-prompt").nth(0).fill("Say {word} in {tone}.")
    page.locator(".cb-prompt").nth(1).fill("Shout {word}.")
    page.get_by_text("Quality and pace").click()
    button(page, "Add a gold item").click()
    gold = page.get_by_role("group", name="Gold item 1")
    expect(gold.get_by_label("{tone}", exact=True)).to_be_visible()
    gold.get_by_label("{word}", exact=True).fill("rain")
    gold.get_by_label("{tone}", exact=True).fill("a whisper")
    for label in ("Output A", "Output B"):
        gold.get_by_label(label, exact=True).fill(label)
    gold.locator("input[value=a]").check(force=True)
    for name in ("word", "tone"):
        page.get_by_label(f"{name} of case 1").fill(name)
    spec = checked(page, desk, lambda spec: spec["gold"][0].get("variables", {}).get("tone"))
    assert spec["gold"][0]["variables"] == {"word": "rain", "tone": "a whisper"} and "prompt" not in spec["gold"][0]
    page.locator(".cb-prompt").nth(0).fill("Say hello.")
    page.locator(".cb-prompt").nth(1).fill("Shout hello.")
    expect(gold.locator("[data-field='gold.0.prompt'], [data-field^='gold.0.variables']")).to_have_count(0)
    checked(page, desk, lambda spec: spec["gold"][0].get("prompt") == "")


FULL: dict[str, Any] = {
    "title": HOSTILE[:150].strip(), "task": "rank", "modality": "text", "question": "Best first, please.",
    "guidelines": "Be kind.",
    "worked_examples": [{"prompt": "p", "outputs": ["a", "b", "c"], "answer": "A, B, C", "why": "because"}],
    "arms": [
        {"name": "plain", "prompt": "Say {word}.", "system_text": "Be {mood}.", "model": "smollm2-135m-instruct"},
        {"name": "saved", "prompt_version_id": "pv-1", "model": "smollm2-360m-instruct"},
        {"name": "other", "prompt": "{word}?", "model": "somebody/else", "settings": {"top_k": 3}},
    ],
    "cases": [{"variables": {"word": "w", "mood": "m", "topic": "t"}, "tag": "x"}],
    "samples": 2, "overlap": 5, "target": {"interval_width": 0.15}, "quota": 40, "access": "open", "reveal": False,
    "adaptive": False, "gold_share": 0.2, "repeat_share": 0.05, "lease_minutes": 30, "seed": 7,
    "gold": [{"variables": {"word": "g", "mood": "h", "topic": "i"}, "outputs": ["a", "b", "c"],
              "expected": {"groups": [["B"], ["A", "C"]]}}],
}  # fmt: skip


def test_a_spec_given_as_a_draft_fills_the_form_and_comes_out_as_it_went_in(page: Page, desk: Desk) -> None:
    two_prompts(page, "Half written")
    page.get_by_role("button", name="Harness").click()
    page.locator("#draft textarea").fill(json.dumps(FULL))
    page.locator("#again").click()
    assert checked(page, desk, lambda spec: spec["task"] == "rank") == FULL
    button(page, "Bring back what I had").click()
    expect(page.get_by_label("Title")).to_have_value("Half written")


def test_a_value_that_comes_again_leaves_what_is_being_typed_alone(page: Page) -> None:
    page.get_by_role("button", name="Harness").click()
    two_prompts(page)
    prompt = page.locator(".cb-prompt").first
    prompt.focus()
    page.evaluate("document.querySelector('#again').click()")
    prompt.type(" And")
    page.wait_for_timeout(500)
    prompt.type(" then.")
    expect(prompt).to_be_focused()
    expect(prompt).to_have_value(re.compile("And then"))


def test_everything_can_be_reached_and_chosen_by_keyboard(page: Page) -> None:
    page.locator(".cb-task input:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".cb-task input[value=rank]")).to_be_focused()
    expect(page.locator(".cb-arm")).to_have_count(3)
    page.get_by_role("tab", name="Prompts & models").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="My outputs")).to_be_focused()
    expect(page.locator("[data-field=outputs] .cb-tile").first).to_be_visible()


NAMELESS = """() => [...document.querySelectorAll('#composer :is(input, textarea, select, button)')]
  .filter(c => c.getClientRects().length && !c.labels?.length && !c.getAttribute('aria-label') && !c.textContent.trim())
  .map(c => c.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("name", ["compare", "rank", "rate", "edit"])
def test_the_form_fits_a_narrow_phone_and_every_control_has_a_name(page: Page, name: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    task(page, name)
    page.locator(".cb-prompt").first.fill("{averyveryverylongvariablename_without_any_break_in_it} " + HOSTILE)
    page.get_by_text("Quality and pace").click()
    button(page, "Add a gold item").click()
    page.get_by_text("Worked examples").click()
    button(page, "Add an example").click()
    for source in ("A file", "My outputs", "Prompts & models"):
        page.get_by_role("tab", name=source).click()
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert page.evaluate(NAMELESS) == []
    for shown in bar(page).locator("button:visible").all():
        expect(shown).to_be_in_viewport()


def test_a_study_for_oneself_says_so_in_its_evidence(page: Page, desk: Desk) -> None:
    two_prompts(page)
    page.get_by_label("Me alone").check(force=True)
    spec = checked(page, desk, lambda spec: "evidence" in spec)
    assert spec["evidence"] == {"scope": "panel", "panel": ["me"]}
    page.get_by_label("People like them").check(force=True)
    checked(page, desk, lambda spec: "evidence" not in spec)
