"""Documents of other tools as records: ECS and Logstash names become columns, all the rest attributes.

A record's id is its time and a number made of the address of its document, so that it stays the same as long as the
document stays where it is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from services.log_store.elasticsearch.candidates import SCHEMA
from services.log_store.elasticsearch.paging import Position
from services.log_store.interface import LogRecord
from services.model import EARLIEST, LEVEL_NUMBER, record_id
from services.query.fields import canonical_level
from services.query.sql_texts import TEXT_LIMIT

TIME = "@timestamp"

PATHS: dict[str, tuple[str, ...]] = {
    "level": ("log.level", "level", "loglevel", "severity"),
    "message": ("message", "msg", "log", "event.original"),
    "raw": ("event.original",),
    "source": ("labels.source", "log.file.path", "source", "path"),
    "service": ("service.name", "service", "fields.service"),
    "environment": ("service.environment", "environment", "env", "labels.environment", "fields.environment"),
    "host": ("host.name", "host.hostname", "host", "hostname"),
    "trace_id": ("trace.id", "trace_id"),
    "span_id": ("span.id", "span_id"),
    "tags": ("tags",),
}
"""Where a column is looked for: the first of these that holds a text (of `level`: a level; of `tags`: texts) is taken."""

_LAST_SEQ = (1 << 63) - 1


def number_of(index: str, document_id: str) -> int:
    """What stands for seq: 63 bits made of a document's address."""
    digest = blake2b(f"{index}/{document_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") & _LAST_SEQ


def record_of(position: Position, source: dict[str, Any]) -> LogRecord:
    """The record that a document is. `source` is used up."""
    _take(source, TIME, lambda value: value)
    columns = {name: _column(source, name) for name in PATHS}
    return {
        "id": record_id(*position),
        "timestamp": EARLIEST + timedelta(microseconds=position[0]),
        **columns,
        "level": columns["level"] or "unknown",
        "message": columns["message"] or "",
        "tags": columns["tags"] or [],
        "attributes": _json(source) if source else None,
        "problem": None,
        "upload_id": None,
    }


def table_of(positions: Sequence[Position], records: Sequence[LogRecord]) -> pa.Table:
    """The records as queries look at them (`candidates.SCHEMA`)."""
    made: dict[str, list[Any]] = {
        "seq": [position[1] for position in positions],
        "timestamp": [record["timestamp"].replace(tzinfo=None) for record in records],
        "level": [LEVEL_NUMBER[record["level"]] for record in records],
        "attributes": [_searched(record["attributes"]) for record in records],
        "shape_id": [None] * len(records),
    }
    columns = {name: made.get(name) or [record.get(name) for record in records] for name in SCHEMA.names}
    return pa.table({name: pa.array(columns[name], SCHEMA.field(name).type) for name in SCHEMA.names}, schema=SCHEMA)


def size_of(record: Mapping[str, Any]) -> int:
    """Characters of the texts of a record."""
    return sum(len(text) for text in record.values() if isinstance(text, str))


def _searched(attributes: str | None) -> str | None:
    return attributes if attributes is not None and len(attributes) <= TEXT_LIMIT else None


def _column(source: dict[str, Any], name: str) -> Any:
    usable = {"level": _level, "tags": _tags}.get(name, _text)
    return next((found for path in PATHS[name] if (found := _take(source, path, usable)) is not None), None)


def _take(node: dict[str, Any], path: str, usable: Callable[[Any], Any]) -> Any:
    """What `usable` makes of the value at a path, taken out with the objects that it leaves empty; None where it is not
    there or `usable` gives None. A dot separates two keys or stands inside one."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        key = ".".join(parts[:end])
        value = node.get(key)
        if end == len(parts):
            found = None if value is None else usable(value)
        else:
            found = _take(value, ".".join(parts[end:]), usable) if isinstance(value, dict) else None
        if found is not None:
            if end == len(parts) or not value:
                del node[key]
            return found
    return None


def _level(value: Any) -> str | None:
    """The level that a text names, whole: anything else stays among the attributes."""
    return canonical_level(value) if isinstance(value, str) and value == value.strip() else None


def _text(value: Any) -> str | None:
    return _clean(value) if isinstance(value, str) else None


def _tags(value: Any) -> list[str] | None:
    values = [value] if isinstance(value, str) else value
    is_texts = isinstance(values, list) and all(isinstance(each, str) for each in values)
    return [_clean(each) for each in values] if is_texts else None


def _clean(text: str) -> str:
    """Without NUL, U+001A and halves of characters, which no text of ours holds (`services.model`)."""
    replaced = text.replace("\0", "\ufffd").replace("\x1a", "\ufffd")
    return replaced if replaced.isascii() else replaced.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json(value: Any) -> str:
    return json.dumps(_cleaned(value), ensure_ascii=False, separators=(",", ":"))


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean(key): _cleaned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return _clean(value) if isinstance(value, str) else value
