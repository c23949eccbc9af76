"""A process that moves the logs of an organisation until it is killed. Each portion that went over is a line on stdout.

python -m tests.faults.moving_child <folder> embedded|elasticsearch <url> <prefix>     from where
"""

import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from services.database import Database
from services.log_store.duckdb import DuckDBLogStore, moving
from services.log_store.elasticsearch import moving as moving_streams
from services.log_store.elasticsearch.connection import ElasticSettings, connect
from services.log_store.elasticsearch.moving import MovingStreams
from services.log_store.elasticsearch.shapes import ShapeDictionary
from services.moving import Place, move
from tests.clocks import HandClock

PORTION_ROWS = 100
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def embedded(folder: Path) -> DuckDBLogStore:
    """The embedded store of one of the ends."""
    return DuckDBLogStore(folder, HandClock(NOW), maintain=False)


def main(folder: Path, source: str, url: str, prefix: str) -> None:
    moving.CHUNK_ROWS = PORTION_ROWS
    moving_streams._FIRST_ROWS = moving_streams._MOST_ROWS = PORTION_ROWS
    database = Database.at("", folder)
    database.upgrade()
    settings = ElasticSettings((url,), prefix=prefix, replicas=0)
    with connect(settings) as es, closing(embedded(folder / source)) as files, closing(database):
        streams = MovingStreams(es, settings, ShapeDictionary(database))
        place = Place(folder / f"from-{source}.json")
        ends = (files, streams) if source == "embedded" else (streams, files)
        found = move(*ends, "acme", place, lambda line: print(line, flush=True))
        print("equal" if found.comparison.is_equal else "different", found.comparison.others, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
