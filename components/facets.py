"""The panel of values to filter by: level first, then the fields that the logs fill."""

from collections.abc import Mapping, Sequence

from dash import html

from components.actions import act, patch
from components.icons import icon
from components.levels import TAGS, WORDS
from components.log_text import one_line, visible
from components.numbers import count

Values = Sequence[tuple[str | None, int]]
FIELDS = ("service", "environment", "host", "source")
SHOWN = 8


def facets(by_field: Mapping[str, Values], chosen: Mapping[str, Sequence[str]]) -> list[html.Div]:
    """One group per field that has values, counted over the query and time range; `chosen` are ticked."""
    groups = [_levels(dict(by_field.get("level", ())), chosen.get("level", ()))]
    for name in FIELDS:
        values = [(value, number) for value, number in by_field.get(name, ()) if value]
        picked = chosen.get(name, ())
        values += [(value, 0) for value in picked if value not in dict(values)]
        if values:
            groups.append(_group(name, values, picked))
    return groups


def upload_chip(name: str) -> html.Div:
    """Shown while the search is within one upload; one click leaves it."""
    drop = html.Button(
        icon("x-lg"),
        type="button",
        className="ev-btn ev-s ev-ic ev-gh",
        title="Search all logs",
        **patch(upload=""),
        **{"aria-label": "Search all logs"},
    )
    text = html.Span(visible(name), className="ev-el ev-sp ev-isolate", title=visible(name))
    return html.Div(
        [_head("upload", ""), html.Div([icon("file-earmark-text"), text, drop], className="ev-chip ev-upload-chip")],
        className="ev-fg",
    )


def _levels(counts: Mapping[str | None, int], picked: Sequence[str]) -> html.Div:
    most = max(counts.values(), default=0)
    return html.Div(
        [_head("level", ""), *[_level(level, counts.get(level, 0), most, level in picked) for level in TAGS]],
        className="ev-fg",
        role="group",
        **{"aria-label": "level"},
    )


def _level(level: str, number: int, most: int, on: bool) -> html.Div:
    parts = [html.Span(className="ev-sw-dot"), html.Span(WORDS[level], className="ev-nm")]
    return html.Div(
        _choice("level", level, parts, number, most, on, fill=f"var(--ev-fill-{_fill(level)})"),
        className=f"ev-fv ev-lvl ev-lv-{level}",
    )


def _fill(level: str) -> str:
    return {"critical": "fatal", "warning": "warn", "trace": "debug", "unknown": "debug"}.get(level, level)


def _group(name: str, values: Values, picked: Sequence[str]) -> html.Div:
    shown, most = values[:SHOWN], max(number for _, number in values)
    rows = [_value(name, str(value), number, most, value in picked) for value, number in shown]
    return html.Div(
        [_head(name, f"{len(picked)} of {len(values)}" if picked else str(len(values))), *rows],
        className="ev-fg",
        role="group",
        **{"aria-label": name},
    )


def _head(name: str, note: str) -> html.Div:
    return html.Div([name, html.Span(note, className="ev-n")], className="ev-fh")


def _value(name: str, value: str, number: int, most: int, on: bool) -> html.Div:
    text = html.Span(one_line(value, 80), className="ev-nm ev-mono ev-isolate", title=visible(value[:300]))
    exclude = html.Button(
        icon("dash-lg"),
        type="button",
        className="ev-not",
        title="Exclude",
        **act("exclude", field=name, value=value),
        **{"aria-label": f"Exclude {name} {visible(value[:80])}"},
    )
    return html.Div([_choice(name, value, [text], number, most, on), exclude], className="ev-fv")


def _choice(
    name: str, value: str, parts: list[html.Span], number: int, most: int, on: bool, fill: str | None = None
) -> html.Button:
    share = 100 * number / most if most else 0
    bar = html.I(style={"width": f"{share:.1f}%", **({"background": fill} if fill else {})})
    return html.Button(
        [
            html.Span(icon("check-lg"), className="ev-cb"),
            *parts,
            html.Span(count(number), className="ev-ct"),
            html.Span(bar, className="ev-bar-share"),
        ],
        type="button",
        role="checkbox",
        className="ev-fv-main",
        **{"aria-checked": str(on).lower()},
        **act("facet", field=name, value=value),
    )
