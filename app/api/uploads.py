"""Uploads: POST logs/upload/ and logs/upload/preview/, and everything under uploads/."""

from typing import Any

from flask import request

from app.api import forms
from app.api.answers import any_json, cut, json_text, paged, rfc3339
from app.api.caller import caller, services
from app.api.errors import InvalidRequest
from app.api.models.base import IdPath, Paging
from app.api.models.uploads import (
    AcceptedUploads,
    Preview,
    ProblemList,
    Upload,
    UploadChange,
    UploadDeletion,
    UploadList,
    UploadOptions,
)
from app.api.multipart_docs import multipart_body
from app.api.resource import Resource
from services.errors import TooLarge
from services.ingest import uploads as services_uploads
from services.ingest.pipeline import LineProblem

uploads = Resource("uploads", "Log files.")

PREVIEW_BYTES = 256 << 10
"""As much of a file as a preview takes."""


@uploads.post(
    "/logs/upload/", responses={202: AcceptedUploads}, openapi_extensions=multipart_body(UploadOptions, several=True)
)
def upload_logs() -> dict[str, Any]:
    """Keep one or several files and read them in the background."""
    principal, form = caller(), forms.form_of_request()
    said = forms.options_of(form.fields)
    defaults, options = forms.defaults_of(said), forms.parse_options_of(said)
    accepted = services().uploads.accept_all(principal, form.files, defaults, options)
    answers = [accepted_json(upload) for upload in accepted]
    return answers[0] | {"uploads": answers}


@uploads.post(
    "/logs/upload/preview/", responses={200: Preview}, openapi_extensions=multipart_body(UploadOptions, several=False)
)
def preview_upload() -> dict[str, Any]:
    """How the beginning of a file would be read: send its first 256 kB at most. Nothing is stored."""
    forms.require_multipart()
    part = request.files.get(forms.FILE_FIELD)
    if part is None:
        raise InvalidRequest([{"in": "form", "field": forms.FILE_FIELD, "detail": "send the beginning of a file"}])
    head = part.stream.read(PREVIEW_BYTES + 1)
    if len(head) > PREVIEW_BYTES:
        raise TooLarge("A preview takes the first 256 kB of a file.", limit=f"preview: {PREVIEW_BYTES} bytes")
    said = forms.options_of({name: list(texts) for name, texts in request.form.lists()})
    found = services().uploads.preview(caller(), head, part.filename or "", forms.parse_options_of(said))
    return preview_json(found)


@uploads.get("/uploads/", responses={200: UploadList})
def list_uploads(query: Paging) -> dict[str, Any]:
    """The uploads of the organisation, newest first."""
    return paged(
        query, lambda limit, offset: services().uploads.list(caller(), limit=limit, offset=offset), upload_json
    )


@uploads.get("/uploads/<id>/", responses={200: Upload})
def get_upload(path: IdPath) -> dict[str, Any]:
    """One upload: how far it is, and what came of it."""
    return upload_json(services().uploads.get(caller(), path.id))


@uploads.patch("/uploads/<id>/", responses={200: Upload})
def change_upload(path: IdPath, body: UploadChange) -> dict[str, Any]:
    """Change its tags or metadata (those of the upload, not of its records)."""
    return upload_json(services().uploads.update(caller(), path.id, tags=body.tags, metadata=body.metadata))


@uploads.delete("/uploads/<id>/", responses={204: None})
def delete_upload(path: IdPath, query: UploadDeletion) -> None:
    """Delete an upload, with ?logs=true its records too."""
    services().uploads.delete(caller(), path.id, with_logs=query.logs)


@uploads.get("/uploads/<id>/problems/", responses={200: ProblemList})
def list_problems(path: IdPath, query: Paging) -> dict[str, Any]:
    """The lines that could not be understood fully: number, reason, beginning."""
    return paged(query, cut(services().uploads.problems(caller(), path.id)), problem_json)


_PLAIN = (
    *("id", "name", "state", "size_bytes", "done_bytes", "rows", "problems", "reasons", "format", "error"),
    *("took_s", "rows_per_s", "tags", "source", "service", "environment", "host"),
)


def upload_json(upload: services_uploads.Upload) -> dict[str, Any]:
    """An upload as the API writes it."""
    times = {name: rfc3339(getattr(upload, name)) for name in ("created", "started", "finished")}
    return {name: getattr(upload, name) for name in _PLAIN} | times | {"metadata": any_json(upload.metadata)}


def accepted_json(upload: services_uploads.Upload) -> dict[str, Any]:
    """A file that was just accepted."""
    shown = {name: getattr(upload, name) for name in ("id", "name", "size_bytes", "state", "estimate_s")}
    return shown | {"task_id": upload.id}


def problem_json(each: LineProblem) -> dict[str, Any]:
    """One line's problem."""
    return {"line": each.line, "reason": each.reason, "sample": each.sample}


def preview_json(found: services_uploads.Preview) -> dict[str, Any]:
    """A preview as the API writes it."""
    return {
        "format": found.format,
        "details": any_json(found.details),
        "rows": [preview_row_json(row) for row in found.rows],
        "problems": [problem_json(each) for each in found.problems],
    }


def preview_row_json(row: dict[str, Any]) -> dict[str, Any]:
    """One row as it would be stored; what it does not have is left out."""
    return row | ({"attributes": json_text(row["attributes"])} if "attributes" in row else {})
