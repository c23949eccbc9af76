"""From the first page to the line that was looked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import PASSWORD, is_idle, until
from tests.browser.conftest import send, upload
from tests.running import RunningServer

pytestmark = pytest.mark.browser


def lines(folder: Path) -> Path:
    """A small access log of our own."""
    file = folder / "shop-access.log"
    rows = [
        f'192.0.2.{index % 250} - - [22/Nov/2026:10:{index // 60:02d}:{index % 60:02d} +0000] "GET /cart/{index} HTTP/1.1"'
        f' {503 if index == 117 else 200} 512 "-" "curl/8.5"'
        for index in range(240)
    ]
    file.write_text("\n".join(rows) + "\n")
    return file


def test_a_new_user_uploads_a_file_finds_a_line_and_opens_it(member: Any, tmp_path: Path) -> None:
    upload(member, lines(tmp_path))
    member.click("text=View these logs")
    member.wait_for_selector(".ev-lr")
    assert member.inner_text("#explorer-summary").startswith("240 hits in ")

    member.fill("#explorer-query-input", "503")
    member.keyboard.press("Enter")
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('1 hit ')")
    member.click(".ev-lr")
    member.wait_for_selector("#drawer-fields")
    assert "/cart/117" in member.inner_text("#explorer-drawer")


def test_a_real_file_of_the_shared_data_comes_in_whole(member: Any, shared_data: Path) -> None:
    upload(member, shared_data / "elastic-examples" / "auth.log")
    assert "7,121 records" in member.inner_text("#upload-list")


def test_the_first_event_is_seen_without_a_reload(member: Any) -> None:
    member.wait_for_selector("text=Waiting for the first event")
    member.click("#explorer-token-button")
    until(member, "document.querySelector('#first-curl-text')?.textContent.includes('evk_')")
    command = member.inner_text("#first-curl-text")
    token = command.split("Bearer ")[1].split('"')[0]
    answer = member.context.request.post(
        "/api/logs/", data={"message": "Hello from my-app"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status == 201
    member.wait_for_selector(".ev-lr >> text=Hello from my-app")


def test_sample_data_is_loaded_and_removed_with_one_click_each(member: Any) -> None:
    member.click("text=Load sample data")
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('50,000 hits')")
    member.click("text=Remove it")
    member.wait_for_selector("text=Send your first log")


def test_the_address_carries_the_search_and_back_returns_to_the_one_before(member: Any) -> None:
    send(member, [{"message": f"alpha {index}", "level": "error" if index % 2 else "info"} for index in range(6)])
    member.goto("/explorer?q=alpha")
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('6 hits')")
    member.click("[data-act=facet][data-field=level][data-value=error]")
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('3 hits')")
    assert "q=alpha" in member.url
    assert "level=error" in member.url

    member.reload()
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('3 hits')")
    member.go_back()
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('6 hits')")
    assert member.input_value("#explorer-query-input") == "alpha"


def test_a_wrong_query_is_explained_and_mended_with_one_click(member: Any) -> None:
    send(member, [{"message": "timeout of the pool"}])
    member.goto("/explorer?q=timeout")
    member.wait_for_selector(".ev-lr")
    member.fill("#explorer-query-input", "(timeout")
    member.keyboard.press("Enter")
    member.wait_for_selector(".ev-fix")
    assert member.locator(".ev-lr").count() == 1
    member.click(".ev-fix button")
    member.wait_for_selector(".ev-fix", state="detached")
    member.wait_for_selector(".ev-lr")


def test_no_hits_names_where_the_data_is_and_goes_there(member: Any) -> None:
    send(member, [{"message": "needle", "timestamp": "2019-05-04T10:00:00Z"}])
    member.goto("/explorer?q=needle&range=15m")
    member.wait_for_selector("text=No logs match in the last 15 min")
    member.click("text=Search all time")
    member.wait_for_selector(".ev-lr >> text=needle")


def test_a_misspelt_field_is_named_and_mended_with_one_click(member: Any) -> None:
    send(member, [{"level": "error", "message": "pool empty"}])
    member.goto("/explorer?q=levle:error")
    member.wait_for_selector("text=No record has the field levle; did you mean level?")
    member.click("text=Search level:error")
    member.wait_for_selector(".ev-lr >> text=pool empty")


def test_rows_are_walked_with_the_keyboard(member: Any) -> None:
    send(member, [{"message": f"row {index}"} for index in range(5)])
    member.goto("/explorer")
    member.wait_for_selector(".ev-lr")
    is_idle(member)
    member.keyboard.press("j")
    member.keyboard.press("j")
    member.keyboard.press("Enter")
    member.wait_for_selector("#drawer-fields")
    first = member.inner_text("#drawer-message")
    member.keyboard.press("j")
    until(member, "before => document.querySelector('#drawer-message')?.textContent !== before", first)
    member.keyboard.press("Escape")
    member.wait_for_selector("#explorer-drawer", state="hidden")
    member.keyboard.press("/")
    assert member.evaluate("document.activeElement.id") == "explorer-query-input"


def test_a_tick_narrows_the_values_of_the_other_fields_only(member: Any) -> None:
    send(member, [{"message": "x", "service": name, "level": level} for name, level in
                  (("pay", "error"), ("pay", "info"), ("web", "info"))])  # fmt: skip
    member.goto("/explorer")
    member.wait_for_selector("[data-act=facet][data-value=web]")
    member.click("[data-act=facet][data-field=level][data-value=error]")
    member.wait_for_selector("[data-act=facet][data-value=web]", state="detached")
    counts = member.locator("[data-act=facet]:has(.ev-ct)").all_inner_texts()
    assert {"pay\n1", "error\n1", "info\n2"} <= set(counts)


def test_the_record_is_closed_by_a_search_that_leaves_it(member: Any) -> None:
    send(member, [{"message": "x", "service": "pay"}])
    member.goto("/explorer?q=service%3Apay")
    member.click(".ev-lr")
    member.hover("#drawer-fields .ev-tr:has([data-act=exclude][data-field=service])")
    member.click("#drawer-fields [data-act=exclude][data-field=service]")
    member.wait_for_selector("#explorer-drawer", state="hidden")
    assert member.input_value("#explorer-query-input") == "NOT service:pay"
    member.wait_for_selector("text=Nothing matches")


def test_paging_goes_older_and_back(member: Any) -> None:
    send(member, [{"message": f"row {index}"} for index in range(150)])
    member.goto("/explorer")
    member.wait_for_selector("#explorer-pager")
    assert "1 to 100 of 150" in member.inner_text("#explorer-pager")
    newest = member.inner_text(".ev-lr .ev-ms >> nth=0")
    member.click("[data-act=older]")
    member.wait_for_selector("text=101 to 150 of 150")
    member.click("[data-act=newer]")
    member.wait_for_selector("text=1 to 100 of 150")
    assert member.inner_text(".ev-lr .ev-ms >> nth=0") == newest


def test_filter_for_and_exclude_add_a_condition(member: Any) -> None:
    send(member, [{"message": "x", "shop": {"id": number}} for number in (1, 2, 2)])
    member.goto("/explorer")
    member.click(".ev-lr")
    member.hover(".ev-tr:has-text('shop.id')")
    member.click(".ev-tr:has-text('shop.id') [data-act=exclude]")
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('1 hit')")
    assert "NOT shop.id:" in member.input_value("#explorer-query-input")


def test_an_upload_is_deleted_with_its_logs(member: Any, tmp_path: Path) -> None:
    upload(member, lines(tmp_path))
    member.click("[data-upload-act=delete]")
    member.click("#upload-delete-logs")
    member.wait_for_selector("text=Nothing was uploaded yet")
    member.goto("/explorer?range=all")
    member.wait_for_selector("text=Send your first log")


def test_a_refused_file_says_why_and_stays(member: Any, tmp_path: Path) -> None:
    file = tmp_path / "core.dump"
    file.write_bytes(bytes(range(256)) * 4000)
    member.goto("/upload")
    member.wait_for_selector("#upload-drop")
    with member.expect_file_chooser() as chooser:
        member.click("#upload-drop")
    chooser.value.set_files(str(file))
    member.wait_for_selector("#upload-preview .ev-bad")
    member.click("#upload-send")
    member.wait_for_selector("#upload-staged .ev-bad")
    assert "binary" in member.inner_text("#upload-staged")
    refused = [each for each in member.complaints if "/api/logs/upload/" in each or "422" in each]
    for each in refused:
        member.complaints.remove(each)  # the browser reports the refusal that this test provokes


def test_a_token_is_made_shown_once_and_revoked(member: Any) -> None:
    member.goto("/settings")
    member.fill("#settings-token-name", "nightly import")
    member.click("#settings-make-token")
    plain = member.inner_text("#settings-new-token")
    assert plain.startswith("evk_")
    member.reload()
    member.wait_for_selector("text=nightly import")
    assert plain not in member.content()
    member.click("text=Revoke >> nth=0")
    member.click("#settings-revoke-confirm")
    member.wait_for_selector("text=No tokens yet")


def test_the_chosen_time_zone_moves_every_time(member: Any) -> None:
    send(member, [{"message": "noon", "timestamp": "2026-01-15T12:00:00Z"}])
    member.goto("/settings")
    until(member, "document.querySelector('#settings-zone')?.value === 'UTC'")
    member.select_option("#settings-zone", "Asia/Tokyo")
    member.wait_for_selector("text=Saved. Times are shown in Asia/Tokyo")
    member.goto("/explorer?range=all")
    assert "21:00:00" in member.text_content(".ev-lr")


def test_a_long_search_says_so_and_is_replaced_by_the_next(member: Any) -> None:
    send(member, [{"message": "slow snail"}, {"message": "fast hare"}])
    held = hold_searches(member, "snail")
    member.goto("/explorer?q=hare")
    member.wait_for_selector(".ev-lr >> text=fast hare")
    member.fill("#explorer-query-input", "snail")
    member.keyboard.press("Enter")
    member.wait_for_selector("text=Searching, ")
    member.fill("#explorer-query-input", "hare")
    member.keyboard.press("Enter")
    member.wait_for_selector("text=Searching, ", state="detached")
    held[0].continue_()
    is_idle(member)
    assert member.locator(".ev-lr").all_text_contents()[0].endswith("fast hare")


def test_a_long_search_can_be_cancelled(member: Any) -> None:
    send(member, [{"message": "slow snail"}, {"message": "fast hare"}])
    held = hold_searches(member, "snail")
    member.goto("/explorer?q=hare")
    member.wait_for_selector(".ev-lr >> text=fast hare")
    member.fill("#explorer-query-input", "snail")
    member.keyboard.press("Enter")
    member.click("text=Cancel")
    member.wait_for_selector("text=Search cancelled")
    held[0].continue_()
    is_idle(member)
    assert member.locator(".ev-lr").all_text_contents()[0].endswith("fast hare")


def hold_searches(page: Any, word: str) -> list[Any]:
    """Keep the searches for `word` from reaching the server; the list fills with them."""
    held: list[Any] = []

    def decide(route: Any) -> None:
        asked = route.request.post_data or ""
        if word in asked and "explorer-results.data" in asked:
            held.append(route)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", decide)
    return held


def test_dragging_over_the_chart_zooms_into_that_time(member: Any) -> None:
    send(member, [{"message": str(hour), "timestamp": f"2026-03-01T{hour:02d}:30:00Z"} for hour in range(24)])
    member.goto("/explorer?from=2026-03-01&to=2026-03-01")
    member.wait_for_selector("#explorer-histogram .bars path", state="attached")
    is_idle(member)
    box = member.locator("#explorer-histogram .nsewdrag").bounding_box()
    middle = box["y"] + box["height"] / 2
    member.mouse.move(box["x"] + box["width"] * 0.25, middle)
    member.mouse.down()
    member.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=8)
    member.mouse.up()
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('6 hits')")
    assert "from=2026-03-01T0" in member.url


def test_over_all_time_the_chart_shows_where_the_matches_are(member: Any) -> None:
    send(member, [{"message": "ancient", "timestamp": "2001-01-01T00:00:00Z"}])
    send(member, [{"message": "today", "timestamp": f"2026-03-01T10:{minute:02d}:00Z"} for minute in range(0, 60, 2)])
    member.goto("/explorer?q=today&range=all")
    member.wait_for_selector("#explorer-legend >> text=per bar")
    assert member.inner_text("#explorer-legend .ev-t3") in ("1 min per bar", "2 min per bar", "5 min per bar")


def test_a_click_on_a_bar_opens_its_time_and_its_label_counts(member: Any) -> None:
    send(member, [{"message": str(hour), "timestamp": f"2026-03-01T{hour:02d}:30:00Z"} for hour in range(24)])
    member.goto("/explorer?from=2026-03-01&to=2026-03-01")
    member.wait_for_selector("#explorer-histogram .bars path", state="attached")
    is_idle(member)
    box = member.locator("#explorer-histogram .nsewdrag").bounding_box()
    x = box["x"] + box["width"] * 12.75 / 24  # 12:45, in the bar that holds 12:30
    member.mouse.move(x, box["y"] + box["height"] * 0.6)
    member.wait_for_selector("#explorer-tip")
    assert "2026-03-01 12:30" in member.inner_text("#explorer-tip")
    member.mouse.click(x, box["y"] + box["height"] * 0.6)
    until(member, "document.querySelector('#explorer-summary')?.textContent.startsWith('1 hit ')")


def test_signing_out_ends_the_session_and_signing_in_comes_back(
    member: Any, server: RunningServer, open_page: Callable[..., Any]
) -> None:
    member.wait_for_selector(".ev-avatar")
    username = member.evaluate("document.querySelector('.ev-who div')?.textContent")
    member.click(".ev-avatar")
    member.click("text=Sign out")
    member.wait_for_url("**/login")
    member.goto("/upload")
    member.wait_for_url("**/login?next=/upload")
    member.fill("#username", username)
    member.fill("#password", PASSWORD)
    member.click("button[type=submit]")
    member.wait_for_url("**/upload")


def test_a_session_that_ended_elsewhere_leads_to_sign_in_and_back(member: Any) -> None:
    send(member, [{"message": "still here"}])
    member.goto("/explorer?q=still")
    member.wait_for_selector(".ev-lr")
    session = next(each for each in member.context.cookies() if each["name"] == "elkvision")
    member.context.clear_cookies(name="elkvision")
    member.click("#explorer-run-button")
    member.wait_for_url("**/login?next=*")
    assert session
    assert "next=%2Fexplorer%3Fq%3Dstill" in member.url
    for each in [each for each in member.complaints if "401" in each]:
        member.complaints.remove(each)  # the answer that sends the browser to sign-in


def test_public_pages_work_without_javascript(open_page: Callable[..., Any], server: RunningServer) -> None:
    page = open_page(scripts=False)
    page.goto("/")
    page.click("text=Register")
    page.fill("#username", "noscript")
    page.fill("#email", "noscript@example.org")
    page.fill("#password", PASSWORD)
    page.fill("#again", "another password")
    page.click("button[type=submit]")
    assert "The two passwords differ" in page.inner_text("#again-fault")
    assert page.input_value("#username") == "noscript"
    for each in [each for each in page.complaints if "422" in each]:
        page.complaints.remove(each)


def test_the_callbacks_are_closed_to_visitors(open_page: Callable[..., Any]) -> None:
    page = open_page()
    for path in ("/_dash-layout", "/_dash-dependencies", "/_dash-component-suites/dash/deps/x.js"):
        assert page.context.request.get(path).status == 401
    answer = page.context.request.post("/_dash-update-component", data=json.dumps({"output": "x"}))
    assert answer.status == 401


def test_a_callback_without_the_token_of_our_page_is_refused(member: Any) -> None:
    answer = member.context.request.post("/_dash-update-component", data={"output": "x", "inputs": []})
    assert answer.status == 403
