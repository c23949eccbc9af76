"""Records become documents and come back as they were; what they are grouped by is what the embedded store shows."""

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest

from services.log_store.duckdb import DuckDBLogStore
from services.log_store.duckdb.attribute_sql import attribute_sql, text_of, texts_of_list
from services.log_store.elasticsearch.attribute_json import grouped_number
from services.log_store.elasticsearch.attribute_terms import AttributeTerms, Found
from services.log_store.elasticsearch.documents import (
    LONG_VALUE,
    LONG_WORD,
    Document,
    checksum_of,
    documents,
    record_of,
    table_of,
)
from services.log_store.elasticsearch.promotion import Promotion
from services.model import CODED_SCHEMA, LOG_SCHEMA, LogBatch, parse_record_id
from services.query.sql_texts import TEXT_LIMIT
from tests.clocks import HandClock
from tests.records import batch, record
from tests.services.query.elastic_index import numbered
from tests.services.query.filled import all_records
from tests.services.query.random_records import random_batch


def made(rows: LogBatch, *, typed: bool = True, promotion: Promotion | None = None) -> list[Document]:
    """Documents of records without shapes."""
    return documents("acme", rows, pa.nulls(len(rows), pa.int32()), promotion or Promotion(500, 100), typed=typed)


def source_of(**values: Any) -> dict[str, Any]:
    """The `_source` of one record."""
    return orjson.loads(made(numbered(batch(record(**values))))[0].body)  # type: ignore[no-any-return]


def without_notes(problem: str | None) -> str | None:
    for note in (LONG_VALUE, LONG_WORD):
        problem = None if problem == note else problem and problem.removesuffix(f"; {note}")
    return problem


@pytest.mark.parametrize("schema", [LOG_SCHEMA, CODED_SCHEMA], ids=["plain", "coded"])
def test_records_come_back_as_the_embedded_store_gives_them(tmp_path: Path, schema: pa.Schema) -> None:
    store = DuckDBLogStore(tmp_path, HandClock())
    rows = random_batch(random.Random(3), 400)
    ids = list(store.append("acme", rows).ids)
    seqs = [parse_record_id(each)[1] for each in ids]  # type: ignore[index]
    found = made(rows.cast(schema).append_column("seq", pa.array(seqs, pa.int64())))
    assert [each.id for each in found] == ids
    expected = {entry["id"]: entry for entry in all_records(store)}
    for document in found:
        back = record_of(orjson.loads(document.body))
        back["problem"] = without_notes(back["problem"])
        assert back == expected[document.id]
    store.close()


def test_a_table_of_documents_holds_the_batch_that_they_were_made_of() -> None:
    rows = random_batch(random.Random(4), 300)
    found = table_of([orjson.loads(each.body) for each in made(numbered(rows))])
    assert found.schema.names == [*LOG_SCHEMA.names, "seq", "shape_id"]
    for name in LOG_SCHEMA.names:
        if name not in ("shape", "problem", "tags"):
            assert found[name].to_pylist() == rows[name].to_pylist(), name
    assert [tags or [] for tags in found["tags"].to_pylist()] == [tags or [] for tags in rows["tags"].to_pylist()]
    assert found["seq"].to_pylist() == numbered(rows)["seq"].to_pylist()
    assert table_of([]).schema.equals(found.schema)


def test_shape_ids_are_kept() -> None:
    rows = numbered(batch(record("a"), record("b")))
    bodies = [
        orjson.loads(each.body) for each in documents("acme", rows, pa.array([7, None], pa.int32()), Promotion(1, 1))
    ]
    assert table_of(bodies)["shape_id"].to_pylist() == [7, None]


def test_the_checksum_is_of_the_content_alone() -> None:
    rows = random_batch(random.Random(5), 100)
    once, again = made(numbered(rows)), made(numbered(rows, 99), typed=False, promotion=Promotion(0, 0))
    assert [each.checksum for each in once] == [each.checksum for each in again]
    assert [checksum_of(orjson.loads(each.body)) for each in once] == [each.checksum for each in once]


@pytest.mark.parametrize(
    "change",
    [
        {"message": "other"},
        {"at": 0.000001},
        {"level": "error"},
        {"service": "x"},
        {"environment": "x"},
        {"host": "x"},
        {"tags": ["x"]},
        {"attributes": '{"a": 1}'},
        {"attributes": '{"a":1}'},
        {"raw": ""},
        {"problem": "x"},
        {"upload_id": "x"},
    ],
)
def test_another_content_has_another_checksum(change: dict[str, Any]) -> None:
    first, second = (made(numbered(batch(record(**values))))[0].checksum for values in ({}, change))
    assert first != second


def test_a_service_is_no_environment() -> None:
    first, second = (made(numbered(batch(record(**{name: "x"}))))[0].checksum for name in ("service", "environment"))
    assert first != second


def test_what_lies_beyond_the_searched_part_of_a_text_comes_back() -> None:
    texts = {"message": "é" * (TEXT_LIMIT + 5), "raw": "x y " * TEXT_LIMIT, "problem": "p " * TEXT_LIMIT}
    source = source_of(**texts)
    assert len(source["message"]) == len(source["event"]["original"]) == TEXT_LIMIT
    back = record_of(source)
    assert (back["message"], back["raw"]) == (texts["message"], texts["raw"])
    assert back["problem"] == f"{texts['problem']}; {LONG_WORD}"


def test_a_short_record_says_nothing_of_limits() -> None:
    assert "problem" not in source_of(message="a b", raw="c", tags=["x"], attributes='{"a":"b"}')["elkvision"]


# -- attributes ---------------------------------------------------------------------------------------------------------


def found_in(attributes: str, promotion: Promotion | None = None, *, typed: bool = True) -> Found:
    found = Found()
    AttributeTerms(promotion or Promotion(0, 0), typed=typed).read(attributes, found)
    return found


@pytest.mark.parametrize(
    ("attributes", "terms"),
    [
        ('{"a":"x"}', {"a", "a\0tx"}),
        ('{"a":1}', {"a", "a\0n1", "a\0dbff0000000000000"}),
        ('{"a":1.0}', {"a", "a\0n1.0", "a\0dbff0000000000000"}),
        ('{"a": 1.00}', {"a", "a\0n1.00", "a\0dbff0000000000000"}),
        ('{"a":"1"}', {"a", "a\0n1", "a\0dbff0000000000000"}),
        ('{"a":true}', {"a", "a\0ttrue"}),
        ('{"a":null}', set()),
        ('{"a":[]}', {"a"}),
        ('{"a":[null,{"b":1},["x"]]}', {"a"}),
        ('{"a":["x",false]}', {"a", "a\0tx", "a\0tfalse"}),
        ('{"a":{"b":"x"}}', {"a", "a.b", "a.b\0tx"}),
        ('{"a.b":"x","a":{"b":"y"}}', {"a", "a.b", "a.b\0tx", "a.b\0ty"}),
        ('{"a":"x","a":"y"}', {"a", "a\0tx"}),
        ('{"":"x"}', {"", "\0tx"}),
        ('{"host":"x"}', {"attributes.host", "attributes.host\0tx"}),
        ('{"attributes":{"x":"y"}}', {"attributes", "attributes.attributes.x", "attributes.attributes.x\0ty"}),
        ('{"a\\u0000b":"x","c":"y"}', {"c", "c\0ty"}),
        ('{"a":"10.0.0.1"}', {"a", "a\0t10.0.0.1", "a\0i00000000000000000000ffff0a000001"}),
        ('{"a":"::FFFF:10.0.0.1"}', {"a", "a\0t::FFFF:10.0.0.1", "a\0i00000000000000000000ffff0a000001"}),
        ('{"a":"fe80::1%eth0"}', {"a", "a\0tfe80::1%eth0", "a\0ife800000000000000000000000000001"}),
        ('{"a":"\\ud800","b":1}', set()),
        ('{"a":NaN}', set()),
        ("[1]", set()),
        ("{", set()),
    ],
)
def test_attributes_become_terms(attributes: str, terms: set[str]) -> None:
    assert set(found_in(attributes).terms) == terms


def test_promoted_keys_have_fields_instead_of_terms() -> None:
    found = found_in('{"n":[1,-0.0,1e400],"a":["10.0.0.1","::1"],"b/c":2}', Promotion(9, 9))
    assert found.numbers == {"n": [1.0, 0.0]}
    assert [str(number) for number in found.numbers["n"]] == ["1.0", "0.0"]
    assert found.addresses == {"a": ["10.0.0.1", "::1"]}
    assert {each for each in found.terms if "\0d" in each or "\0i" in each} == {
        "n\0dfff0000000000000",
        "b/c\0dc000000000000000",
    }


def test_keys_beyond_the_cap_are_served_by_terms() -> None:
    promotion = Promotion(2, 1)
    found = found_in('{"a":1,"b":2,"c":3,"x":"10.0.0.1","y":"10.0.0.2"}', promotion)
    assert (set(found.numbers), set(found.addresses)) == ({"a", "b"}, {"x"})
    assert (promotion.numbers(), promotion.addresses()) == ({"a", "b"}, {"x"})
    assert "c\0dc008000000000000" in found.terms
    assert found_in('{"a":1,"x":"10.0.0.1"}', promotion, typed=False).numbers == {}


def test_what_a_mapping_has_already_is_taken_up_whatever_the_cap() -> None:
    promotion = Promotion(1, 0)
    promotion.learn({"properties": {"numbers": {"properties": {"a": {}, "b.c": {}}}, "ips": {"properties": {"x": {}}}}})
    assert promotion.is_number("a") and promotion.is_number("b.c") and promotion.is_address("x")
    assert not promotion.is_number("d") and not promotion.is_address("y")


@pytest.mark.parametrize("key", ["", "a b", "a.", ".a", "a..b", "1a", "é", "*", "-x", "a" * 300, "a\n"])
def test_a_key_that_is_no_field_name_is_not_promoted(key: str) -> None:
    assert not Promotion(9, 9).is_number(key)


def test_groups_are_named_as_the_embedded_store_names_them() -> None:
    texts = {text for text in random_batch(random.Random(6), 1_500)["attributes"].to_pylist() if text}
    groups: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for text in texts:
        for path, values in found_in(text).groups.items() if len(text) <= TEXT_LIMIT else ():
            groups[path][text] = values if isinstance(values, list) else [values]
    assert len(groups) > 300
    with duckdb.connect() as connection:
        for path, values_of in groups.items():
            shown = f"CASE WHEN starts_with(j, '[') THEN {texts_of_list('j')} ELSE [{text_of('j')}] END"
            sql = f"""SELECT attributes, {shown} FROM (SELECT attributes, {attribute_sql(path).json} AS j
                      FROM (SELECT unnest(?::VARCHAR[]) AS attributes))"""
            for text, expected in connection.execute(sql, [list(values_of)]).fetchall():
                assert sorted(values_of[text]) == sorted(expected), (path, text)


def test_numbers_are_shown_as_the_embedded_store_writes_them_anew() -> None:
    rng = random.Random(8)
    written = ["0", "-0", "-0.0", "1E400", "-1e400", "18446744073709551616", "1e21", "1e20", "1e-6", "1e-7", "5e-324"]
    written += [
        f"{rng.random() * 10 ** rng.randint(0, 3):.{rng.randint(1, 17)}f}e{rng.randint(-30, 30)}" for _ in range(5_000)
    ]
    with duckdb.connect() as connection:
        sql = """SELECT json_extract('{"v":' || t || '}', '$.v')::VARCHAR FROM (SELECT unnest(?::VARCHAR[]) AS t)"""
        shown = [row[0] for row in connection.execute(sql, [written]).fetchall()]
    assert [grouped_number(each) for each in written] == shown


def test_numbers_of_plain_json_are_told_as_they_are_written() -> None:
    rng = random.Random(9)
    numbers = [
        rng.choice((rng.random(), rng.randint(-(2**62), 2**62), rng.random() * 10 ** rng.randint(-30, 30)))
        for _ in range(3_000)
    ]
    for number in numbers:
        text = orjson.dumps({"v": number}).decode()
        assert f"v\0n{text[5:-1]}" in found_in(text).terms


@pytest.mark.parametrize("length", [8_191, 8_192, 30_000])
def test_a_value_that_is_too_long_to_group_by_is_kept_and_told(length: int) -> None:
    attributes = json.dumps({"a": "x" * length})
    source = source_of(attributes=attributes)
    assert source["elkvision"]["attributes"] == attributes
    assert (source["elkvision"].get("problem") == LONG_VALUE) == (length > 8_191)


def test_attributes_that_are_not_searched_give_nothing() -> None:
    source = source_of(attributes=json.dumps({"a": "x" * TEXT_LIMIT, "b": 1}))
    assert (source["elkvision"]["terms"], source["attributes"], source["numbers"]) == ([], {}, {})
