"""One server and one browser for all page tests; every test has an account of its own and a page that must not complain."""

import itertools
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.conftest import missing
from tests.running import RunningServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if find_spec("playwright") is None:
        missing("playwright (requirements-dev.txt)")
    if chromium.chromium_path() is None:
        missing("chromium (apt-get install chromium)")
    with chromium.started() as started:
        yield started


@pytest.fixture(scope="session")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("pages")).start()
    yield running
    running.stop()


@pytest.fixture
def open_page(browser: Any, server: RunningServer) -> Iterator[Callable[..., Any]]:
    """Make pages of given size and theme; after the test none of them may have complained."""
    contexts, complaints = [], []

    def make(*, viewport: dict[str, int] = chromium.DESKTOP, theme: str = "light", scripts: bool = True) -> Any:
        context = browser.new_context(
            viewport=viewport, color_scheme=theme, java_script_enabled=scripts, base_url=server.url
        )
        page = context.new_page()
        page.set_default_timeout(20_000)
        contexts.append(context)
        complaints.append(chromium.complaints_of(page, server.url))
        page.complaints = complaints[-1]
        return page

    yield make
    for context in contexts:
        context.close()
    assert [each for found in complaints for each in found] == []


@pytest.fixture
def member(open_page: Callable[..., Any], server: RunningServer) -> Any:
    """A page of a new account, on the Explorer."""
    return new_member(open_page, server)


def new_member(open_page: Callable[..., Any], server: RunningServer, **options: Any) -> Any:
    page = open_page(**options)
    chromium.register(page, server.url, f"member{next(_numbers)}")
    return page


def send(page: Any, records: list[dict[str, Any]]) -> None:
    """Store records as the signed-in browser would, by REST with its cookie and CSRF token."""
    token = next(each["value"] for each in page.context.cookies() if each["name"] == "_csrf_token")
    answer = page.context.request.post("/api/logs/bulk/", data=records, headers={"X-CSRFToken": token})
    assert answer.ok, answer.text()


def upload(page: Any, file: Path) -> None:
    """Choose a file on the Upload page, wait for its preview, send it, wait until it is stored."""
    page.goto("/upload")
    page.wait_for_selector("#upload-drop")
    with page.expect_file_chooser() as chooser:
        page.click("#upload-drop")
    chooser.value.set_files(str(file))
    page.wait_for_selector(".ev-preview")
    page.click("#upload-send")
    page.wait_for_selector("#upload-report >> text=View these logs")
    page.wait_for_selector("#upload-list .ev-good, #upload-list .ev-warn")
