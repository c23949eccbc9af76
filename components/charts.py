"""Charts as Plotly figures without colours of their own: the theme's template, applied in the browser, brings them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from dash import dcc, html

from components.levels import WORDS

STACK = ("info", "debug", "trace", "unknown", "warning", "error", "critical")
"""Levels from the bottom of the stack; the templates colour bars in this order."""

_FILLS = {
    "elk_dark": {
        "info": "#4C86BE",
        "debug": "#65717B",
        "warning": "#DDAF3B",
        "error": "#F2694A",
        "critical": "#F0A6DF",
    },
    "elk_light": {
        "info": "#4A8FD3",
        "debug": "#838F98",
        "warning": "#B87D00",
        "error": "#BC3410",
        "critical": "#7A1468",
    },
}


@cache
def templates() -> dict[str, Any]:
    """Both templates by name; bars take the fills of `STACK` in turn."""
    read: dict[str, Any] = json.loads(Path(__file__).with_name("plotly_templates.json").read_text())
    for name, template in read.items():
        fills = _FILLS[name]
        template["data"]["bar"] = [
            {"marker": {"color": fills.get(level, fills["debug"]), "line": {"width": 0}}} for level in STACK
        ]
    return read


def histogram_figure(
    buckets: list[str], counts: dict[str, list[int]], *, ends: list[str], interval_s: int
) -> dict[str, Any]:
    """Stacked bars by level. `buckets` are naive local times, `counts` has one number per bucket for each level."""
    bars = [
        {
            "type": "bar",
            "name": WORDS[level],
            "x": buckets,
            "y": counts.get(level, []),
            "width": interval_s * 880,  # ms; leaves the template's gap of 12 %
            "offset": 0,
            "hoverinfo": "none",  # the page has a label of its own
            "visible": bool(counts.get(level)),
        }
        for level in STACK
    ]
    highest = max((sum(stack) for stack in zip(*counts.values(), strict=True)), default=0)
    return {"data": bars, "layout": _layout(buckets, ends, highest)}


_TICKS = [
    {"dtickrange": [None, 1_000], "value": "%H:%M:%S.%L"},
    {"dtickrange": [1_000, 60_000], "value": "%H:%M:%S"},
    {"dtickrange": [60_000, 86_400_000], "value": "%H:%M"},
    {"dtickrange": [86_400_000, "M1"], "value": "%-d %b"},
    {"dtickrange": ["M1", "M12"], "value": "%b %Y"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]
"""One line of text per tick, whatever the width of the range."""


def _layout(buckets: list[str], ends: list[str], highest: int) -> dict[str, Any]:
    whole = [buckets[0], ends[-1]] if buckets else None
    return {
        "height": 104,
        "margin": {"l": 40, "r": 8, "t": 6, "b": 22},
        "xaxis": {
            "type": "date",
            "range": whole,
            "fixedrange": False,
            "nticks": 9,
            "tickangle": 0,
            "tickformatstops": _TICKS,
            "hoverformat": "%d %b %Y %H:%M:%S",
        },
        "yaxis": {"fixedrange": True, "tickformat": "~s", "rangemode": "tozero"} | _steps(highest),
        "meta": {"buckets": list(zip(buckets, ends, strict=True))},
        "uirevision": False,
    }


def _steps(highest: int) -> dict[str, int]:
    """Few ticks, and never between two whole numbers: there is no half record."""
    return {"dtick": 1} if highest <= 2 else {"nticks": 3}


def empty_figure() -> dict[str, Any]:
    """A chart of nothing: no axes, no ground of its own."""
    hidden = {"visible": False}
    clear = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
    return {"data": [], "layout": {"height": 104, "xaxis": hidden, "yaxis": hidden, **clear}}


def graph(component_id: str, label: str) -> html.Div:
    """An empty chart without tool bar, named for those who do not see it."""
    config = {"displayModeBar": False, "doubleClick": False, "scrollZoom": False, "showTips": False}
    chart = dcc.Graph(
        id=component_id,
        className="ev-plot",
        responsive=True,
        figure=empty_figure(),
        config=config,
        style={"height": "104px"},
    )
    return html.Div(chart, role="img", **{"aria-label": label})
