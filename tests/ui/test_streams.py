"""What the server says while Gradio's client takes a closed stream for open."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import BrowserContext, wait_done, write

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
    assert page.evaluate("window.streams.opened") == opened + 2
