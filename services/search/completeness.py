"""What an answer may leave out, in words: records that were not looked at, and records that are still on their way."""

from services.search.notices import Notice

FRESH_WAIT_S = 10.0
"""So long a question waits where it asks to see what was just acknowledged."""

NOT_FRESH = (
    f"What was just accepted is not all here: it is still on its way to the store after {FRESH_WAIT_S:.0f} s."
    " It is safe, and will be found once it has arrived."
)


def remarks(*, is_partial: bool, is_fresh: bool | None, looked_at: int = 0, newest_first: bool = True) -> list[Notice]:
    """What to say beside an answer; nothing where it is whole. `is_fresh` None: that was not asked for."""
    words = [partial_words(looked_at, newest_first=newest_first)] if is_partial else []
    words += [NOT_FRESH] if is_fresh is False else []
    return [Notice(each, 0, 0, None) for each in words]


def partial_words(looked_at: int, *, newest_first: bool = True) -> str:
    """Why an answer is partial, and what to do about it. `looked_at` 0: the store does not tell how many."""
    kind, others = ("newest", "older") if newest_first else ("oldest", "newer")
    number = f"{kind} {looked_at:,}" if looked_at else kind
    return (
        f"Partial: only the {number} candidates were looked at; {others} ones may match too."
        " A shorter time range or a plainer query looks at all."
    )
