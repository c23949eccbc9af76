"""`python -m tests.browser.screenshots`: pictures of every page in both themes, from a fresh server with sample data.

They go to docs/images as <page>-<theme>.png. Counts and layout are the same every time; times are those of the day.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.chromium import DESKTOP, PHONE, chromium_path, complaints_of, is_idle, register, started
from tests.running import ROOT, RunningServer

IMAGES = ROOT / "docs" / "images"
THEMES = ("light", "dark")


def main() -> int:
    """Take all pictures; 1 where the browser is missing or a page complained."""
    if chromium_path() is None:
        print("Chromium is missing. On Debian or Ubuntu: sudo apt-get install chromium")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        server = RunningServer(Path(folder) / "data").start()
        try:
            found = _take_all(browser, server.url, Path(folder))
        finally:
            server.stop()
    for each in found:
        print(f"the browser complained: {each}")
    return 1 if found else 0


def _take_all(browser: Any, origin: str, folder: Path) -> list[str]:
    files = _files(folder)
    found: list[list[str]] = []
    for theme in THEMES:
        page = _page(browser, origin, DESKTOP, theme, found)
        for name, path in (("landing", "/"), ("sign-in", "/login"), ("register", "/register")):
            page.goto(path)
            _save(page, f"{name}-{theme}")
        register(page, origin, f"mira-{theme}")
        page.wait_for_selector("text=Waiting for the first event")
        _save(page, f"first-run-{theme}")
        page.click("text=Load sample data")
        page.wait_for_selector(".ev-lr")
        _member_pages(page, theme, files)
        cookies = page.context.cookies()
        phone = _page(browser, origin, PHONE, theme, found)
        phone.context.add_cookies(cookies)
        phone.goto("/explorer?q=payment&range=6h")
        phone.wait_for_selector(".ev-lr")
        _save(phone, f"explorer-phone-{theme}")
    return [each for complaints in found for each in complaints]


def _page(browser: Any, origin: str, viewport: dict[str, int], theme: str, found: list[list[str]]) -> Any:
    context = browser.new_context(viewport=viewport, color_scheme=theme, base_url=origin, reduced_motion="reduce")
    page = context.new_page()
    found.append(complaints_of(page, origin))
    return page


def _member_pages(page: Any, theme: str, files: list[Path]) -> None:
    steps: tuple[tuple[str, Callable[[Any], None]], ...] = (
        ("explorer", _explorer),
        ("explorer-record", _record),
        ("explorer-no-hits", _no_hits),
        ("upload", lambda page: _staged(page, files)),
        ("upload-report", _report),
        ("settings", _settings),
    )
    for name, reach in steps:
        reach(page)
        _save(page, f"{name}-{theme}")


def _explorer(page: Any) -> None:
    page.goto("/explorer?q=order+OR+pool&range=6h")
    page.wait_for_selector(".ev-lr mark")


def _record(page: Any) -> None:
    page.goto("/explorer?q=payment+AND+timeout&range=6h")
    page.wait_for_selector(".ev-lr")
    page.locator(".ev-lr").nth(6).click()
    page.wait_for_selector("#drawer-fields")


def _no_hits(page: Any) -> None:
    page.goto("/explorer?q=timeout&range=15m")
    page.wait_for_selector(".ev-state")


def _staged(page: Any, files: list[Path]) -> None:
    page.goto("/upload")
    page.wait_for_selector("#upload-drop")
    with page.expect_file_chooser() as chooser:
        page.click("#upload-drop")
    chooser.value.set_files([str(file) for file in files])
    page.wait_for_selector(".ev-preview")
    page.mouse.move(1200, 860)


def _report(page: Any) -> None:
    page.click("#upload-send")
    page.wait_for_selector("#upload-list .ev-warn")
    page.wait_for_selector("#upload-list .ev-good")
    page.click("#upload-list .ev-file:has(.ev-warn)")
    page.wait_for_selector("#upload-report .ev-problems")
    page.mouse.move(1200, 860)


def _settings(page: Any) -> None:
    page.goto("/settings")
    page.fill("#settings-token-name", "nightly import")
    page.click("#settings-make-token")
    page.wait_for_selector("#settings-tokens .ev-dt")
    page.wait_for_selector("#settings-new-token")
    page.reload()
    page.wait_for_selector("#settings-tokens .ev-dt")


def _save(page: Any, name: str) -> None:
    is_idle(page)
    page.screenshot(path=str(IMAGES / f"{name}.png"), animations="disabled", caret="hide")
    print(f"docs/images/{name}.png")


def _files(folder: Path) -> list[Path]:
    """Two log files of our own; the second has lines that are not what they claim to be."""
    access, events = folder / "shop-access.log", folder / "checkout-events.ndjson"
    access.write_text("\n".join(_access(index) for index in range(4_000)) + "\n")
    events.write_text("\n".join(_event(index) for index in range(1_200)) + "\n")
    return [access, events]


def _access(index: int) -> str:
    status = 503 if index % 97 == 0 else 404 if index % 41 == 0 else 200
    path = ("/", "/cart", "/products/kettle-79", "/checkout", "/search?q=lamp")[index % 5]
    when = f"22/Nov/2026:{index // 240:02d}:{index // 4 % 60:02d}:{index * 15 % 60:02d} +0000"
    return (
        f'192.0.2.{index * 7 % 250} - - [{when}] "GET {path} HTTP/1.1" {status} {900 + index % 700} "-" "Mozilla/5.0"'
    )


def _event(index: int) -> str:
    if index % 300 == 150:
        return f'{{"time": "2026-11-22T10:00:00Z", "level": "info", "message": "cut off at {index}'
    level = "error" if index % 60 == 0 else "info"
    when = f"2026-11-22T{index // 60:02d}:{index % 60:02d}:00Z"
    return f'{{"time": "{when}", "level": "{level}", "service": "checkout", "message": "order {index} stored", "amount": {index % 90}.5}}'


if __name__ == "__main__":
    sys.exit(main())
