"""The live filter on frames of 1,000 records, next to one token regex per filter in the same DuckDB.

`python -m bench.live_filter`
"""

import random
import statistics
import time
from collections.abc import Callable

import duckdb
import pyarrow as pa

from services.live.filter import LiveFilter
from services.query.tree import And, Field, Phrase, Query, Range, Word
from tests.records import batch, record

ROWS = 1_000
REPEATS = 9
_VOCABULARY = 3_000
_LEVELS = ("info", "info", "info", "warning", "error")


def frame(rng: random.Random) -> pa.Table:
    """1,000 records with messages of 100 to 150 bytes and small attributes."""
    rows = [
        record(
            " ".join(f"word{rng.randrange(_VOCABULARY)}" for _ in range(12)) + f" took {rng.randrange(900)} ms",
            level=rng.choice(_LEVELS),
            service=f"service-{rng.randrange(20)}",
            attributes=f'{{"user":{{"id":{number},"name":"u{number % 77}"}},"status":{rng.choice((200, 404, 500))}}}',
        )
        for number in range(ROWS)
    ]
    return batch(*rows).append_column("seq", pa.array(range(ROWS), pa.int64()))


def words(rng: random.Random) -> Query:
    """A word or a phrase."""
    first = f"word{rng.randrange(_VOCABULARY)}"
    return Word(first) if rng.random() < 0.7 else Phrase(f"{first} word{rng.randrange(_VOCABULARY)}")


def mixed(rng: random.Random) -> Query:
    """What people subscribe to: a word, a service with a level, a number or a text of the attributes."""
    choices = (
        words(rng),
        And((Field("service", f"service-{rng.randrange(20)}"), Range("level", "warning", None))),
        And((Field("status", rng.choice(("404", "500"))), words(rng))),
        Field("user.name", f"u{rng.randrange(77)}"),
        Range("user.id", str(rng.randrange(ROWS)), None),
    )
    return rng.choice(choices)


def regex_per_filter(table: pa.Table, queries: list[Query]) -> Callable[[], object]:
    """The plain way: every filter matches its own pattern of tokens against the message."""
    outside = r"[^\pL\pN_]"
    texts = [query.text.lower().split() for query in queries if isinstance(query, Word | Phrase)]
    patterns = [f"(?:^|{outside})" + f"{outside}+".join(each) + f"(?:$|{outside})" for each in texts]
    columns = ", ".join(f"regexp_matches(lower(message), ?) AS f{number}" for number in range(len(patterns)))
    connection = duckdb.connect(config={"threads": 1})
    connection.register("frame", table)
    return lambda: connection.sql(f"SELECT {columns} FROM frame", params=patterns).to_arrow_table()


def milliseconds(action: Callable[[], object]) -> float:
    """The median time of an action."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times)


def main() -> None:
    """Print milliseconds per frame."""
    rng = random.Random(1)
    table = frame(rng)
    live = LiveFilter()
    print(f"ms per frame of {ROWS:,} records   words   a regex each   mixed", flush=True)
    for count in (10, 200, 500):
        asked, various = [words(rng) for _ in range(count)], [mixed(rng) for _ in range(count)]
        filters, others = [live.compile(each) for each in asked], [live.compile(each) for each in various]
        quick = milliseconds(lambda filters=filters: live.match(table, filters))
        plain = milliseconds(regex_per_filter(table, asked))
        rest = milliseconds(lambda others=others: live.match(table, others))
        print(f"{count:5} filters {quick:25.1f} {plain:14.1f} {rest:7.1f}", flush=True)
    live.close()


if __name__ == "__main__":
    main()
