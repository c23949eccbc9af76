"""`python -m app move-logs`: logs go from one store to the other while the server is stopped."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager

from app import control
from app.config import Config
from app.wiring import elastic_logs, embedded_logs
from services.clock import SystemClock
from services.database import Database
from services.errors import BackendUnavailable, ConfigError
from services.log_store.delivery import Delivery
from services.log_store.elasticsearch.connection import check_server
from services.log_store.moving import MovableLogs
from services.moving import Moved, Report, move_all

SETTLE_S = 600.0
"""How long records that still wait on the spool may take to reach Elasticsearch before a move from there."""

PROGRESS_S = 1.0


def run(config: Config, source: str, target: str, organisation_id: str, tell: Report) -> int:
    """Move the logs of one organisation, or of all for an empty id; tell how far it is and what the comparison says.

    0 where everything is there, 1 otherwise. Raises `ConfigError` while a server runs, and the errors of both stores.
    """
    if source == target:
        raise ConfigError("Logs move from one store to the other: --from embedded --to elasticsearch, or the reverse.")
    if not config.ELASTICSEARCH_HOSTS:
        raise ConfigError("Set ELASTICSEARCH_HOSTS: that is where the Elasticsearch is that logs move to or from.")
    with _alone(config), _stores(config, source, tell) as stores:
        folder = config.DATA_DIR / "moving" / f"{source}-to-{target}"
        found = move_all(stores[source], stores[target], folder, Progress(tell), organisation_id)
    for each in found:
        for line in summary(each):
            tell(line)
    if not found:
        tell("There are no logs to move.")
    return 0 if all(each.comparison.is_equal for each in found) else 1


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """The data folder is this process's. Raises `ConfigError` while a server runs on it."""
    try:
        with control.hold(config.DATA_DIR):
            yield
    except control.Held as error:
        raise ConfigError(
            f"{error} Stop it first: the files of the embedded store belong to one process, and nothing may be stored"
            " while logs move."
        ) from error


@contextmanager
def _stores(config: Config, source: str, tell: Report) -> Iterator[Mapping[str, MovableLogs]]:
    """Both stores by name, nothing on its way in either. Raises `ConfigError` for a server that cannot be used."""
    clock = SystemClock()
    with ExitStack() as opened:
        database = opened.enter_context(closing(Database.at(config.DATABASE_URL, config.DATA_DIR)))
        database.upgrade()
        embedded = opened.enter_context(closing(embedded_logs(config, clock, maintain=False)))
        elastic = opened.enter_context(closing(elastic_logs(config, clock, database)))
        check_server(elastic.es)
        elastic.prepare()
        if source == "elasticsearch":
            if elastic.delivery.state(None).records:
                elastic.start()
            _wait_for(elastic.delivery, tell)
        yield {"embedded": embedded, "elasticsearch": elastic.moving()}


def _wait_for(delivery: Delivery, tell: Report) -> None:
    """Return when nothing waits on the spool. What the server refused does not move: say so."""
    began, progress = time.monotonic(), Progress(tell)
    while waiting := delivery.state(None).records:
        if time.monotonic() - began > SETTLE_S:
            raise BackendUnavailable(f"{waiting:,} records still wait on the spool: start the server, and move later.")
        progress(f"{waiting:,} records on the spool are delivered first")
        time.sleep(0.1)
    for organisation_id, records in delivery.dead_letters.counts().items():
        if records:
            tell(f"{organisation_id}: {records:,} records that Elasticsearch refused are dead letters and stay behind")


class Progress:
    """Tells how far it is, at most every second."""

    def __init__(self, tell: Report) -> None:
        self._tell = tell
        self._last = float("-inf")

    def __call__(self, line: str) -> None:
        if time.monotonic() - self._last >= PROGRESS_S:
            self._last = time.monotonic()
            self._tell(line)


def summary(moved: Moved) -> list[str]:
    """What a move did, in lines."""
    found = moved.comparison
    lines = [
        f"{found.records:,} records with checksum {found.checksum:016x} in the source",
        f"{found.found:,} of them with checksum {found.found_checksum:016x} in the target, {moved.stored:,} new",
    ]
    if found.others:
        lines.append(f"{found.others:,} more records in the target")
    different = f"{found.missing:,} are missing and {found.different:,} differ, such as {', '.join(found.examples)}"
    lines.append("equal" if found.is_equal else different)
    return [f"{moved.organisation_id}: {line}" for line in lines]
