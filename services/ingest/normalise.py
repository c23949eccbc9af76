"""From what a format read to what the store takes: defaults, limits, times within bounds, and the shape.

Nothing is left out: what does not fit a column stays in `raw` whole, and `problem` says so.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from services.ingest.options import Defaults
from services.model import CODED_SCHEMA, EARLIEST, LATEST, LOG_SCHEMA, MASKABLE, MAX_SHAPED_BYTES, LogBatch

MAX_MESSAGE_BYTES = 1 << 20
MAX_ATTRIBUTES_BYTES = 4 << 20
MAX_KEYWORD_BYTES = 1024

MASKABLE_IN_ASCII = r"[A-Za-z0-9_]*[0-9][A-Za-z0-9_]*"
"""`MASKABLE` on ASCII text; compiled in 0.02 ms instead of 5, which is most of the time of a single record."""

WORTH_ALIKE_ROWS = 1024
ALIKE_SAMPLE = 1024
MOSTLY_DIFFERENT = 0.6
"""Where more of a sample of the messages differ in more than digits, each is masked for itself."""
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)

LONG_MESSAGE = "message over 1 MiB: its beginning is shown, all of it is kept in the original line"
LARGE_ATTRIBUTES = "fields over 4 MiB: kept in the original line only"
LONG_FIELD = "a field over 1 kB is shortened; all of it is kept in the original line"
OUT_OF_RANGE = "the time is outside 1970–2261: arrival time taken"

_KEYWORDS = ("source", "service", "environment", "host", "trace_id", "span_id")
_TEXTS = ("message", *_KEYWORDS, "attributes", "raw", "problem")


def normalise(parsed: pa.Table, defaults: Defaults, now: datetime, *, coded: bool = False) -> LogBatch:
    """A batch of `LOG_SCHEMA` with one row per row of `parsed`, in its order; of `CODED_SCHEMA` where `coded`.

    `now` is the arrival time.
    """
    columns = {name: _one(parsed[name]) for name in parsed.column_names}
    for name in _TEXTS:
        columns[name] = _without_controls(columns[name])
    problems = [columns["problem"]]
    columns["timestamp"] = _times(columns["timestamp"], now, problems)
    columns["level"] = pc.fill_null(columns["level"], "unknown")
    _limit(columns, problems)
    columns["message"] = pc.fill_null(columns["message"], "")
    columns["problem"] = _joined(problems)
    columns["shape"] = shapes(columns["message"])
    _fill_defaults(columns, defaults, len(parsed))
    schema = CODED_SCHEMA if coded else LOG_SCHEMA
    return pa.table([_typed(columns[name], schema.field(name).type) for name in schema.names], schema=schema)


def _typed(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    """The column as a dictionary where one is wanted, without one where not."""
    if pa.types.is_dictionary(wanted):
        return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return column.dictionary.take(column.indices) if pa.types.is_dictionary(column.type) else column


def shapes(messages: pa.Array) -> pa.Array:
    """The messages with every token that holds a digit masked; NULL where a message is too long to have a shape.

    A dictionary where that is less work.
    """
    short = messages
    if _longest(messages) > MAX_SHAPED_BYTES:
        fits = pc.less_equal(pc.binary_length(messages), MAX_SHAPED_BYTES)
        short = pc.if_else(fits, messages, pa.scalar(None, pa.string()))
    if len(short) < WORTH_ALIKE_ROWS:
        return _masked(short)
    alike = _with_digits_alike(short)
    if len(pc.unique(alike.slice(0, ALIKE_SAMPLE))) > ALIKE_SAMPLE * MOSTLY_DIFFERENT:
        return _masked(short)
    encoded = alike.dictionary_encode()
    words = _masked(encoded.dictionary).dictionary_encode()
    return pa.DictionaryArray.from_arrays(words.indices.take(encoded.indices), words.dictionary)


def _masked(texts: pa.Array) -> pa.Array:
    in_ascii = pc.all(pc.string_is_ascii(texts)).as_py() is not False
    return pc.replace_substring_regex(texts, MASKABLE_IN_ASCII if in_ascii else MASKABLE, "\x1a")


def _with_digits_alike(texts: pa.Array) -> pa.Array:
    """The texts with 0 for every ASCII digit: their shapes are the same, and far fewer of them are different."""
    valid, offsets, data = texts.buffers()
    if data is None:
        return texts
    content = pa.py_buffer(data.to_pybytes().translate(_DIGITS_ALIKE))
    return pa.Array.from_buffers(texts.type, len(texts), [valid, offsets, content], offset=texts.offset)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _longest(texts: pa.Array) -> int:
    return pc.max(pc.binary_length(texts)).as_py() or 0


def _without_controls(texts: pa.Array) -> pa.Array:
    """NUL ends texts in many programs and U+001A marks masked tokens in shapes: both become a space."""
    data = texts.buffers()[2] if len(texts) else None
    if data is None:
        return texts
    content = data.to_pybytes()  # one copy and a memchr: a tenth of looking through the texts one by one
    for control in ("\0", "\x1a"):
        if control.encode() in content:
            texts = pc.replace_substring(texts, control, " ")
    return texts


def _times(times: pa.Array, now: datetime, problems: list[pa.Array]) -> pa.Array:
    aware = times.cast(pa.timestamp("us", tz="UTC"))
    inside = pc.and_(pc.greater_equal(aware, pa.scalar(EARLIEST)), pc.less(aware, pa.scalar(LATEST)))
    outside = pc.and_(pc.is_valid(aware), pc.invert(pc.fill_null(inside, True)))
    if pc.any(outside).as_py():
        problems.append(pc.if_else(outside, OUT_OF_RANGE, pa.scalar(None, pa.string())))
        aware = pc.if_else(outside, pa.scalar(None, aware.type), aware)
    return pc.fill_null(aware, pa.scalar(now, pa.timestamp("us", tz="UTC")))


def _limit(columns: dict[str, pa.Array], problems: list[pa.Array]) -> None:
    if _longest(columns["attributes"]) > MAX_ATTRIBUTES_BYTES:
        _cut(columns, "attributes", MAX_ATTRIBUTES_BYTES, LARGE_ATTRIBUTES, problems, lambda text, _: None)
    if _longest(columns["message"]) > MAX_MESSAGE_BYTES:
        _cut(columns, "message", MAX_MESSAGE_BYTES, LONG_MESSAGE, problems, _beginning)
    for name in _KEYWORDS:
        if _longest(columns[name]) > MAX_KEYWORD_BYTES:
            _cut(columns, name, MAX_KEYWORD_BYTES, LONG_FIELD, problems, _beginning)


def _cut(
    columns: dict[str, pa.Array], name: str, limit: int, problem: str, problems: list[pa.Array], shorten: Any
) -> None:
    """Shorten the few values over `limit`; a record that has no `raw` yet gets the whole value as its `raw`."""
    texts, raws = columns[name].to_pylist(), columns["raw"].to_pylist()
    notes: list[str | None] = [None] * len(texts)
    for index in pc.indices_nonzero(pc.greater(pc.binary_length(columns[name]), limit)).to_pylist():
        raws[index] = raws[index] or _whole(columns, name, index)
        texts[index] = shorten(texts[index], limit)
        notes[index] = problem
    columns[name] = pa.array(texts, pa.string())
    columns["raw"] = pa.array(raws, pa.string())
    problems.append(pa.array(notes, pa.string()))


def _whole(columns: dict[str, pa.Array], name: str, index: int) -> str:
    value: str = columns[name][index].as_py()
    return value


def _beginning(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")


def _joined(problems: list[pa.Array]) -> pa.Array:
    joined = problems[0]
    for more in problems[1:]:  # not all at once: null_handling="skip" leaves out the rows that have none
        joined = pc.coalesce(pc.binary_join_element_wise(joined, more, "; "), joined, more)
    return joined


def _fill_defaults(columns: dict[str, pa.Array], defaults: Defaults, count: int) -> None:
    for name in ("source", "service", "environment", "host"):
        value = getattr(defaults, name)
        if value is not None:
            columns[name] = _filled(columns[name], value)
    if defaults.tags:
        columns["tags"] = _tagged(columns["tags"], list(defaults.tags))
    if defaults.metadata:
        columns["attributes"] = _with_metadata(columns["attributes"], defaults.metadata)
    columns["upload_id"] = _everywhere(defaults.upload_id, count)


def _filled(texts: pa.Array, value: str) -> pa.Array:
    everywhere = texts.null_count == len(texts)
    return _everywhere(value, len(texts)) if everywhere else pc.fill_null(texts, value)


def _everywhere(value: str | None, count: int) -> pa.DictionaryArray:
    """One text for all rows: four bytes a row, however long it is."""
    numbers = pa.nulls(count, pa.int32()) if value is None else _repeated(0, pa.int32(), count)
    return pa.DictionaryArray.from_arrays(numbers, pa.array([] if value is None else [value], pa.string()))


def _repeated(value: Any, of: pa.DataType, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, of), count) if count else pa.array([], of)


def _tagged(tags: pa.Array, extra: list[str]) -> pa.Array:
    if tags.null_count == len(tags):
        return _repeated(extra, tags.type, len(tags))
    return pa.array([list(dict.fromkeys([*(own or []), *extra])) for own in tags.to_pylist()], tags.type)


def _with_metadata(attributes: pa.Array, metadata: Mapping[str, Any]) -> pa.Array:
    """The metadata stand behind the record's own members: of two with one name the first, the record's own, counts."""
    inner = json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))[1:-1]
    own = pc.replace_substring_regex(attributes, r"^\{\s*\}$", "")
    own = pc.utf8_slice_codeunits(own, 0, -1)
    joined = pc.binary_join_element_wise(own, inner + "}", ",")
    alone = "{" + inner + "}"
    return pc.if_else(pc.fill_null(pc.equal(own, ""), True), alone, joined)


_KEEP = re.compile(r"[\0\x1a]")


def clean_text(text: str) -> str:
    """One text with NUL and U+001A as spaces, for values that come from requests."""
    return _KEEP.sub(" ", text)
