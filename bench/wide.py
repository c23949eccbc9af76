"""Wide JSON: real Windows events of 4.6 kB with up to a hundred fields, read as an upload would read them, many times over."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from bench.data import FIRST_US, WEEK_US, coded
from services.ingest.options import Defaults, ParseOptions
from services.ingest.pipeline import Reading, parsing_connection, read_file

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "otrf"


@dataclass(frozen=True)
class WideEvents:
    """The events of `FOLDER`, repeated until they are `count`; their times are spread evenly over a week."""

    name: str
    count: int

    @property
    def is_there(self) -> bool:
        """Whether there are any events to read."""
        return any(FOLDER.glob("*.zip"))

    def batches(self) -> Iterator[pa.Table]:
        """The records with `CODED_SCHEMA`, a file of events at a time."""
        files, made = [_events(path) for path in sorted(FOLDER.glob("*.zip"))], 0
        while made < self.count:
            for events in files:
                rows = min(len(events), self.count - made)
                times = [FIRST_US + number * WEEK_US // self.count for number in range(made, made + rows)]
                moments = pa.array(times, pa.timestamp("us", tz="UTC"))
                made += rows
                if rows:
                    yield coded(events.slice(0, rows).set_column(0, "timestamp", moments))


def _events(path: Path) -> pa.Table:
    with zipfile.ZipFile(path) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".json") and not each.startswith("__MACOSX"))
        content = io.BytesIO(archive.read(name))
    reading = Reading(name, ParseOptions(), Defaults(source="events"), datetime.now(UTC))
    return pa.concat_tables(chunk.batch for chunk in read_file(parsing_connection(), content, reading))
