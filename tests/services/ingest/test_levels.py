"""Level words and numbers of all sorts become one of the product's levels."""

import duckdb
import pytest

from services.ingest.levels import CANONICAL, LEVEL_WORD, http_status_level_sql, level_sql, priority_level_sql
from services.model import LEVELS


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        yield connection


def read(con, values, sql):
    con.execute("CREATE OR REPLACE TEMP TABLE words AS SELECT unnest(?) AS t", [values])
    return [row[0] for row in con.execute(f"SELECT {sql} FROM words").fetchall()]


WORDS = {
    "trace": ["TRACE", "finest", "V", "Verbose", "TRACE2"],
    "debug": ["DEBUG", "[DEBUG]", "debug:", "DBG", "debug1", "fine", "D"],
    "info": ["INFO", " info ", "<Info>", "Information", "notice", "LOG", "I", "informational"],
    "warning": ["WARN", "warning", "WRN", "W", "Warning:"],
    "error": ["ERROR", "err", "SEVERE", "E", "FAILURE", "Error|"],
    "critical": ["FATAL", "crit", "emerg", "alert", "panic", "F", "DPANIC", "CRITICAL"],
}


@pytest.mark.parametrize("level", WORDS)
def test_words_for_a_level_are_found_whatever_their_case_and_brackets(con, level):
    assert read(con, WORDS[level], level_sql("t")) == [level] * len(WORDS[level])


def test_every_word_leads_to_a_canonical_level():
    assert set(CANONICAL.values()) <= set(LEVELS)


def test_other_words_and_numbers_give_null(con):
    assert read(con, ["", "combo", "1234", "INFOX", "-1", "x"], level_sql("t")) == [None] * 6
    assert read(con, [None], level_sql("CAST(t AS VARCHAR)")) == [None]


@pytest.mark.parametrize(
    ("scale", "numbers", "levels"),
    [
        ("any", "3 4 6 30 50 60 17", "error warning info info error critical error"),
        ("python", "10 20 30 40 50", "debug info warning error critical"),
        ("otel", "1 5 9 13 17 21 24", "trace debug info warning error critical critical"),
        ("windows", "1 2 3 4 5 0", "critical error warning info debug info"),
        ("syslog", "0 1 2 3 4 5 6 7", "critical critical critical error warning info info debug"),
    ],
)
def test_numbers_are_read_on_the_scale_of_their_field(con, scale, numbers, levels):
    assert read(con, numbers.split(), level_sql("t", numbers=scale)) == levels.split()


def test_a_syslog_priority_holds_the_severity(con):
    assert read(con, [34, 165, 191, 11], priority_level_sql("t")) == ["critical", "info", "debug", "error"]


def test_http_status_tells_the_level(con):
    found = read(con, ["200", "304", "404", "500", "-", ""], http_status_level_sql("t"))
    assert found == ["info", "info", "warning", "error", None, None]


def test_every_word_that_is_looked_for_in_headers_has_a_level(con):
    con.execute(f"SELECT regexp_full_match('Warning', '{LEVEL_WORD}')")
    words = [word for words in WORDS.values() for word in words if word.isalpha()]
    found = read(con, words, f"regexp_full_match(t, '{LEVEL_WORD}') AND {level_sql('t')} IS NULL")
    assert not any(found)
