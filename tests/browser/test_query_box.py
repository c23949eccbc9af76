"""The query box: its colours, the place of a mistake, and room for what mends it."""

from typing import Any

import pytest

from tests.browser.chromium import PHONE, until
from tests.browser.conftest import send

pytestmark = pytest.mark.browser

PAINTED = """([text, fault]) => { const box = document.createElement('div'); evPaint(box, text, fault);
    return [...box.children].map(each => [each.textContent, each.className]); }"""
WRONG = "[...document.querySelectorAll('#explorer-paint .ev-serr')].map(each => each.textContent).join('')"


def painted(page: Any, text: str, position: int | None = None, length: int = 0) -> list[list[str]]:
    fault = None if position is None else {"position": position, "length": length}
    return page.evaluate(PAINTED, [text, fault])


def test_fields_values_and_operators_have_their_colours(member: Any) -> None:
    kinds = {
        text: kind
        for text, kind in painted(
            member, r'level>=warning AND took:[100 TO *} OR took:>5 "a b" /x(y z)?/ [TO] http\:x /etc/hosts'
        )
        if kind
    }
    assert kinds | {"took": "ev-sf", "100": "ev-sn", "5": "ev-sn", '"a b"': "ev-ss", "/x(y z)?/": "ev-ss"} == kinds
    assert kinds | {"level": "ev-sf", "warning": "ev-ss", "AND": "ev-so", "OR": "ev-so"} == kinds
    assert not {r"http\:x", "/etc/hosts"} & set(kinds)


@pytest.mark.parametrize(
    "text", ["", " ", '"', "/(", "\\", "a:b:c", "[}{]", ">=<", 'x:"a\\"b', "日本 🙂 é", "::", "!&|"]
)
def test_the_painted_text_is_the_text(member: Any, text: str) -> None:
    assert "".join(part for part, _ in painted(member, text)) == text
    assert "".join(part for part, _ in painted(member, text, 0, 1)).rstrip("\u00a0") == text


def test_just_the_mistake_is_underlined(member: Any) -> None:
    def wrong(text: str, position: int, length: int) -> str:
        return "".join(part for part, kind in painted(member, text, position, length) if "ev-serr" in kind)

    assert wrong("level>=wraning AND x", 7, 7) == "wraning"
    assert wrong("🙂 AND OR", 6, 2) == "OR"
    assert wrong("code:[1 TO b] x", 5, 8) == "[1 TO b]"


def test_what_is_missing_at_the_end_is_marked_there(member: Any) -> None:
    assert painted(member, "(a", 2)[-1] == ["\u00a0", "ev-serr"]
    send(member, [{"message": "timeout of the pool"}])
    member.goto("/explorer?q=(timeout")
    member.wait_for_selector(".ev-fix")
    assert member.evaluate(WRONG) == "\u00a0"


@pytest.mark.parametrize("viewport", [None, PHONE])
def test_a_long_query_leaves_room_for_what_is_wrong_with_it(member: Any, viewport: dict[str, int] | None) -> None:
    send(member, [{"message": "timeout of the pool"}])
    if viewport:
        member.set_viewport_size(viewport)
    member.goto("/explorer?q=timeout")
    member.wait_for_selector(".ev-lr")
    member.fill("#explorer-query-input", "(" + " OR ".join(f'"connection number {index}"' for index in range(20)))
    member.keyboard.press("Enter")
    member.wait_for_selector(".ev-fix")
    text, box = (member.locator(each).bounding_box() for each in (".ev-fix .ev-sp", ".ev-fix"))
    assert text["width"] >= 200
    assert box["x"] + box["width"] <= member.viewport_size["width"]
    assert member.evaluate(
        "document.querySelector('.ev-fix').scrollWidth <= document.querySelector('.ev-fix').clientWidth"
    )


def test_beside_a_mistake_it_says_that_no_hits_were_those_of_before(member: Any) -> None:
    send(member, [{"message": "timeout of the pool"}])
    member.goto("/explorer?q=nowhere")
    member.wait_for_selector("text=Nothing matches")
    member.fill("#explorer-query-input", "(timeout")
    member.keyboard.press("Enter")
    member.wait_for_selector("text=What is shown below is from the search before.")
    member.goto("/explorer?q=(timeout")
    member.wait_for_selector(".ev-fix")
    until(member, "getComputedStyle(document.querySelector('.ev-older')).display === 'none'")
