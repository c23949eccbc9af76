"""What is said where a search failed, or could not look at everything: never the same as "nothing matches"."""

from dash import html

from components.actions import act, patch
from components.icons import icon
from components.numbers import plural
from components.states import button, note, state
from services.errors import BackendTimeout, BackendUnavailable, ElkVisionError


def failed(error: ElkVisionError) -> html.Div:
    """What broke, and the way on."""
    return state(
        _title(error),
        [str(error), html.Span(" The rows below are from the search before.", className="ev-before")],
        [
            button("Try again", primary=True, **{"data-act": "run"}),
            button("Copy details", **{"data-copy": repr(error)}),
        ],
        failed=True,
    )


def _title(error: ElkVisionError) -> str:
    if isinstance(error, BackendUnavailable):
        return "Logs cannot be searched now"
    return "The search took too long" if isinstance(error, BackendTimeout) else "Search failed"


def partial(words: str) -> html.Div:
    """Above rows that are not all there are."""
    return html.Div(note(words, symbol="exclamation-triangle-fill", kind=""), className="ev-partial", role="status")


def overdue(number: int) -> html.Div:
    """Above an answer that cannot hold them: accepted records that wait for the server."""
    verb, they = ("is", "it waits") if number == 1 else ("are", "they wait")
    return partial(f"{plural(number, 'accepted record')} {verb} safe but not found yet: {they} to be delivered.")


def nothing_seen(words: str, *, can_clear: bool, goes_on: bool = False) -> html.Div:
    """Where nothing matches among the records that could be looked at: others may, on the next page where it `goes_on`."""
    actions = [
        *([button("Look further", primary=True, **act("older"))] if goes_on else []),
        button("Search the last hour", primary=not goes_on, **patch(range="1h", **{"from": "", "to": ""})),
        *([button("Clear the query", **patch(q=""))] if can_clear else []),
    ]
    return state("Nothing found among the records that could be looked at", words, actions)


def partial_mark() -> html.Span:
    """In the legend of counts that are not of all records."""
    return html.Span(
        [icon("exclamation-triangle-fill", class_name="ev-warn-mark"), " partial counts"],
        className="ev-t2",
        title="Not all records could be looked at: these counts are of those that were.",
    )
