"""No record is refused by the server, whatever it holds, and every one comes back as it was."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from services.errors import InvalidInput
from services.log_store.elasticsearch.documents import LONG_VALUE, LONG_WORD, documents, record_of
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.interface import LogRecord
from services.model import EARLIEST, LATEST, LogBatch, record_id
from tests.elastic import Elastic, elastic
from tests.records import batch, record
from tests.services.ingest.reading import chunks, reading
from tests.services.query.elastic_index import created, numbered, sent
from tests.services.query.random_records import random_batch

__all__ = ["elastic"]


class Kept:
    """An index that takes batches and gives the records back."""

    def __init__(self, elastic: Elastic, name: str):
        self.elastic = elastic
        self.index = created(elastic, name)
        self.promotion = Promotion(12, 6)
        self.seq = 0

    def check(self, rows: LogBatch) -> list[LogRecord]:
        """Send the records, each as it may be sent; all are taken and come back equal. What came back."""
        table = numbered(rows, self.seq)
        self.seq += len(rows)
        came: list[LogRecord] = []
        for typed in (True, False):
            table = table.set_column(
                table.schema.get_field_index("seq"), "seq", pa.array(range(self.seq, self.seq + len(rows)), pa.int64())
            )
            self.seq += len(rows)
            made = documents("acme", table, pa.nulls(len(rows), pa.int32()), self.promotion, typed=typed)
            answers = sent(self.elastic, self.index, made)
            assert [answer for answer in answers if answer["status"] != 201] == []
            back = self.read([each.id for each in made])
            for row, entry in zip(table.to_pylist(), back, strict=True):
                _same(row, entry)
            came = back
        return came

    def read(self, ids: list[str]) -> list[LogRecord]:
        """The records of these ids."""
        found: list[LogRecord] = []
        for at in range(0, len(ids), 500):
            answer = self.elastic.client.mget(index=self.index, ids=ids[at : at + 500])
            sources = [each["_source"] for each in answer["docs"]]
            assert not any("terms" in each["elkvision"] or "numbers" in each or "ips" in each for each in sources)
            found += [record_of(each) for each in sources]
        return found


def _same(row: dict[str, Any], back: LogRecord) -> None:
    for name in ("timestamp", "level", "message", "source", "service", "environment", "host", "trace_id", "span_id"):
        assert back[name] == row[name], name
    for name in ("attributes", "raw", "upload_id"):
        assert back[name] == row[name], name
    assert back["tags"] == (row["tags"] or [])
    added = (back["problem"] or "").removeprefix(row["problem"] or "").removeprefix("; ")
    assert added in ("", LONG_VALUE, LONG_WORD, f"{LONG_VALUE}; {LONG_WORD}")
    assert added or back["problem"] == row["problem"]


@pytest.fixture(scope="module")
def kept(elastic: Elastic) -> Iterator[Kept]:
    """An empty index."""
    yield Kept(elastic, "hostile")


def test_records_of_every_kind_are_taken(kept: Kept) -> None:
    kept.check(random_batch(random.Random(1), 150))


def test_the_whole_json_test_suite_is_taken(kept: Kept, shared_data: Path) -> None:
    batches = []
    for path in sorted((shared_data / "json-test-suite" / "test_parsing").iterdir()):
        try:
            batches += [chunk.batch for chunk in chunks(path.read_bytes(), reading(path.name))]
        except InvalidInput:
            continue
    rows = pa.concat_tables([each for each in batches if len(each)], promote_options="permissive")
    assert len(rows) > 250
    kept.check(rows)


def test_every_naughty_string_is_taken_wherever_it_stands(kept: Kept, shared_data: Path) -> None:
    strings = json.loads((shared_data / "naughty-strings.json").read_text())
    wide = [
        {"message": each, "held": each, each: 1, "in": {each: [each]}, "service": each, "host": each}
        for each in strings
    ]
    content = "\n".join(json.dumps(each) for each in wide).encode()
    for chunk in chunks(content, reading("x.ndjson")):
        kept.check(chunk.batch)


LONG = "x" * 30_000
HOSTILE = (
    "{}",
    '{"":{"":{"":1}},".":2,"..":3,"a.":4,".a":5,"a..b":6," ":7}',
    '{"a":1,"a.b":2,"a.b.c":3,"a":{"b":{"c":"10.0.0.1"}}}',
    '{"a":"10.0.0.1","a.b":"::1","ip":["1.2.3.4","x","::ffff:1.2.3.4","fe80::1%eth0"]}',
    '{"n":[1E400,-1e400,1e-400,-0,-0.0,123456789012345678901234567890,0.1e-5]}',
    '{"n":"x","n2":true}',
    '{"n":{"x":1}}',
    '{"\\u0000":1,"a\\u0000b":{"c":"x"},"v":"a\\u0000b"}',
    '{"\\ud800":1,"v":"\\udfff"}',
    '{"*":1,"?":2,"a*":3,"\\"":4,"\\\\":5,"_id":6,"_source":7,"@timestamp":8,"__proto__":9}',
    json.dumps({LONG: 1}),
    json.dumps({LONG: LONG[:1_000]}),
    json.dumps({"v": LONG}),
    json.dumps({"v": "😀" * 8_191}, ensure_ascii=False),
    json.dumps({"é" * 990: "😀" * 8_180}, ensure_ascii=False),
    json.dumps({"😀" * 8_100: "😀" * 100}, ensure_ascii=False),
    json.dumps({"v": ["y" * 8_000] * 4}),
    json.dumps({f"k{number}": number for number in range(1_500)}),
    json.dumps({f"deep{number}": {"a": "10.0.0.1"} for number in range(900)}),
    '{"a":' * 300 + "1" + "}" * 300,
    '{"a":' + "[" * 900 + "1" + "]" * 900 + "}",
    json.dumps({"v": "9" * 20_000}),
    '{"v":' + "9" * 20_000 + "}",
    json.dumps({"v": "x" * 40_000}),
    json.dumps({"v": "x " * 1_000_000}),
)


@pytest.mark.parametrize("attributes", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_attributes_are_taken(kept: Kept, attributes: str) -> None:
    kept.check(batch(record(attributes=attributes)))


TEXTS = (
    "",
    " ",
    LONG,
    "é" * 40_000,
    "😀" * 33_000,
    "a " * 500_000,
    "x" * (1 << 20),
    "\x7f\x01\u2028\ufeff",
    "-" * 40_000,
    "a-" * 20_000,
)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_hostile_texts_are_taken_in_every_column(kept: Kept, text: str) -> None:
    short = text[:9_000]
    names = ("service", "environment", "host", "source", "trace_id", "span_id", "upload_id")
    rows = batch(
        record(text, raw=text, problem=text or None, tags=[short, text[:20_000]], **dict.fromkeys(names, short))
    )
    kept.check(rows)


def test_the_first_and_the_last_moment_are_taken(kept: Kept) -> None:
    last = LATEST - timedelta(microseconds=1)
    back = kept.check(batch({**record(), "timestamp": EARLIEST}, {**record(), "timestamp": last}))
    assert [entry["timestamp"].year for entry in back] == [1970, 2261]
    assert back[0]["id"] == record_id(0, int(back[0]["id"][17:], 16))


def test_a_value_that_is_left_out_is_told(kept: Kept) -> None:
    back = kept.check(
        batch(record(attributes=json.dumps({"😀" * 8_192: "x"}, ensure_ascii=False)), record("x" * 9_000))
    )
    assert [entry["problem"] for entry in back] == [LONG_VALUE, LONG_WORD]
