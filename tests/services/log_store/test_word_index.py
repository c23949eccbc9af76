"""Whatever the word index knows, a search finds what the plain reference finds: before and after sealing, deletion, compaction, restart."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from services.log_store.duckdb import (
    DuckDBLogStore,
    blocks,
    compaction,
    filters,
    maintenance,
    promoted,
    sealing,
    searching,
    shapes,
)
from services.log_store.interface import Aggregation, LogQuery
from services.query.fields import Kind, resolve
from services.query.language import parse
from services.query.tree import And, Exists, Field, Not, Or, Phrase, Query, Regex, Wildcard, Word
from tests.clocks import HandClock
from tests.records import batch, record
from tests.services.query.filled import Filled, all_records
from tests.services.query.random_records import KEYS, WORDS, random_batch
from tests.services.query.random_trees import random_leaf, random_tree

BLOCK_ROWS = 60
SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.fuzz) for seed in range(6, 40))]


class Stages:
    """One folder of logs, opened again and again."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.store = self._open()

    def _open(self) -> DuckDBLogStore:
        return DuckDBLogStore(self.folder, HandClock(), maintain=False)

    def restart(self) -> None:
        self.store.close()
        self.store = self._open()

    def filters(self) -> dict[int, int]:
        """Block and bytes of every filter in the file."""
        self.store.close()
        with duckdb.connect(str(self.folder / "acme.duckdb"), read_only=True) as connection:
            found = dict(connection.execute("SELECT block, octet_length(bits) FROM filters").fetchall())
        self.store = self._open()
        return found

    def delete(self) -> None:
        self.store.delete("acme", parse("level>=error OR user"))

    def seal(self) -> None:
        self.store.maintain("acme")
        assert self.filters()

    def promote(self) -> None:
        """Every single key and some pairs get columns, half of the records before and half after."""
        for path in [*KEYS, *(f"{first}.{second}" for first in KEYS[:4] for second in KEYS[:3])]:
            if resolve(path).kind is Kind.ATTRIBUTE and path:
                for _ in range(promoted.ENOUGH_USES):
                    self.store.search("acme", LogQuery(query=Exists(path), limit=1))
        assert self.store.maintain("acme").promoted_paths > 5

    def compact(self) -> None:
        self.store.delete("acme", parse("level:(info OR debug OR unknown) OR service:web"))
        assert self.store.maintain("acme").compacted


STAGES: dict[str, tuple[str, ...]] = {
    "fresh": (),
    "sealed": ("seal",),
    "promoted": ("promote",),
    "deleted and restarted": ("promote", "seal", "delete", "restart"),
    "compacted and restarted": ("promote", "seal", "compact", "restart"),
}


@pytest.fixture(scope="module", params=STAGES)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    rng = random.Random(11)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_ROWS", BLOCK_ROWS)
        patch.setattr(compaction, "SLICE_ROWS", BLOCK_ROWS)
        patch.setattr(compaction, "WASTE_RECORDS", 20)
        stages = Stages(tmp_path_factory.mktemp("logs"))
        patch.setattr(maintenance, "WORTH_RECORDS", 0)
        for _ in range(2):
            stages.store.append("acme", random_batch(rng, 150))
        if "promote" in STAGES[request.param]:
            stages.promote()
        for _ in range(2):
            stages.store.append("acme", random_batch(rng, 150))
        for stage in STAGES[request.param]:
            if stage != "promote":
                getattr(stages, stage)()
        stages.store.append("acme", random_batch(rng, 20))
        yield Filled(stages.store, all_records(stages.store))
        stages.store.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_query_finds_what_the_reference_finds(filled: Filled, seed: int) -> None:
    rng = random.Random(5_000 + seed)
    for query in (_leaf(rng), random_tree(rng, leaf=_text_leaf), random_tree(rng, leaf=_leaf)):
        filled.check(query)
        counted = filled.store.aggregate("acme", query, Aggregation()).table.to_pylist()
        assert counted == [{"count": len(filled.expected(query))}]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_message_holds_is_found_by_its_own_words(filled: Filled, seed: int) -> None:
    """Queries made of what is there: no filter and no dictionary may shut a record out."""
    rng = random.Random(7_000 + seed)
    entry = rng.choice([each for each in filled.records if len(each["message"]) < 2_000])
    words = entry["message"].split(" ")
    start = rng.randrange(len(words))
    query = Phrase(" ".join(words[start : start + rng.randint(1, 6)]))
    filled.check(query)
    if entry["message"].strip():
        assert entry["id"] in filled.found(query)
    if entry["trace_id"]:
        assert entry["id"] in filled.found(Field("trace_id", entry["trace_id"]))


@pytest.mark.parametrize("seed", range(4))
def test_many_words_at_once_find_what_the_reference_finds(filled: Filled, seed: int) -> None:
    rng = random.Random(9_000 + seed)
    words = tuple(Word(rng.choice(WORDS)) for _ in range(30))
    for query in (Or(words), And(words[:9]), Not(Or(words[10:20])), Or((And(words[:10]), Field("level", "error")))):
        filled.check(query)


def _leaf(rng: random.Random) -> Query:
    """Any but a regex: the index does not know those, and Python can take very long over one."""
    leaf = random_leaf(rng)
    return leaf if not isinstance(leaf, Regex) else _leaf(rng)


def _text_leaf(rng: random.Random) -> Query:
    leaf = _leaf(rng)
    return leaf if isinstance(leaf, Word | Phrase | Wildcard) or rng.random() < 0.2 else _text_leaf(rng)


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stages]:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 100)
    opened = Stages(tmp_path / "logs")
    yield opened
    opened.store.close()


def numbered(first: int, last: int, text: Callable[[int], str]) -> list[dict[str, object]]:
    return [record(text(number), at=number, trace_id=f"trace-{number}") for number in range(first, last)]


def test_full_blocks_are_sealed_once_and_the_last_stays_open(stages: Stages) -> None:
    for start in range(0, 500, 50):
        stages.store.append("acme", batch(*numbered(start, start + 50, lambda n: f"order {n} from 10.0.{n % 7}.{n}")))
    assert stages.store.maintain("acme").sealed == 4
    assert stages.store.maintain("acme").sealed == 0
    assert sorted(stages.filters()) == [0, 1, 2, 3]


def test_a_sealed_block_takes_no_more_records_after_a_restart(stages: Stages) -> None:
    stages.store.append("acme", batch(*numbered(0, 250, lambda n: f"order {n}")))
    stages.store.maintain("acme")
    stages.restart()
    stages.store.append("acme", batch(record("order 777777", at=1)))
    assert stages.store.search("acme", LogQuery(query=parse("777777"))).total == 1


@pytest.mark.parametrize(
    "text", ["order 123", '"10.0.4.123"', "123", "trace_id:trace-123", '"order 123 from 10.0.4.123"']
)
def test_a_rare_text_is_looked_for_in_its_block_only(stages: Stages, text: str) -> None:
    for start in range(0, 1_000, 100):
        stages.store.append("acme", batch(*numbered(start, start + 100, lambda n: f"order {n} from 10.0.{n % 7}.{n}")))
    stages.store.maintain("acme")
    page = stages.store.search("acme", LogQuery(query=parse(text)))
    assert page.total == 1
    assert page.scanned_rows <= 300  # its own block, the one that is not sealed, and now and then one for nothing


def test_text_without_structure_is_found_and_its_filters_stay_small(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MAX_KEYS", 2_000)
    monkeypatch.setattr(sealing, "SLICE_BYTES", 4_000)
    rng = random.Random(3)
    made = [" ".join(f"{rng.getrandbits(64):x}" for _ in range(rng.choice((1, 40)))) for _ in range(400)]
    stages.store.append("acme", batch(*(record(text, at=number) for number, text in enumerate(made))))
    stages.store.append("acme", batch(*(record(f"word{'x' * n} {n}", at=n) for n in range(400))))
    stages.store.maintain("acme")
    assert all(size <= 2_000 * filters.BITS_PER_KEY // 8 for size in stages.filters().values())
    for text in made[::37]:
        assert stages.store.search("acme", LogQuery(query=Phrase(text))).total == 1


def test_a_changed_mask_gives_older_blocks_new_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes of the older mask are made up here: they mask nothing."""
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 100)
    stages = Stages(tmp_path / "logs")
    rows = numbered(0, 450, lambda n: f"order {n} of {'abc'[n % 3]} done")
    older = batch(*rows)
    older = older.set_column(older.schema.get_field_index("shape"), "shape", older.column("message"))
    stages.store.append("acme", older)
    stages.store.append("acme", batch(record("x " * 17_000 + "7", at=9)))
    stages.store.maintain("acme")
    stages.store.close()
    for module in (blocks, shapes, searching):
        monkeypatch.setattr(module, "MASK_VERSION", 2)
    again = Filled(DuckDBLogStore(tmp_path / "logs", HandClock(), maintain=False), [])
    again.records = all_records(again.store)
    queries = [parse(text) for text in ("order", "123", '"of a"', '"order 7 of"', "NOT b", "done OR 3", "ord*", "x 7")]
    for query in queries:
        again.check(query)
    again.store.append("acme", batch(*numbered(500, 520, lambda n: f"order {n} of {'abc'[n % 3]} done")))
    again.records = all_records(again.store)
    work = again.store.maintain("acme")
    assert work.remasked >= 4
    assert work.sealed >= 3
    assert again.store.maintain("acme").remasked == 0
    for query in queries:
        again.check(query)
    patterns = again.store.patterns("acme", parse("order"))
    assert patterns.total == 470
    assert len(patterns.patterns) <= 3
    again.store.close()


def test_a_rebuilt_index_finds_the_same(stages: Stages) -> None:
    stages.store.append("acme", random_batch(random.Random(5), 350))
    stages.store.maintain("acme")
    before = {each.id: each.count for each in stages.store.patterns("acme", parse("")).patterns}
    filled = Filled(stages.store, all_records(stages.store))
    assert stages.store.rebuild_index("acme").sealed >= 2
    for text in ("user", "42", '"user 42"', "NOT error", "err*"):
        filled.check(parse(text))
    assert {each.id: each.count for each in stages.store.patterns("acme", parse("")).patterns} == before


def test_a_wrong_index_is_noticed_by_the_test_mode(stages: Stages) -> None:
    stages.store.append("acme", batch(*numbered(0, 250, lambda n: f"order {n}")))
    stages.store.maintain("acme")
    stages.store.close()
    with duckdb.connect(str(stages.folder / "acme.duckdb")) as connection:
        connection.execute("UPDATE filters SET bits = repeat('\\x00', 100)::BLOB")
    wrong = DuckDBLogStore(stages.folder, HandClock(), maintain=False)
    assert wrong.search("acme", LogQuery(query=parse("42"))).total == 0
    wrong.close()
    stages.store = DuckDBLogStore(stages.folder, HandClock(), maintain=False, verify_index=True)
    assert stages.store.search("acme", LogQuery(query=parse("42"))).total == 1
    assert stages.store.search("acme", LogQuery(query=parse("order"))).total == 250
    assert stages.store.counters()["index_mismatches"] == 1
    stages.store.rebuild_index("acme")
    assert stages.store.search("acme", LogQuery(query=parse("42"))).total == 1
    assert stages.store.counters()["index_mismatches"] == 1
