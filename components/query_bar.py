"""The query box: a plain input with colours painted under it, recent searches, the mend of a wrong query."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from components.actions import patch
from components.facets import FIELDS
from components.icons import icon
from components.numbers import plural
from components.time_range import DEFAULT, NAMES
from services.errors import InvalidQuery
from services.history import HistoryEntry

EXAMPLE = "Search logs, for example level:error AND service:checkout"


def query_bar(*, input_id: str, paint_id: str, box_id: str, recent_id: str, clear_id: str, fault_id: str) -> html.Div:
    """The box with its buttons."""
    return html.Div(
        [
            html.Div(
                [
                    html.Div(id=paint_id, className="ev-paint", **{"aria-hidden": "true"}),
                    dbc.Input(
                        id=input_id,
                        type="text",
                        placeholder=EXAMPLE,
                        autocomplete="off",
                        maxlength=10_000,
                        html_size="20",
                    ),
                ],
                className="ev-field",
            ),
            html.Div(
                [_recent(recent_id, clear_id), _clear(), html.Kbd("/", className="ev-only-wide")], className="ev-end"
            ),
            html.Div(id=fault_id, role="alert"),
        ],
        id=box_id,
        className="ev-q",
        role="search",
    )


def _recent(recent_id: str, clear_id: str) -> html.Details:
    clear = html.Button("Clear history", id=clear_id, type="button", className="ev-link")
    return html.Details(
        [
            html.Summary(
                icon("clock-history"),
                id=f"{recent_id}-button",
                className="ev-btn",
                title="Recent searches",
                **{"aria-label": "Recent searches"},
            ),
            html.Div(
                [html.Div(id=recent_id), html.Div([html.Span(className="ev-sp"), clear], className="ev-ft")],
                className="ev-pop",
            ),
        ],
        className="ev-menu",
    )


def _clear() -> html.Button:
    return html.Button(
        icon("x-lg"),
        type="button",
        className="ev-btn",
        title="Clear the query",
        hidden=True,
        **{"aria-label": "Clear the query", "data-act": "clear"},
    )


def query_fault(error: InvalidQuery, *, in_query: bool = True) -> html.Div:
    """What is wrong and where, with one click that mends it where that is possible."""
    where = f" At character {error.position + 1}." if in_query else ""
    mend = []
    if error.suggestion:
        mend = [
            html.Button(
                ["Use ", html.Span(error.suggestion, className="ev-mono")],
                type="button",
                className="ev-btn ev-s",
                **patch(q=error.suggestion),
            )
        ]
    return html.Div(
        html.Div(
            [
                icon("exclamation-circle-fill"),
                html.Div(
                    [
                        html.Div([html.B(sentence(str(error))), where]),
                        html.Div(f"Expected: {error.expected}", className="ev-t2") if error.expected else None,
                        html.Div("What is shown below is from the search before.", className="ev-t2 ev-older"),
                    ],
                    className="ev-sp",
                ),
                *mend,
            ],
            className="ev-note ev-bad",
        ),
        className="ev-pop ev-fix",
    )


def sentence(text: str) -> str:
    """`text` with a full stop: what the engine says of a pattern (`missing ): time(out`) ends without."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def recent_searches(entries: list[HistoryEntry]) -> list[html.Div | html.Button]:
    """The menu of recent searches, newest first; one click runs it again."""
    if not entries:
        return [html.Div("Nothing yet. What you search for is listed here, for you alone.", className="ev-hd")]
    return [html.Div("Recent searches", className="ev-hd"), *[_entry(entry) for entry in entries]]


def _entry(entry: HistoryEntry) -> html.Button:
    total = [] if entry.total is None else [plural(entry.total, "hit")]
    words = ", ".join([*_narrowed(entry.filters), *total])
    own_times = entry.filters.get("from") or entry.filters.get("to")
    range_ = {"range": "" if own_times else "all"}
    return html.Button(
        [
            icon("clock-history"),
            html.Span(entry.query or "All logs", className="ev-el ev-isolate"),
            html.Span(words, className="ev-xs ev-t3 ev-nw ev-isolate"),
        ],
        type="button",
        className="ev-pi ev-recent",
        **patch(**(_UNNARROWED | range_ | entry.filters | {"q": entry.query})),
    )


_UNNARROWED = {"from": "", "to": "", "upload": "", "level": [], **{name: [] for name in FIELDS}}
"""A search from the history is run as it was: filters of the present one do not stay."""


def _narrowed(filters: dict[str, Any]) -> list[str]:
    """In a few words what narrows the search besides its text; the usual time range goes without saying."""
    preset = filters.get("range") or ""
    when = "own time range" if filters.get("from") or filters.get("to") else NAMES.get(preset, "")
    ticked = sum(len(filters.get(name) or ()) for name in ("level", *FIELDS)) + bool(filters.get("upload"))
    return [*([when.lower()] if when and preset != DEFAULT else []), *([plural(ticked, "filter")] if ticked else [])]
