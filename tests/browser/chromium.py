"""Debian's Chromium, driven by Playwright, and a page that remembers every complaint of the browser."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PASSWORD = "correct horse 9 battery"


def chromium_path() -> str | None:
    """Where the distribution's browser is; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def started() -> Iterator[Any]:
    """A running browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        yield browser
        browser.close()


def complaints_of(page: Any, origin: str) -> list[str]:
    """A list that fills with console errors and warnings, exceptions, failed or refused requests, and requests elsewhere."""
    found: list[str] = []

    def console(message: Any) -> None:
        if message.type in ("error", "warning"):
            found.append(f"console {message.type}: {message.text}")

    def request(sent: Any) -> None:
        if not sent.url.startswith((origin, "data:", "blob:")):
            found.append(f"request to another host: {sent.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: found.append(f"exception: {error}"))
    page.on("request", request)
    page.on("response", lambda answer: found.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    return found


def register(page: Any, origin: str, username: str) -> None:
    """A new account through the form; ends on the Explorer."""
    page.goto(f"{origin}/register")
    for name, value in (("username", username), ("email", f"{username}@example.org"), ("organisation", "Acme Shop")):
        page.fill(f"#{name}", value)
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/explorer")


_SETTLED = """() => JSON.stringify([performance.getEntriesByType('resource').length, document.body.innerText.length,
    ...[...document.querySelectorAll('.main-svg')].map(each => each.getBoundingClientRect().width)])"""


def is_idle(page: Any) -> None:
    """Wait until the fonts are there and nothing was fetched, written or resized for 400 ms."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready.then(() => true)")
    seen, since = page.evaluate(_SETTLED), time.monotonic()
    while time.monotonic() - since < 0.4:
        page.wait_for_timeout(50)
        now = page.evaluate(_SETTLED)
        if now != seen:
            seen, since = now, time.monotonic()


def until(page: Any, expression: str, argument: Any = None, *, timeout_s: float = 20) -> None:
    """Wait until a JavaScript expression or function is true. (Playwright's own way needs eval, which the pages forbid.)"""
    deadline = time.monotonic() + timeout_s
    while not page.evaluate(expression, argument):
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.wait_for_timeout(30)
