"""Multipart forms with files: from the front, which has spooled them already, or from Flask where there is no front."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from flask import current_app, request

from app.api.errors import InvalidRequest
from app.api.models.uploads import UploadOptions
from app.api.reading import grouped, validated
from services.errors import InvalidInput, TooLarge, UnsupportedMedia
from services.ingest.option_checks import check_options
from services.ingest.options import Defaults, ParseOptions
from services.ingest.uploads import SpooledFile

FILE_FIELD = "file"


@dataclass(frozen=True)
class Form:
    """`files` lie on the disk of the data folder; `fields` hold every value that a name was given."""

    files: list[SpooledFile]
    fields: dict[str, list[str]]


def form_of_request() -> Form:
    """The form of this request. Raises `UnsupportedMedia` and `TooLarge` (naming UPLOAD_MAX_FILES)."""
    found = request.environ.get("elkvision.upload")
    form = Form(found.files, found.fields) if found is not None else _from_flask()
    allowed = current_app.extensions["elkvision_config"].UPLOAD_MAX_FILES
    if len(form.files) > allowed:
        raise TooLarge(f"One request takes at most {allowed} files.", limit=f"UPLOAD_MAX_FILES={allowed}")
    if not form.files:
        raise InvalidRequest(
            [{"in": "form", "field": FILE_FIELD, "detail": "send at least one file in a part named file"}]
        )
    return form


def require_multipart() -> None:
    """Raise `UnsupportedMedia` unless the body is a multipart form."""
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMedia("Send multipart/form-data, each file in a part named file.")


def options_of(fields: dict[str, list[str]]) -> UploadOptions:
    """The plain fields of an upload form. Raises `InvalidRequest`."""
    pairs = [(name, text) for name, texts in fields.items() for text in texts if text != "" or name == "delimiter"]
    values: dict[str, Any] = grouped(UploadOptions, pairs, "form")
    if isinstance(values.get("metadata"), str):
        values["metadata"] = _json_object(values["metadata"])
    if "tags" in values:
        values["tags"] = [tag.strip() for text in values["tags"] for tag in text.split(",") if tag.strip()]
    return validated(UploadOptions, values, "form")


def defaults_of(said: UploadOptions) -> Defaults:
    """What the form says about the records."""
    return Defaults(
        source=said.source,
        service=said.service,
        environment=said.environment,
        host=said.host,
        tags=tuple(said.tags),
        metadata=said.metadata or {},
    )


def parse_options_of(said: UploadOptions) -> ParseOptions:
    """What the form says about reading; a pattern alone means the format regex. Raises `InvalidInput`."""
    options = ParseOptions(
        format=said.format or ("regex" if said.pattern else None),
        delimiter=said.delimiter,
        header=said.header,
        pattern=said.pattern,
        timestamp_format=said.timestamp_format,
        timezone=said.timezone,
        encoding=said.encoding,
        multiline=said.multiline,
    )
    check_options(options)
    return options


def _json_object(text: str) -> Any:
    """As strict as a JSON body; NaN, lone surrogates and the like could be kept, but not be answered again."""
    try:
        orjson.loads(text)
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("metadata is not JSON.", field="metadata") from None


def _from_flask() -> Form:
    require_multipart()
    folder = current_app.extensions["elkvision_config"].DATA_DIR / "spool" / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    files = [_spooled(part, folder) for part in request.files.getlist(FILE_FIELD)]
    return Form(files, {name: list(texts) for name, texts in request.form.lists()})


def _spooled(part: Any, folder: Path) -> SpooledFile:
    with tempfile.NamedTemporaryFile(dir=folder, prefix="part-", delete=False) as sink:
        part.save(sink)
        return SpooledFile(path=Path(sink.name), name=part.filename or "", size_bytes=sink.tell())
