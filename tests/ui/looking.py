"""A widget's harness in a real browser: served once for a module, looked at by a page that must not complain."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from playwright.sync_api import Browser, Page

from collab.ui.theme import CSS, THEME


def launch(demo: gr.Blocks, port: int | None = None, *, wait: bool) -> str:
    """Serve a harness in the house's look; its address. wait: until somebody stops it."""
    _, url, _ = demo.queue(default_concurrency_limit=None).launch(
        theme=THEME,
        css=CSS,
        server_port=port,
        footer_links=[],
        quiet=True,
        ssr_mode=False,
        prevent_thread_lock=not wait,
    )
    return url


def sent(made: Any, act: str, within_s: float = 30) -> dict[str, Any]:
    """The newest such act that a page sent to its harness. A page sends after a click has returned: this waits."""
    until = time.monotonic() + within_s
    while True:
        found = next((each for each in reversed(made.acts) if each["act"] == act), None)
        if found is not None:
            return found
        assert time.monotonic() < until, f"no {act} was sent, only {[each['act'] for each in made.acts]}"
        time.sleep(0.05)


@contextmanager
def served(made: Any, build: Callable[[Any], gr.Blocks]) -> Iterator[Any]:
    """What a harness is built over, with the address at which it is served as `url`."""
    demo = build(made)
    made.url = launch(demo, wait=False)
    yield made
    demo.close()


@contextmanager
def watched_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """A desktop page whose clock can be moved on. Fails if its script fell over, or ran what people wrote."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.clock.install()  # so that nobody waits for the next look: see `look_again`
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    assert page.evaluate("window.pwned") is None, "what people wrote ran as a script"
    context.close()
    assert not problems, problems
