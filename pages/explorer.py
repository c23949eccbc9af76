"""The Explorer: find lines, see when they happened, open one."""

from dash import dcc, html

from callbacks import explorer as ids
from components.actions import act
from components.charts import graph
from components.first_run import first_run
from components.icons import icon
from components.log_table import log_table
from components.query_bar import query_bar
from components.time_range import time_range

PATH = "/explorer"
TITLE = "Explore – ELK Vision"


def layout(**_query: str) -> html.Div:
    """The page without data: the browser reads the address and asks for what it names."""
    return html.Div(
        [
            html.H1("Explore", className="ev-sr"),
            _top(),
            html.Div(
                [
                    _facets(),
                    _centre(),
                    html.Aside(id=ids.DRAWER, className="ev-drawer", hidden=True, **{"aria-label": "Record"}),
                ],
                className="ev-body",
            ),
            _first(),
            _foot(),
            *_stores(),
        ],
        id=ids.PAGE_ROOT,
        className="ev-explorer",
    )


def _stores() -> list[dcc.Store | dcc.Interval]:
    return [
        dcc.Store(id=ids.BOOT, data=1),
        dcc.Store(id=ids.STATE),
        dcc.Store(id=ids.PAGE),
        dcc.Store(id=ids.FIGURE),
        dcc.Store(id=ids.RECORD_ID),
        dcc.Store(id=ids.ARRIVED),
        dcc.Interval(id=ids.WAITING, interval=2_000, disabled=True),
    ]


def _top() -> html.Header:
    return html.Header(
        [
            query_bar(
                input_id=ids.QUERY_INPUT,
                paint_id=ids.PAINT,
                box_id=ids.QUERY_BOX,
                recent_id=ids.RECENT,
                clear_id=ids.CLEAR_HISTORY,
                fault_id=ids.FAULT,
            ),
            html.Button(
                [
                    icon("funnel"),
                    "Filters",
                    html.Span("0", id=ids.FILTERS_COUNT, className="ev-cnt", style={"display": "none"}),
                ],
                type="button",
                className="ev-btn ev-only-phone",
                **act("filters"),
            ),
            time_range(label_id=ids.WHEN_LABEL, from_id=ids.FROM_INPUT, to_id=ids.TO_INPUT),
            html.Button(
                [icon("play-fill"), "Run"], id=ids.RUN_BUTTON, type="button", className="ev-btn ev-pri", **act("run")
            ),
            html.Button(
                icon("link-45deg"),
                type="button",
                className="ev-btn ev-ic ev-gh",
                title="Copy link to this search",
                **act("share"),
                **{"aria-label": "Copy link to this search"},
            ),
        ],
        className="ev-top",
    )


def _facets() -> html.Aside:
    return html.Aside(
        [_sheet_head(), html.Div(id=ids.FACETS), _sample()],
        id="explorer-facets",
        className="ev-facets",
        **{"aria-label": "Filters"},
    )


def _sheet_head() -> html.Div:
    """On a phone the panel is a sheet from below, and needs a way to close it."""
    close = html.Button(
        icon("x-lg"), type="button", className="ev-btn ev-ic ev-gh", **act("filters"), **{"aria-label": "Close filters"}
    )
    return html.Div([html.H2("Filters", className="ev-sp"), close], className="ev-sheet-head ev-only-phone")


def _sample() -> html.Div:
    remove = html.Button("Remove it", id=ids.SAMPLE_REMOVE, type="button", className="ev-link")
    return html.Div(["Sample data is loaded. ", remove], id=ids.SAMPLE, className="ev-facet-foot", hidden=True)


def _centre() -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.Div(id=ids.LEGEND, className="ev-leg"),
                    graph(ids.HISTOGRAM, "Records over time, by level"),
                    html.Div(id=ids.TIP, className="ev-pop ev-tip", hidden=True, **{"aria-hidden": "true"}),
                ],
                className="ev-hist",
            ),
            html.Div(
                [
                    html.Span(id=ids.SUMMARY, className="ev-total ev-t2", role="status"),
                    html.Span(className="ev-sp"),
                    html.Button(
                        [icon("sort-down"), html.Span("Newest first", id=ids.ORDER_LABEL)],
                        type="button",
                        className="ev-btn ev-s ev-gh",
                        title="Turn the order around",
                        **act("order"),
                    ),
                ],
                className="ev-tabs",
            ),
            html.Div(id=ids.NOTICE),
            *log_table(rows_id=ids.ROWS, pager_id=ids.PAGER, span_id=ids.SPAN),
        ],
        className="ev-cen",
        **{"aria-label": "Results"},
    )


def _first() -> html.Div:
    return first_run(
        ways_id=ids.WAYS,
        token_id=ids.TOKEN_BUTTON,
        token_text_id=ids.TOKEN_TEXT,
        steps_id=ids.STEPS,
        sample_id=ids.SAMPLE_BUTTON,
        fault_id=ids.SAMPLE_FAULT,
    )


def _foot() -> html.Footer:
    keys = (("/", "query"), ("J K", "next, previous"), ("Enter", "open"), ("Esc", "close"), ("T", "time"))
    return html.Footer(
        [
            html.Span(
                [html.Span([*[html.Kbd(key) for key in pair.split()], f" {words}"]) for pair, words in keys],
                className="ev-keys ev-row ev-g16",
            ),
            html.Span(className="ev-sp"),
            html.Span(id=ids.ZONE),
        ],
        className="ev-foot",
    )
