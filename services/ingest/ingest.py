"""Records that come in requests: one at a time, or many in one body."""

import hashlib
import io
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from services.clock import Clock
from services.errors import InvalidInput, TooLarge, UnsupportedMedia
from services.ingest.decode import read_lines
from services.ingest.formats import json_exact, json_fast
from services.ingest.formats.blank import without_blank
from services.ingest.formats.json_exact import Row
from services.ingest.formats.json_text import NotJson, check_end, members, scan_value, skip_blank
from services.ingest.normalise import normalise
from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.pipeline import marked, parsing_connection
from services.log_store.interface import Idempotency, LogStore
from services.model import LogBatch
from services.principal import Principal, Right, require

JSON_TYPES = frozenset({"application/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})

VALUES_PER_RECORD = 40
"""A request may hold as many values as its most records with so many members each."""

GZIP_MEMBERS = 1_000
"""So many gzip files in a row make one body."""
_GZIP_STEP = 64 << 10


@dataclass(frozen=True)
class Recorded:
    """One record is stored under `id`; `problem` says what of it was not understood."""

    id: str
    problem: str | None


@dataclass(frozen=True)
class BulkResult:
    """What a bulk request stored: ids in the order of its items; problems as (index, reason)."""

    count: int
    ids: Sequence[str]
    problems: list[tuple[int, str]]
    replayed: bool = False


@dataclass
class _Waiting:
    """One record on its way through a shared pass."""

    row: Row
    done: threading.Event = field(default_factory=threading.Event)
    batch: LogBatch | None = None


class Ingest:
    """Takes records in requests. Calls from many threads at once are expected."""

    def __init__(self, store: LogStore, clock: Clock, limits: IngestLimits):
        self._store = store
        self._clock = clock
        self._limits = limits
        self._con = parsing_connection()
        self._waiting: list[_Waiting] = []
        self._queue_lock = threading.Lock()
        self._pass_lock = threading.Lock()

    def record(self, principal: Principal, body: bytes) -> Recorded:
        """Store one JSON object; returns when it is durable and can be found.

        Concurrent calls share one pass over their records. Raises `InvalidInput` for what is not one JSON object,
        `TooLarge`, `Forbidden`, and what the store raises.
        """
        require(principal, Right.WRITE_LOGS)
        if len(body) > self._limits.record_bytes:
            raise TooLarge("The record is too large.", limit=f"RECORD_MAX_BYTES={self._limits.record_bytes}")
        batch = self._shared_pass(_object_row(_text(body)))
        appended = self._store.append(principal.organisation_id, batch)
        return Recorded(appended.ids[0], batch["problem"][0].as_py())

    def bulk(
        self,
        principal: Principal,
        body: bytes,
        *,
        content_type: str,
        content_encoding: str = "",
        defaults: Defaults | None = None,
        idempotency_key: str | None = None,
    ) -> BulkResult:
        """Store the items of a JSON array, of {"logs": […]}, or the lines of NDJSON: all or none, in one transaction.

        A line of NDJSON that is not JSON is stored as it is with a problem. Raises `InvalidInput` where a JSON body as a
        whole is malformed, `UnsupportedMedia`, `TooLarge`, `Conflict` (the key came before with another body).
        """
        require(principal, Right.WRITE_LOGS)
        defaults = defaults or Defaults()
        kind = content_type.partition(";")[0].strip().lower()
        content = self._unpacked(body, content_encoding)
        lines, marks = _units(content, kind, self._limits)
        if not len(lines):
            return BulkResult(0, [], [])
        now = self._clock.now()
        parsed = marked(json_fast.parse(self._con, lines, ParseOptions(), now), marks)
        batch = normalise(parsed, defaults, now)
        idempotency = Idempotency(idempotency_key, _hash(content, defaults)) if idempotency_key else None
        appended = self._store.append(principal.organisation_id, batch, idempotency=idempotency)
        return BulkResult(appended.count, appended.ids, _problems(batch), appended.replayed)

    def _unpacked(self, body: bytes, encoding: str) -> bytes:
        limit = self._limits.bulk_bytes
        if len(body) > limit:
            raise TooLarge("The body is too large.", limit=f"BULK_MAX_BYTES={limit}")
        if encoding.strip().lower() in ("", "identity"):
            return body
        if encoding.strip().lower() != "gzip":
            raise UnsupportedMedia(f"Content-Encoding {encoding} is not read here; send gzip or none.")
        return _gunzip(body, limit)

    def _shared_pass(self, row: Row) -> LogBatch:
        """The record as a batch; whoever gets the lock does all records that wait by then."""
        mine = _Waiting(row)
        with self._queue_lock:
            self._waiting.append(mine)
        with self._pass_lock:
            if not mine.done.is_set():
                with self._queue_lock:
                    group, self._waiting = self._waiting, []
                self._do_pass(group)
        if mine.batch is None:
            raise InvalidInput("The record cannot be read.")
        return mine.batch

    def _do_pass(self, group: list[_Waiting]) -> None:
        try:
            now = self._clock.now()
            table = json_exact.table(self._con, [each.row for each in group], ParseOptions(), now)
            batch = normalise(table, Defaults(), now)
            for index, each in enumerate(group):
                each.batch = batch.slice(index, 1)
        finally:
            for each in group:
                each.done.set()


def _text(body: bytes) -> str:
    try:
        return body.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The body is not UTF-8 (byte {error.start}).") from None


def _object_row(text: str) -> Row:
    if text[skip_blank(text, 0) :][:1] != "{":
        _check_json(text)
        raise InvalidInput("Send one JSON object.")
    row = json_exact.read(text.strip(" \t\r\n"), 1)
    if row.problems and row.message == row.text:
        raise InvalidInput(f"The body is {row.problems[0]}.")
    return row


def _check_json(text: str) -> None:
    try:
        _, end = scan_value(text, skip_blank(text, 0))
        check_end(text, end)
    except NotJson as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from None


def _gunzip(body: bytes, limit: int) -> bytes:
    """What the body unpacks to. It is fed in small pieces: what follows a member would be copied for each one else."""
    pieces: list[bytes] = []
    size, members_left = 0, GZIP_MEMBERS
    inner = zlib.decompressobj(31)
    try:
        for rest in (body[start : start + _GZIP_STEP] for start in range(0, len(body), _GZIP_STEP)):
            while rest:
                if inner.eof:
                    members_left -= 1
                    inner = zlib.decompressobj(31)
                if not members_left:
                    raise InvalidInput(f"The gzip body has more than {GZIP_MEMBERS:,} members: pack it as one.")
                pieces.append(inner.decompress(rest, limit + 1 - size))
                size += len(pieces[-1])
                if size > limit:
                    raise TooLarge("The unpacked body is too large.", limit=f"BULK_MAX_BYTES={limit}")
                rest = inner.unused_data
    except zlib.error as error:
        raise InvalidInput(f"The body is not gzip: {error}.") from None
    if body and not inner.eof:
        raise InvalidInput("The gzip body ends early.")
    return b"".join(pieces)


def _too_many(limit: int) -> TooLarge:
    return TooLarge(f"One request takes at most {limit:,} records.", limit=f"BULK_MAX_RECORDS={limit}")


def _units(content: bytes, kind: str, limits: IngestLimits) -> tuple[pa.Table, dict[int, str]]:
    """(line_no, line) of every item, numbered from 1, and marks of the decoder."""
    _check_values(content, limits.bulk_records)
    if kind in NDJSON_TYPES:
        return _ndjson_units(content, limits)
    if kind not in JSON_TYPES:
        raise UnsupportedMedia("Send application/json or application/x-ndjson.")
    items = _items(_text(content), limits.bulk_records)
    return pa.table(
        {"line_no": pa.array(range(1, len(items) + 1), pa.int64()), "line": pa.array(items, pa.string())}
    ), {}


def _check_values(content: bytes, most_records: int) -> None:
    """Raise `TooLarge` where a few bytes each would become so many values that memory cannot hold them."""
    most = most_records * VALUES_PER_RECORD
    if content.count(b",") > most:
        raise TooLarge(f"One request takes at most {most:,} values.", limit=f"BULK_MAX_RECORDS={most_records}")


def _ndjson_units(content: bytes, limits: IngestLimits) -> tuple[pa.Table, dict[int, str]]:
    if content.count(b"\n") + (not content.endswith(b"\n")) > limits.bulk_records:
        raise _too_many(limits.bulk_records)
    blocks = list(read_lines(io.BytesIO(content), encoding="utf-8", record_bytes=limits.record_bytes))
    if not blocks:
        return pa.table({"line_no": pa.array([], pa.int64()), "line": pa.array([], pa.string())}), {}
    lines = without_blank(pa.concat_tables([block.lines for block in blocks]).select(["line_no", "line"]))
    numbers = lines["line_no"].to_pylist()
    index = {number: place for place, number in enumerate(numbers, start=1)}
    marks = {index[number]: mark for block in blocks for number, mark in block.marks.items() if number in index}
    renumbered = lines.set_column(0, "line_no", pa.array(range(1, len(lines) + 1), pa.int64()))
    return renumbered.combine_chunks(), marks


def _items(text: str, most: int) -> list[str]:
    """The texts of the items of an array, or of the array that is the member `logs` of an object; any other JSON text is
    one item."""
    start = skip_blank(text, 0)
    try:
        if text[start : start + 1] == "{":
            found, end = members(text, start)
            check_end(text, end)
            logs = [member for member in found if member.name == "logs" and text[member.value_start] == "["]
            return _elements(text, logs[0].value_start, most)[0] if logs else [text[start:end]]
        if text[start : start + 1] == "[":
            items, end = _elements(text, start, most)
            check_end(text, end)
            return items
    except NotJson as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from None
    _check_json(text)
    return [text[start:].strip(" \t\r\n")]


def _elements(text: str, start: int, most: int) -> tuple[list[str], int]:
    items: list[str] = []
    position = skip_blank(text, start + 1)
    if text[position : position + 1] == "]":
        return items, position + 1
    while True:
        _, end = scan_value(text, position)
        if len(items) == most:
            raise _too_many(most)
        items.append(text[position:end])
        position = skip_blank(text, end)
        mark = text[position : position + 1]
        if mark == "]":
            return items, position + 1
        if mark != ",":
            raise NotJson("a comma or ] is missing", position)
        position = skip_blank(text, position + 1)


def _problems(batch: LogBatch) -> list[tuple[int, str]]:
    found = pc.indices_nonzero(pc.is_valid(batch["problem"]))
    return list(zip(found.to_pylist(), batch["problem"].take(found).to_pylist(), strict=True))


def _hash(content: bytes, defaults: Defaults) -> str:
    digest = hashlib.sha256(content)
    digest.update(repr(defaults).encode())
    return digest.hexdigest()
