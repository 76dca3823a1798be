"""A page that the server's answers reach late: nothing is missed, and nothing undone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import BrowserContext, Studio, generate, open_create, wait_done, write

LATE_MS = 500
# what the server streams arrives late and what it answers at once, as through some proxies
LATE_STREAM = """
(() => {
  const fetched = window.fetch.bind(window);
  window.streams = { opened: 0, closed: 0 };
  window.fetch = async (input, options) => {
    const answer = await fetched(input, options);
    if (!String(input.url ?? input).includes("/queue/data")) return answer;
    window.streams.opened += 1;
    const late = new TransformStream({
      async transform(chunk, out) {
        if (new TextDecoder().decode(chunk).includes("close_stream")) window.streams.closed += 1;
        await new Promise((later) => setTimeout(later, LATE_MS));
        out.enqueue(chunk);
      },
    });
    return new Response(answer.body.pipeThrough(late), { status: answer.status, headers: answer.headers });
  };
})();
""".replace("LATE_MS", str(LATE_MS))


# what the page asks for as it opens is sent when the test says so
LATE_LOAD = """
(() => {
  const fetched = window.fetch.bind(window);
  const released = new Promise((release) => (window.release = release));
  window.loading = true;
  window.fetch = async (input, options) => {
    if (window.loading && String(input.url ?? input).includes("/queue/join")) await released;
    return fetched(input, options);
  };
})();
"""


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    context.add_init_script(LATE_STREAM)
    return context


def test_what_is_asked_for_as_the_stream_closes_is_heard(page: Page) -> None:
    """The seed's own event ends, its stream closes, and before the page hears of it a text is asked for."""
    write(page, "Tell a joke.", outputs=1, tokens=4)
    streams = "() => window.streams.opened === window.streams.closed"
    page.wait_for_function(streams)
    page.wait_for_timeout(2 * LATE_MS)  # nothing is under way
    opened = page.evaluate("window.streams.opened")
    page.fill("#seed :is(input, textarea)", "7")
    page.wait_for_function(f"() => window.streams.closed > {opened}")
    page.click("#generate")
    wait_done(page)
    expect(page.locator("#board .cb-card")).to_have_count(1)
    page.wait_for_function(streams)  # and none is left open
    # the seed's, the text's, and where that has closed by then, the one that tells how far the model is
    assert page.evaluate("window.streams.opened") in (opened + 2, opened + 3)


def test_what_is_chosen_while_the_form_loads_is_kept(browser: Browser, studio: Studio) -> None:
    """The form as it was, with a text model, comes in after pictures were chosen."""
    person = browser.new_context(viewport={"width": 1280, "height": 900})
    person.add_init_script(LATE_LOAD)
    page = person.new_page()
    open_create(page, studio)
    page.evaluate("window.loading = false")
    page.locator("#modality label", has_text="Image").click()
    model = page.locator("#model input")
    expect(model).to_have_value("Icons 64×64")
    page.evaluate("window.release()")
    page.wait_for_timeout(2_000)
    expect(model).to_have_value("Icons 64×64")
    generate(page, "a red apple", outputs=1, tokens=None)
    wait_done(page)
    expect(page.locator("#board .cb-card img").first).to_be_visible()
    person.close()
