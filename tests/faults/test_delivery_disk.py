"""A full disk under the spool, and bytes of it that the disk spoiled, while the server is away."""

import random
from collections.abc import Iterator
from hashlib import sha512
from pathlib import Path

import pytest

from services.errors import BackendError, QuotaExceeded
from services.model import LogBatch
from tests.elastic import Elastic, elastic
from tests.faults.numbered import (
    ORGANISATION,
    assert_each_once,
    in_the_stream,
    numbered,
    opened,
    seconds_until_delivered,
)
from tests.faults.proxy import Proxy
from tests.faults.test_full_disk import small_disk
from tests.records import batch, record

__all__ = ["elastic", "small_disk"]

pytestmark = pytest.mark.faults


@pytest.fixture
def proxy(elastic: Elastic) -> Iterator[Proxy]:
    with Proxy(elastic.url, seed=31) as running:
        yield running


def thick(first: int, count: int) -> LogBatch:
    """Records of which compressing makes nothing smaller."""
    texts = (f"number {each}" for each in range(first, first + count))
    return batch(
        *(record(text, raw="".join(sha512(f"{text} {n}".encode()).hexdigest() for n in range(8))) for text in texts)
    )


def test_a_full_disk_refuses_whole_writes_and_delivers_what_it_took(
    elastic: Elastic, proxy: Proxy, small_disk: Path
) -> None:
    prefix = f"{elastic.prefix}-full"
    acknowledged: set[str] = set()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(76 << 20))
    with opened(proxy.url, prefix, small_disk) as store:
        proxy.down()
        with pytest.raises(BackendError):
            for number in range(0, 1_000_000, 1_000):
                store.append(ORGANISATION, thick(number, 1_000))
                acknowledged |= {f"number {each}" for each in range(number, number + 1_000)}
        for _ in range(3):
            with pytest.raises((BackendError, QuotaExceeded)):
                store.append(ORGANISATION, thick(5_000_000, 20_000))
        proxy.up()
        took_s = seconds_until_delivered(store, 60)
        ballast.unlink()
        store.append(ORGANISATION, numbered("after", 0, 5))
        seconds_until_delivered(store, 30)
        counts = store.counters()
    print(f"\nfull disk: {len(acknowledged)} records were taken, delivered {took_s:.1f} s later, {counts}")
    assert len(acknowledged) >= 3_000
    found = in_the_stream(elastic.client, prefix)
    assert_each_once(acknowledged | {f"after {each}" for each in range(5)}, found)
    assert found.total() == len(acknowledged) + 5


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_spoiled_bytes_cost_the_frames_they_lie_in_and_are_told(
    elastic: Elastic, proxy: Proxy, tmp_path: Path, damage: str, seed: int
) -> None:
    prefix, rng = f"{elastic.prefix}-{damage}", random.Random(seed)
    run = f"{damage}{seed}"
    with opened(proxy.url, prefix, tmp_path) as store:
        proxy.down()
        for number in range(0, 400, 10):
            store.append(ORGANISATION, numbered(run, number, 10))
    segment = sorted((tmp_path / "spool").glob("*.spool"))[-1]
    content = bytearray(segment.read_bytes())
    if damage == "flipped":
        content[rng.randrange(len(content) // 8, len(content))] ^= 1 << rng.randrange(8)
    else:
        del content[rng.randrange(len(content) // 2, len(content)) :]
    segment.write_bytes(content)
    proxy.up()
    with opened(proxy.url, prefix, tmp_path) as store:
        seconds_until_delivered(store, 60)
        counters = store.delivery.state(None).counters
    found = {text: times for text, times in in_the_stream(elastic.client, prefix).items() if text.startswith(f"{run} ")}
    numbers = sorted(int(text.split()[1]) for text in found)
    lost = sorted(set(range(400)) - set(numbers))
    print(f"\n{damage}: {len(lost)} of 400 records lost, {counters}")
    assert all(times == 1 for times in found.values())
    if damage == "flipped":
        assert len(lost) == 10 and lost[0] % 10 == 0
        assert counters["spool_damaged"] == 1 and counters["spool_lost_records"] in (0, 10)
    else:
        assert numbers == list(range(len(numbers))) and len(numbers) % 10 == 0 and len(numbers) >= 100
