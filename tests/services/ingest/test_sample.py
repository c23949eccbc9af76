"""Sample data: the same every time, loaded once, removed whole."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.ingest.sample import BEFORE_END, LASTS, RECORDS, SPAN, SampleData, sample_batch
from services.log_store.duckdb.store import DuckDBLogStore
from services.model import LOG_SCHEMA
from services.principal import SCOPES_OF_ROLE, Principal, Role
from tests.clocks import HandClock
from tests.records import messages

END = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
EDITOR = Principal("u1", "ann", "acme", Role.EDITOR, SCOPES_OF_ROLE[Role.EDITOR])


def test_the_sample_is_the_same_every_time() -> None:
    batch = sample_batch(END, count=2000)
    assert batch.schema == LOG_SCHEMA
    assert len(batch) == 2000
    assert batch.equals(sample_batch(END, count=2000))
    assert not batch.equals(sample_batch(END, count=2000, seed=8))


def test_it_tells_of_seven_services_and_one_incident() -> None:
    rows = sample_batch(END, count=12_000).select(["timestamp", "level", "service", "trace_id"]).to_pylist()
    assert len({row["service"] for row in rows}) == 7
    assert all(END - SPAN <= row["timestamp"] <= END + timedelta(minutes=1) for row in rows)
    begin = END - BEFORE_END
    bad = Counter(
        begin <= row["timestamp"] <= begin + LASTS * 1.2 for row in rows if row["level"] in ("error", "critical")
    )
    assert bad[True] > 20
    assert bad[True] > 5 * bad[False]


def test_it_is_loaded_once_and_removed_without_other_records(tmp_path: Path) -> None:
    store = DuckDBLogStore(tmp_path, HandClock())
    try:
        sample = SampleData(store, HandClock())
        store.append("acme", messages(3))
        assert not sample.present(EDITOR)
        assert sample.load(EDITOR) == sample.load(EDITOR) == RECORDS
        assert sample.present(EDITOR)
        assert store.usage("acme").records == RECORDS + 3
        assert sample.remove(EDITOR) == RECORDS
        assert store.usage("acme").records == 3
        assert not sample.present(EDITOR)
    finally:
        store.close()
