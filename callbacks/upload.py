"""What the Upload page shows: the preview of a file that is not sent yet, the list of uploads, the report of one."""

import base64
from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State, ctx, html, no_update

from components.numbers import plural
from components.states import note
from components.uploads import nothing_chosen, preview_card, report, upload_rows
from services.errors import CallerError, NotFound
from services.ingest.options import ParseOptions
from services.ingest.uploads import Upload
from services.principal import Principal
from services.services import Services

HEAD = "upload-head"
CHOSEN = "upload-chosen"
REFRESH = "upload-refresh"
SHOWN = "upload-shown"
TICK = "upload-tick"
LIST = "upload-list"
COUNTS = "upload-counts"
REPORT = "upload-report"
PREVIEW = "upload-preview"
FORMAT = "upload-format"
TIMEZONE = "upload-timezone"
TIMESTAMP_FORMAT = "upload-timestamp-format"
ENCODING = "upload-encoding"
DELIMITER = "upload-delimiter"
HEADER = "upload-header"
PATTERN = "upload-pattern"
SERVICE = "upload-service"
SOURCE = "upload-source"
ENVIRONMENT = "upload-environment"
TAGS = "upload-tags"
CONFIRM = "upload-confirm"
CONFIRM_TEXT = "upload-confirm-text"
CANCEL = "upload-cancel"
DELETE_ENTRY = "upload-delete-entry"
DELETE_LOGS = "upload-delete-logs"

LISTED = 100
AUTO = "auto"
"""The choice that leaves it to the reader; a form field cannot be chosen empty."""
OPEN_STATES = ("queued", "running", "deleting")
_OPTIONS = (FORMAT, TIMEZONE, TIMESTAMP_FORMAT, ENCODING, DELIMITER, HEADER, PATTERN)

Caller = Callable[[], Principal]


def register(app: Dash, services: Services, caller: Caller) -> None:
    """Every input and output of the Upload page."""

    @app.callback(
        Output(PREVIEW, "children"),
        Input(HEAD, "data"),
        *[Input(component_id, "value") for component_id in _OPTIONS],
        prevent_initial_call=True,
    )
    def preview(head: dict[str, Any] | None, *values: str | None) -> Any:
        return preview_of(services, caller(), head, options_of(*values)) if head else None

    @app.callback(
        Output(LIST, "children"),
        Output(COUNTS, "children"),
        Output(TICK, "disabled"),
        Input(REFRESH, "data"),
        Input(TICK, "n_intervals"),
        Input(CHOSEN, "data"),
    )
    def listed(_refresh: Any, _tick: Any, chosen: str | None) -> Any:
        uploads, total = services.uploads.list(caller(), limit=LISTED)
        rows = upload_rows(uploads, chosen or "") or [
            html.Div("Nothing was uploaded yet.", className="ev-hint ev-inset")
        ]
        return rows, counts(uploads, total), not any(each.state in OPEN_STATES for each in uploads)

    @app.callback(
        Output(REPORT, "children"),
        Output(SHOWN, "data"),
        Output(CONFIRM_TEXT, "children"),
        Input(CHOSEN, "data"),
        Input(TICK, "n_intervals"),
        Input(TICK, "disabled"),
        State(SHOWN, "data"),
    )
    def chosen_report(chosen: str | None, _tick: Any, _ended: Any, shown: list[Any] | None) -> Any:
        return report_of(services, caller(), chosen, shown)

    _register_delete(app, services, caller)


def _register_delete(app: Dash, services: Services, caller: Caller) -> None:
    @app.callback(
        Output(CONFIRM, "is_open"),
        Output(CHOSEN, "data"),
        Output(REFRESH, "data"),
        Input(CANCEL, "n_clicks"),
        Input(DELETE_ENTRY, "n_clicks"),
        Input(DELETE_LOGS, "n_clicks"),
        State(CHOSEN, "data"),
        State(REFRESH, "data"),
        running=[(Output(DELETE_LOGS, "className"), "ev-btn ev-danger-full ev-busy", "ev-btn ev-danger-full")],
        prevent_initial_call=True,
    )
    def delete(_cancel: Any, _entry: Any, _logs: Any, chosen: str | None, refresh: int) -> Any:
        if ctx.triggered_id == CANCEL or not chosen:
            return False, no_update, no_update
        services.uploads.delete(caller(), chosen, with_logs=ctx.triggered_id == DELETE_LOGS)
        return False, "", (refresh or 0) + 1


def options_of(
    format_: str | None,
    timezone: str | None,
    timestamp_format: str | None,
    encoding: str | None,
    delimiter: str | None,
    header: str | None,
    pattern: str | None,
) -> ParseOptions:
    """The parse options that the form says; an empty field means: find out."""
    return ParseOptions(
        format=None if format_ in (AUTO, "") else format_,
        timezone=(timezone or "").strip() or None,
        timestamp_format=timestamp_format or None,
        encoding=None if encoding in (AUTO, "") else encoding,
        delimiter=delimiter or None,
        header={"true": True, "false": False}.get(header or ""),
        pattern=pattern or None,
    )


def preview_of(services: Services, principal: Principal, head: dict[str, Any], options: ParseOptions) -> list[Any]:
    """How the beginning of a file would be read, or the sentence that says why not."""
    zone = services.preferences.get(principal).timezone
    try:
        content = base64.b64decode(head["head"])
        if cannot_preview := _unseen(content, complete=bool(head.get("complete"))):
            return [note(cannot_preview)]
        return preview_card(services.uploads.preview(principal, content, head["name"], options), zone)
    except CallerError as error:
        return [note(str(error), symbol="exclamation-octagon-fill", kind="ev-bad")]


def _unseen(content: bytes, *, complete: bool) -> str:
    """Why there is nothing to show of a file that is in order; "" for any other. A zip's directory is at its end."""
    if not content:
        return "The file is empty."
    if content.startswith(b"PK\x03\x04") and not complete:
        return "This zip is too large for a preview. Its files are unpacked and recognised when it is uploaded."
    return ""


def counts(uploads: list[Upload], total: int) -> str:
    """`6 files, 1 running, 1 failed`."""
    states = [each.state for each in uploads]
    parts = [plural(total, "file")]
    for words, names in (("running", ("running", "queued")), ("failed", ("failed",))):
        number = sum(state in names for state in states)
        parts += [f"{number} {words}"] if number else []
    return ", ".join(parts) if total else ""


def report_of(services: Services, principal: Principal, chosen: str | None, shown: list[Any] | None) -> tuple[Any, ...]:
    """(report, what it shows, text of the confirmation); nothing is sent again while nothing changes."""
    if chosen == "staged":
        return None, ["staged"], no_update
    if not chosen:
        return nothing_chosen(), [""], no_update
    try:
        upload = services.uploads.get(principal, chosen)
    except NotFound:
        return nothing_chosen(), [""], no_update
    now_shown = [upload.id, upload.state, upload.rows, upload.done_bytes]
    if now_shown == shown:
        return no_update, no_update, no_update
    problems = services.uploads.problems(principal, chosen)
    zone = services.preferences.get(principal).timezone
    return report(upload, problems, zone), now_shown, _question(upload)


def _question(upload: Upload) -> str:
    return (
        f"{upload.name} brought {plural(upload.rows, 'record')}. Deleting them cannot be undone. The entry in this list"
        " goes either way."
    )
