"""Names of the fields of a document, by our columns. The mapping itself is the store's (`services.log_store.elasticsearch`)."""

TIME = "@timestamp"
LEVEL = "log.level"
ORGANISATION = "elkvision.organisation"
SEQUENCE = "event.sequence"
SHAPE = "elkvision.shape"
TERMS = "elkvision.terms"
TAGS = "tags"
NUMBERS = "numbers."
ADDRESSES = "ips."

TEXTS: dict[str, str] = {"message": "message", "raw": "event.original", "problem": "elkvision.problem"}

KEYWORDS: dict[str, str] = {
    "source": "labels.source",
    "service": "service.name",
    "environment": "service.environment",
    "host": "host.name",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "upload_id": "elkvision.upload_id",
}
