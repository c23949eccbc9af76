"""Upload: drop files, see how they will be read, send them, see what came of it."""

from zoneinfo import available_timezones

import dash_bootstrap_components as dbc
from dash import dcc, html

from callbacks import upload as ids
from components.icons import icon

PATH = "/upload"
TITLE = "Upload – ELK Vision"

FORMATS = (
    (ids.AUTO, "Find out"),
    ("ndjson", "JSON lines (NDJSON)"),
    ("json", "JSON"),
    ("csv", "CSV"),
    ("tsv", "TSV"),
    ("text", "Text"),
    ("regex", "Own pattern"),
)
ENCODINGS = ((ids.AUTO, "Find out"), ("utf-8", "UTF-8"), ("utf-16", "UTF-16"), ("latin-1", "Latin-1"))
HEADERS = ((ids.AUTO, "Find out"), ("true", "Yes, it holds names"), ("false", "No"))


def layout(**_query: str) -> html.Div:
    """The page without data; the script keeps the files that are not sent yet."""
    return html.Div(
        [
            html.Header([html.H1("Upload")], className="ev-top"),
            html.Div([_left(), _right()], className="ev-body"),
            html.Datalist([html.Option(value=name) for name in sorted(available_timezones())], id="upload-zones"),
            _confirm(),
            dcc.Store(id=ids.HEAD),
            dcc.Store(id=ids.CHOSEN),
            dcc.Store(id=ids.REFRESH, data=0),
            dcc.Store(id=ids.SHOWN),
            dcc.Interval(id=ids.TICK, interval=1_000, disabled=True),
        ],
        id="upload-page",
        className="ev-upload",
        style={"display": "flex", "flexDirection": "column"},
    )


def _left() -> html.Section:
    drop = html.Div(
        [
            icon("cloud-arrow-up"),
            html.Div(["Drop log files here, or ", html.U("browse")], className="ev-b", style={"marginTop": "7px"}),
            html.Div(
                "JSON, CSV or text, plain or as gzip, zstd, bzip2, zip",
                className="ev-sm ev-t2",
                style={"marginTop": "3px"},
            ),
        ],
        id="upload-drop",
        className="ev-drop",
        role="button",
        tabIndex="0",
        **{"aria-label": "Choose log files"},
    )
    return html.Section(
        [
            html.Div(drop, style={"padding": "16px 14px"}),
            html.Div(id="upload-staged"),
            html.Div(
                [html.H2("Uploads"), html.Span(className="ev-sp"), html.Span(id=ids.COUNTS, className="ev-sm ev-t2")],
                className="ev-row ev-inset",
                style={"height": "34px", "flex": "none"},
            ),
            html.Div(id=ids.LIST),
        ],
        className="ev-files",
        **{"aria-label": "Files"},
    )


def _right() -> html.Section:
    return html.Section(
        [_staged(), html.Div(id=ids.REPORT, style={"display": "contents"})],
        className="ev-detail",
        **{"aria-label": "Chosen file"},
    )


def _staged() -> html.Div:
    return html.Div(
        [
            html.Div(
                [
                    html.H2(id="upload-staged-name", className="ev-title ev-isolate"),
                    html.Span(className="ev-sp"),
                    html.Button("Remove", type="button", className="ev-btn ev-gh", **{"data-upload-act": "remove"}),
                    html.Button(
                        "Upload",
                        id="upload-send",
                        type="button",
                        className="ev-btn ev-pri",
                        **{"data-upload-act": "send"},
                    ),
                ],
                className="ev-row ev-g8",
            ),
            html.Div(id=ids.PREVIEW, style={"display": "grid", "gap": "10px"}, **{"aria-live": "polite"}),
            _options(),
        ],
        id="upload-staged-panel",
        hidden=True,
        style={"gap": "10px"},
        className="ev-staged",
    )


def _options() -> html.Details:
    return html.Details(
        [
            html.Summary(
                [
                    icon("chevron-right"),
                    html.H2("How to read the files, and what to add"),
                    html.Span("for all files that are not sent yet", className="ev-xs ev-t3"),
                ]
            ),
            html.Div(
                [
                    _choice(ids.FORMAT, "Format", FORMATS),
                    _text(ids.TIMEZONE, "Time zone of times without one", "UTC", list="upload-zones"),
                    _text(ids.TIMESTAMP_FORMAT, "Time format", "%d/%b/%Y:%H:%M:%S %z"),
                    _choice(ids.ENCODING, "Encoding", ENCODINGS),
                    _text(ids.DELIMITER, "Delimiter (CSV)", ";", maxlength=1),
                    _choice(ids.HEADER, "First row holds names (CSV)", HEADERS),
                    _text(
                        ids.PATTERN,
                        "Pattern with named groups",
                        r"^(?P<timestamp>\S+) (?P<level>\w+) (?P<message>.*)$",
                        wide=True,
                    ),
                    _text(ids.SERVICE, "Service", "checkout"),
                    _text(ids.SOURCE, "Source", "the name of the file"),
                    _text(ids.ENVIRONMENT, "Environment", "production"),
                    _text(ids.TAGS, "Tags, by commas", "incident, nightly"),
                ],
                className="ev-form",
            ),
        ],
        className="ev-card ev-fold",
        open=True,
    )


def _field(component_id: str, label: str, control: dbc.Input | dbc.Select, *, wide: bool = False) -> html.Div:
    return html.Div(
        [html.Label(label, htmlFor=component_id, className="ev-label"), control], className="ev-wide" if wide else ""
    )


def _choice(component_id: str, label: str, choices: tuple[tuple[str, str], ...]) -> html.Div:
    options = [{"value": value, "label": name} for value, name in choices]
    return _field(
        component_id, label, dbc.Select(id=component_id, options=options, value=ids.AUTO, className="ev-select")
    )


def _text(component_id: str, label: str, example: str, *, wide: bool = False, **more: object) -> html.Div:
    control = dbc.Input(
        id=component_id,
        type="text",
        placeholder=example,
        debounce=True,
        autocomplete="off",
        className="ev-input",
        **more,
    )
    return _field(component_id, label, control, wide=wide)


def _confirm() -> dbc.Modal:
    return dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle("Delete this upload?"), close_button=False),
            dbc.ModalBody(id=ids.CONFIRM_TEXT),
            dbc.ModalFooter(
                [
                    html.Button("Cancel", id=ids.CANCEL, type="button", className="ev-btn"),
                    html.Button("Delete the entry only", id=ids.DELETE_ENTRY, type="button", className="ev-btn"),
                    html.Button(
                        "Delete with its logs", id=ids.DELETE_LOGS, type="button", className="ev-btn ev-danger-full"
                    ),
                ]
            ),
        ],
        id=ids.CONFIRM,
        centered=True,
        is_open=False,
    )
