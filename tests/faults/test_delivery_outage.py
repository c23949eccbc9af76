"""The server is away, or the way to it is bad, while a thousand records a second come in."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.elastic import Elastic, elastic
from tests.faults.numbered import (
    ALL,
    ORGANISATION,
    Load,
    assert_each_once,
    in_dead_letters,
    in_the_stream,
    opened,
    seconds_until_delivered,
)
from tests.faults.proxy import Proxy
from tests.running import wait_for

__all__ = ["elastic"]

pytestmark = pytest.mark.faults

EVERY_FAULT = ("busy", "unavailable", "lost", "reset", "cut_off", "items", "garbage", "short", "mixed_up", "slow")


@pytest.fixture
def proxy(elastic: Elastic) -> Iterator[Proxy]:
    with Proxy(elastic.url, seed=31) as running:
        yield running


@pytest.mark.parametrize("outage_s", [0, 10, 120] if ALL else [10])
def test_an_outage_loses_and_doubles_nothing(elastic: Elastic, proxy: Proxy, tmp_path: Path, outage_s: int) -> None:
    prefix = f"{elastic.prefix}-out{outage_s}"
    with opened(proxy.url, prefix, tmp_path) as store:
        with Load(store) as load:
            time.sleep(2)
            proxy.down()
            time.sleep(outage_s)
            waiting = store.delivery.state(None).records
            proxy.up()
            back = time.monotonic()
            while store.delivery.state(None).records > 500:
                time.sleep(0.05)
            caught_up_s = time.monotonic() - back
        seconds_until_delivered(store, 60)
    print(f"\n{outage_s} s away: {waiting} records waited, delivered {caught_up_s:.1f} s after it was back")
    assert load.refused == 0 and len(load.acknowledged) > outage_s * 900
    assert caught_up_s < 15 + outage_s / 4
    assert_each_once(load.acknowledged, in_the_stream(elastic.client, prefix))


@pytest.mark.parametrize("fault", [(each,) for each in EVERY_FAULT[:6]] + [EVERY_FAULT] if ALL else [EVERY_FAULT])
def test_half_of_the_bulks_fail_for_a_while_and_the_stream_rolls_over(
    elastic: Elastic, proxy: Proxy, tmp_path: Path, fault: tuple[str, ...]
) -> None:
    prefix = f"{elastic.prefix}-bad{len(fault)}{fault[0]}".replace("_", "-")
    with opened(proxy.url, prefix, tmp_path, timeout_s=5.0) as store:
        with Load(store) as load:
            time.sleep(1)
            proxy.faults = {each: 0.5 / len(fault) for each in fault}
            for _ in range(6 if ALL else 3):
                time.sleep(2)
                elastic.client.indices.rollover(alias=f"{prefix}-{ORGANISATION}")
            wait_for(lambda: sum(proxy.done[each] for each in fault) >= 3)
            proxy.faults = {}
        took_s = seconds_until_delivered(store, 90)
        counts = store.counters()
    print(
        f"\n{', '.join(fault)}: {sum(proxy.done[each] for each in fault)} bulks, delivered {took_s:.1f} s later, {counts}"
    )
    assert_each_once(load.acknowledged, in_the_stream(elastic.client, prefix))
    assert not in_dead_letters(tmp_path)


@pytest.mark.parametrize("fault", ["hang", "late"])
def test_a_server_that_hangs_for_half_a_minute(elastic: Elastic, proxy: Proxy, tmp_path: Path, fault: str) -> None:
    proxy.hang_s, timeout_s = (30.0, 10.0) if ALL else (6.0, 3.0)
    prefix = f"{elastic.prefix}-{fault}"
    with opened(proxy.url, prefix, tmp_path, timeout_s=timeout_s) as store:
        with Load(store) as load:
            time.sleep(1)
            proxy.faults = {fault: 1.0}
            wait_for(lambda: proxy.done[fault])
            proxy.faults = {}
            began = time.monotonic()
            time.sleep(proxy.hang_s + 1)
        took_s = seconds_until_delivered(store, 60)
    print(
        f"\n{fault} for {proxy.hang_s:.0f} s: {proxy.done[fault]} bulks, all delivered after {time.monotonic() - began:.1f} s ({took_s:.1f})"
    )
    assert proxy.done[fault]
    assert_each_once(load.acknowledged, in_the_stream(elastic.client, prefix))
