"""What every store refuses before it looks for anything: pages and neighbours that are not served."""

from collections.abc import Collection

from services.errors import InvalidQuery
from services.log_store.interface import LogQuery
from services.model import parse_record_id

MAX_OFFSET = 10_000
MAX_LIMIT = 1_000
MAX_NEIGHBOURS = 200
COMPARABLE = ("source", "service", "host", "environment", "upload_id", "trace_id")
"""Columns in which neighbours may have to agree with the record."""

PAGE_BYTES = 16 << 20
"""Of the texts of one page. A page has at least one record, whatever its size."""


def check_query(query: LogQuery) -> None:
    """Raise `InvalidQuery` for a page that is not served."""
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidQuery(f"A page has 1 to {MAX_LIMIT:,} records.", expected="a smaller page_size")
    if query.offset < 0 or query.offset > MAX_OFFSET:
        raise InvalidQuery(
            f"Pages by number end at {MAX_OFFSET:,} records. Go on with `cursor`: the `next_cursor` of the page before.",
            expected="cursor",
        )
    if query.cursor is not None and parse_record_id(query.cursor) is None:
        raise InvalidQuery("The cursor is not one that was given out.", expected="the next_cursor of a page")


def check_context(before: int, after: int, same: Collection[str]) -> None:
    """Raise `InvalidQuery` for neighbours that are not served."""
    if not (0 <= before <= MAX_NEIGHBOURS and 0 <= after <= MAX_NEIGHBOURS):
        expected = f"numbers of 0 to {MAX_NEIGHBOURS}"
        raise InvalidQuery(f"Up to {MAX_NEIGHBOURS} records before and after one are told.", expected=expected)
    unknown = sorted(set(same) - set(COMPARABLE))
    if unknown:
        raise InvalidQuery(f"Neighbours cannot be chosen by {unknown[0]!r}.", expected=", ".join(COMPARABLE))
