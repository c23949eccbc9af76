"""The Delivery page, and what the Explorer shows where a store cannot look at everything or is out of reach."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import DESKTOP, PHONE, is_idle, register, until
from tests.browser.conftest import send
from tests.browser.test_looks import HOSTILE, overflow
from tests.running import RunningServer

pytestmark = pytest.mark.browser

COMMAND = (sys.executable, "-m", "tests.browser.telling_child")
BUSY = {
    "records": 48_213,
    "size_bytes": 21_400_000,
    "oldest_s": 7,
    "rate_per_s": 1_204.4,
    "in_doubt": 0,
    "concurrency": 2,
    "bulk_bytes": 4 << 20,
    "max_bytes": 1 << 30,
    "counters": {"delivered": 9_120_443},
}
DOWN = BUSY | {"is_reachable": False, "failing_s": 95, "oldest_s": 96, "last_error": "refused at es-1.internal:9200"}


@pytest.fixture(scope="module")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("telling")).start(command=COMMAND)
    yield running
    running.stop()


@pytest.fixture
def tell(server: RunningServer) -> Iterator[Callable[..., None]]:
    """Say what the store tells from now on."""

    def say(**what: Any) -> None:
        written = server.data_dir / "telling.new"
        written.write_text(json.dumps(what))
        written.replace(server.data_dir / "telling.json")

    say(delivery=BUSY)
    yield say
    say(delivery=BUSY)


@pytest.fixture(scope="module", autouse=True)
def superadmin(browser: Any, server: RunningServer) -> Iterator[Any]:
    """The first account, which administers the installation; its browser stays open."""
    context = browser.new_context(base_url=server.url, viewport=DESKTOP)
    page = context.new_page()
    register(page, server.url, "steward")
    yield page
    context.close()


def letters(count: int, mark: str) -> list[dict[str, Any]]:
    return [
        {"id": f"{mark}-{number}", "minutes": number, "record": {"message": HOSTILE[number % 2], "service": "shop"}}
        for number in range(count)
    ]


def organisation_of(page: Any) -> str:
    found: str = page.context.request.get("/api/organisation/").json()["id"]
    return found


def test_a_superadmin_sees_the_installation_and_is_told_when_the_server_is_gone(superadmin: Any, tell: Any) -> None:
    superadmin.goto("/delivery")
    superadmin.wait_for_selector("text=48,213")
    assert "Whole installation" in superadmin.inner_text("header")
    assert "9,120,443" in superadmin.inner_text("#delivery-overview")
    superadmin.wait_for_selector(".ev-pill >> text=Delivering")
    tell(delivery=DOWN)
    superadmin.wait_for_selector(".ev-pill >> text=Not reachable")
    assert "refused at es-1.internal:9200" in superadmin.inner_text("#delivery-overview")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["1440", "390"])
def test_dead_letters_are_shown_as_text_sent_again_and_discarded(
    open_page: Callable[..., Any], server: RunningServer, tell: Any, viewport: dict[str, int]
) -> None:
    page = open_page(viewport=viewport)
    name = f"owner{viewport['width']}"
    register(page, server.url, name)
    tell(delivery=BUSY, letters={organisation_of(page): letters(25, name)})
    page.goto("/delivery")
    page.wait_for_selector("text=1 to 20 of 25")
    assert "es-1.internal" not in page.content()
    page.locator(".ev-preview-fold summary").first.click()
    page.wait_for_selector("pre >> text=<script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator(".ev-letters script, .ev-letters img, .ev-letters b").count() == 0
    assert overflow(page) <= 0
    page.click("#delivery-older")
    page.wait_for_selector("text=21 to 25 of 25")
    page.click("#delivery-newer")
    page.wait_for_selector("text=1 to 20 of 25")

    page.locator("text=Send again").first.click()
    page.wait_for_selector(".ev-toast >> text=1 record on the way again.")
    page.wait_for_selector("text=1 to 20 of 24")
    page.locator(".ev-letter-tools >> text=Discard").first.click()
    page.wait_for_selector("text=Discarded, it is gone for good")
    page.click("#delivery-cancel")
    page.wait_for_selector(".modal", state="detached")
    page.click("text=Discard all")
    page.wait_for_selector("text=All 24 refused records are kept only here")
    page.click("#delivery-confirm")
    page.wait_for_selector("text=24 records discarded.")
    page.wait_for_selector("text=None. A record that the server refuses")


def test_an_open_preview_stays_open_while_the_page_asks_again(
    open_page: Callable[..., Any], server: RunningServer, tell: Any
) -> None:
    page = open_page()
    register(page, server.url, "patient")
    tell(delivery=BUSY, letters={organisation_of(page): letters(1, "patient")})
    page.goto("/delivery")
    page.click(".ev-preview-fold summary")
    asked = page.evaluate("performance.getEntriesByType('resource').length")
    until(page, "asked => performance.getEntriesByType('resource').length > asked + 3", asked)
    assert page.locator(".ev-preview-fold[open]").count() == 1


def test_members_who_do_not_administer_are_told_so(
    open_page: Callable[..., Any], server: RunningServer, tell: Any, superadmin: Any
) -> None:
    token = next(each["value"] for each in superadmin.context.cookies() if each["name"] == "_csrf_token")
    made = superadmin.context.request.post(
        "/api/organisation/invitations/", data={"role": "viewer"}, headers={"X-CSRFToken": token}
    )
    page = open_page()
    body = {"username": "viv", "email": "viv@example.org", "password": "correct horse 9 battery"}
    assert page.context.request.post("/api/auth/register/", data=body | {"invitation": made.json()["code"]}).ok
    page.goto("/login")
    page.fill("#username", "viv")
    page.fill("#password", body["password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/explorer")
    assert page.locator(".ev-rail >> text=Delivery").count() == 0
    page.goto("/delivery")
    page.wait_for_selector("text=Delivery is for administrators")


def test_a_partial_answer_is_shown_as_one(open_page: Callable[..., Any], server: RunningServer, tell: Any) -> None:
    page = open_page()
    register(page, server.url, "partly")
    send(page, [{"message": f"row {number}", "service": "shop"} for number in range(120)])
    tell(store={"is_partial": True})
    page.goto("/explorer?q=row")
    page.wait_for_selector(".ev-partial")
    assert "only the newest 100,000 candidates were looked at" in page.inner_text(".ev-partial")
    assert page.inner_text("#explorer-summary").startswith("at least 120 hits")
    assert "of at least 120" in page.inner_text("#explorer-span")
    page.wait_for_selector("text=partial counts")
    assert page.locator(".ev-lr").count() == 100
    page.goto("/explorer?q=absent")
    page.wait_for_selector("text=Nothing found among the records that could be looked at")
    assert page.inner_text("#explorer-span") == "No records on this page"
    page.click("text=Look further")
    page.wait_for_selector("#explorer-pager [data-act=older]:disabled")
    page.click("#explorer-pager [data-act=newer]")
    page.wait_for_selector("text=Look further")


def test_a_store_out_of_reach_is_not_an_empty_one(
    open_page: Callable[..., Any], server: RunningServer, tell: Any
) -> None:
    page = open_page()
    register(page, server.url, "cutoff")
    send(page, [{"message": "here"}])
    page.goto("/explorer")
    page.wait_for_selector(".ev-lr")
    tell(store={"is_down": True})
    page.click("#explorer-run-button")
    page.wait_for_selector("text=Logs cannot be searched now")
    assert page.locator(".ev-lr").count() == 1
    page.goto("/explorer")
    page.wait_for_selector("text=Logs cannot be searched now")
    is_idle(page)
    assert page.locator(".ev-toast").count() == 0
    tell()
    page.click("text=Try again")
    page.wait_for_selector(".ev-lr >> text=here")


def test_the_embedded_store_has_nothing_on_its_way(browser: Any, tmp_path: Path) -> None:
    with RunningServer(tmp_path, ELASTICSEARCH_HOSTS="") as embedded:
        page = browser.new_context(base_url=embedded.url).new_page()
        register(page, embedded.url, "solo")
        assert page.locator(".ev-rail >> text=Delivery").count() == 0
        page.goto("/delivery")
        page.wait_for_selector("text=Records are stored in this process; nothing is on its way.")
        page.context.close()
