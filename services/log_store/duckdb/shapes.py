"""The dictionary of shapes: what a message looks like without its numbers, stored once.

Records carry `shape_id`. Python looks at distinct shapes only, never at records. Text without structure would blow
the dictionary up, so a source whose messages hardly repeat gets no shapes at all (`shape_id` NULL), and neither
does anything after the organisation's limit. The idea is CLP's (Rodrigues et al., OSDI 2021).
Only the organisation's writer uses this; what a transaction changes counts once `settle` is called.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.duckdb.coded import encoded
from services.log_store.duckdb.dictionary import NORM_SQL
from services.log_store.duckdb.rows import first_row
from services.model import MASK_VERSION

WINDOW_ROWS = 10_000
NEW_SHARE = 0.10
"""A source with more than this share of new shapes over a window has no structure worth a dictionary."""
MAX_SHAPES = 50_000
MAX_SHAPE_BYTES = 4_096
"""With 1,024, one message in twelve of up to 2 kB had no shape, and every search for a word read those: 5 ms became 60."""
MAX_DICTIONARY_BYTES = 16 << 20
"""Of all shapes of an organisation together: 50,000 of 300 bytes."""
MANY_SOURCES = 500
"""A batch with more is judged as a whole: 20,000 sources one by one took 5 s."""
_MEMORY_ENTRIES = 20_000


@dataclass(frozen=True)
class Window:
    """What was seen of one source since its window began."""

    rows: int = 0
    new: int = 0

    @property
    def is_full(self) -> bool:
        return self.rows >= WINDOW_ROWS

    @property
    def is_shapeless(self) -> bool:
        return self.is_full and self.new > NEW_SHARE * self.rows


@dataclass
class _Plan:
    """What the open transaction adds."""

    shapes: dict[str, int]
    windows: dict[str | None, Window]
    shapeless: set[str | None]
    shape_bytes: int = 0


class Shapes:
    """The dictionary of one organisation: all of it in its file, the recently used part in memory."""

    def __init__(self, database: str, cursor: duckdb.DuckDBPyConnection):
        self._database = database
        self._known: OrderedDict[str, int] = OrderedDict()
        self._windows: dict[str | None, Window] = {}
        rows = cursor.execute(f"SELECT source FROM {database}.shapeless_sources").fetchall()
        self._shapeless: set[str | None] = {row[0] for row in rows}
        counted = f"""SELECT count(*), coalesce(max(shape_id), -1) + 1, coalesce(sum(strlen(shape)), 0)::BIGINT
                      FROM {database}.shapes"""
        self._count, self._next_id, self._bytes = first_row(cursor, counted) or (0, 0, 0)
        self._plan = _Plan({}, {}, set())

    def assign(self, cursor: duckdb.DuckDBPyConnection, sources: pa.ChunkedArray, shapes: pa.ChunkedArray) -> pa.Array:
        """shape_id of every record (int32, NULL without one); new shapes are inserted with `cursor`."""
        self._plan = _Plan({}, {}, set())
        per_shape, per_source = encoded(shapes), encoded(sources)
        indices, words = per_shape.indices, per_shape.dictionary
        is_one = len(per_source.dictionary) <= 1 and not (len(per_source.dictionary) and per_source.null_count)
        if is_one or len(per_source.dictionary) > MANY_SOURCES:
            source = per_source.dictionary[0].as_py() if is_one and len(per_source.dictionary) else None
            ids = self._of_source(cursor, source, len(shapes), words)
            found = pc.take(ids, indices)
        else:
            found = self._of_many(cursor, per_source, indices, words)
        self._insert(cursor)
        return found

    def _of_many(
        self, cursor: duckdb.DuckDBPyConnection, sources: pa.DictionaryArray, indices: pa.Array, words: pa.Array
    ) -> pa.Array:
        found = pa.nulls(len(indices), pa.int32())
        source_numbers = pc.fill_null(sources.indices, -1)
        for number in pc.unique(source_numbers).to_pylist():
            mask = pc.equal(source_numbers, number)
            own = indices.filter(mask)
            used = pc.drop_null(pc.unique(own))
            source = None if number < 0 else sources.dictionary[number].as_py()
            ids = self._of_source(cursor, source, len(own), words.take(used))
            position = pc.index_in(own, value_set=used)
            found = pc.replace_with_mask(found, mask, pc.take(ids, position))
        return found

    def _of_source(self, cursor: duckdb.DuckDBPyConnection, source: str | None, rows: int, words: pa.Array) -> pa.Array:
        """The id of each distinct shape of one source; all NULL where the source has no structure."""
        nothing = pa.nulls(len(words), pa.int32())
        if source in self._shapeless or source in self._plan.shapeless:
            return nothing
        if rows >= WINDOW_ROWS and len(words) > MAX_SHAPES:
            self._plan.shapeless.add(source)
            return nothing
        texts = words.to_pylist()
        known = self._look_up(cursor, texts)
        new = [text for text in texts if text not in known and len(text.encode()) <= MAX_SHAPE_BYTES]
        if self._becomes_shapeless(source, rows, len(new)):
            return nothing
        for text in new[: max(0, MAX_SHAPES - self._count - len(self._plan.shapes))]:
            if self._bytes + self._plan.shape_bytes > MAX_DICTIONARY_BYTES:
                break
            known[text] = self._plan.shapes[text] = self._next_id + len(self._plan.shapes)
            self._plan.shape_bytes += len(text.encode())
        return pa.array([known.get(text) for text in texts], pa.int32())

    def _becomes_shapeless(self, source: str | None, rows: int, new: int) -> bool:
        before = self._plan.windows.get(source) or self._windows.get(source) or Window()
        window = replace(before, rows=before.rows + rows, new=before.new + new)
        self._plan.windows[source] = Window() if window.is_full else window
        if window.is_shapeless:
            self._plan.shapeless.add(source)
        return window.is_shapeless

    def _look_up(self, cursor: duckdb.DuckDBPyConnection, texts: list[str]) -> dict[str, int]:
        found = {text: self._known[text] for text in texts if text in self._known}
        for text in found:
            self._known.move_to_end(text)
        found.update({text: self._plan.shapes[text] for text in texts if text in self._plan.shapes})
        missing = [text for text in texts if text not in found]
        if missing and self._count > len(self._known):
            found.update(self._read(cursor, missing))
        return found

    def _read(self, cursor: duckdb.DuckDBPyConnection, texts: list[str]) -> dict[str, int]:
        cursor.register("wanted_shapes", pa.table({"shape": pa.array(texts, pa.string())}))
        sql = f"SELECT shape, shape_id FROM {self._database}.shapes SEMI JOIN wanted_shapes USING (shape) WHERE mask_version = ?"
        rows = cursor.execute(sql, [MASK_VERSION]).fetchall()
        cursor.unregister("wanted_shapes")
        self._remember(dict(rows))
        return dict(rows)

    def _insert(self, cursor: duckdb.DuckDBPyConnection) -> None:
        for source in self._plan.shapeless:
            cursor.execute(f"INSERT INTO {self._database}.shapeless_sources VALUES (?)", [source])
        if not self._plan.shapes:
            return
        names = ("shape_id", "shape")
        columns = (pa.array(self._plan.shapes.values(), pa.int32()), pa.array(self._plan.shapes.keys(), pa.string()))
        cursor.register("new_shapes", pa.table(dict(zip(names, columns, strict=True))))
        sql = f"INSERT INTO {self._database}.shapes SELECT shape_id, shape, ?, {NORM_SQL}, NULL FROM new_shapes"
        cursor.execute(sql, [MASK_VERSION])
        cursor.unregister("new_shapes")

    def settle(self) -> None:
        """The transaction of the last `assign` is durable."""
        self._windows.update(self._plan.windows)
        while len(self._windows) > _MEMORY_ENTRIES:
            self._windows.pop(next(iter(self._windows)))
        self._shapeless |= self._plan.shapeless
        self._count += len(self._plan.shapes)
        self._bytes += self._plan.shape_bytes
        self._next_id += len(self._plan.shapes)
        self._remember(self._plan.shapes)
        self._plan = _Plan({}, {}, set())

    def _remember(self, shapes: dict[str, int]) -> None:
        self._known.update(shapes)
        while len(self._known) > _MEMORY_ENTRIES:
            self._known.popitem(last=False)
