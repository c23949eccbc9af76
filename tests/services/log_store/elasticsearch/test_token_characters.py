"""Both engines cut texts at the same characters."""

import duckdb

from services.log_store.elasticsearch.mapping import ANALYSIS
from services.log_store.elasticsearch.token_characters import ranges
from services.query.sql import INSIDE
from tests.elastic import Elastic

LAST = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)


def test_the_ranges_are_those_of_the_embedded_engine() -> None:
    every = [code for code in range(1, LAST + 1) if code not in SURROGATES]
    sql = f"SELECT c FROM (SELECT unnest(?::INT[]) AS c) WHERE regexp_full_match(chr(c), '{INSIDE}')"
    inside = {row[0] for row in duckdb.connect().execute(sql, [every]).fetchall()}
    assert {code for first, last in ranges() for code in range(first, last + 1)} == inside


def test_the_server_cuts_at_them(elastic: Elastic) -> None:
    index = f"{elastic.prefix}-tokens"
    elastic.client.indices.create(index=index, settings={"analysis": ANALYSIS, "number_of_replicas": 0})
    text = "Grüße a_b-c e\u0301x \u0663 x\U0001f600y \U00011f02q " + "z" * 9_000
    answer = elastic.client.indices.analyze(index=index, analyzer="elkvision_text", text=text)
    expected = ["grüße", "a_b", "c", "e", "x", "\u0663", "x", "y", "\U00011f02q", "z" * 8_000]
    assert [token["token"] for token in answer["tokens"]] == expected
