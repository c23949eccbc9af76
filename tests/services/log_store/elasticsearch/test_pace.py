"""How much is sent at once, and how long is waited."""

import random
import threading
import time

from services.clock import SystemClock
from services.log_store.elasticsearch.pace import LEAST_BYTES, MOST_BYTES, MOST_CONCURRENCY, START_BYTES, Backoff, Pace
from services.log_store.elasticsearch.pace_reach import Reach
from tests.clocks import HandClock


def test_full_bulks_that_are_taken_make_the_next_ones_larger_and_more() -> None:
    pace = Pace(HandClock())
    for _ in range(100):
        pace.answered(pace.bulk_bytes, 0.1)
    assert (pace.bulk_bytes, pace.concurrency) == (MOST_BYTES, MOST_CONCURRENCY)


def test_small_bulks_say_nothing() -> None:
    pace = Pace(HandClock())
    for _ in range(100):
        pace.answered(1_000, 0.1)
    assert (pace.bulk_bytes, pace.concurrency) == (START_BYTES, 2)


def test_refusals_halve_the_size_once_a_moment_and_never_leave_less_than_two_places() -> None:
    clock = HandClock()
    pace = Pace(clock)
    pace.refused()
    pace.refused()
    assert pace.bulk_bytes == START_BYTES // 2
    for _ in range(20):
        clock.move(seconds=1)
        pace.refused()
    assert (pace.bulk_bytes, pace.concurrency) == (LEAST_BYTES, 2)


def test_slow_answers_shrink_bulks_and_failures_leave_one_at_a_time_until_one_is_taken() -> None:
    clock = HandClock()
    pace = Pace(clock)
    pace.answered(START_BYTES, 9.0)
    assert pace.bulk_bytes < START_BYTES
    pace.failed()
    assert pace.concurrency == 1
    pace.answered(1_000, 0.1)
    assert pace.concurrency == 2


def test_a_limit_on_the_way_is_kept_to() -> None:
    pace = Pace(HandClock())
    pace.too_large(1 << 20)
    for _ in range(50):
        pace.answered(pace.bulk_bytes, 0.1)
    assert pace.bulk_bytes == 1 << 19


def test_waiting_times_double_up_to_their_most_and_differ() -> None:
    backoff = Backoff(random.Random(3), first_s=0.1, most_s=30)
    waits = [backoff.after(failures) for failures in range(30)]
    assert all(0.05 * 2**n <= wait <= 0.1 * 2**n for n, wait in enumerate(waits[:8]))
    assert all(15 <= wait <= 30 for wait in waits[10:])
    assert len(set(waits)) == len(waits)


def test_while_the_server_is_away_one_thread_asks_and_all_go_on_when_it_answers() -> None:
    is_there = threading.Event()
    asked: list[str] = []

    def probe() -> bool:
        asked.append(threading.current_thread().name)
        return is_there.is_set()

    reach = Reach(SystemClock(), Backoff(random.Random(1), first_s=60, most_s=60), probe)
    reach.failed("gone")
    reach.failed("gone")
    stopping = threading.Event()
    threads = [threading.Thread(target=reach.wait, args=(stopping,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    while not asked:
        time.sleep(0.01)
    assert not reach.is_open and reach.failing_since is not None and reach.last_error == "gone"
    is_there.set()
    for thread in threads:
        thread.join(5)
    assert reach.is_open and len(set(asked)) == 1
    assert reach.failing_since is not None
    reach.answered()
    assert reach.failing_since is None


def test_a_server_that_answers_but_fails_at_bulks_is_left_alone_for_longer_and_longer() -> None:
    reach = Reach(SystemClock(), Backoff(random.Random(1), first_s=0.15, most_s=10), lambda: True)
    waits = []
    for _ in range(3):
        reach.failed("503")
        began = time.monotonic()
        assert reach.wait(threading.Event())
        waits.append(time.monotonic() - began)
    assert waits[0] < waits[1] < waits[2] < 2


def test_the_end_interrupts_waiting() -> None:
    reach = Reach(SystemClock(), Backoff(random.Random(1), first_s=60, most_s=60), lambda: False)
    reach.failed("gone")
    stopping = threading.Event()
    stopping.set()
    assert reach.wait(stopping) is False
