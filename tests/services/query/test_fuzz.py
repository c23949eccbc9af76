"""Whatever text is sent, it ends in an answer or in a refusal with a place; nothing of the engine can be reached."""

import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from services.errors import InvalidQuery
from services.live.filter import LiveFilter
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.interface import LogQuery
from services.query.dates import resolve_times
from services.query.language import parse
from services.query.tree import Exists, Field, Network, Phrase, Query, Range, Regex, Wildcard, Word
from tests.clocks import HandClock
from tests.services.query.random_records import random_batch
from tests.services.query.random_trees import KEYWORDS, VALUES, path, regex

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TIMEOUT_S = 20.0
FEW, MANY = 200, 10_000
RECORDS = 60

# fmt: off
ATTACKS = (
    "'; DROP TABLE logs; --", '"; DROP TABLE logs; --', "x') OR true --", "' OR '1'='1", '$."a"[*]', "/a/0", "$.*", "$..*",
    "a') FROM logs; ATTACH 'x'; --", "\\", "%", "_", "?", "??", "$1", ":1", "{db}", "{0}", "%s", "\U000e0001", "\ufeff", "\u2028",
    "a\x1ab", "read_text('/etc/passwd')", "'||getenv('HOME')||'", "current_setting('memory_limit')", "*/ /* ", "--", ";",
    "1); SET memory_limit='1TB'; --", "1) UNION ALL SELECT content FROM read_text('/etc/passwd') --", "COPY logs TO '/tmp/x'",
    "INSTALL httpfs", "LOAD '/tmp/x.so'", "PRAGMA version", "lambda v: true", "v", "e", "tag", "x", "x->>'$'", "shape_id", "block",
    "seq", "logs", "1=1", "\\'", "\\\\'", "''", '""', "null", "NULL", "true) --", "\x7f", "\x00", "1e999999999", "-" * 300, "(" * 300, "[" * 300,
    "0/0", "10.0.0.0/99", "::/129", "10.0.0.1/8", "' || (SELECT 1) || '", "$.\"a\"' OR 1=1", "a.b' OR ''='", "]", "{1000}", "(a{1000}){1000}",
)
PIECES = (
    "a", "error", "42", "*", "?", "a*", "*b?", "\"", "'", "/", "/a.c/", "/(/", "/[/", "/a{1000}/", "/(a|b)*c/", "(", ")", "[", "]", "{", "}", " TO ",
    " ", "  ", " AND ", " OR ", " NOT ", "&&", "||", "!", "-", "+", "~", "~2", "^2", ":", ":>", ":>=", ":<", ">=", "<=", "=", "level", "message",
    "tags", "timestamp", "id", "pattern", "service", "_exists_", "a.b", "a.b.c", "client.ip", "10.0.0.0/8", "::1/128", "fe80::/10", "now-1h/d",
    "2026-03-01", "2026-03-01T12:00:00Z", "warning", "1.5", "-1", "1e400", "\\", "\\\"", "é", "ΣΑΣ", "\U0001f600", "\n", "\t", "\x00", "\ud800",
    "\u202e", ".", "..", ",", ";", "--", "%", "_", "#", "@", "&", "|", "$", "${x}", "{{x}}", "<script>", "\\u0000",
)
# fmt: on


class Searched:
    """A small store, and the live filter next to it: both answer every query, or refuse it."""

    def __init__(self, folder: Path):
        self.store = DuckDBLogStore(folder, HandClock(), timeout_s=TIMEOUT_S)
        batch = random_batch(random.Random(11), RECORDS)
        self.frame = batch.append_column("seq", pa.array(range(RECORDS), pa.int64()))
        self.store.append("acme", batch)
        self.live = LiveFilter(limit_s=TIMEOUT_S)

    def ask(self, text: str) -> bool:
        """Whether it was answered, else it was refused with a place inside the text; either in time."""
        began = time.monotonic()
        try:
            self.answer(resolve_times(parse(text), ZoneInfo("Europe/Berlin"), NOW))
            return True
        except InvalidQuery as error:
            assert 0 <= error.position <= len(text), text
            assert error.length >= 0 and error.position + error.length <= max(len(text), error.position), text
            assert str(error)
            assert error.expected, text
            return False
        finally:
            assert time.monotonic() - began < TIMEOUT_S, text

    def answer(self, query: Query) -> int:
        """How many records match."""
        page = self.store.search("acme", LogQuery(query=query, limit=5))
        assert page.total is not None
        live = self.matched(query)
        assert live is None or live == page.total, query
        return page.total

    def matched(self, query: Query) -> int | None:
        """How many the live filter matches; None where it does not serve what the store does: ids, and patterns."""
        try:
            each = self.live.compile(query)
        except InvalidQuery as error:
            assert "Patterns are not known" in str(error)
            return None
        column = self.live.match(self.frame, [each]).columns[each]
        return int(pc.sum(column).as_py())

    def close(self) -> None:
        """Give back both engines."""
        self.live.close()
        self.store.close()


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    made = Searched(tmp_path_factory.mktemp("fuzz"))
    yield made
    assert made.store.usage("acme").records == RECORDS
    made.close()


def random_text(rng: random.Random) -> str:
    """Half grammar, half noise."""
    kind = rng.random()
    if kind < 0.6:
        return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 9)))
    if kind < 0.75:
        return " ".join(f"{rng.choice(KEYWORDS)}:{rng.choice(VALUES)}" for _ in range(rng.randint(1, 3)))
    if kind < 0.85:
        return f"{path(rng)}:/{regex(rng)}{rng.choice(('', '{9}', '(', '*', '{500}'))}/"
    if kind < 0.95:
        return "".join(
            chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x3000)))) for _ in range(rng.randint(1, 40))
        )
    return rng.choice(PIECES) * rng.choice((3, 50, 500))


def ask_many(searched: Searched, seed: int, count: int) -> None:
    """So many texts, of which some are answered and some refused."""
    rng = random.Random(seed)
    answered = sum(searched.ask(random_text(rng)) for _ in range(count))
    assert 0 < answered < count


def test_any_text_is_answered_or_refused_with_its_place(searched: Searched) -> None:
    ask_many(searched, 5, FEW)


@pytest.mark.fuzz
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_texts_are_answered_or_refused_with_their_places(searched: Searched, seed: int) -> None:
    ask_many(searched, 100 + seed, MANY // 4)


@pytest.mark.fuzz
def test_naughty_strings_are_answered_or_refused_wherever_they_stand(searched: Searched, shared_data: Path) -> None:
    for text in json.loads((shared_data / "naughty-strings.json").read_text()):
        for written in (
            text,
            f"service:{text}",
            f'a.b:"{text}"',
            f"{text}:1",
            f"/{text}/",
            f"host:/{text}/",
            f"{text}*",
        ):
            searched.ask(written)


def attack(searched: Searched, text: str) -> None:
    """The text everywhere in a query, and in trees that no parser has checked."""
    everything = searched.answer(parse(""))
    for written in (
        text,
        f'"{text}"',
        f"service:{text}",
        f"{text}:1",
        f"/{text}/",
        f"a:[{text} TO {text}]",
        f"a:{text}/8",
        f"id:{text}",
    ):
        searched.ask(written)
    for leaf in _leaves_with(text):
        try:
            found = searched.answer(leaf)
        except InvalidQuery:
            continue
        assert found < everything, leaf


def test_an_attack_is_text_wherever_it_stands(searched: Searched) -> None:
    for text in ATTACKS[::8]:
        attack(searched, text)


@pytest.mark.fuzz
def test_all_attacks_are_text_wherever_they_stand(searched: Searched) -> None:
    for text in ATTACKS:
        attack(searched, text)


def _leaves_with(text: str) -> list[Query]:
    """Trees that no parser has checked, with the text as a value, a name and a bound; none matches every record."""
    named: list[Query] = [Field(f"attributes.{text}", "nothing has this"), Exists(f"attributes.zz.{text}")]
    valued: list[Query] = [Field(name, text + "\x01") for name in (*KEYWORDS, "a.b", "id")]
    bounds: list[Query] = [Range("a.b", text, text), Range("service", text, text, includes_low=False)]
    others: list[Query] = [Network("host", text), Regex("span_id", text), Wildcard("span_id", f"{text}*")]
    return [
        *named,
        *valued,
        *bounds,
        *others,
        Field("pattern", text),
        Phrase(f"nothing {text} here"),
        Word(f"zz{text}zz"),
    ]


def test_a_query_changes_no_setting_file_or_function_of_the_engine(tmp_path: Path) -> None:
    searched = Searched(tmp_path / "logs")
    before = _state(searched)
    for text in ATTACKS:
        for written in (text, f"a.b:/{text}/"):
            searched.ask(written)
    assert _state(searched) == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["logs"]
    searched.close()


def _state(searched: Searched) -> tuple[object, ...]:
    """Settings, functions and tables of both engines."""
    found: list[object] = []
    for cursor in (searched.store._engine.cursor(), searched.live._cursor.cursor()):
        for asked in (
            "SELECT name, value FROM duckdb_settings() ORDER BY ALL",
            "SELECT count(*) FROM duckdb_functions()",
            "SELECT database_name, table_name FROM duckdb_tables() ORDER BY ALL",
        ):
            found.append(cursor.execute(asked).fetchall())
        cursor.close()
    return tuple(found)
