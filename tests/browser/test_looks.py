"""Both themes, a phone, hostile text: nothing overflows, nothing becomes markup, the console stays empty."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import DESKTOP, PHONE, is_idle, until
from tests.browser.conftest import new_member, send
from tests.running import RunningServer

pytestmark = pytest.mark.browser

PUBLIC = ("/", "/login", "/register")
MEMBERS = ("/explorer?range=all", "/upload", "/settings")

HOSTILE = (
    '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">',
    "<b>bold</b> &amp; {{ 7*7 }} ${7*7} javascript:window.hacked=3",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x07 end",
    "\u202edlrow olleh\u202c left \u2066isolated\u2069",
    "x" * 1_000_000,
    "one\ntwo\n\tthree " * 40,
    "Z̵̢̛͔͉̮̞͎̓̀̑̈́̇͂͠ä̶̡̢̛̩̱́̔l̶̛̗̯g̷̢̛̼͗ǒ̶̬̎",
    "العربية 中文 日本語 😀 ﷽",
)


def overflow(page: Any) -> int:
    """Pixels that the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["1440", "390"])
def test_no_page_scrolls_sideways_or_complains(
    open_page: Callable[..., Any], server: RunningServer, theme: str, viewport: dict[str, int]
) -> None:
    page = open_page(viewport=viewport, theme=theme)
    for path in PUBLIC:
        page.goto(path)
        assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
        assert overflow(page) <= 0, path
    page = new_member(open_page, server, viewport=viewport, theme=theme)
    send(page, [{"message": text, "service": text[:300], "host": "h" * 200} for text in HOSTILE])
    for path in MEMBERS:
        page.goto(path)
        is_idle(page)
        assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
        assert overflow(page) <= 0, path


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["1440", "390"])
def test_hostile_log_text_is_shown_as_text(
    open_page: Callable[..., Any], server: RunningServer, viewport: dict[str, int]
) -> None:
    page = new_member(open_page, server, viewport=viewport)
    records = [{"message": text, "extra": {text[:60]: text[:5000]}, "tags": [text[:100]]} for text in HOSTILE]
    send(page, records)
    page.goto("/explorer?range=all&order=asc")
    page.wait_for_selector(".ev-lr")
    assert page.locator(".ev-lr").count() == len(HOSTILE)
    for index in range(len(HOSTILE)):
        page.locator(".ev-lr").nth(index).evaluate("row => row.click()")
        page.wait_for_selector("#drawer-fields")
        is_idle(page)
        page.locator("#explorer-drawer [role=tab]").nth(1).click()
        assert overflow(page) <= 0
        page.click("#explorer-drawer [data-act=close]")
        page.wait_for_selector("#explorer-drawer", state="hidden")
    assert page.evaluate("window.hacked") is None
    assert page.locator(".ev-lt script, .ev-lt img, .ev-drawer script, .ev-drawer img, .ev-lt b").count() == 0
    shown = page.inner_text("#explorer-rows")
    assert "<script>window.hacked = 1</script>" in shown
    assert "\u202e" not in shown
    assert "\x1b" not in shown


def test_naughty_strings_neither_run_nor_break_the_page(member: Any, shared_data: Path) -> None:
    naughty = [text for text in json.loads((shared_data / "naughty-strings.json").read_text()) if text]
    send(member, [{"message": text, "service": "naughty"} for text in naughty])
    member.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    member.goto("/explorer?range=all")
    for _ in range(len(naughty) // 100 + 1):
        member.wait_for_selector(".ev-lr")
        is_idle(member)
        assert overflow(member) <= 0
        older = member.locator("[data-act=older]")
        if not older.is_enabled():
            break
        older.click()


def test_the_theme_is_kept_across_pages_and_visits(member: Any) -> None:
    member.click(".ev-avatar")
    member.click(".ev-rail [data-theme-choice=dark]")
    assert member.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    is_idle(member)
    member.context.clear_cookies(name="ev_theme")
    member.goto("/settings")
    until(member, "document.documentElement.dataset.bsTheme === 'dark'")
    member.wait_for_selector(".ev-settings [data-theme-choice=dark][aria-pressed=true]")


def test_an_unknown_address_is_a_404_that_leads_back(open_page: Callable[..., Any]) -> None:
    page = open_page()
    answer = page.goto("/no/such/page")
    assert answer.status == 404
    page.click("text=Go to the start page")
    page.wait_for_selector("text=Sign in")
    page.complaints.clear()  # the 404 itself


def test_every_control_has_a_name(member: Any) -> None:
    send(member, [{"message": "one", "service": "shop"}])
    nameless = """() => [...document.querySelectorAll('button, a, input, select, summary')]
        .filter(each => each.offsetParent !== null && each.type !== 'hidden')
        .filter(each => !(each.textContent.trim() || each.getAttribute('aria-label') || each.title
            || (each.labels && each.labels.length) || each.placeholder))
        .map(each => each.outerHTML.slice(0, 200))"""
    for path in MEMBERS:
        member.goto(path)
        is_idle(member)
        assert member.evaluate(nameless) == [], path
