"""Everything about one record: fields to filter by, and the whole as JSON."""

import json
import re
from collections.abc import Iterator
from typing import Any

from dash import html

from components.actions import act
from components.icons import icon
from components.levels import level_tag
from components.log_text import Matches, marked, visible
from components.times import full

MOST_FIELDS = 300
VALUE_CHARACTERS = 4_000
MESSAGE_CHARACTERS = 20_000
JSON_CHARACTERS = 200_000
_FILTERABLE = re.compile(r"[\w@][\w@.-]{0,199}")
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_DEEPEST = 40
"""Indentation ends here: a thousand levels would be a megabyte of spaces."""
_COLUMNS = ("source", "service", "environment", "host", "trace_id", "span_id", "upload_id", "problem", "raw")


class Digits:
    """A JSON number as it was written: no digit is lost."""

    __slots__ = ("text",)

    def __init__(self, text: str):
        self.text = text


_MARKED_DIGITS = re.compile('"\ue000([-+.0-9eE]+)"')


def drawer(record: dict[str, Any], *, zone: str, matches: Matches | None) -> list[html.Div]:
    """The drawer's content for one record."""
    fields = list(_fields(record))
    return [
        html.Div([_head(record, zone), _message(record["message"] or "", matches)], className="ev-dh"),
        html.Div(
            [_tab("Fields", "drawer-fields", True, len(fields)), _tab("JSON", "drawer-json", False)],
            className="ev-tabs",
            role="tablist",
        ),
        html.Div(_tree(record, fields), id="drawer-fields", className="ev-tree ev-scrolly", role="tabpanel"),
        html.Div(_json(record), id="drawer-json", className="ev-scrolly", role="tabpanel", hidden=True),
    ]


def gone(text: str) -> list[html.Div]:
    """The drawer where the record of the address is not (or no longer) there."""
    title = html.Span("Not found", className="ev-b ev-sp")
    return [
        html.Div(
            [html.Div([title, _close()], className="ev-row ev-g8"), html.P(text, className="ev-t2")], className="ev-dh"
        )
    ]


def _head(record: dict[str, Any], zone: str) -> html.Div:
    name = record.get("service") or record.get("source") or record.get("host") or ""
    return html.Div(
        [
            level_tag(record["level"]),
            html.Span(visible(name[:200]), className="ev-b ev-el ev-isolate", title=visible(name[:200])),
            html.Span(full(record["timestamp"], zone), className="ev-mono ev-sm ev-t2 ev-nw ev-head-time"),
            html.Span(className="ev-sp"),
            _tool("chevron-up", "Previous record", "previous"),
            _tool("chevron-down", "Next record", "next"),
            _tool("link-45deg", "Copy link", "share"),
            _close(),
        ],
        className="ev-row ev-g6 ev-drawer-head",
    )


def _tool(symbol: str, name: str, action: str) -> html.Button:
    return html.Button(
        icon(symbol),
        type="button",
        className="ev-btn ev-s ev-ic ev-gh",
        title=name,
        **act(action),
        **{"aria-label": name},
    )


def _close() -> html.Button:
    return _tool("x-lg", "Close", "close")


def _message(message: str, matches: Matches | None) -> html.Div:
    shown = visible(message[:MESSAGE_CHARACTERS])
    cut = len(message) > MESSAGE_CHARACTERS
    return html.Div(
        [
            html.Pre(marked(shown, matches), id="drawer-message", className="ev-code", tabIndex="0"),
            html.Div(
                [
                    html.Span(
                        f"The first {MESSAGE_CHARACTERS:,} of {len(message):,} characters." if cut else "",
                        className="ev-hint ev-sp",
                    ),
                    html.Button(
                        [icon("copy"), "Copy message"],
                        type="button",
                        className="ev-btn ev-s",
                        **{"data-copy-from": "drawer-message"},
                    ),
                ],
                className="ev-row ev-g8",
                style={"marginTop": "8px"},
            ),
        ]
    )


def _tab(name: str, panel: str, on: bool, number: int | None = None) -> html.Button:
    badge = [html.Span(f"{number:,}", className="ev-cnt")] if number is not None else []
    return html.Button(
        [name, *badge],
        type="button",
        className="ev-tab",
        role="tab",
        tabIndex="0" if on else "-1",
        **{"aria-selected": str(on).lower(), "aria-controls": panel},
    )


def _fields(record: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(name, value as text, kind) of every field that has one; kind is "s", "n", "b" or "j" (an array)."""
    yield "level", record["level"], "s"
    for name in _COLUMNS:
        if record.get(name):
            yield name, str(record[name]), "s"
    for tag in record.get("tags") or []:
        yield "tags", str(tag), "s"
    yield from flat(attributes_of(record))


def attributes_of(record: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a record as a tree; text that is no JSON object stands under `attributes`."""
    text = record.get("attributes")
    if not text:
        return {}
    try:
        return dict(json.loads(text, parse_float=Digits, parse_int=Digits))
    except (ValueError, RecursionError):
        return {"attributes": text}


def flat(tree: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Leaves by dotted path, in the order of the text; no recursion, the nesting is the sender's."""
    waiting: list[tuple[str, Any]] = [(name, tree[name]) for name in reversed(tree)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting += [(f"{path}.{name}", value[name]) for name in reversed(value)]
        else:
            yield path, *_leaf(value)


def _leaf(value: Any) -> tuple[str, str]:
    if isinstance(value, Digits):
        return value.text, "n"
    if isinstance(value, str):
        return value, "s"
    if isinstance(value, bool) or value is None:
        return json.dumps(value), "b"
    written = json.dumps(value, ensure_ascii=False, default=lambda digits: f"\ue000{digits.text}")
    return _MARKED_DIGITS.sub(r"\1", written), "j"


def _tree(record: dict[str, Any], fields: list[tuple[str, str, str]]) -> list[html.Div]:
    when = f"{record['timestamp']:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    left = len(fields) - MOST_FIELDS
    rows = [_field("@timestamp", when, "t"), *[_field(*field) for field in fields[:MOST_FIELDS]]]
    if left > 0:
        rows.append(html.Div(f"{left:,} more fields are in the JSON.", className="ev-hint ev-inset"))
    return rows


def _field(name: str, value: str, kind: str) -> html.Div:
    colour = {"s": "ev-ss", "n": "ev-sn", "b": "ev-so", "j": "", "t": ""}[kind]
    shown = visible(value[:VALUE_CHARACTERS]) + ("…" if len(value) > VALUE_CHARACTERS else "")
    multi = " ev-multi" if "\n" in shown or len(shown) > 46 else ""
    return html.Div(
        [
            html.Span(visible(name[:200]), className="ev-fk ev-el", title=visible(name[:200])),
            html.Span(shown, className=f"ev-vv {colour}{multi}"),
            html.Span(_tools(name, value, kind), className="ev-tools"),
        ],
        className="ev-tr",
    )


def _tools(name: str, value: str, kind: str) -> list[html.Button]:
    copy = _small("copy", f"Copy {name}", {"data-copy": value[:VALUE_CHARACTERS]})
    if kind in "jt" or not _FILTERABLE.fullmatch(name) or len(value) > 200 or name in ("raw", "problem"):
        return [copy]
    return [
        _small("plus-lg", f"Filter for {name}", act("include", field=name, value=value)),
        _small("dash-lg", f"Exclude {name}", act("exclude", field=name, value=value)),
        copy,
    ]


def _small(symbol: str, label: str, attributes: dict[str, str]) -> html.Button:
    return html.Button(icon(symbol), type="button", title=label, **attributes, **{"aria-label": label})


def as_json(record: dict[str, Any]) -> str:
    """The record as indented JSON, attributes unfolded, numbers as they were sent."""
    plain = {name: value for name, value in record.items() if value not in (None, [], "") and name != "attributes"}
    plain["timestamp"] = record["timestamp"].isoformat().replace("+00:00", "Z")
    text = json.dumps(plain, indent=2, ensure_ascii=False, default=str)
    attributes = record.get("attributes")
    return text if not attributes else f'{text[:-2]},\n  "attributes": {_indented(attributes)}\n}}'


def _indented(attributes: str) -> str:
    """JSON text with line breaks; every value stays as it was written, number digits included."""
    out, depth, before = [], 1, ""
    for piece in _PIECES.findall(attributes[: 2 * JSON_CHARACTERS]):
        opens, closes = piece in ("{", "["), piece in ("}", "]")
        depth -= closes
        if (closes and before not in ("{", "[")) or (before in ("{", "[", ",") and not closes):
            out.append("\n" + "  " * min(depth, _DEEPEST))
        out.append(piece + (" " if piece == ":" else ""))
        depth += opens
        before = piece
    return "".join(out)


def _json(record: dict[str, Any]) -> list[Any]:
    text = as_json(record)
    shown = visible(text[:JSON_CHARACTERS])
    cut = len(text) > JSON_CHARACTERS
    return [
        html.Div(
            [
                html.Span(
                    f"The first {JSON_CHARACTERS:,} of {len(text):,} characters." if cut else "",
                    className="ev-hint ev-sp",
                ),
                html.A("Open by itself", href=f"/api/logs/{record['id']}/", className="ev-sm", target="_blank"),
                html.Button(
                    [icon("copy"), "Copy JSON"],
                    type="button",
                    className="ev-btn ev-s",
                    **{"data-copy-from": "drawer-json-text"},
                ),
            ],
            className="ev-row ev-g8",
            style={"padding": "8px 14px 0"},
        ),
        html.Pre(shown, id="drawer-json-text", className="ev-code ev-json", tabIndex="0"),
    ]
