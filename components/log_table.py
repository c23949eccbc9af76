"""One page of records as the row renderer of the browser wants it, and the place where it puts them."""

from datetime import datetime
from typing import Any

from dash import html

from components.actions import act
from components.icons import icon
from components.levels import TAGS
from components.log_text import Matches, one_line, segments
from components.times import clock_parts, local

MESSAGE_CHARACTERS = 600
FIELD_CHARACTERS = 80


def rows(records: list[dict[str, Any]], *, zone: str, now: datetime, matches: Matches | None) -> dict[str, Any]:
    """{rows, columns, time_width}: text cut and made visible, times in `zone`, the date only where it is needed."""
    dated = needs_date([record["timestamp"] for record in records], zone, now)
    return {
        "rows": [_row(record, zone, dated, matches) for record in records],
        "columns": _columns(records),
        "time_width": "186px" if dated else "104px",
    }


def needs_date(moments: list[datetime], zone: str, now: datetime) -> bool:
    """True unless every moment lies on today's date in `zone`."""
    today = local(now, zone).date()
    return any(local(moment, zone).date() != today for moment in moments)


def _columns(records: list[dict[str, Any]]) -> list[str]:
    """Service and host where any record has one; the source stands in where there is no service."""
    filled = {name for name in ("service", "host", "source") if any(record.get(name) for record in records)}
    wanted = ["service", "host"] if "service" in filled else ["source", "host"]
    return [name for name in wanted if name in filled]


def _row(record: dict[str, Any], zone: str, dated: bool, matches: Matches | None) -> dict[str, Any]:
    time, fraction = clock_parts(record["timestamp"], zone, with_date=dated)
    return {
        "id": record["id"],
        "time": time,
        "fraction": fraction,
        "level": record["level"],
        "tag": TAGS.get(record["level"], "—"),
        "problem": record.get("problem"),
        "segments": segments(one_line(record["message"] or "", MESSAGE_CHARACTERS), matches),
        **{name: one_line(record.get(name) or "", FIELD_CHARACTERS) for name in ("service", "host", "source")},
    }


def log_table(*, rows_id: str, pager_id: str, span_id: str) -> list[html.Div]:
    """The empty table and its pager."""
    return [
        html.Div(id=rows_id, className="ev-lt", role="grid", **{"aria-label": "Log records"}),
        html.Nav(
            [
                html.Button(
                    [icon("chevron-left"), "Newer"],
                    type="button",
                    className="ev-btn ev-s",
                    disabled=True,
                    **act("newer"),
                ),
                html.Span(id=span_id, className="ev-sp", style={"textAlign": "center"}),
                html.Button(
                    ["Older", icon("chevron-right")],
                    type="button",
                    className="ev-btn ev-s",
                    disabled=True,
                    **act("older"),
                ),
            ],
            id=pager_id,
            className="ev-pager",
            hidden=True,
            **{"aria-label": "Pages of results"},
        ),
    ]
