"""Delivery as people see it: what waits, how fast it leaves, whether the server takes it, and what it refused."""

from datetime import datetime

from dash import html

from components.icons import icon
from components.log_text import visible
from components.numbers import count, duration, plural, size
from components.states import note, state
from components.times import full, short
from services.delivery import IN_PROCESS, Overview
from services.log_store.delivery import DeliveryState

LATE_S = 60.0
"""Records that wait longer are shown in the colour of a warning."""

_COUNTED = (
    ("delivered", "Delivered"),
    ("found_there", "Found delivered"),
    ("retried", "Sent again"),
    ("refitted", "Refitted"),
    ("conflicts", "Id conflicts"),
    ("dead_letters", "Refused"),
    ("bulks", "Bulks"),
    ("failed_bulks", "Bulks that failed"),
)


def in_process() -> html.Div:
    """Where there is nothing to deliver."""
    return state(
        IN_PROCESS,
        "They are durable and can be found when the sender has its answer. This page is of use where records go to a server.",
    )


def not_yours() -> html.Div:
    """For members who do not administer."""
    return state(
        "Delivery is for administrators", "An admin of your organisation sees what waits here, and decides about it."
    )


def pill(seen: Overview) -> html.Span | None:
    """The state in a word."""
    if seen.state is None:
        return None
    if not seen.state.is_reachable:
        return _pill("Not reachable", "x-octagon-fill", "ev-p-fire")
    if seen.held_up or seen.lag_s > LATE_S:
        return _pill("Late", "hourglass-split", "ev-p-pend")
    return _pill("Delivering" if seen.state.records else "Up to date", "check-circle-fill", "ev-p-ok")


def _pill(word: str, symbol: str, kind: str) -> html.Span:
    return html.Span([icon(symbol), word], className=f"ev-pill {kind}")


def overview(seen: Overview, found: DeliveryState, *, zone: str, now: datetime) -> list[html.Div]:
    """The upper part of the page: what is wrong, figures, what was done since the start. `found` is the state in `seen`."""
    return [*_notes(seen, found, zone, now), _figures(seen, found, zone), *_counters(found)]


def _notes(seen: Overview, found: DeliveryState, zone: str, now: datetime) -> list[html.Div]:
    notes = [] if found.is_reachable else [_unreachable(found, zone, now)]
    if found.lost_records:
        words = f"{plural(found.lost_records, 'acknowledged record')} lay where the disk damaged the spool, and cannot be read."
        notes.append(
            note(f"{words} The server's log names the files; they are kept.", symbol="x-octagon-fill", kind="ev-bad")
        )
    for name, (reason, since) in seen.held_up.items():
        words = f"{visible(name)} waits by itself since {short(since, zone)}: {visible(reason)}"
        notes.append(note(words, symbol="hourglass-split", kind=""))
    return notes


def _unreachable(found: DeliveryState, zone: str, now: datetime) -> html.Div:
    title = "The server takes no records."
    if found.failing_since is not None:
        lasts = duration((now - found.failing_since).total_seconds())
        title = f"The server has taken no records for {lasts}, since {short(found.failing_since, zone)}."
    safe = f"{plural(found.records, 'record')} on the spool {'is' if found.records == 1 else 'are'} safe and will be delivered."
    error = [html.Code(visible(found.last_error), className="ev-last-error")] if found.last_error else []
    return html.Div(
        [
            icon("x-octagon-fill"),
            html.Div([html.B(title), f" What was accepted stays: {safe}", *error]),
        ],
        className="ev-note ev-bad",
        role="alert",
    )


def _figures(seen: Overview, found: DeliveryState, zone: str) -> html.Div:
    cards = [
        _figure("Waiting", count(found.records), size(found.size_bytes) + " on the spool", meter=_meter(found)),
        _figure("Lag", duration(seen.lag_s), _oldest(found, zone), is_bad=seen.lag_s > LATE_S),
    ]
    if found.rate_per_s is not None:
        cards.append(_figure("Throughput", f"{count(round(found.rate_per_s))}/s", "records delivered, of late"))
    if found.concurrency is not None and found.bulk_bytes is not None:
        pace = f"{plural(found.concurrency, 'request')} at a time"
        cards.append(_figure("Bulk size", size(found.bulk_bytes), pace))
    if found.in_doubt is not None:
        doubt = (
            "sent without an answer; looked up before they are sent again"
            if found.in_doubt
            else "every answer was heard"
        )
        cards.append(_figure("In doubt", count(found.in_doubt), doubt))
    refused = "wait for a decision" if seen.dead_letters else "nothing was refused"
    cards.append(_figure("Dead letters", count(seen.dead_letters), refused, is_bad=seen.dead_letters > 0))
    return html.Div(cards, className="ev-figures")


def _figure(label: str, value: str, words: str, *, is_bad: bool = False, meter: html.Div | None = None) -> html.Div:
    return html.Div(
        [
            html.Div(label, className="ev-sm ev-t2"),
            html.Div(value, className="ev-kpi ev-up" if is_bad else "ev-kpi"),
            html.Div(words, className="ev-xs ev-t3"),
            meter,
        ],
        className="ev-card ev-figure",
    )


def _oldest(found: DeliveryState, zone: str) -> str:
    return "nothing waits" if found.oldest_at is None else f"the oldest from {full(found.oldest_at, zone)}"


def _meter(found: DeliveryState) -> html.Div | None:
    """How full the spool is."""
    if not found.max_bytes:
        return None
    share = min(1.0, found.size_bytes / found.max_bytes)
    words = f"{share:.0%} of {size(found.max_bytes)}"
    bar = html.Div(html.I(style={"width": f"{share:.1%}"}), className="ev-bar")
    return html.Div([bar, html.Div(words, className="ev-xs ev-t3")], className="ev-spool-meter")


def _counters(found: DeliveryState) -> list[html.Div]:
    shown = [(label, found.counters[name]) for name, label in _COUNTED if name in found.counters]
    if not shown:
        return []
    facts = [html.Div([html.Dt(label), html.Dd(count(int(number)))]) for label, number in shown]
    head = html.Div(html.H2("Since this process began"), className="ev-ch")
    return [html.Div([head, html.Dl(facts, className="ev-facts")], className="ev-card")]
