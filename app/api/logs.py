"""Records: GET, POST and DELETE logs/, GET logs/{id}/, GET logs/{id}/context/, POST logs/bulk/."""

from typing import Any

from flask import current_app, request

from app.api import reading
from app.api.caller import caller, services
from app.api.models.search import (
    Context,
    ContextQuery,
    DeletedLogs,
    DeleteQuery,
    LogList,
    LogRecord,
    RecordPath,
    RecordQuery,
    SearchQuery,
)
from app.api.models.uploads import BulkHeaders, BulkOptions, BulkStored, RecordHeaders, Stored
from app.api.problem_docs import CANCELLED
from app.api.resource import Resource
from app.api.searching import context_json, found, record_json, request_of, same_of, settled
from services.errors import Conflict, InvalidInput, UnsupportedMedia
from services.ingest.options import Defaults

logs = Resource("logs", "Log records.")

NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
BULK_TYPES = ("application/json", *NDJSON_TYPES)

_RECORD = {
    "type": "object",
    "description": "Any JSON object. Known names (timestamp, level, message, service, … and their aliases) become"
    " fields; everything else stays in `attributes`.",
    "example": {"timestamp": "2026-01-02T03:04:05Z", "level": "error", "service": "shop", "message": "payment failed"},
}
_ONE = {"required": True, "content": {"application/json": {"schema": _RECORD}}}
_LINES = {"description": "One JSON object per line; a line that is none is stored with its problem."}
_ARRAY = {"type": "array", "items": {}, "description": "Records."}
_OBJECT = {"type": "object", "properties": {"logs": _ARRAY}, "required": ["logs"]}
_ANY = {"description": "Any other JSON value counts as one record."}
_MANY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"anyOf": [_ARRAY, _OBJECT, _ANY]}, "example": [_RECORD["example"]]},
        **{kind: {"schema": _LINES} for kind in NDJSON_TYPES},
    },
}


@logs.get("/logs/", responses={200: LogList} | CANCELLED)
def list_logs(query: SearchQuery) -> dict[str, Any]:
    """Records, newest first."""
    return found(query)


@logs.get("/logs/<record_id:id>/", responses={200: LogRecord})
def get_log(path: RecordPath, query: RecordQuery) -> dict[str, Any]:
    """One record. With `fresh`, 504 where it is not here and may still be on its way."""
    return record_json(services().search.get(caller(), path.id, fresh=query.fresh))


@logs.get("/logs/<record_id:id>/context/", responses={200: Context} | CANCELLED)
def get_log_context(path: RecordPath, query: ContextQuery) -> dict[str, Any]:
    """The records around one: from the same source, service and host, or as `same` says."""
    same = same_of(query)
    with services().queries.running(caller(), query.query_id) as handle:
        fresh = settled(query)
        found = services().search.context(
            caller(), path.id, before=query.before, after=query.after, same=same, handle=handle
        )
    return context_json(found, fresh)


@logs.delete("/logs/", responses={200: DeletedLogs})
def delete_logs(query: DeleteQuery) -> dict[str, Any]:
    """Delete the records that match."""
    found = services().search.delete(caller(), request_of(query), dry_run=query.dry_run)
    deleted = 0 if query.dry_run else found.matched
    answer = {"matched": found.matched, "deleted": deleted, "dry_run": query.dry_run}
    return answer | ({"partial": True} if found.is_partial else {})


@logs.post("/logs/", responses={201: Stored}, openapi_extensions={"requestBody": _ONE})
def create_log(header: RecordHeaders) -> dict[str, Any]:
    """Store one record; the answer comes when it is durable. To find it at once ask with `fresh`."""
    reading.require_json()
    body = _body()
    if header.idempotency_key is not None:
        return _stored_once(body, header.idempotency_key)
    stored = services().ingest.record(caller(), body)
    return {"id": stored.id, "problem": stored.problem}


@logs.post("/logs/bulk/", responses={200: BulkStored}, openapi_extensions={"requestBody": _MANY})
def create_logs(query: BulkOptions, header: BulkHeaders) -> dict[str, Any]:
    """Store many records: a JSON array, {"logs": […]} or NDJSON, also gzipped; all of them or none."""
    _require_bulk_type()
    result = services().ingest.bulk(
        caller(),
        _body(),
        content_type=request.mimetype,
        content_encoding=header.content_encoding,
        defaults=_defaults(query),
        idempotency_key=header.idempotency_key,
    )
    return {
        "count": result.count,
        "ids": list(result.ids) if query.ids else None,
        "problems": [{"index": index, "reason": reason} for index, reason in result.problems],
        "replayed": result.replayed,
    }


def _stored_once(body: bytes, key: str) -> dict[str, Any]:
    """As a bulk of one, which knows keys; group commit gains nothing for a caller that may repeat itself."""
    reading.check_json(body)
    if not body.lstrip().startswith(b"{"):
        raise InvalidInput("Send one JSON object.")
    result = services().ingest.bulk(
        caller(), b"[" + body + b"]", content_type="application/json", defaults=Defaults(), idempotency_key=key
    )
    if not result.ids:
        raise Conflict(
            "This idempotency key stored a record that has been deleted since. Use a new key to store it again."
        )
    return {"id": result.ids[0], "problem": dict(result.problems).get(0)}


def _defaults(said: BulkOptions) -> Defaults:
    return Defaults(
        source=said.source,
        service=said.service,
        environment=said.environment,
        host=said.host,
        tags=tuple(said.tags),
    )


def _body() -> bytes:
    return reading.read_body(current_app.extensions["elkvision_config"].BULK_MAX_BYTES, "BULK_MAX_BYTES")


def _require_bulk_type() -> None:
    if request.mimetype not in BULK_TYPES:
        raise UnsupportedMedia(f"Send one of {', '.join(BULK_TYPES)}; this is {request.mimetype or 'none'}.")
