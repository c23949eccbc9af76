"""Records as the documents that Elasticsearch is sent, and back. What a document looks like is said in `mapping`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.elasticsearch.attribute_terms import AttributeTerms, Found
from services.log_store.elasticsearch.mapping import MAX_TOKEN
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.interface import LogRecord
from services.model import LOG_SCHEMA, LogBatch, record_id
from services.query.sql_texts import TEXT_LIMIT

LONG_VALUE = "a value is too long to be searched: it is kept"
LONG_WORD = f"a word of more than {MAX_TOKEN:,} characters is searched by its beginning"

_KEYWORDS = ("service", "environment", "host", "trace_id", "span_id", "source", "upload_id")
_TEXTS = ("level", "message", *_KEYWORDS, "raw", "attributes", "problem")
_LONG_WORD = re.compile(rf"\w{{{MAX_TOKEN + 1}}}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Document(NamedTuple):
    """One record, ready to be sent: `body` is a line of JSON without its end, `checksum` that of its content."""

    id: str
    body: bytes
    checksum: str


def documents(
    organisation_id: str, batch: LogBatch, shape_ids: pa.Array, promotion: Promotion, *, typed: bool = True
) -> list[Document]:
    """The documents of a batch (`LOG_SCHEMA` or `CODED_SCHEMA`, and `seq` int64), in its order.

    shape_ids  int32 per row, NULL where a record has no shape
    typed      False leaves out `numbers` and `ips`, for an index that takes no new field; the same is found
    Whatever is too long to be indexed stays in the record, whose `problem` then says so.
    """
    reader = AttributeTerms(promotion, typed=typed)
    return [_document(organisation_id, row, reader) for row in _rows(batch, shape_ids)]


def _rows(batch: LogBatch, shape_ids: pa.Array) -> Iterator[tuple[Any, ...]]:
    """id, time, seq, shape id, tags, and the columns of `_TEXTS` of each record."""
    timestamps = batch["timestamp"].combine_chunks()
    seqs = batch["seq"].combine_chunks().to_numpy().tolist()
    microseconds = timestamps.cast(pa.int64()).to_numpy().tolist()
    ids = ["%016x-%016x" % pair for pair in zip(microseconds, seqs, strict=True)]  # noqa: UP031 (a quarter less time)
    times = _texts(pa.chunked_array([pc.binary_replace_slice(timestamps.cast(pa.string()), 10, 11, "T")]))
    columns = [_texts(batch[name]) for name in _TEXTS]
    return zip(ids, times, seqs, shape_ids.to_pylist(), _lists(batch["tags"]), *columns, strict=True)


def _texts(column: pa.ChunkedArray) -> Sequence[str | None]:
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_dictionary(column.type):
        return _decoded(column)
    return column.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]


def _decoded(column: pa.ChunkedArray) -> list[str | None]:
    coded = column.combine_chunks()
    coded = coded if isinstance(coded, pa.Array) else coded.chunk(0)
    words = [*coded.dictionary.to_pylist(), None]
    return [words[at] for at in coded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False).tolist()]


def _lists(column: pa.ChunkedArray) -> Sequence[list[str] | None]:
    return column.to_pylist() if column.null_count < len(column) else [None] * len(column)


def _document(organisation_id: str, row: tuple[Any, ...], reader: AttributeTerms) -> Document:
    """In two parts: what the record says, which has the checksum, and what is made of it or given to it by the store."""
    record, at, seq, shape_id, tags, level, message, *columns, raw, attributes, problem = row
    found = Found()
    content: dict[str, Any] = {"@timestamp": at, "log": {"level": level}, "message": message}
    own: dict[str, Any] = {"organisation": organisation_id}
    _add_keywords(content, own, columns, reader, found)
    if tags:
        content["tags"] = tags
        for tag in tags:
            reader.tag(tag, found)
    if problem is not None:
        own["problem"] = problem
    if attributes is not None:
        own["attributes"] = attributes
        if len(attributes) <= TEXT_LIMIT:
            reader.read(attributes, found)
    content["elkvision"] = own
    event = {"sequence": seq} if raw is None else {"original": raw, "sequence": seq}
    said = orjson.dumps(content)
    checksum = _checksum(said, raw)
    is_long = len(said) > MAX_TOKEN or (raw is not None and len(raw) > MAX_TOKEN)  # then some text may be
    if found.left_out or is_long:
        said = orjson.dumps(_limited(content, event, found))
    given = {"checksum": checksum, "shape": shape_id, "terms": found.terms}
    made = {"event": event, "attributes": found.groups, "numbers": found.numbers, "ips": found.addresses}
    return Document(
        record, b"".join((said[:-2], b",", orjson.dumps(given)[1:-1], b"},", orjson.dumps(made)[1:])), checksum
    )


def _add_keywords(
    content: dict[str, Any], own: dict[str, Any], columns: list[str | None], reader: AttributeTerms, found: Found
) -> None:
    service, environment, host, trace_id, span_id, source, upload_id = columns
    if service is not None:
        content["service"] = {"name": service}
        reader.column("service", service, found)
    if environment is not None:
        content.setdefault("service", {})["environment"] = environment
        reader.column("environment", environment, found)
    if host is not None:
        content["host"] = {"name": host}
        reader.column("host", host, found)
    if trace_id is not None:
        content["trace"] = {"id": trace_id}
        reader.column("trace_id", trace_id, found)
    if span_id is not None:
        content["span"] = {"id": span_id}
        reader.column("span_id", span_id, found)
    if source is not None:
        content["labels"] = {"source": source}
        reader.column("source", source, found)
    if upload_id is not None:
        own["upload_id"] = upload_id
        reader.column("upload_id", upload_id, found)


def _checksum(said: bytes, raw: str | None) -> str:
    digest = blake2b(said, digest_size=8)
    if raw is not None:
        digest.update(b"\n" + raw.encode())
    return digest.hexdigest()


def _limited(content: dict[str, Any], event: dict[str, Any], found: Found) -> dict[str, Any]:
    """`content`, which says what cannot be searched, and has put aside what lies beyond the part of a text that is."""
    own = content["elkvision"]
    notes = [LONG_VALUE] if found.left_out else []
    texts = (content["message"], event.get("original", ""), own.get("problem", ""))
    if any(len(text) > MAX_TOKEN and _LONG_WORD.search(text[:TEXT_LIMIT]) for text in texts):
        notes.append(LONG_WORD)
    if notes:
        own["problem"] = "; ".join([own["problem"], *notes] if "problem" in own else notes)
    rest = {}
    for holder, name in ((content, "message"), (event, "original"), (own, "problem")):
        text = holder.get(name, "")
        if len(text) > TEXT_LIMIT:
            holder[name], rest[name] = text[:TEXT_LIMIT], text[TEXT_LIMIT:]
    if len(own.get("attributes", "")) > TEXT_LIMIT:  # nothing of it is searched: pages need not load it at once
        rest["attributes"] = own.pop("attributes")
    if rest:
        own["rest"] = rest
    return content


# -- back ------------------------------------------------------------------------------------------------------------

_NOTHING: Mapping[str, Any] = {}


def record_of(source: Mapping[str, Any]) -> LogRecord:
    """The record of a hit's `_source`."""
    at = datetime.fromisoformat(source["@timestamp"])
    own, event, service = source["elkvision"], source["event"], source.get("service", _NOTHING)
    rest = own.get("rest", _NOTHING)
    return {
        "id": record_id((at - _EPOCH) // _MICROSECOND, event["sequence"]),
        "timestamp": at,
        "level": source["log"]["level"],
        "message": source["message"] + rest.get("message", ""),
        "source": source.get("labels", _NOTHING).get("source"),
        "service": service.get("name"),
        "environment": service.get("environment"),
        "host": source.get("host", _NOTHING).get("name"),
        "trace_id": source.get("trace", _NOTHING).get("id"),
        "span_id": source.get("span", _NOTHING).get("id"),
        "tags": source.get("tags", []),
        "attributes": own.get("attributes", rest.get("attributes")),
        "raw": _joined(event.get("original"), rest.get("original")),
        "problem": _joined(own.get("problem"), rest.get("problem")),
        "upload_id": own.get("upload_id"),
    }


def _joined(first: str | None, rest: str | None) -> str | None:
    return first if rest is None else (first or "") + rest


def checksum_of(source: Mapping[str, Any]) -> str:
    """The checksum that a document was stored with."""
    return str(source["elkvision"]["checksum"])


def table_of(sources: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The records of hits' `_source`s as `LOG_SCHEMA` (`shape` NULL: it is not kept) with `seq` and `shape_id`."""
    records = [record_of(source) for source in sources]
    columns = [
        pa.nulls(len(records), each.type)
        if each.name == "shape"
        else pa.array([record[each.name] for record in records], each.type)
        for each in LOG_SCHEMA
    ]
    seqs = pa.array([source["event"]["sequence"] for source in sources], pa.int64())
    shapes = pa.array([source["elkvision"].get("shape") for source in sources], pa.int32())
    schema = LOG_SCHEMA.append(pa.field("seq", pa.int64())).append(pa.field("shape_id", pa.int32()))
    return pa.table([*columns, seqs, shapes], schema=schema)
