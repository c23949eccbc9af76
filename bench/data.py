"""Generated records, the same at every run: batches as uploads bring them, in order of time or as overlapping uploads."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from bench.vocabulary import SLOTS, sentences
from services.ingest.normalise import shapes
from services.log_store.interface import PREFERRED_BATCH_ROWS
from services.model import CODED, CODED_SCHEMA

RARE_WORD, RARE_EVERY = "zanzibar", 100_000
BUSY_ADDRESS, BUSY_EVERY = "172.16.20.200", 1_000
FIRST_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in µs."""
WEEK_US = 7 * 86_400 * 1_000_000

_VALUES = """SELECT i, hash(i) AS h,
    lower(lpad(to_hex(hash(i, 1)), 16, '0')) AS hex,
    hash((i // 2000) * 50 + hash(i, 2) % 50) AS visitor,
    least({shapes} - 1, floor({shapes} * pow((hash(i, 3) % 1000003) / 1000003.0, 2)))::BIGINT AS number,
    floor(5 * pow(1.01, hash(i, 4) % 700))::BIGINT AS ms
    FROM ({numbers})"""
"""What differs from record to record. A few shapes make up most records. A visitor's address comes about fifteen times
within 2,000 records, as in life; an id comes once, and begins with a digit."""

_KINDS = f"""CASE k{{n}} WHEN 'id' THEN i % 10 || hex[2:]
    WHEN 'ip' THEN CASE WHEN i % {BUSY_EVERY} < 3 THEN '{BUSY_ADDRESS}' ELSE
        100 + visitor % 120 || '.' || (visitor >> 8) % 256 || '.' || (visitor >> 16) % 256 || '.' || 100 + (visitor >> 24) % 150 END
    WHEN 'number' THEN (h % 100000)::VARCHAR WHEN 'ms' THEN ms::VARCHAR
    WHEN 'size' THEN (hash(i, {{n}}) % 3000000)::VARCHAR
    WHEN 'ratio' THEN h % 10 || '.' || hash(i, {{n}}) % 100 ELSE '' END"""
_MESSAGE = "p0" + "".join(f" || {_KINDS.format(n=n)} || p{n}" for n in range(1, SLOTS + 1))

_RECORDS = f"""
SELECT make_timestamptz({FIRST_US} + (i * {WEEK_US}) // {{count}}) AS timestamp,
  (['debug', 'info', 'info', 'info', 'info', 'info', 'info', 'info', 'warning', 'error'])[1 + (hash(i, 5) % 10)::INT] AS level,
  {_MESSAGE} || if(i % {RARE_EVERY} = {RARE_EVERY // 2}, ' {RARE_WORD}', '') AS message,
  'app-' || number % {{sources}} AS source,
  (['gateway', 'cart', 'mail', 'auth', 'search', 'billing', 'stock', 'media'])[1 + (number % 8)::INT] AS service,
  if(hash(i, 6) % 8 = 0, 'staging', 'production') AS environment, 'node-' || hash(i, 7) % 40 AS host,
  md5((i // 3)::VARCHAR) AS trace_id,
  shape || if(i % {RARE_EVERY} = {RARE_EVERY // 2}, ' {RARE_WORD}', '') AS shape,
  '{{{{"duration_ms":' || ms || ',"customer":"c' || hash(i, 8) % 50000 || '","http":{{{{"status_code":'
    || ([200, 200, 200, 200, 201, 304, 404, 500])[1 + (hash(i, 9) % 8)::INT] || '}}}},"region":"'
    || (['eu-west', 'eu-north', 'us-east', 'ap-south'])[1 + (hash(i, 10) % 4)::INT] || '"}}}}' AS attributes,
  {{upload}} AS upload_id
FROM ({_VALUES}) JOIN sentences USING (number) ORDER BY i"""


@dataclass(frozen=True)
class Generated:
    """`count` records over a week with `shapes` different sentences, which `sources` programs write.

    uploads  1: in order of time. More: each upload spans the whole week, one is appended after the other
    """

    name: str
    count: int
    shapes: int
    sources: int = 1
    uploads: int = 1

    def batches(self) -> Iterator[pa.Table]:
        """The records with `CODED_SCHEMA`, in the order in which they are appended."""
        con = self._connection()
        for upload in range(self.uploads):
            own = range(upload, self.count, self.uploads)
            for first in range(0, len(own), PREFERRED_BATCH_ROWS):
                part = own[first : first + PREFERRED_BATCH_ROWS]
                yield self._batch(con, f"SELECT range AS i FROM range({part.start}, {part.stop}, {part.step})", upload)

    def later(self, rows: int, batches: int) -> list[pa.Table]:
        """Records of the time after the week, for whoever goes on writing."""
        con = self._connection()
        starts = [self.count + number * rows for number in range(batches)]
        return [self._batch(con, f"SELECT range AS i FROM range({at}, {at + rows})", self.uploads) for at in starts]

    def _connection(self) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(config={"memory_limit": "1GB"})
        con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        made = sentences(self.shapes)
        con.register("made", made)
        con.execute("CREATE TABLE sentences AS FROM made")
        return con

    def _batch(self, con: duckdb.DuckDBPyConnection, numbers: str, upload: int) -> pa.Table:
        values = {"count": self.count, "shapes": self.shapes, "sources": self.sources}
        sql = _RECORDS.format(numbers=numbers, upload=f"'upload-{upload}'", **values)
        return coded(con.sql(sql).to_arrow_table())


def coded(table: pa.Table) -> pa.Table:
    """The table with the columns that it lacks, as batches of uploads are."""
    missing = {
        field.name: pa.nulls(len(table), field.type) for field in CODED_SCHEMA if field.name not in table.column_names
    }
    columns = {name: table.column(name) for name in table.column_names} | missing
    for name in CODED:
        if not pa.types.is_dictionary(columns[name].type):
            columns[name] = columns[name].combine_chunks().dictionary_encode()
    return pa.table({name: columns[name] for name in CODED_SCHEMA.names}).cast(CODED_SCHEMA)


def check_shapes(batch: pa.Table) -> None:
    """Fails where the shapes of the batch are not those that reading its messages would give."""
    read = shapes(batch.column("message").combine_chunks())
    read = read.dictionary_decode() if pa.types.is_dictionary(read.type) else read
    assert read.to_pylist() == batch.column("shape").combine_chunks().dictionary_decode().to_pylist()
