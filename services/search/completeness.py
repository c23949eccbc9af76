"""What an answer may leave out, in words: records that were not looked at, and records that are still on their way."""

from services.log_store.interface import LogPage
from services.search.notices import Notice
from services.search.requests import SearchRequest

FRESH_WAIT_S = 10.0
"""So long a question waits where it asks to see what was just acknowledged."""

NOT_FRESH = (
    f"What was just accepted is not all here: it is still on its way to the store after {FRESH_WAIT_S:.0f} s."
    " It is safe, and will be found once it has arrived."
)
PARTIAL_COUNTS = (
    "Partial: not all records or groups could be looked at; counts are of those that were."
    " A shorter time range or a plainer query looks at all."
)


def remarks(partial: str | None, *, is_fresh: bool | None) -> list[Notice]:
    """What to say beside an answer. `partial` tells why it is not whole; `is_fresh` None: that was not asked for."""
    words = [partial] if partial else []
    words += [NOT_FRESH] if is_fresh is False else []
    return [Notice(each, 0, 0, None) for each in words]


def partial_page(page: LogPage, request: SearchRequest) -> str | None:
    """Why a page of records is partial, and what to do about it; None where it is whole."""
    if not page.is_partial:
        return None
    near, far = ("newest", "older") if request.newest_first else ("oldest", "newer")
    number = f"{page.scanned_rows:,} " if page.scanned_rows else ""
    which = "not all candidates" if request.cursor else f"only the {near} {number}candidates"
    on = " The next page goes on with those." if page.next_cursor else ""
    return (
        f"Partial: {which} were looked at; {far} ones may match too.{on}"
        " A shorter time range or a plainer query looks at all."
    )
