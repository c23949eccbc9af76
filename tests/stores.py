"""Log stores for tests: the same suite opens each of them, and the whole application runs on the one that is chosen.

`OPENERS[name](folder, clock)` opens a store on `folder`, again on the same records each time. An application under test
takes `store_settings(data_dir)`: empty for the embedded store; where `ELASTICSEARCH_HOSTS` is set for the test run, that
server, with a prefix of its own for each folder. Whatever was made there is deleted when the run ends.
"""

import atexit
import os
import time
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from elasticsearch import Elasticsearch

from services.clock import Clock
from services.database import Database
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.interface import LogStore
from tests.elastic import delete_all, elasticsearch_url

FRESH_WAIT_S = 30.0
"""How long a read waits for what was just appended: tests share slow machines, and want to see it."""

Open = Callable[[Path, Clock], LogStore]

_LEFT: dict[str, str] = {}


def open_duckdb(folder: Path, clock: Clock) -> LogStore:
    """The embedded store."""
    return DuckDBLogStore(folder, clock)


def open_elasticsearch(folder: Path, clock: Clock) -> LogStore:
    """The store on the server of the test run, with a database and a spool in `folder`."""
    from services.log_store.elasticsearch.connection import ElasticSettings
    from services.log_store.elasticsearch.store import ElasticLogStore

    class _WithDatabase(ElasticLogStore):
        """Closes the database that was opened for it."""

        def close(self) -> None:
            super().close()
            database.close()

    url = elasticsearch_url()
    folder.mkdir(parents=True, exist_ok=True)
    database = Database.at("", folder)
    database.upgrade()
    settings = ElasticSettings((url,), prefix=prefix_of(url, folder), replicas=0)
    store = _WithDatabase(settings, RunningClock(clock), database, folder, fresh_wait_s=FRESH_WAIT_S)
    store.start()
    return store


class RunningClock:
    """The time of day of a clock that a test moves; what measures how long something takes goes on."""

    def __init__(self, clock: Clock):
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return time.monotonic()


OPENERS: dict[str, Open] = {"duckdb": open_duckdb, "elasticsearch": open_elasticsearch}


def prefix_of(url: str, folder: Path) -> str:
    """What the names of a folder's streams begin with; they are deleted when the process ends."""
    prefix = f"t{blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()}"
    if not _LEFT:
        atexit.register(_delete_left)
    _LEFT[prefix] = url
    return prefix


def store_settings(data_dir: Path) -> dict[str, str]:
    """Settings, as environment variables, that put an application on the store that this run is about."""
    url = os.environ.get("ELASTICSEARCH_HOSTS", "")
    if not url:
        return {}
    return {
        "ELASTICSEARCH_HOSTS": url,
        "ELASTICSEARCH_STREAM_PREFIX": prefix_of(url, data_dir),
        "ELASTICSEARCH_REPLICAS": "0",
        "FRESH_WAIT_S": str(int(FRESH_WAIT_S)),
    }


def _delete_left() -> None:
    for prefix, url in _LEFT.items():
        with Elasticsearch(url, request_timeout=60) as client:
            delete_all(client, prefix)
