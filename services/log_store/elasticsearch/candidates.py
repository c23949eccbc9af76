"""Records read from the server in their order, a few MB at a time, as the columns that the embedded store's readers take.

They are candidates: what a query finds that is an upper bound of what was asked (`residual` checks them), or a sample.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.paging import Hit, Position, hits_of, ordered
from services.model import LEVEL_NUMBER
from services.query.sql_texts import TEXT_LIMIT

PATHS: dict[str, tuple[str, ...]] = {
    "level": ("log", "level"),
    "message": ("message",),
    "source": ("labels", "source"),
    "service": ("service", "name"),
    "environment": ("service", "environment"),
    "host": ("host", "name"),
    "trace_id": ("trace", "id"),
    "span_id": ("span", "id"),
    "tags": ("tags",),
    "attributes": ("elkvision", "attributes"),
    "raw": ("event", "original"),
    "problem": ("elkvision", "problem"),
    "upload_id": ("elkvision", "upload_id"),
    "shape_id": ("elkvision", "shape"),
}
"""Where a document holds each column. Time and seq come with every hit."""

ALL_COLUMNS = frozenset(PATHS)

SCHEMA = pa.schema(
    [
        pa.field("seq", pa.int64()),
        pa.field("timestamp", pa.timestamp("us")),
        pa.field("level", pa.uint8()),
        *(pa.field(name, pa.string()) for name in PATHS if name not in ("level", "tags", "shape_id")),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("shape_id", pa.int32()),
    ]
)
"""Columns of `logs` of the embedded store, but for `block`."""

_FIRST_RECORDS = 500
_MOST_RECORDS = 5_000
_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True)
class Chunk:
    """Some candidates, in order: `table` (`SCHEMA`) has a row for each of `hits`."""

    hits: Sequence[Hit]
    table: pa.Table


class Candidates:
    """Candidates in the order asked, to be iterated over once.

    columns   what is read (names of `PATHS`); the others are NULL, but for the message, which is then empty
    most      of them that are read, None for all; `is_partial` says afterwards that there were more
    time_share  of the question's time after which no more are read: then too, `is_partial`
    last_seq  the highest seq of those that were read; expected: how many there were, where all were asked for
    Iterating raises like `Question.search`.
    """

    def __init__(
        self,
        question: Question,
        scope: Mapping[str, Any],
        columns: Collection[str],
        *,
        most: int | None,
        newest_first: bool = True,
        after: Position | None = None,
        time_share: float = 0.7,
    ):
        self.looked_at = 0
        self.is_partial = False
        self.last: Position | None = after
        self.last_seq = -1
        self._question = question
        self._scope = scope
        self._columns = frozenset(columns)
        self._most = most
        self._newest_first = newest_first
        self._time_share = time_share
        self.expected: int | None = None

    def __iter__(self) -> Iterator[Chunk]:
        size, is_end = _FIRST_RECORDS, False
        while not is_end:
            left = size if self._most is None else min(size, self._most - self.looked_at)
            if left == 0 or (self.looked_at and self._question.used_share > self._time_share):
                self.is_partial = True  # of a last chunk that was not full, nothing more is asked
                return
            hits = self._read(left)
            is_end = len(hits) < left or self.looked_at == self.expected
            if hits:
                chunk = Chunk(hits, table_of(hits, self._columns))
                yield chunk
                size = max(10, min(_MOST_RECORDS, _CHUNK_BYTES * len(hits) // max(1, chunk.table.nbytes)))

    def _read(self, size: int) -> list[Hit]:
        counted = self.last is None
        body = ordered(
            self._scope,
            size,
            newest_first=self._newest_first,
            after=self.last,
            source={"includes": [".".join(PATHS[name]) for name in sorted(self._columns)]} if self._columns else False,
            total=counted,
        )
        answer = self._question.search(body)
        hits = hits_of(answer)
        if counted:
            self.expected = answer["hits"]["total"]["value"]
        self.looked_at += len(hits)
        self.last = hits[-1].position if hits else self.last
        self.last_seq = max(self.last_seq, *(hit.position[1] for hit in hits)) if hits else self.last_seq
        if self.expected:
            self._question.progress = min(1.0, self.looked_at / min(self.expected, self._most or self.expected))
        return hits


def table_of(hits: Sequence[Hit], columns: Collection[str] = ALL_COLUMNS) -> pa.Table:
    """The hits as `SCHEMA`: what queries look at. Attributes too long to be searched are NULL."""
    made = {
        "seq": pa.array([hit.position[1] for hit in hits], pa.int64()),
        "timestamp": pa.array([hit.position[0] for hit in hits], pa.int64()).cast(pa.timestamp("us")),
    }
    for name in PATHS:
        made[name] = _column(name, hits) if name in columns else _absent(name, len(hits))
    return pa.table([made[name] for name in SCHEMA.names], schema=SCHEMA)


def _absent(name: str, rows: int) -> pa.Array:
    return pa.array([""] * rows) if name == "message" else pa.nulls(rows, SCHEMA.field(name).type)


def value_of(source: Mapping[str, Any], name: str) -> Any:
    """What a document holds of a column; None where it is absent."""
    path = PATHS[name]
    found = source.get(path[0])
    return found.get(path[1]) if found and len(path) > 1 else found


def _column(name: str, hits: Sequence[Hit]) -> pa.Array:
    values = [value_of(hit.source, name) for hit in hits]
    if name == "level":
        values = [LEVEL_NUMBER.get(str(word), 0) for word in values]
    if name == "attributes":
        values = [text if text is not None and len(text) <= TEXT_LIMIT else None for text in values]
    return pa.array(values, SCHEMA.field(name).type)
