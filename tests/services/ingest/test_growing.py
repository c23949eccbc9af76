"""Files whose beginning is read while their end is still on the way."""

import gzip
import io
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.ingest import decoder_process
from services.ingest.decoder_process import Decoders, Refused
from services.ingest.growing import Completion, GrowingFile
from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.pipeline import Reading

LINES = b"".join(b'{"message":"line %d","level":"info"}\n' % number for number in range(5_000))
EARLY, LATE = datetime(2026, 5, 4, 12, tzinfo=UTC), datetime(2026, 5, 4, 13, tzinfo=UTC)
SAID = Defaults(service="shop", tags=("a",), metadata={"run": 7}, upload_id="u")
LIMITS = IngestLimits(chunk_rows=1_000)


def reading(name: str = "app.ndjson", **options: Any) -> Reading:
    return Reading(name, ParseOptions(**options), SAID, LATE, LIMITS)


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    found = Decoders()
    yield found
    found.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every process that was started."""
    found: list[Any] = []
    start = decoder_process._Decoder.start

    def noted() -> Any:
        found.append(start())
        return found[-1]

    monkeypatch.setattr(decoder_process._Decoder, "start", noted)
    return found


class Arriving:
    """A file that is written in two parts, begun behind the first."""

    def __init__(self, decoders: Decoders, path: Path, content: bytes, cut: int, name: str = "app.ndjson"):
        self.decoders, self.path, self.rest = decoders, path, content[cut:]
        path.write_bytes(content[:cut])
        decoders.expect()
        decoders.begin(path, Reading(name, ParseOptions(), Defaults(), EARLY, LIMITS))

    def rows(self, said: Reading, position: int = 0) -> list[dict[str, Any]]:
        """What is read when the rest has come and the file was moved."""
        with self.path.open("ab") as file:
            file.write(self.rest)
        kept = self.path.rename(self.path.with_name("kept"))
        chunks = self.decoders.decoded(kept, said, position, lambda _: None)
        return [row for chunk in chunks for row in chunk.batch.to_pylist()]


@pytest.mark.parametrize("cut", [0, 1, 20_000, len(LINES) - 1, len(LINES)])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_read_as_if_it_had_been_complete(
    decoders: Decoders, started: list[Any], tmp_path: Path, cut: int, packed: bool
) -> None:
    content = gzip.compress(LINES) if packed else LINES
    (tmp_path / "whole").write_bytes(content)
    chunks = Decoders().decoded(tmp_path / "whole", reading(), 0, lambda _: None)
    expected = [row for chunk in chunks for row in chunk.batch.to_pylist()]
    rows = Arriving(decoders, tmp_path / "part", content, min(cut, len(content))).rows(reading())
    assert rows == expected
    assert len(rows) == 5_000
    assert (rows[0]["timestamp"], rows[0]["service"], rows[0]["upload_id"]) == (LATE, "shop", "u")
    assert len(started) == 2


@pytest.mark.parametrize(
    ("said", "position"),
    [(reading(format="text"), 0), (reading("other.log"), 0), (reading(), LINES.index(b"\n") + 1)],
)
def test_what_was_begun_otherwise_is_read_again(
    decoders: Decoders, started: list[Any], tmp_path: Path, said: Reading, position: int
) -> None:
    rows = Arriving(decoders, tmp_path / "part", LINES, 90_000).rows(said, position)
    assert len(rows) == 5_000 - (position > 0)
    assert rows[0]["message"].startswith("{" if said.options.format == "text" else "line")
    assert [each.process.poll() is not None for each in started] == [True, True]


def test_another_file_does_not_end_what_was_begun(decoders: Decoders, started: list[Any], tmp_path: Path) -> None:
    arriving = Arriving(decoders, tmp_path / "part", LINES, 90_000)
    (tmp_path / "other").write_bytes(LINES)
    decoders.begin(tmp_path / "other", reading())
    assert sum(len(each.batch) for each in decoders.decoded(tmp_path / "other", reading(), 0, lambda _: None)) == 5_000
    assert len(arriving.rows(reading())) == 5_000
    assert len(started) == 2


def test_a_file_that_is_dropped_ends_its_process(decoders: Decoders, started: list[Any], tmp_path: Path) -> None:
    Arriving(decoders, tmp_path / "part", LINES, 90_000)
    (tmp_path / "other").write_bytes(b"")
    decoders.forget(tmp_path / "other")
    assert started[0].process.poll() is None
    decoders.forget(tmp_path / "part")
    assert started[0].process.poll() is not None


def test_a_process_that_died_on_the_beginning_is_replaced(
    decoders: Decoders, started: list[Any], tmp_path: Path
) -> None:
    arriving = Arriving(decoders, tmp_path / "part", LINES, 90_000)
    started[0].process.kill()
    started[0].process.wait()
    assert len(arriving.rows(reading())) == 5_000


def test_a_beginning_that_is_refused_is_told_when_the_file_is_complete(decoders: Decoders, tmp_path: Path) -> None:
    arriving = Arriving(decoders, tmp_path / "part", bytes(range(256)) * 2_000, 400_000)
    with pytest.raises(Refused, match="binary"):
        arriving.rows(reading())


def test_a_process_ends_when_its_file_is_never_complete(decoders: Decoders, started: list[Any], tmp_path: Path) -> None:
    Arriving(decoders, tmp_path / "part", LINES, 90_000)
    started[0].process.stdin.close()
    assert started[0].process.wait(20) == 0


def test_reading_waits_for_what_is_asked_and_ends_with_the_file(tmp_path: Path) -> None:
    path, completion = tmp_path / "part", Completion()
    path.write_bytes(b"a" * 300_000)
    news, sender = os.pipe()
    completion.listen(os.fdopen(news, "rb"), lambda: None)
    file = GrowingFile(path, completion)
    found: list[bytes] = []

    def read() -> None:
        found.extend(iter(lambda: file.read(200_000), b""))

    thread = threading.Thread(target=read)
    thread.start()
    with path.open("ab") as more:
        more.write(b"b" * 250_000)
    said = {"size_bytes": 550_000, "now": LATE.isoformat(), "defaults": {"tags": []}}
    os.write(sender, json.dumps(said).encode() + b"\n")
    thread.join(20)
    assert [len(each) for each in found] == [200_000, 200_000, 150_000]
    assert b"".join(found) == path.read_bytes()
    assert file.seek(0, io.SEEK_END) == 550_000
    assert completion.said() == (Defaults(), LATE)
    os.close(sender)
    file.close()
