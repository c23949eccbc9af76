"""What is said of a query that found nothing."""

import pytest

from services.log_store.interface import FieldInfo, FieldsResult
from services.query.language import parse
from services.search.notices import MAX_NOTICES, Notice, attributes_in, notices

NAMES = ("level", "service", "message", "http.response.status_code", "user.id", "items")


def there(read: int = 100, has_more: bool = False) -> FieldsResult:
    fields = [FieldInfo(name, ("list",) if name == "items" else ("text",), 10) for name in NAMES]
    return FieldsResult(fields, 100, read, has_more, 0.0)


def said(text: str, found: FieldsResult | None = None) -> list[Notice]:
    return notices(text, attributes_in(parse(text)), found or there())


@pytest.mark.parametrize(
    ("text", "position", "suggestion"),
    [
        ("levle:error", 0, "level:error"),
        ("timeout AND servcie:cart", 12, "timeout AND service:cart"),
        ("levle NOT (a OR levle:error)", 16, "levle NOT (a OR level:error)"),
        ("http.response.statuscode:503", 0, "http.response.status_code:503"),
        ("usr.id:(1 OR 2)", 0, "user.id:(1 OR 2)"),
    ],
)
def test_a_misspelt_field_is_told_with_the_corrected_query(text: str, position: int, suggestion: str) -> None:
    (notice,) = said(text)
    assert (notice.position, notice.suggestion) == (position, suggestion)
    name = text[notice.position : notice.position + notice.length]
    assert notice.message.startswith(f"No record has the field {name}; did you mean ")


def test_a_field_like_no_other_is_told_without_a_suggestion() -> None:
    assert said("zebra:1") == [Notice("No record has the field zebra.", 0, 5, None)]


@pytest.mark.parametrize(
    "text", ["", "levle", '"levle:error"', "level:error", "http:x", "user.id:1", "items.name:x", "host:web", "tags:x"]
)
def test_of_fields_that_are_there_nothing_is_said(text: str) -> None:
    assert said(text) == []


def test_where_not_all_records_were_read_it_is_no_certainty() -> None:
    for found in (there(read=50), there(has_more=True)):
        assert said("zebra:1", found)[0].message == "Hardly any record has the field zebra."


def test_a_name_with_escapes_is_told_without_a_place() -> None:
    (notice,) = said(r"user\.idd:1")
    assert (notice.position, notice.length, notice.suggestion) == (0, 0, None)


def test_only_so_much_is_said() -> None:
    assert len(said(" ".join(f"zebra{number}:1" for number in range(20)))) == MAX_NOTICES
