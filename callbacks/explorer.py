"""What the Explorer shows: rows, chart, filters, one record, recent searches, the first run."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, html, no_update
from flask import request as http

from components import drawer, facets, first_run, log_table, query_bar, search_states
from components.actions import patch
from components.charts import STACK, empty_figure, histogram_figure
from components.levels import TAGS, WORDS
from components.log_text import matcher
from components.numbers import count, took, width
from components.shell import TEMPLATES, THEME
from components.states import button, fault, state
from components.time_range import NAMES, bounds
from components.times import naive, offset_words, short
from services.errors import BackendError, BackendTimeout, CallerError, ElkVisionError, InvalidQuery, NotFound
from services.history import HistoryEntry
from services.log_store.interface import Handle, LogPage
from services.principal import Principal, Scope
from services.search import Histogram, Notice, SearchRequest, Stats
from services.search.completeness import partial_page
from services.services import Services

PAGE_ROOT = "explorer-page"
BOOT = "explorer-boot"
STATE = "explorer-state"
PAGE = "explorer-results"
FIGURE = "explorer-figure"
HISTOGRAM = "explorer-histogram"
TIP = "explorer-tip"
LEGEND = "explorer-legend"
SUMMARY = "explorer-summary"
NOTICE = "explorer-notice"
FAULT = "explorer-fault"
FACETS = "explorer-facet-groups"
ROWS = "explorer-rows"
PAGER = "explorer-pager"
SPAN = "explorer-span"
DRAWER = "explorer-drawer"
RECORD_ID = "explorer-record-id"
QUERY_INPUT = "explorer-query-input"
QUERY_BOX = "explorer-query-box"
PAINT = "explorer-paint"
RECENT = "explorer-recent"
RECENT_BUTTON = "explorer-recent-button"
CLEAR_HISTORY = "explorer-clear-history"
RUN_BUTTON = "explorer-run-button"
WHEN_LABEL = "explorer-when-label"
FROM_INPUT = "explorer-from-input"
TO_INPUT = "explorer-to-input"
FILTERS_COUNT = "explorer-filters-count"
ORDER_LABEL = "explorer-order-label"
ZONE = "explorer-zone"
WAYS = "explorer-ways"
TOKEN_BUTTON = "explorer-token-button"  # noqa: S105
TOKEN_TEXT = "explorer-token-text"  # noqa: S105
STEPS = "explorer-steps"
SAMPLE = "explorer-sample"
SAMPLE_BUTTON = "explorer-sample-button"
SAMPLE_FAULT = "explorer-sample-fault"
SAMPLE_REMOVE = "explorer-sample-remove"
ARRIVED = "explorer-arrived"
WAITING = "explorer-waiting"

PAGE_SIZE = 100
RECENT_SHOWN = 9
RECENT_READ = 100
"""Searches that went back and forth are shown once: so many are read to find enough different ones."""
CLOSER_LOOKS = 5
WIDENINGS = ("24h", "7d", "30d", "all")

Caller = Callable[[], Principal]


def register(app: Dash, services: Services, caller: Caller) -> None:
    """Every input and output of the Explorer."""
    _register_browser_side(app)

    @app.callback(Output(PAGE, "data"), Input(STATE, "data"), prevent_initial_call=True)
    def search(asked: dict[str, Any]) -> Any:
        return answer(services, caller(), asked)

    @app.callback(
        Output(FIGURE, "data"),
        Output(LEGEND, "children"),
        Output(FACETS, "children"),
        Output(ZONE, "children"),
        Input(STATE, "data"),
        prevent_initial_call=True,
    )
    def overview(asked: dict[str, Any]) -> Any:
        return chart_and_facets(services, caller(), asked)

    @app.callback(Output(DRAWER, "children"), Input(RECORD_ID, "data"), State(STATE, "data"), prevent_initial_call=True)
    def record(record_id: str, asked: dict[str, Any] | None) -> Any:
        return one_record(services, caller(), record_id, asked or {})

    @app.callback(Output(RECENT, "children"), Input(RECENT_BUTTON, "n_clicks"), prevent_initial_call=True)
    def recent(_clicks: int) -> Any:
        entries, _ = services.history.list(caller(), limit=RECENT_READ)
        return query_bar.recent_searches(different(entries)[:RECENT_SHOWN])

    @app.callback(
        Output(RECENT, "children", allow_duplicate=True), Input(CLEAR_HISTORY, "n_clicks"), prevent_initial_call=True
    )
    def clear_history(clicks: int | None) -> Any:
        if not clicks:
            return no_update
        services.history.clear(caller())
        return query_bar.recent_searches([])

    _register_first_run(app, services, caller)


def _register_browser_side(app: Dash) -> None:
    def browser(name: str, *arguments: Any, **options: Any) -> None:
        app.clientside_callback(ClientsideFunction("explorer", name), *arguments, **options)

    browser("boot", Output(STATE, "data"), Output(RECORD_ID, "data"), Input(BOOT, "data"))
    browser(
        "page",
        Output(SUMMARY, "children"),
        Output(NOTICE, "children"),
        Output(FAULT, "children"),
        Output(WAITING, "disabled"),
        Output(ORDER_LABEL, "children"),
        Input(PAGE, "data"),
        prevent_initial_call=True,
    )
    browser("again", Input(ARRIVED, "data"), prevent_initial_call=True)
    browser("recorded", Input(DRAWER, "children"), prevent_initial_call=True)
    browser("hover", Input(HISTOGRAM, "hoverData"), State(HISTOGRAM, "figure"), prevent_initial_call=True)
    browser(
        "zoom",
        Input(HISTOGRAM, "selectedData"),
        Input(HISTOGRAM, "clickData"),
        State(HISTOGRAM, "figure"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("shell", "themed"),
        Output(HISTOGRAM, "figure"),
        Input(FIGURE, "data"),
        Input(THEME, "data"),
        State(TEMPLATES, "data"),
        prevent_initial_call=True,
    )


def _register_first_run(app: Dash, services: Services, caller: Caller) -> None:
    @app.callback(
        Output(WAYS, "children"),
        Output(TOKEN_TEXT, "children"),
        Output(TOKEN_BUTTON, "disabled"),
        Input(TOKEN_BUTTON, "n_clicks"),
    )
    def ways(clicks: int | None) -> Any:
        plain = services.accounts.issue_token(caller(), name="First logs", scopes=[Scope.INGEST])[1] if clicks else None
        return first_run.ways(http.host_url.rstrip("/"), plain), first_run.token_note(plain), plain is not None

    @app.callback(
        Output(STEPS, "children"),
        Output(ARRIVED, "data"),
        Input(WAITING, "n_intervals"),
        State(TOKEN_BUTTON, "disabled"),
    )
    def waiting(ticks: int | None, has_token: bool | None) -> Any:
        arrived = bool(ticks) and has_logs(services, caller())
        return first_run.steps(has_token=bool(has_token), waited_s=2 * (ticks or 0)), ticks if arrived else no_update

    @app.callback(Output(SAMPLE, "hidden"), Input(PAGE, "data"), prevent_initial_call=True)
    def sample_present(_page: Any) -> Any:
        try:
            return not services.sample.present(caller())
        except BackendError:
            return no_update  # the search itself says what is wrong

    @app.callback(
        Output(ARRIVED, "data", allow_duplicate=True),
        Output(SAMPLE_FAULT, "children"),
        Input(SAMPLE_BUTTON, "n_clicks"),
        running=[(Output(SAMPLE_BUTTON, "className"), "ev-btn ev-busy", "ev-btn")],
        prevent_initial_call=True,
    )
    def load_sample(clicks: int) -> Any:
        try:
            services.sample.load(caller())
        except ElkVisionError as error:
            return no_update, fault(str(error))
        return -clicks, None

    @app.callback(
        Output(ARRIVED, "data", allow_duplicate=True), Input(SAMPLE_REMOVE, "n_clicks"), prevent_initial_call=True
    )
    def remove_sample(clicks: int | None) -> Any:
        if not clicks:
            return no_update
        services.sample.remove(caller())
        return f"removed {clicks}"


def has_logs(services: Services, principal: Principal) -> bool:
    """Whether there is any record; not now, where the store cannot be asked: the next look will tell."""
    try:
        return bool(services.search.search(principal, SearchRequest(page_size=1)).total)
    except BackendError:
        return False


def request_of(asked: dict[str, Any], zone: str, **more: Any) -> SearchRequest:
    """The search that the browser's state names."""
    start, end = bounds(asked.get("range") or "")
    return SearchRequest(
        query=asked.get("q") or "",
        levels=tuple(asked.get("level") or ()),
        sources=tuple(asked.get("source") or ()),
        services=tuple(asked.get("service") or ()),
        environments=tuple(asked.get("environment") or ()),
        hosts=tuple(asked.get("host") or ()),
        start=asked.get("from") or start,
        end=asked.get("to") or end,
        timezone=zone,
        newest_first=asked.get("order") != "asc",
        upload_id=asked.get("upload") or None,
        **more,
    )


def answer(services: Services, principal: Principal, asked: dict[str, Any]) -> dict[str, Any]:
    """One search for the browser: `run` of the question, what to show, and the page of rows or an `error`.

    The browser shows all of it or, where another search was begun or this one cancelled, nothing.
    """
    zone = services.preferences.get(principal).timezone
    shown = {"run": asked.get("run"), "order": _order(asked)}
    try:
        with services.queries.running(principal, query_id(asked, "rows")) as handle:
            return shown | _found(services, principal, asked, zone, handle)
    except InvalidQuery as error:
        place = _place(error)
        return shown | {"fault": query_bar.query_fault(error, in_query=place["query"]), "error": place}
    except (CallerError, BackendError) as error:
        return shown | {"notice": search_states.failed(error), "error": {"query": False}}


def query_id(asked: dict[str, Any], part: str) -> str | None:
    """What the next search of the same browser tab cancels; None where the tab does not say which it is."""
    tab = asked.get("tab")
    return f"{tab}-{part}" if isinstance(tab, str) and re.fullmatch(r"\w{1,40}", tab) else None


def _found(
    services: Services, principal: Principal, asked: dict[str, Any], zone: str, handle: Handle | None
) -> dict[str, Any]:
    request = request_of(asked, zone, page_size=PAGE_SIZE, cursor=asked.get("cursor"))
    found = services.search.search(principal, request, handle=handle)
    total = found.total or 0
    _note_search(services, principal, asked, total)
    notice = _notice(services, principal, asked, found, request, handle)
    has_rows = bool(found.records) or (total > 0 and not found.is_partial)
    mode = "first" if notice == "first" else "rows" if has_rows else "empty"
    at_least = found.total_is_at_least or found.is_partial
    return (
        _page(asked, found.records, zone, services.clock.now())
        | {"total": total, "at_least": at_least, "next_cursor": found.next_cursor, "mode": mode}
        | {"summary": summary(total, found.took_ms, _order(asked), at_least=at_least)}
        | {"notice": None if mode == "first" else notice}
    )


def _notice(
    services: Services,
    principal: Principal,
    asked: dict[str, Any],
    found: LogPage,
    request: SearchRequest,
    handle: Handle | None,
) -> Any:
    """What stands above the rows or in their place: what the answer leaves out, or why there are none."""
    words = partial_page(found, request)
    if words is not None:
        if found.records:
            return search_states.partial(words)
        return search_states.nothing_seen(words, goes_on=bool(found.next_cursor), can_clear=bool(asked.get("q")))
    said = None if found.total else nothing(services, principal, asked, request.timezone, handle)
    waiting = services.deliveries.overdue(principal) if said != "first" else 0
    return [search_states.overdue(waiting), *([said] if said else [])] if waiting else said


def _order(asked: dict[str, Any]) -> str:
    return "Newest first" if asked.get("order") != "asc" else "Oldest first"


def _page(asked: dict[str, Any], records: list[dict[str, Any]], zone: str, now: datetime) -> dict[str, Any]:
    offset = PAGE_SIZE * len(asked.get("trail") or ())
    return log_table.rows(records, zone=zone, now=now, matches=matcher(asked.get("q") or "")) | {
        "offset": offset,
        "newest_first": asked.get("order") != "asc",
    }


def _place(error: InvalidQuery) -> dict[str, Any]:
    """Where in the query text the mistake is; a wrong time or cursor is not in the query."""
    in_query = bool(error.length or error.position) and not str(error).startswith(("The start ", "The end "))
    return {"query": in_query, "position": error.position, "length": error.length}


def summary(total: int, took_ms: float, order: str, *, at_least: bool = False) -> list[Any]:
    """`48,213 hits in 38 ms, newest first`, or `at least 48,213 hits …`."""
    if at_least and not total:
        return [f"no hits among those looked at, in {took(took_ms)}"]
    hits = f" {'hit' if total == 1 else 'hits'} in {took(took_ms)}, {order.lower()}"
    return [*(["at least "] if at_least else []), html.B(count(total)), hits]


def _note_search(services: Services, principal: Principal, asked: dict[str, Any], total: int) -> None:
    """Keep what a person looked for; a page turned is no new search, nor is the bare page."""
    kept = {name: asked[name] for name in ("range", "from", "to", *facets.FIELDS, "level", "upload") if asked.get(name)}
    if asked.get("cursor") or not asked.get("q"):
        return
    services.history.add(principal, asked["q"], kept, total)


def nothing(
    services: Services, principal: Principal, asked: dict[str, Any], zone: str, handle: Handle | None = None
) -> Any:
    """What to say where nothing matches: "first" where there are no logs at all, else where the data is."""
    newest = services.search.search(principal, SearchRequest(page_size=1), handle=handle)
    if not newest.total:
        return "first"
    for preset in _wider(asked):
        wider = _request_over(asked, preset, zone)
        found = services.search.search(principal, wider, handle=handle)
        if found.total:
            return _wider_state(asked, preset, found, zone)
        words = partial_page(replace(found, next_cursor=None), wider)
        if words is not None:
            return search_states.nothing_seen(words, can_clear=bool(asked.get("q")))
    noticed = services.search.notices(principal, request_of(asked, zone))
    return _misspelt_state(noticed) if noticed else _nowhere_state(asked, newest.records[0]["timestamp"], zone)


def _wider(asked: dict[str, Any]) -> list[str]:
    """The presets that reach further than the range asked for."""
    asked_range = asked.get("range") or ""
    if asked_range == "all":
        return []
    names = list(NAMES)
    later = names[names.index(asked_range) + 1 :] if asked_range in names else ["all"]
    return [preset for preset in WIDENINGS if preset in later]


def _request_over(asked: dict[str, Any], preset: str, zone: str) -> SearchRequest:
    return request_of(asked | {"range": preset, "from": "", "to": ""}, zone, page_size=1)


def _wider_state(asked: dict[str, Any], preset: str, found: LogPage, zone: str) -> html.Div:
    where = "in all time" if preset == "all" else f"in the {NAMES[preset].lower()}"
    number = f"at least {count(found.total or 0)}" if found.is_partial else count(found.total or 0)
    newest: datetime = found.records[0]["timestamp"]
    around = {
        "range": "",
        "from": naive(newest - timedelta(hours=1), zone),
        "to": naive(newest + timedelta(seconds=1), zone),
    }
    return state(
        f"No logs match {range_words(asked)}",
        f"The same search finds {number} {where}; the newest is from {short(newest, zone)}.",
        [
            button(f"Search {NAMES[preset].lower()}", primary=True, **patch(range=preset, **{"from": "", "to": ""})),
            button("Go to the newest match", **patch(**around)),
        ],
    )


def _misspelt_state(noticed: Sequence[Notice]) -> html.Div:
    suggestions = [each.suggestion for each in noticed if each.suggestion]
    actions = [button(f"Search {text}", primary=True, **patch(q=text)) for text in suggestions[:1]]
    return state(
        "Nothing matches, at any time",
        " ".join(each.message for each in noticed),
        [*actions, button("Clear the query", **patch(q=""))],
    )


def _nowhere_state(asked: dict[str, Any], newest: datetime, zone: str) -> html.Div:
    filters = {name: [] for name in (*facets.FIELDS, "level") if asked.get(name)} | (
        {"upload": ""} if asked.get("upload") else {}
    )
    actions = []
    if filters:
        actions.append(button("Drop the filters", primary=True, **patch(**filters)))
    if asked.get("q"):
        actions.append(button("Clear the query", **patch(q="")))
    return state(
        "Nothing matches, at any time",
        f"Your logs reach up to {short(newest, zone)}. Check the spelling, or ask for less: words match whole, and all of"
        " them must be there.",
        actions,
    )


def range_words(asked: dict[str, Any]) -> str:
    """The asked range within a sentence."""
    preset = asked.get("range") or ""
    if preset == "all":
        return "in all time"
    return f"in the {NAMES[preset].lower()}" if preset in NAMES else "in this time range"


def chart_and_facets(services: Services, principal: Principal, asked: dict[str, Any]) -> tuple[Any, ...]:
    """(figure, legend, facets, time zone); everything stays as it is where the search is refused.

    A field's own ticks do not narrow its values, or no second one could be ticked; those of the other fields do, so
    that a count is what ticking it brings.
    """
    zone = services.preferences.get(principal).timezone
    zone_words = place_words(services.accounts.user(principal).organisation, offset_words(services.clock.now(), zone))
    upload = _upload_chip(services, principal, asked)
    chosen = {name: asked.get(name) or [] for name in ("level", *facets.FIELDS)}
    try:
        with services.queries.running(principal, query_id(asked, "overview")) as handle:
            histogram, by_field = _overview(services, principal, asked, zone, chosen, handle)
    except (CallerError, BackendError):
        return no_update, no_update, no_update, zone_words  # the search itself says why
    return figure(histogram, zone), legend(histogram), [*upload, *facets.facets(by_field, chosen)], zone_words


def _overview(
    services: Services,
    principal: Principal,
    asked: dict[str, Any],
    zone: str,
    chosen: dict[str, list[str]],
    handle: Handle | None,
) -> tuple[Histogram | None, dict[str, Any]]:
    """(chart, values of each field with their counts)."""
    request = request_of(asked, zone)
    stats = services.search.stats(principal, request, handle=handle)
    by_field = {name: getattr(stats, f"by_{name}") for name in chosen}
    for name in (name for name, picked in chosen.items() if picked):
        untied = services.search.stats(principal, request_of(asked | {name: []}, zone), handle=handle)
        by_field[name] = getattr(untied, f"by_{name}")
    return _closer(services, principal, request, _over_time(stats), handle), by_field


def different(entries: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """The searches without repetitions; the latest of each is kept."""
    latest: dict[tuple[str, str], HistoryEntry] = {}
    for entry in entries:
        latest.setdefault((entry.query, json.dumps(entry.filters, sort_keys=True)), entry)
    return list(latest.values())


def place_words(organisation: str, zone_words: str) -> list[Any]:
    """Whose logs these are, and in which zone their times are shown."""
    return [html.Span(organisation, className="ev-isolate", style={"marginRight": "16px"}), f"Times in {zone_words}"]


def _upload_chip(services: Services, principal: Principal, asked: dict[str, Any]) -> list[html.Div]:
    """What says that only one upload's records are searched, with the way out of it."""
    if not asked.get("upload"):
        return []
    try:
        return [facets.upload_chip(services.uploads.get(principal, asked["upload"]).name)]
    except NotFound:
        return [facets.upload_chip(asked["upload"])]


def _closer(
    services: Services,
    principal: Principal,
    request: SearchRequest,
    histogram: Histogram | None,
    handle: Handle | None = None,
) -> Histogram | None:
    """The chart of where the matches are. An open range spans all records, of which a search may find an hour: look
    again at the part that is filled, until it fills a third of the chart."""
    if request.start is not None or request.end is not None:
        return histogram
    for _ in range(CLOSER_LOOKS):
        if histogram is None or not histogram.rows or histogram.interval_s == 1:
            return histogram
        first, last = histogram.rows[0].bucket, histogram.rows[-1].bucket + timedelta(seconds=histogram.interval_s)
        if last - first > (histogram.end - histogram.start) / 3:
            return histogram
        part = replace(request, start=first.isoformat(), end=last.isoformat())
        histogram = services.search.histogram(principal, part, handle=handle)
    return histogram


def _over_time(stats: Stats) -> Histogram | None:
    if stats.start is None or stats.end is None:
        return None
    return Histogram(stats.interval_s, stats.start, stats.end, stats.over_time, is_partial=stats.is_partial)


def figure(histogram: Histogram | None, zone: str) -> dict[str, Any]:
    """The histogram with its empty buckets, which the search leaves out."""
    if histogram is None or not histogram.rows:
        return empty_figure()
    step = timedelta(seconds=histogram.interval_s)
    starts = [histogram.start + index * step for index in range(_buckets(histogram))]
    place = {start: index for index, start in enumerate(starts)}
    counts: dict[str, list[int]] = {}
    for row in histogram.rows:
        if row.bucket in place:
            counts.setdefault(row.level, [0] * len(starts))[place[row.bucket]] += row.count
    return histogram_figure(
        [naive(start, zone) for start in starts],
        {level: counts[level] for level in STACK if level in counts},
        ends=[naive(start + step, zone) for start in starts],
        interval_s=histogram.interval_s,
    )


def _buckets(histogram: Histogram) -> int:
    """How many buckets the range has; more than the search makes would be a mistake of ours, and slow."""
    span_s = (histogram.end - histogram.start).total_seconds()
    return min(400, max(1, -(-int(span_s * 1000) // (histogram.interval_s * 1000))))


def legend(histogram: Histogram | None) -> list[html.Span]:
    """Levels with their counts, worst first, and the width of a bar."""
    if histogram is None or not histogram.rows:
        return []
    totals: dict[str, int] = {}
    for row in histogram.rows:
        totals[row.level] = totals.get(row.level, 0) + row.count
    shown = [_legend_entry(level, totals[level]) for level in TAGS if level in totals]
    per_bar = html.Span(f"{width(histogram.interval_s)} per bar", className="ev-t3")
    mark = [search_states.partial_mark()] if histogram.is_partial else []
    return [*shown, html.Span(className="ev-sp"), *mark, per_bar]


def _legend_entry(level: str, number: int) -> html.Span:
    return html.Span([html.I(className="ev-sw"), f"{WORDS[level]} ", html.B(count(number))], className=f"ev-lv-{level}")


def one_record(services: Services, principal: Principal, record_id: str, asked: dict[str, Any]) -> Any:
    """The drawer's content; None closes it."""
    if not record_id:
        return None
    try:
        found = services.search.get(principal, record_id, fresh=True)
    except (NotFound, InvalidQuery):
        return drawer.gone("This record is not here (any more): it may have been deleted.")
    except BackendTimeout as error:
        return drawer.gone(str(error))
    zone = services.preferences.get(principal).timezone
    return drawer.drawer(found, zone=zone, matches=matcher(asked.get("q") or ""))
