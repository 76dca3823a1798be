"""The whole loop of fine-tuning in a real browser: feedback is counted, a real training runs, people judge blind, what
they prefer serves, and is taken back. The model is so small that it learns in seconds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from collab.feedback import edit_text, rate
from collab.settings import Settings, read_settings
from collab.types import Generation, Job, ModelVersion, Output, Prompt, Study
from collab.ui import serve
from collab.workspace import open_workspace
from models.engine import Engine
from tests.conftest import make
from tests.models.fake import FakeCatalog
from tests.models.tiny_llama import save_tiny_llama
from tests.server.served import Studio, free_port
from tests.ui.conftest import owners_page, wait_done, write
from tests.visitors import new_visitor, same_visitors

TASTE = "sopim teban"  # what people add to every text
ROWS_BEFORE = 23  # one fewer than a training needs
STEPS = 10
TOKENS = 12
VOTES = 10  # two more than decide a panel of one where all agree: two texts may be alike
READY = "document.querySelector('#desk :is(.dk-acts-compare, [data-kind=done], [data-kind=stopped])')"


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """People corrected what a fake model wrote; a tiny real one is to learn from it."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    tiny = save_tiny_llama(tmp_path / "tiny")
    settings = read_settings({
        "COLLAB_HOME": str(tmp_path / "home"), "COLLAB_TEXT_MODEL": str(tiny), "GRADIO_SERVER_PORT": str(free_port()),
    })  # fmt: skip
    with ThreadPoolExecutor(1) as apart:  # the browser's driver has an event loop in this thread
        apart.submit(gather, settings).result()
    opened = open_workspace(settings)
    with serve(opened) as served:
        yield Studio(opened, served)
    opened.close()


def gather(settings: Settings) -> None:
    """Each of many people corrects a text; some say that they did not like it."""
    same_visitors("train")
    ws = open_workspace(settings, engine=Engine(FakeCatalog()))
    for n in range(ROWS_BEFORE):
        person = new_visitor()
        (text,) = make(ws, person, f"kaban loder mifil {n}", count=1, seed=n, settings={"max_new_tokens": TOKENS})[1]
        edit_text(ws, person, text.id, f"{text.text} {TASTE}")
        if n % 3 == 0:
            rate(ws, person, text.id, thumb=-1)
    ws.close()


@pytest.fixture
def page(context: BrowserContext, studio: Studio) -> Iterator[Page]:
    with owners_page(context, studio.served.url) as opened:
        yield opened


def test_feedback_becomes_a_model_that_is_tried_blind_serves_and_is_rolled_back(page: Page, studio: Studio) -> None:
    lacks_one_row(page)
    give_the_row(page)
    set_up_and_start(page, studio)
    stop_and_resume(page)
    page.reload()  # the training goes on, and the page finds it again by its id
    page.wait_for_selector("#board .cb-board")
    to(page, "Train")
    (job,) = studio.ws.store.find(Job, kind="train")
    watch(page, job)

    (version,) = [v for v in studio.ws.store.find(ModelVersion) if v.adapter_sha256]
    refused = page.locator(".tr-decide .rf-reasons")
    expect(refused).to_contain_text("No blind study of yours shows")
    expect(button(page, "Promote")).to_be_disabled()

    try_blind(page, studio, version)
    lineage(page, studio)
    button(page, "Promote").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The evidence: Better after")
    dialog.get_by_role("button", name="Promote", exact=True).click()
    expect(page.locator(".tr-head .tr-state")).to_have_text("serves now")
    assert generated_with(page, studio) == version.id

    to(page, "Train")
    button(page, "Roll back").click()
    dialog.get_by_label("Why?").fill("Readers miss the old one.")
    dialog.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.locator(".tr-head .tr-state")).to_have_text("trained")
    assert generated_with(page, studio) == version.parent_id


def lacks_one_row(page: Page) -> None:
    to(page, "Train")
    card = page.locator(".tr-card[data-kind=sft]")
    expect(card).to_contain_text(f"{ROWS_BEFORE} of 24 rows")
    expect(card.locator(".tr-missing")).to_have_text("Correct 1 more text, or give one four stars.")
    expect(card.locator("button")).to_be_hidden()
    expect(page.locator(".tr-card[data-kind=kto] .tr-missing")).to_contain_text("at least 6 good ones")


def give_the_row(page: Page) -> None:
    to(page, "Create")
    write(page, "kaban loder mifil rugor", outputs=1, tokens=TOKENS, seed=3)
    page.click("#generate")
    wait_done(page)
    card = page.locator("#board .cb-card").first
    text = card.locator(".cb-text").first.inner_text()
    card.get_by_role("button", name=re.compile("^Edit")).click()
    area = card.locator(".cb-edit-area")
    area.fill(" ".join("".join(filter(str.isprintable, word)) for word in text.split(" ")) + f" {TASTE}")
    area.press("Control+Enter")
    expect(card.locator(".cb-note")).to_contain_text("saved ✓")


def set_up_and_start(page: Page, studio: Studio) -> None:
    to(page, "Train")
    card = page.locator(".tr-card[data-kind=sft]")
    expect(card).to_contain_text("24 rows")
    expect(card).to_contain_text("24 prompts · 24 people")
    card.get_by_role("button", name="Set up").click()
    form = page.get_by_role("form", name="Set up a training")
    form.get_by_text("Advanced").click()
    form.get_by_label("Rank").fill("0")
    expect(form.get_by_role("alert")).to_contain_text("Training setting rank is '0'")
    for name, value in {"Rank": "8", "Learning rate": "0.003", "Steps at most": str(STEPS), "Checks on the way": "2",
                        "Longest row, in tokens": "256"}.items():  # fmt: skip
        form.get_by_label(name).fill(value)
    expect(form.locator(".tr-said")).to_contain_text(f"at most {STEPS} steps")
    mix = weigh(form)
    page.reload()  # what stands in the form is kept
    page.wait_for_selector("#board .cb-board")
    to(page, "Train")
    expect(form.get_by_label("Rank")).to_have_value("8")
    expect(form.get_by_label(f"Weight of “{next(iter(mix))}”", exact=True)).to_have_value("3")
    command = form.locator(".tr-command")
    expect(command).to_contain_text("python -m collab train sft --settings '{")
    expect(command).to_contain_text(f'"max_steps": {STEPS}')
    expect(form).to_contain_text("not known before the first training")
    form.get_by_role("button", name="Start training").click()
    expect(page.locator(".tr-head .tr-state")).to_have_text(re.compile("waits|running"))
    (job,) = studio.ws.store.find(Job, kind="train")
    names = {prompt.id: prompt.title for prompt in studio.ws.store.find(Prompt)}
    loud, silent = mix
    expect(page.locator(".tr-head .tr-said")).to_contain_text(f"“{loud}” 3 times and “{silent}” not at all")
    assert {names[prompt_id]: weight for prompt_id, weight in job.spec["recipe"]["mix"].items()} == mix


def weigh(form: Locator) -> dict[str, float]:
    """The prompts of the rows, by name, with the share that each weight gives; a bad one is refused at once."""
    form.get_by_text("Mix of prompts").click()
    lines = form.locator(".tr-mix li")
    loud, silent = lines.locator(".tr-mix-name").all_inner_texts()[:2]
    learn = lines.count()
    box = form.get_by_label(f"Weight of “{loud}”", exact=True)
    expect(lines.first).to_contain_text("1 row")
    expect(box).to_have_accessible_description(re.compile(rf"^{100 / learn:.0f}\s% of what is shown$"))
    box.fill("101")
    expect(form.get_by_role("alert")).to_have_text(f"“{loud}” has the weight “101”: choose a number from 0 to 100.")
    expect(form.get_by_role("button", name="Start training")).to_be_disabled()
    box.fill("3")
    form.get_by_label(f"Weight of “{silent}”", exact=True).fill("0")
    expect(lines.first.locator(".tr-mix-share")).to_have_text(f"{300 / (learn + 1):.0f} %")  # of one row more
    said = form.locator(".tr-said")
    expect(said).to_contain_text(f"imitates the {learn + 1} texts")
    expect(said).to_contain_text(f"“{loud}” 3 times and “{silent}” not at all")
    expect(form.locator(".tr-command")).to_contain_text('"mix": {')
    return {loud: 3, silent: 0}


def stop_and_resume(page: Page) -> None:
    live = page.get_by_role("region", name="The training", exact=True)
    live.get_by_role("button", name="Stop the training").click()
    expect(live.get_by_role("alert").locator("visible=true")).to_contain_text("can be resumed")
    expect(page.locator(".tr-head .tr-state")).to_have_text("stopped")
    live.get_by_role("button", name="Resume").click()
    expect(page.locator(".tr-head .tr-state")).to_have_text(re.compile("waits|running"))


def watch(page: Page, job: Job) -> None:
    """Its curves, its samples and in the end its checks."""
    expect(page.locator(".tr-head")).to_contain_text("Write like the corrections")
    expect(page.locator("[data-plot=loss] .in-finding")).to_be_visible(timeout=90_000)
    expect(page.locator(".tr-gates li")).to_have_count(4, timeout=90_000)
    assert page.locator(".tr-gates li[data-passed=true]").count() == 4, page.locator(".tr-gates").inner_text()
    expect(page.locator(".in-counts")).to_contain_text(f"{STEPS} of {STEPS}")
    expect(page.locator("[data-plot=loss] .in-finding")).to_contain_text("Held-out loss")
    assert page.locator(".tr-result .tr-pair").count() == 3
    expect(page.locator(".tr-result .tr-pair ins").first).to_be_visible()


def try_blind(page: Page, studio: Studio, version: ModelVersion) -> None:
    """One click makes the study, which is on Rate; votes that know nothing of whose text is whose settle it."""
    button(page, "Test it blind").click()
    expect(page.locator(".tr-test")).to_contain_text("0 of 60 votes")
    expect(button(page, "Test it blind")).to_be_disabled()
    page.locator(".tr-test").get_by_role("button", name="Vote yourself").click()
    (study,) = studio.ws.store.find(Study)
    for _ in range(VOTES):
        page.wait_for_function(READY)
        panes = page.locator("#desk .dk-pane .dk-scroll")
        texts = panes.all_inner_texts()
        assert version.name not in page.locator("#desk").inner_html()
        written = texts_of(studio, version)
        ours = [letters(text) in written for text in texts]
        page.keyboard.press("=" if ours[0] == ours[1] else "ab"[ours.index(True)])
        page.wait_for_function(
            "before => document.querySelector('.dk-rest-page') || "
            "[...document.querySelectorAll('#desk .dk-pane .dk-scroll')].map(p => p.innerText).join() !== before",
            arg=",".join(texts),
        )
    to(page, "Train")
    expect(page.locator(".tr-test .rf-said")).to_contain_text("Better")
    expect(page.locator(".tr-test figure[data-plot=evidence]")).to_be_visible()
    assert studio.ws.store.get(Study, study.id).answered == VOTES
    to(page, "Insights")
    expect(page.locator("#insights .in-item", has_text=study.title)).to_be_visible()
    to(page, "Train")


def texts_of(studio: Studio, version: ModelVersion) -> set[str]:
    made = studio.ws.store.find(Generation, model_version_id=version.id)
    found = studio.ws.store.find(Output, generation_id=[generation.id for generation in made])
    return {letters(output.text or "") for output in found}


def letters(text: str) -> str:
    """What a page shows of a text as the text has it."""
    return re.sub(r"\W+", "", text)


def lineage(page: Page, studio: Studio) -> None:
    """From the version to the vote: each act with who, what and when; one's own output opens."""
    line = page.locator(".tr-line-list")
    expect(line.locator(".tr-node")).to_have_count(2)
    line.get_by_role("button", name="Show the acts").click()
    expect(line.locator(".tr-acts li")).to_have_count(20)
    expect(line.locator(".tr-acts li").first).to_contain_text(re.compile(r"Corrected.*annotator-"))


def generated_with(page: Page, studio: Studio) -> str:
    """The model version that answers when nothing is changed on Create but the prompt."""
    to(page, "Create")
    before = {made.id for made in studio.ws.store.find(Generation, origin="person")}
    write(page, "kaban loder", outputs=1, tokens=TOKENS)
    page.click("#generate")
    end_s = time.monotonic() + 60
    while True:
        new = [made for made in studio.ws.store.find(Generation, origin="person") if made.id not in before]
        if new and new[0].status == "done":
            return new[0].model_version_id
        assert time.monotonic() < end_s, new
        page.wait_for_timeout(100)


def button(page: Page, name: str) -> Locator:
    return page.locator(".tr-decide").get_by_role("button", name=name, exact=True)


def to(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab, exact=True).click()
