"""The choice of a time range: presets, and two fields that take a time or a distance from now."""

import dash_bootstrap_components as dbc
from dash import html

from components.icons import icon

PRESETS = (
    ("15m", "Last 15 min"),
    ("1h", "Last hour"),
    ("6h", "Last 6 hours"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("all", "All time"),
)
DEFAULT = "24h"
NAMES = dict(PRESETS)


def bounds(preset: str) -> tuple[str | None, str | None]:
    """(start, end) for the search of a preset's name; both None for all time and for a name that is none."""
    return (f"now-{preset}", None) if preset in NAMES and preset != "all" else (None, None)


def time_range(*, label_id: str, from_id: str, to_id: str) -> html.Details:
    """The button that shows the range, with its menu."""
    return html.Details(
        [
            html.Summary(
                [icon("clock"), html.Span(NAMES[DEFAULT], id=label_id), icon("chevron-down", class_name="ev-car")],
                className="ev-btn",
                **{"aria-label": "Time range"},
            ),
            html.Div(
                [html.Div([_preset(*preset) for preset in PRESETS]), _custom(from_id, to_id)],
                className="ev-pop ev-ranges",
            ),
        ],
        className="ev-menu ev-when",
    )


def _preset(value: str, name: str) -> html.Button:
    return html.Button(name, type="button", className="ev-pi", **{"data-act": "range", "data-range": value})


def _custom(from_id: str, to_id: str) -> html.Div:
    return html.Div(
        [
            _field(from_id, "From", "2026-11-23 14:00"),
            _field(to_id, "To", "now"),
            html.Div("A date, a time, or a distance such as now-2h. An empty side is open.", className="ev-hint"),
            html.Button("Apply", type="button", className="ev-btn", **{"data-act": "custom"}),
        ]
    )


def _field(component_id: str, name: str, example: str) -> html.Div:
    return html.Div(
        [
            html.Label(name, htmlFor=component_id, className="ev-label"),
            dbc.Input(
                id=component_id, type="text", placeholder=example, className="ev-input ev-mono", autocomplete="off"
            ),
        ]
    )
