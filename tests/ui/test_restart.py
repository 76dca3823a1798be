"""What a person sees after the server was killed in the middle of their generation."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.ui.conftest import Studio, generate, open_create, start_studio, wait_done


def test_a_killed_server_says_what_it_lost_and_offers_to_run_it_again(browser: Browser, tmp_path: Path) -> None:
    first: Studio = start_studio(tmp_path / "home")
    second: Studio | None = None
    context = browser.new_context()
    try:
        page = context.new_page()
        page.set_default_timeout(90_000)
        open_create(page, first)
        generate(page, "Tell a long story about a mountain.", outputs=1, tokens=600)
        page.wait_for_selector("#board .cb-running", timeout=120_000)
        port = int(first.url.rpartition(":")[2])
        first.kill()
        expect(page.get_by_text("Attempting reconnection")).to_be_visible(timeout=90_000)
        second = start_studio(tmp_path / "home", port)
        # Nobody reloads: the page asks every two seconds whether the server is back, and then reloads by itself.
        page.wait_for_selector("#board .cb-toolbar[data-status=failed]")
        expect(page.locator("#board .cb-banner")).to_contain_text("run it again")
        page.get_by_role("tab", name="Create").click()
        page.locator("#board .cb-banner").get_by_role("button").click()
        page.wait_for_selector("#board .cb-running", timeout=120_000)
        page.locator("#stop").click()
        wait_done(page, "cancelled")
    finally:
        context.close()
        for running in (first, second):
            if running is not None and running.process.poll() is None:
                running.kill()
