"""Refused records: what, when, why, and the two things that can be done with each. Their text is untrusted."""

from collections.abc import Sequence

from dash import html

from components.icons import icon
from components.log_text import one_line, visible
from components.numbers import count, plural
from components.times import full
from services.delivery import Letter

REDRIVE = "delivery-redrive"
DISCARD = "delivery-discard"
"""Types of the ids of the buttons: of one record, or with both other parts empty of all that are shown to the caller."""

LINE_CHARACTERS = 160


def dead_letters(letters: Sequence[Letter], total: int, *, offset: int, zone: str, is_whole: bool) -> html.Section:
    """The table with its head; `is_whole` names the organisation of each."""
    parts = [_head(total), _table(letters, zone, is_whole) if letters else _nothing()]
    if total > len(letters):
        shown = f"{count(offset + 1)} to {count(offset + len(letters))} of {count(total)}"
        parts.append(html.Div(shown, className="ev-sm ev-t2 ev-inset ev-shown"))
    return html.Section(parts, className="ev-card ev-letters")


def _head(total: int) -> html.Div:
    tools = [
        html.Button([icon("arrow-clockwise"), "Send all again"], className="ev-btn ev-s", **_button(REDRIVE, "", "")),
        html.Button([icon("trash3"), "Discard all"], className="ev-btn ev-s ev-danger", **_button(DISCARD, "", "")),
    ]
    return html.Div(
        [
            html.H2("Dead letters"),
            html.Span(plural(total, "record") if total else "", className="ev-sm ev-t2"),
            html.Span(className="ev-sp"),
            *(tools if total else []),
        ],
        className="ev-ch",
    )


def _nothing() -> html.Div:
    words = "None. A record that the server refuses for what it is would stand here, with the reason, until you decide."
    return html.Div(words, className="ev-hint ev-inset")


def _table(letters: Sequence[Letter], zone: str, is_whole: bool) -> html.Div:
    whose = [html.Th("Organisation", className="ev-whose")] if is_whole else []
    names = [html.Th("When"), *whose, html.Th("Error", className="ev-why"), html.Th("Record"), html.Th("")]
    head = html.Thead(html.Tr(names))
    body = html.Tbody([_row(each, zone, is_whole) for each in letters])
    return html.Div(html.Table([head, body], className="ev-dt"), className="ev-scroll")


def _row(found: Letter, zone: str, is_whole: bool) -> html.Tr:
    letter = found.letter
    whose = [html.Td(html.Div(visible(found.organisation), className="ev-clip ev-isolate"))] if is_whole else []
    return html.Tr(
        [
            html.Td(full(letter.at, zone).rsplit(".", 1)[0], className="ev-when-cell"),
            *whose,
            html.Td(_error(found), className="ev-wrap ev-why"),
            html.Td(_record(found), className="ev-what"),
            html.Td(_tools(found), className="ev-r"),
        ]
    )


def _error(found: Letter) -> list[html.Div]:
    letter = found.letter
    tries = f", {plural(letter.attempts, 'attempt')}" if letter.attempts > 1 else ""
    return [
        html.Div(
            [
                html.Span(visible(letter.type), className="ev-mono ev-sm"),
                html.Span(f" {letter.status}{tries}", className="ev-t3"),
            ]
        ),
        html.Div(visible(one_line(letter.reason, 400)), className="ev-t2 ev-isolate"),
    ]


def _record(found: Letter) -> html.Details:
    """One line of it, and on request as much as a preview holds: all as text."""
    record = found.letter.record
    line = one_line(str(record.get("message") or record.get("raw") or "without a message"), LINE_CHARACTERS)
    where = record.get("service") or record.get("source") or record.get("host")
    name = [html.Span(f"{one_line(str(where), 40)} ", className="ev-t2")] if where else []
    return html.Details(
        [
            html.Summary([icon("chevron-right"), html.Span([*name, line], className="ev-el ev-isolate ev-mono")]),
            html.Pre(visible(found.preview), className="ev-code ev-isolate", tabIndex="0"),
        ],
        className="ev-preview-fold",
    )


def _tools(found: Letter) -> html.Div:
    key = (found.organisation_id, found.letter.id)
    return html.Div(
        [
            html.Button("Send again", className="ev-btn ev-s", **_button(REDRIVE, *key)),
            html.Button("Discard", className="ev-btn ev-s ev-danger", **_button(DISCARD, *key)),
        ],
        className="ev-row ev-g6 ev-letter-tools",
    )


def _button(kind: str, organisation_id: str, letter_id: str) -> dict[str, object]:
    return {"id": {"type": kind, "organisation": organisation_id, "letter": letter_id}, "type": "button"}
