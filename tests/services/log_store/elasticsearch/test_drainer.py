"""Delivery to a real server, also through a proxy that does what networks do: each record is stored once or refused."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.errors import QuotaExceeded
from services.log_store.elasticsearch import drainer, drainer_streams
from services.log_store.elasticsearch.documents import documents
from services.log_store.elasticsearch.drainer_ledger import Ledger
from services.log_store.elasticsearch.drainer_parcels import halves, pieces
from services.log_store.elasticsearch.drainer_queue import DeliveryQueue
from services.model import LogBatch
from tests.elastic import Elastic
from tests.faults.proxy import Proxy
from tests.records import batch, messages, record
from tests.services.log_store.elasticsearch.delivering import (
    Delivering,
    MemoryFrame,
    MemorySpool,
    NoShapes,
    delivering,
    wait_until,
)

ANSWERLESS = ("lost", "reset", "garbage")


@pytest.fixture
def proxy(elastic: Elastic) -> Iterator[Proxy]:
    with Proxy(elastic.url, seed=11, hang_s=2.5) as running:
        yield running


@pytest.fixture
def through(elastic: Elastic, proxy: Proxy, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Delivering]:
    """A drainer that sends through the proxy, its stream made already."""
    options: dict[str, Any] = getattr(request, "param", {})
    prefix = f"{elastic.prefix}-{'few' if 'field_limit' in options else 'all'}"
    with delivering(proxy.url, prefix, tmp_path, direct=elastic.url, **options) as parts:
        parts.spool.append("acme", messages(1, "first"))
        parts.wait_done()
        yield parts


def numbered(first: int, count: int) -> LogBatch:
    return batch(*(record(f"number {number}", at=number) for number in range(first, first + count)))


def feed(parts: Delivering, *, batches: int = 20, rows: int = 50, pause_s: float = 0.01) -> list[str]:
    for number in range(batches):
        parts.spool.append("acme", numbered(number * rows, rows))
        time.sleep(pause_s)
    return sorted(["first 0", *(f"number {number}" for number in range(batches * rows))])


# -- each record once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    ["busy", "unavailable", "lost", "reset", "cut_off", "items", "garbage", "short", "mixed_up", "slow"],
)
def test_whatever_happens_to_half_of_the_bulks_each_record_is_stored_once(
    through: Delivering, proxy: Proxy, fault: str
) -> None:
    proxy.faults = {fault: 0.5}
    expected = feed(through)
    through.wait_done(60)
    assert through.stored() == expected
    assert proxy.done[fault]
    counts = through.counters.read()
    assert counts["delivered"] + counts["found_there"] == len(expected)


@pytest.mark.parametrize("fault", ["hang", "late"])
@pytest.mark.parametrize("through", [{"timeout_s": 1.0}], indirect=True)
def test_a_server_that_hangs_costs_time_and_no_record(through: Delivering, proxy: Proxy, fault: str) -> None:
    proxy.faults = {fault: 0.3}
    expected = feed(through, batches=8)
    through.wait_done(60)
    proxy.faults = {}
    time.sleep(0 if fault == "hang" else proxy.hang_s)  # what was given up arrives after all
    assert through.stored() == expected


def test_delivery_goes_on_as_soon_as_the_server_is_back(through: Delivering, proxy: Proxy) -> None:
    proxy.down()
    expected = feed(through)
    wait_until(lambda: not through.drainer.state().is_reachable)
    assert through.drainer.state().records > 0
    proxy.up()
    began = time.monotonic()
    through.wait_done(30)
    assert time.monotonic() - began < 5
    state = through.drainer.state()
    assert state.is_reachable and state.records == 0 and "Connection" in state.last_error
    assert through.stored() == expected


def test_each_record_is_published_once_with_its_seq_after_it_is_stored(through: Delivering, proxy: Proxy) -> None:
    proxy.faults = {"reset": 0.3, "items": 0.4}
    expected = feed(through)
    through.wait_done(60)
    wait_until(lambda: sum(told.num_rows for _, told in through.published) >= len(expected))
    published = [message for _, told in through.published for message in told["message"].to_pylist()]
    assert sorted(published) == expected
    seqs = [seq for _, told in through.published for seq in told["seq"].to_pylist()]
    assert len(set(seqs)) == len(expected)


def test_a_listener_that_fails_does_not_stop_delivery(elastic: Elastic, tmp_path: Path) -> None:
    def fail(organisation_id: str, told: LogBatch) -> None:
        raise RuntimeError("no ears")

    with delivering(elastic.url, f"{elastic.prefix}-all", tmp_path, on_stored=fail) as parts:
        parts.spool.append("acme", messages(3))
        parts.wait_done()
        assert parts.count() == 3


# -- redelivery ------------------------------------------------------------------------------------------------------


def roll_over(parts: Delivering) -> None:
    parts.es.indices.rollover(alias=parts.stream())


@pytest.mark.parametrize("fault", ANSWERLESS)
def test_records_without_an_answer_are_not_doubled_by_a_rollover_in_between(
    through: Delivering, proxy: Proxy, fault: str
) -> None:
    def roll_over_once() -> None:
        proxy.faults, proxy.meanwhile = {}, lambda: None
        roll_over(through)

    proxy.faults, proxy.meanwhile = {fault: 1.0}, roll_over_once
    through.spool.append("acme", messages(50))
    through.wait_done()
    assert proxy.done[fault] == 1
    assert Counter(through.stored()).most_common(1)[0][1] == 1 and through.count() == 51
    counts = through.counters.read()
    assert (counts["looked_up"], counts["found_there"]) == (50, 50)
    assert through.drainer.is_in_doubt("acme")  # the request might still be carried out


def test_records_of_an_earlier_process_are_looked_for_in_all_indices(elastic: Elastic, tmp_path: Path) -> None:
    prefix = f"{elastic.prefix}-all"
    with delivering(elastic.url, prefix, tmp_path) as before:
        before.spool.append("acme", numbered(0, 30))
        before.wait_done()
        sent = before.spool.finished
        roll_over(before)
    spool = MemorySpool()
    for frame in sent:
        spool.put(MemoryFrame("acme", frame.batch, in_doubt=True))
    spool.append("acme", numbered(30, 30))
    with delivering(elastic.url, prefix, tmp_path, spool=spool) as after:
        after.since_seq = before.since_seq
        after.wait_done()
        assert after.count() == 60 and len(set(after.stored())) == 60
        counts = after.counters.read()
        assert (counts["found_there"], counts["delivered"], counts["looked_up"]) == (30, 30, 30)
        wait_until(lambda: sum(told.num_rows for _, told in after.published) == 60)


def test_an_id_that_another_record_has_is_an_alarm_and_the_record_gets_a_new_one(
    elastic: Elastic, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prefix, spool = f"{elastic.prefix}-all", MemorySpool()
    spool.append("acme", messages(2, "mine"))
    frame = spool.open[0]
    with delivering(elastic.url, prefix, tmp_path, spool=spool, starts=False) as parts:
        other = frame.batch.set_column(2, "message", [["another", "mine 1"]])
        made = documents("acme", other, NoShapes().assign("", other["source"], other["shape"]), promotion_of(parts))
        for document in made:
            parts.es.create(index=parts.stream(), id=document.id, document=orjson.loads(document.body))
        parts.drainer.start()
        parts.wait_done()
        assert parts.stored() == ["another", "mine 0", "mine 1"]
        counts = parts.counters.read()
        assert (counts["conflicts"], counts["found_there"], counts["delivered"]) == (1, 1, 1)
        assert "another record of acme is stored under the id" in caplog.text


def promotion_of(parts: Delivering) -> Any:
    return parts.drainer.promotion("acme")


def test_nothing_is_sent_while_a_stream_is_held(through: Delivering) -> None:
    with through.drainer.held("acme") as is_still:
        assert is_still
        through.spool.append("acme", messages(5))
        through.spool.append("other", messages(5))
        wait_until(lambda: through.spool.pending("other").records == 0)
        assert through.spool.pending("acme").records == 5
    through.wait_done()
    assert through.count() == 6


def test_a_stream_is_not_in_doubt_when_every_request_was_answered(through: Delivering) -> None:
    feed(through, batches=3)
    through.wait_done()
    wait_until(lambda: not through.drainer.is_in_doubt("acme"))


# -- one organisation's trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["index.blocks.write", "index.blocks.read_only_allow_delete"])
def test_a_blocked_stream_waits_by_itself_and_goes_on_when_it_is_open(through: Delivering, block: str) -> None:
    through.es.indices.put_settings(index=through.stream(), settings={block: True})
    through.spool.append("acme", messages(20))
    wait_until(lambda: "acme" in through.drainer.state().held_back)
    assert "block" in through.drainer.state().held_back["acme"].reason
    for number in range(5):
        through.spool.append("other", messages(10, f"round {number}"))
    wait_until(lambda: through.spool.pending("other").records == 0, 10)
    assert through.spool.pending("acme").records == 20
    through.es.indices.put_settings(index=through.stream(), settings={block: None})
    through.wait_done(40)
    assert through.count() == 21 and through.drainer.state().held_back == {}


def test_an_organisation_whose_stream_takes_nothing_is_refused_before_it_fills_the_memory(
    through: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drainer, "HELD_BACK_BYTES", 2_000)
    through.es.indices.put_settings(index=through.stream(), settings={"index.blocks.write": True})
    through.drainer.require_room("acme")
    through.spool.append("acme", messages(100))
    wait_until(lambda: "acme" in through.drainer.state().held_back)
    with pytest.raises(QuotaExceeded, match="index write"):
        wait_until(lambda: through.drainer.require_room("acme"), 5)  # between two attempts it is not in the queue
    through.drainer.require_room("other")
    through.es.indices.put_settings(index=through.stream(), settings={"index.blocks.write": None})
    through.wait_done(40)
    through.drainer.require_room("acme")


class FaultySpool(MemorySpool):
    """Fails twice with what nobody thought of."""

    faults = 2

    def take(self, max_bytes: int, wait_s: float) -> list[MemoryFrame]:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("a fault")
        return super().take(max_bytes, wait_s)


def test_delivery_goes_on_after_a_fault_of_the_spool(elastic: Elastic, tmp_path: Path) -> None:
    with delivering(elastic.url, f"{elastic.prefix}-faulty", tmp_path, spool=FaultySpool()) as parts:
        parts.spool.append("acme", messages(3))
        parts.wait_done()
        assert parts.count() == 3


def test_a_stream_that_was_deleted_is_made_again(through: Delivering) -> None:
    through.es.indices.delete_data_stream(name=through.stream())
    through.spool.append("acme", messages(3))
    through.wait_done()
    assert through.count() == 3
    assert through.es.indices.get_data_stream(name=through.stream())["data_streams"][0]["template"]


def foreign_template(through: Delivering) -> str:
    """What every Elasticsearch brings: a template that makes a stream of any name that fits. Ours has precedence."""
    name = f"{through.settings.prefix}zz"
    pattern = f"{through.settings.prefix}-*"
    through.es.indices.put_index_template(name=name, index_patterns=[pattern], data_stream={}, priority=1)
    return name


def remove_ours(through: Delivering) -> None:
    through.es.indices.delete_data_stream(name=through.stream())
    through.es.indices.delete_index_template(name=through.settings.prefix)


def test_a_server_that_was_emptied_gets_our_template_before_the_next_record(
    through: Delivering, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drainer_streams, "KEPT_S", 0.0)
    foreign_template(through)
    remove_ours(through)
    through.spool.append("acme", messages(3))
    through.wait_done()
    assert through.count() == 3
    (stream,) = through.es.indices.get_data_stream(name=through.stream())["data_streams"]
    assert stream["template"] == through.settings.prefix


def test_a_stream_of_somebody_else_gets_nothing_and_holds_up_nobody(
    through: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drainer_streams, "KEPT_S", 0.0)
    foreign_template(through)
    remove_ours(through)
    through.es.indices.create_data_stream(name=through.stream())
    through.spool.append("acme", messages(3))
    wait_until(lambda: "acme" in through.drainer.state().held_back)
    through.spool.append("other", messages(3))
    wait_until(lambda: through.spool.pending("other").records == 0)
    state = through.drainer.state()
    assert state.is_reachable and "not ours" in state.held_back["acme"].reason
    assert through.es.count(index=through.stream())["count"] == 0
    through.es.indices.delete_data_stream(name=through.stream())
    through.wait_done(40)
    assert through.count() == 3


# -- refused records -------------------------------------------------------------------------------------------------


def test_what_the_server_refuses_is_kept_with_the_reason_and_can_be_sent_again(
    through: Delivering, proxy: Proxy
) -> None:
    through.spool.append("acme", batch(record("good 1"), record("a poison pill"), record("good 2")))
    through.wait_done()
    assert through.stored() == ["first 0", "good 1", "good 2"]
    (letter,) = through.dead_letters.newest("acme")
    assert letter.record["message"] == "a poison pill" and letter.reason == "poison" and letter.attempts == 2
    assert through.drainer.state().dead_letters == {"acme": 1}
    proxy.poison = b"nothing of the kind"
    assert through.drainer.redrive("acme") == 1
    through.wait_done()
    assert through.stored() == ["a poison pill", "first 0", "good 1", "good 2"]
    assert through.drainer.state().dead_letters == {}


def test_dead_letters_that_are_full_stop_their_organisation_alone(
    through: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(through.dead_letters, "_max_bytes", 10)
    through.spool.append("acme", messages(1, "poison"))
    through.spool.append("other", messages(1))
    wait_until(lambda: "acme" in through.drainer.state().held_back)
    wait_until(lambda: through.spool.pending("other").records == 0)
    assert through.spool.pending("acme").records == 1
    monkeypatch.setattr(through.dead_letters, "_max_bytes", 1 << 20)
    through.wait_done(40)
    assert through.dead_letters.count("acme") == 1


@pytest.mark.parametrize("through", [{"field_limit": 60}], indirect=True)
def test_more_fields_than_an_index_may_have_cost_fields_and_no_record(through: Delivering) -> None:
    rows = [record(f"r {n}", at=n, attributes=json.dumps({f"number{n}": n})) for n in range(30)]
    through.spool.append("acme", batch(*rows))
    through.wait_done()
    assert through.count() == 31
    assert through.counters.read()["refitted"] > 0 and through.dead_letters.counts() == {}


def test_a_request_that_is_too_large_for_something_on_the_way_is_cut_down(
    elastic: Elastic, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.most_bytes = 300_000
    with delivering(proxy.url, f"{elastic.prefix}-all", tmp_path, direct=elastic.url) as parts:
        parts.spool.append("acme", batch(*(record(f"{n} " + "x" * 20_000, at=n) for n in range(60))))
        parts.spool.append("acme", batch(record("y" * 400_000)))
        parts.wait_done()
        assert parts.count() == 60
        (letter,) = parts.dead_letters.newest("acme")
        assert letter.status == 413 and "too large" in letter.reason


# -- order and parts -------------------------------------------------------------------------------------------------


def test_frames_are_done_when_each_of_their_records_is(through: Delivering, proxy: Proxy) -> None:
    proxy.faults = {"items": 1.0}
    feed(through, batches=5, rows=20)
    through.wait_done(60)
    assert sum(frame.rows for frame in through.spool.finished) == 101
    assert through.spool.open == []


def test_stopping_leaves_what_is_not_delivered_on_the_spool(elastic: Elastic, proxy: Proxy, tmp_path: Path) -> None:
    spool = MemorySpool()
    with delivering(proxy.url, f"{elastic.prefix}-all", tmp_path, direct=elastic.url, spool=spool):
        proxy.down()
        spool.append("acme", messages(10))
        time.sleep(0.3)
        began = time.monotonic()
    assert time.monotonic() - began < 6
    assert spool.pending().records == 10


def taken(rows: int, ledger: Ledger, organisation_id: str = "acme", first_seq: int = 0) -> Any:
    seqs = list(range(first_seq, first_seq + rows))
    return ledger.take_in(MemoryFrame(organisation_id, messages(rows).append_column("seq", [seqs])))  # type: ignore[arg-type]


def test_delivered_is_what_has_no_gap_before_it() -> None:
    told: list[tuple[str, int, int]] = []
    done: list[Any] = []
    ledger = Ledger(done.extend, lambda *each: told.append(each))
    first, second = taken(3, ledger), taken(2, ledger, first_seq=3)
    ledger.settle("acme", [second])
    ledger.settle("acme", [first.only([1])])
    assert told == [("acme", 0, 2), ("acme", 0, 1)] and len(done) == 1
    ledger.settle("acme", [first.only([0, 2])])
    assert told[-1] == ("acme", 4, 2) and len(done) == 2


def test_frames_that_cannot_be_removed_are_tried_again_with_the_next_ones() -> None:
    done: list[Any] = []

    def failing(frames: Any) -> None:
        if not done:
            done.append("failed")
            raise OSError("full")
        done.extend(frames)

    ledger = Ledger(failing, lambda *each: None)
    for number in range(2):
        ledger.settle("acme", [taken(1, ledger, first_seq=number)])
    assert len(done) == 3


def test_positions_fall_into_the_parcels_they_belong_to() -> None:
    ledger = Ledger(lambda frames: None, lambda *each: None)
    parcels = [taken(3, ledger), taken(2, ledger), taken(4, ledger)]
    assert [list(each.rows) for each in pieces(parcels, [0, 2, 5, 8])] == [[0, 2], [0, 3]]
    assert pieces(parcels, range(9)) == parcels
    first, second = halves(parcels)
    assert [list(each.rows) for each in first] == [[0, 1, 2], [0]]
    assert [list(each.rows) for each in second] == [[1], [0, 1, 2, 3]]


def test_organisations_take_turns_and_small_frames_go_together() -> None:
    queue, ledger = DeliveryQueue(), Ledger(lambda frames: None, lambda *each: None)
    queue.put([taken(2, ledger, name) for name in ("a", "a", "b", "a", "c")])
    loads = [queue.next(1 << 20, 4, 0) for _ in range(3)]
    assert [(load.organisation_id, len(load.parcels)) for load in loads if load] == [("a", 3), ("b", 1), ("c", 1)]
    assert queue.next(1 << 20, 4, 0) is None


def test_a_large_frame_is_sent_in_parts_and_no_more_bulks_than_allowed_are_on_their_way() -> None:
    queue, ledger = DeliveryQueue(), Ledger(lambda frames: None, lambda *each: None)
    parcel = taken(100, ledger)
    queue.put([parcel])
    sizes = []
    while load := queue.next(parcel.size_bytes // 4 + 10, 2, 0):
        sizes.append(sum(len(each.rows) for each in load.parcels))
        if len(sizes) % 2 == 0:
            assert queue.next(1 << 20, 2, 0) is None
            queue.landed(load)
            queue.landed(load)
    assert sum(sizes) == 100 and max(sizes) <= 27


def test_a_record_larger_than_a_bulk_goes_alone_and_leaves_no_empty_bulk_behind() -> None:
    queue, ledger = DeliveryQueue(), Ledger(lambda frames: None, lambda *each: None)
    queue.put([taken(1, ledger), taken(2, ledger)])
    loads = [queue.next(1, 4, 0) for _ in range(4)]
    assert [[len(each.rows) for each in load.parcels] if load else None for load in loads] == [[1], [1], [1], None]


def test_a_queue_is_safe_for_many_threads() -> None:
    queue, ledger = DeliveryQueue(), Ledger(lambda frames: None, lambda *each: None)
    queue.put([taken(1, ledger, f"org{number % 7}") for number in range(700)])
    seen: list[int] = []

    def work() -> None:
        while load := queue.next(2_000, 8, 0):
            seen.append(len(load.parcels))
            queue.landed(load)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(seen) == 700
