"""Changing pictures in a real browser, on the embedded picture model."""

from __future__ import annotations

import io
import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import generate, wait_done


def panel(page: Page) -> Locator:
    opened = page.locator(".pe-dialog")
    expect(opened.locator(".pe-sheet")).to_be_visible()
    return opened


def draw(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """One stroke of the mouse; places are shares of the picture's sides."""
    box = page.locator(".pe-sheet").bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=6)
    page.mouse.up()


def marked(page: Page) -> int:
    """How many pixels of the mask are drawn on."""
    return page.evaluate(
        """() => {
            const mask = document.querySelector("canvas.pe-mask");
            const { data } = mask.getContext("2d").getImageData(0, 0, mask.width, mask.height);
            let drawn = 0;
            for (let i = 3; i < data.length; i += 4) drawn += data[i] > 0;
            return drawn;
        }"""
    )


def contrast(drawn: Locator) -> int:
    """How far apart the lightest and the darkest grey of its middle are, of 255, as it is seen."""
    seen = Image.open(io.BytesIO(drawn.screenshot())).convert("L")
    low, high = seen.crop([int(seen.size[i % 2] * (0.2 if i < 2 else 0.8)) for i in range(4)]).getextrema()
    return high - low


def test_a_picture_is_masked_filled_compared_and_kept_as_an_edit(page: Page) -> None:
    page.locator("#modality label", has_text="Image").click()
    generate(page, "a red apple", outputs=1, tokens=None, seed=5)
    wait_done(page)
    card = page.locator("#board .cb-card").first
    expect(card.get_by_role("button", name="Before and after")).to_be_hidden()
    card.get_by_role("button", name="Change this picture").click()
    desk = panel(page)
    expect(desk.get_by_role("textbox", name="What it should show")).to_have_value("a red apple")
    fill_in = desk.get_by_role("button", name="Fill the mask")
    expect(fill_in).to_be_disabled()

    # strokes, back and forth, by mouse and by keys
    draw(page, (0.3, 0.35), (0.7, 0.35))
    once = marked(page)
    draw(page, (0.3, 0.55), (0.7, 0.55))
    twice = marked(page)
    assert twice > once > 0
    page.keyboard.press("Control+z")
    assert marked(page) == once
    page.keyboard.press("Control+Shift+z")
    assert marked(page) == twice
    page.keyboard.press("e")
    draw(page, (0.3, 0.55), (0.7, 0.55))
    assert marked(page) < twice
    page.keyboard.press("b")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")  # the brush that the arrows move sets down a dab
    expect(fill_in).to_be_enabled()

    # what is drawn is not lost by a slip of the finger
    page.once("dialog", lambda asked: asked.dismiss())
    page.keyboard.press("Escape")
    expect(desk).to_be_visible()
    desk.get_by_role("textbox", name="What it should show").fill("a green apple")
    fill_in.click()
    keep = desk.get_by_role("button", name="Save as my edit")
    expect(keep).to_be_focused(timeout=60_000)
    expect(desk.get_by_role("radio", name="Result 1")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Shift+Tab")
    slider = desk.get_by_role("slider", name="Before and after")
    slider.focus()
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuenow", "100")
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", "98")
    for width in (800, 1280):  # across the width at which the editor becomes one column, and back
        page.set_viewport_size({"width": width, "height": 900})
        assert contrast(desk.locator(".pc-compare")) > 40, f"nothing is drawn at {width} px"
    keep.click()
    expect(desk).to_have_count(0)

    # the edit stands on the card and in History, with what it was made from
    shown = card.get_by_role("slider")
    expect(shown).to_be_visible()
    expect(card.locator(".pc-after")).to_have_js_property("complete", True)
    assert card.locator(".pc-after").evaluate("img => img.naturalWidth") == 64
    # what is shown is what is downloaded: the edit, and without the comparison the original
    edited = card.get_by_role("link", name="Download my edit")
    assert edited.get_attribute("href") == card.locator(".pc-after").get_attribute("src")
    card.get_by_role("button", name="Before and after").click()
    expect(edited).to_have_count(0)
    assert "/collab/download/" in str(card.get_by_role("link", name="Download the picture").get_attribute("href"))
    page.reload()
    page.get_by_role("tab", name="History").click()
    page.locator("#history .cb-row-open").first.click()
    story = page.locator("#history .cb-story")
    expect(story.get_by_role("slider").first).to_be_visible()
    expect(story.locator(".pe-origin figcaption")).to_have_text(["Made from a picture", "The mask"] * 2)
    page.keyboard.press("Escape")
    page.locator("#history .cb-row-open").nth(1).click()  # the original, and from there back to how its edit was made
    expect(story.locator(".pe-origin figcaption")).to_have_text(["The mask"])
    expect(story.get_by_role("link", name="Download")).to_have_count(2)
    with page.expect_download() as got:
        story.get_by_role("link", name="Download my edit").click()
    assert got.value.suggested_filename.endswith("-edit.png")
    story.get_by_role("button", name="How this edit was made").click()
    expect(story.locator(".cb-provenance")).to_contain_text("Repainted where this mask is white")


def test_a_picture_of_ones_own_is_painted_on_a_phone_and_redrawn(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    photo, vector = tmp_path / "photo.jpg", tmp_path / "evil.svg"
    Image.new("RGB", (400, 250), "#9fc9ee").save(photo)
    vector.write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='window.pwned=1'/>")
    page.set_input_files("#picture-drop .pe-file", vector)
    expect(page.locator("#picture-drop .cb-note")).to_contain_text("not a PNG, JPEG or WebP picture")
    page.set_input_files("#picture-drop .pe-file", photo)
    desk = panel(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    desk.get_by_role("radio", name="Paint").click()
    desk.get_by_role("button", name="Yellow").click()
    desk.locator(".pe-body").evaluate("body => body.scrollTo(0, 0)")
    draw(page, (0.4, 0.5), (0.6, 0.5))
    desk.get_by_role("textbox", name="What it should show").fill("a yellow sun")
    desk.get_by_role("button", name="Redraw the whole").click()
    desk.get_by_role("button", name="Keep as new pictures").click(timeout=60_000)
    expect(desk).to_have_count(0)
    card = page.locator("#board .cb-card").first
    card.get_by_role("button", name="Before and after").click()
    expect(card.get_by_role("slider")).to_be_visible()
    assert page.evaluate("window.pwned") is None


def test_a_picture_is_started_from_with_the_chosen_model_which_says_what_it_cannot(page: Page, tmp_path: Path) -> None:
    seven = Image.new("RGB", (120, 120))
    seven.paste("white", (30, 20, 90, 34))
    seven.paste("white", (66, 34, 80, 100))
    seven.save(tmp_path / "seven.png")
    page.locator("#modality label", has_text="Image").click()
    choose_model(page, "Digits VAE")
    page.fill("#prompt textarea", "a handwritten seven")
    page.set_input_files("#picture-drop .pe-file", tmp_path / "seven.png")
    desk = panel(page)
    expect(desk.locator(".pe-about")).to_contain_text("Digits VAE")
    expect(desk.get_by_role("textbox", name="What it should show")).to_have_value("a handwritten seven")
    expect(desk.get_by_role("radio", name="Mask")).to_be_hidden()
    expect(desk.get_by_role("button", name="Fill the mask")).to_be_hidden()
    expect(desk).to_contain_text("Digits VAE 28×28 fills in no mask: paint, or have the whole picture redrawn.")
    page.keyboard.press("m")  # no key reaches the mask either
    draw(page, (0.3, 0.5), (0.7, 0.5))
    assert marked(page) == 0
    desk.get_by_role("button", name="Redraw the whole").click()
    expect(desk.get_by_role("button", name="Save as my edit")).to_be_focused(timeout=60_000)
    desk.get_by_role("button", name="Keep as new pictures").click()
    expect(desk).to_have_count(0)
    wait_done(page)

    choose_model(page, "Digits GAN")
    page.set_input_files("#picture-drop .pe-file", tmp_path / "seven.png")
    desk = panel(page)
    expect(desk.locator(".pe-notes")).to_have_text(re.compile("GAN .* cannot start from a picture: Icons"))
    expect(desk.get_by_role("radio", name="Mask")).to_be_visible()


def choose_model(page: Page, name: str) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name=name).click()
