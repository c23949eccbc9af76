"""Uploaded files: the list, the report of one, the preview of one that is not sent yet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from components.drawer import attributes_of, flat
from components.icons import icon
from components.levels import level_tag
from components.log_text import one_line, visible
from components.numbers import count, plural, size
from components.states import note, state
from components.times import full
from services.ingest.pipeline import LineProblem
from services.ingest.uploads import Preview, Upload

SHOWN_PROBLEMS = 100
TEXT_CHARACTERS = 240
_FORMATS = {"ndjson": "NDJSON", "json": "JSON", "csv": "CSV", "tsv": "TSV", "text": "Text", "regex": "Pattern"}
_ICONS = {"csv": "filetype-csv", "tsv": "filetype-csv", "json": "filetype-json", "ndjson": "filetype-json"}


def upload_rows(uploads: Sequence[Upload], chosen: str) -> list[html.Button]:
    """The list of uploads, newest first, the chosen one marked."""
    return [_row(upload, upload.id == chosen) for upload in uploads]


def _row(upload: Upload, on: bool) -> html.Button:
    return html.Button(
        [
            html.Div(
                [
                    icon(_symbol(upload)),
                    html.Span(
                        visible(upload.name), className="ev-b ev-el ev-sp ev-isolate", title=visible(upload.name)
                    ),
                    html.Span(size(upload.size_bytes), className="ev-xs ev-t2 ev-nw"),
                ],
                className="ev-row ev-g8",
            ),
            _bar(upload),
            html.Div(_line(upload), className="ev-line"),
        ],
        type="button",
        className="ev-file",
        **{"data-upload": upload.id, "aria-current": str(on).lower()},
    )


def _symbol(upload: Upload) -> str:
    return (
        "file-earmark-x"
        if upload.state == "failed"
        else _ICONS.get((upload.format or "").split(" ")[0].lower(), "filetype-txt")
    )


def _bar(upload: Upload) -> html.Div:
    share = {"done": 100.0, "failed": 0.0}.get(upload.state, 100 * upload.done_bytes / max(1, upload.size_bytes))
    kind = "ev-w" if upload.problems else ""
    return html.Div(html.I(style={"width": f"{min(100, share):.0f}%"}), className=f"ev-bar {kind}".strip())


def _line(upload: Upload) -> list[html.B | html.Span]:
    """The state in words, and what came of it so far."""
    lines = plural(upload.rows, "record")
    match upload.state:
        case "queued":
            return [html.B("Waiting"), html.Span(upload.error or "Not begun yet", className="ev-el")]
        case "running":
            share = 100 * upload.done_bytes // max(1, upload.size_bytes)
            return [html.B(f"Reading {share} %"), html.Span(lines, className="ev-el")]
        case "failed":
            return [
                html.B([icon("x-octagon-fill"), "Failed"], className="ev-bad"),
                html.Span(upload.error or "", className="ev-el"),
            ]
        case "deleting":
            return [html.B("Deleting")]
        case _ if upload.problems:
            return [
                html.B([icon("exclamation-triangle-fill"), "Stored"], className="ev-warn"),
                html.Span(f"{lines}, {count(upload.problems)} with problems", className="ev-el"),
            ]
        case _ if not upload.rows:
            return [html.B([icon("info-circle"), "Empty"]), html.Span("There was no line in it", className="ev-el")]
        case _:
            took = f" in {upload.took_s:.1f} s" if upload.took_s is not None else ""
            return [
                html.B([icon("check-circle-fill"), "Stored"], className="ev-good"),
                html.Span(f"{lines}{took}", className="ev-el"),
            ]


def report(upload: Upload, problems: Sequence[LineProblem], zone: str) -> list[Any]:
    """Everything about one upload: facts, the ways on, lines with problems."""
    return [_title(upload), *_remarks(upload), _facts(upload, zone), *_problems(upload, problems)]


def _title(upload: Upload) -> html.Div:
    view = html.A(
        [icon("list-columns-reverse"), "View these logs"],
        href=f"/explorer?upload={upload.id}&range=all",
        className="ev-btn ev-pri",
        **{"data-nav": "true"},
    )
    return html.Div(
        [
            html.H2(visible(upload.name), className="ev-title ev-isolate"),
            html.Span(className="ev-sp"),
            html.Button(
                [icon("trash"), "Delete"], type="button", className="ev-btn ev-danger", **{"data-upload-act": "delete"}
            ),
            view if upload.rows else None,
        ],
        className="ev-row ev-g8",
        style={"flexWrap": "wrap"},
    )


def _remarks(upload: Upload) -> list[html.Div]:
    if upload.state == "failed":
        return [note(upload.error or "The file could not be read.", symbol="x-octagon-fill", kind="ev-bad")]
    if upload.state in ("queued", "running"):
        return [note("The file is safe here and is being read. You may close this page.")]
    return []


def _facts(upload: Upload, zone: str) -> html.Div:
    facts = [
        ("Records", count(upload.rows)),
        ("With problems", count(upload.problems)),
        ("Size", size(upload.size_bytes)),
        ("Format", _FORMATS.get(upload.format or "", upload.format or "–")),
        ("Took", "–" if upload.took_s is None else f"{upload.took_s:.1f} s"),
    ]
    texts = [("Uploaded", full(upload.created, zone)[:-4]), ("Source", upload.source), ("Service", upload.service)]
    texts += [("Environment", upload.environment), ("Tags", ", ".join(upload.tags))]
    shown = [(name, visible(str(value))) for name, value in facts]
    words = [(name, visible(str(value))) for name, value in texts if value]
    return html.Div(
        [
            html.Div(html.H2("Report"), className="ev-ch"),
            html.Dl(_terms(shown), className="ev-facts"),
            html.Dl(_terms(words), className="ev-facts ev-words"),
        ],
        className="ev-card",
    )


def _terms(shown: Sequence[tuple[str, str]]) -> list[html.Div]:
    return [html.Div([html.Dt(name), html.Dd(value, className="ev-isolate")]) for name, value in shown]


def _problems(upload: Upload, problems: Sequence[LineProblem]) -> list[html.Div]:
    if not upload.problems:
        return []
    shown = problems[:SHOWN_PROBLEMS]
    share = 100 * upload.problems / max(1, upload.rows)
    return [
        html.Div(
            [
                html.Div(
                    [
                        icon("exclamation-triangle-fill", class_name="ev-warn-mark"),
                        html.H2(f"{plural(upload.problems, 'line')} with problems"),
                        html.Span(f"{share:.2g} % of the records. Nothing was left out.", className="ev-xs ev-t3"),
                        html.Span(className="ev-sp"),
                        html.A(
                            "All as JSON",
                            href=f"/api/uploads/{upload.id}/problems/",
                            className="ev-sm",
                            target="_blank",
                        ),
                    ],
                    className="ev-ch",
                ),
                html.Div(problem_table(shown), className="ev-scroll"),
                _more(upload.problems - len(shown)),
            ],
            className="ev-card",
        )
    ]


def _more(left: int) -> html.Div | None:
    return (
        html.Div(f"and {count(left)} more", className="ev-hint ev-inset", style={"padding": "6px 14px"})
        if left > 0
        else None
    )


def problem_table(problems: Sequence[LineProblem]) -> html.Table:
    """Line number, reason, the beginning of the line."""
    head = html.Thead(html.Tr([html.Th("Line", className="ev-r"), html.Th("Reason"), html.Th("Text")]))
    body = [
        html.Tr(
            [
                html.Td("–" if each.line is None else count(each.line), className="ev-mono ev-r"),
                html.Td(each.reason, className="ev-wrap"),
                html.Td(
                    html.Div(one_line(each.sample, TEXT_CHARACTERS), className="ev-clip ev-isolate"),
                    className="ev-mono ev-t2",
                ),
            ]
        )
        for each in problems
    ]
    return html.Table([head, html.Tbody(body)], className="ev-dt ev-problems")


def preview_card(preview: Preview, zone: str) -> list[html.Div]:
    """The first records as they would be stored, and what was found out about the format."""
    chips = [_FORMATS.get(preview.format, preview.format), *_details(preview.details)]
    bar = html.Div(
        [html.Span("Detected", className="ev-t2"), *[html.Span(visible(chip), className="ev-chip") for chip in chips]],
        className="ev-row ev-g6 ev-sm",
        style={"flexWrap": "wrap"},
    )
    if not preview.rows:
        return [note("No record was found at the beginning of the file. Choose the format by hand.", kind="")]
    card = html.Div(
        [
            html.Div(
                [
                    html.H2("Preview"),
                    html.Span(
                        f"first {plural(len(preview.rows), 'record')}, as they will be stored", className="ev-xs ev-t3"
                    ),
                ],
                className="ev-ch",
            ),
            html.Div(_preview_table(preview.rows, zone), className="ev-scroll"),
        ],
        className="ev-card",
    )
    return [bar, card, *_preview_problems(preview.problems)]


def _details(details: dict[str, Any]) -> list[str]:
    """What a reader says it found; plain counts of the beginning mean little to a person."""
    return [
        value if isinstance(value, str) else f"{name.replace('_', ' ')}: {value}"
        for name, value in details.items()
        if name not in ("records", "problems", "bytes") and value not in (None, "", [], {})
    ]


def _preview_problems(problems: Sequence[LineProblem]) -> list[html.Div]:
    if not problems:
        return []
    head = html.Div(
        [icon("exclamation-triangle-fill", class_name="ev-warn-mark"), html.H2("Lines with problems")],
        className="ev-ch",
    )
    return [html.Div([head, html.Div(problem_table(problems), className="ev-scroll")], className="ev-card")]


def _preview_table(rows: Sequence[dict[str, Any]], zone: str) -> html.Table:
    named = [name for name in ("service", "host") if any(row.get(name) for row in rows)]
    extra = _attribute_names(rows)
    head = html.Tr([html.Th(name) for name in ("@timestamp", "level", *named, "message", *extra)])
    return html.Table(
        [html.Thead(head), html.Tbody([_preview_row(row, named, extra, zone) for row in rows])],
        className="ev-dt ev-preview",
    )


def _attribute_names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The first few attributes that the rows bring."""
    names: dict[str, None] = {}
    for row in rows:
        names |= dict.fromkeys(_attributes(row))
    return list(names)[:4]


def _attributes(row: dict[str, Any]) -> dict[str, str]:
    """The leaves of the row's attributes by dotted path."""
    return {path: text for path, text, _ in flat(attributes_of(row))}


def _preview_row(row: dict[str, Any], named: list[str], extra: list[str], zone: str) -> html.Tr:
    attributes = _attributes(row)
    values = [attributes.get(name) for name in extra]
    when = full(datetime.fromisoformat(row["timestamp"]), zone)
    return html.Tr(
        [
            html.Td(when, className="ev-mono ev-t2"),
            html.Td(level_tag(row["level"])),
            *[_cell(row.get(name)) for name in named],
            html.Td(
                html.Div(one_line(row.get("message") or "", TEXT_CHARACTERS), className="ev-clip ev-isolate"),
                className="ev-mono",
            ),
            *[_cell(value) for value in values],
        ],
        className=f"ev-lv-{row['level']}",
    )


def _cell(value: str | None) -> html.Td:
    text = html.Div(one_line(value or "", 80), className="ev-clip ev-isolate", style={"maxWidth": "220px"})
    return html.Td(text, className="ev-mono ev-t2")


def nothing_chosen() -> html.Div:
    """The right side before anything was chosen."""
    return state(
        "Upload log files",
        "Choose files and see how they will be read before anything is sent. Access logs, syslog, JSON lines, CSV"
        " and most other text are recognised; a line that is not understood is stored as text.",
    )
