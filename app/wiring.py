"""Which implementation stands behind each interface: the only file that names them."""

import logging
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import __version__
from app.asgi import Front, incoming_folder
from app.config import MB, Config
from app.config_elasticsearch import elastic_settings
from app.flask_app import create_app
from app.tasks import Tasks
from services.accounts.accounts import Accounts
from services.clock import Clock, SystemClock
from services.database import Database
from services.delivery import Deliveries
from services.documents.sql import SqlDocumentStore
from services.errors import BackendTimeout, BackendUnavailable, ConfigError, StorageFull
from services.health import Check, Condition, Health
from services.history import SearchHistory
from services.ingest.ingest import Ingest
from services.ingest.options import IngestLimits
from services.ingest.sample import SampleData
from services.ingest.uploads import Uploads
from services.log_store.duckdb.store import DuckDBLogStore
from services.log_store.elasticsearch.connection import check_server, is_exposed
from services.log_store.elasticsearch.external import ExternalLogStore
from services.log_store.elasticsearch.external_routing import RoutedLogStore
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.elasticsearch.store import ElasticLogStore
from services.log_store.elasticsearch.templates import ensure_stream
from services.log_store.interface import LogStore
from services.preferences import Preferences
from services.search import Analytics, RunningQueries, Search
from services.services import Services

log = logging.getLogger("elkvision.wiring")

ACCEPTING = "Records are accepted and wait; searches fail."


@dataclass(frozen=True)
class Logs:
    """The log store of this process: `store` is what everybody uses, the others what stands behind it."""

    store: LogStore
    address: str
    embedded: DuckDBLogStore | None = None
    elastic: ElasticLogStore | None = None
    external: ExternalLogStore | None = None


@dataclass(frozen=True)
class Application:
    """Everything of one process, wired; `start` begins background work, `close` ends it."""

    config: Config
    services: Services
    logs: Logs
    database: Database
    tasks: Tasks
    front: Front
    setup_code: str

    def start(self) -> None:
        """Start the workers and take up what an earlier process left. Raises `ConfigError` for a server of the log store
        that cannot be used; one that is away is waited for."""
        if self.logs.elastic is not None:
            self.logs.elastic.start()
        if self.logs.external is not None and (warning := _warned(self.logs.external)().warning):
            log.warning("%s", warning)
        shutil.rmtree(incoming_folder(self.config.DATA_DIR), ignore_errors=True)
        self.tasks.start()
        self.services.uploads.resume_all()

    def close(self) -> None:
        """Finish what was accepted and let go of every file."""
        self.services.uploads.stop()
        self.tasks.stop()
        self.services.store.close()
        self.database.close()


def build(config: Config) -> Application:
    """The application for `config`. Raises `ConfigError` for what this version cannot do."""
    _refuse_servers(config)
    config.DATA_DIR.mkdir(parents=True, exist_ok=True)
    clock, tasks, setup_code = SystemClock(), Tasks(), secrets.token_urlsafe(16)
    database = Database.at(config.DATABASE_URL, config.DATA_DIR)
    database.upgrade()
    logs = build_logs(config, clock, database)
    store = logs.store
    documents = SqlDocumentStore(database)
    accounts = Accounts(database, clock, registration=config.REGISTRATION, setup_code=setup_code)
    deliveries = Deliveries(logs.elastic.delivery if logs.elastic else None, clock, accounts.organisation_names)
    limits = _limits(config)
    ingest = Ingest(store, clock, limits)
    uploads = Uploads(store, documents, clock, config.DATA_DIR / "spool", limits, tasks.start_upload)
    tasks.work_on_uploads(uploads.process)
    services = Services(
        clock=clock,
        accounts=accounts,
        search=Search(store, clock),
        analytics=Analytics(store, clock),
        queries=RunningQueries(),
        ingest=ingest,
        uploads=uploads,
        sample=SampleData(store, clock),
        history=SearchHistory(documents, clock),
        preferences=Preferences(documents),
        health=_health(config, logs, database, deliveries),
        deliveries=deliveries,
        documents=documents,
        store=store,
        counters=lambda: _counters(logs),
    )
    return Application(config, services, logs, database, tasks, Front(create_app(config, services), config), setup_code)


def handlers(application: Application) -> dict[str, Callable[..., Any]]:
    """What the local socket, or a command in this process, can ask for."""
    accounts, database = application.services.accounts, application.database

    def createsuperuser(username: str, email: str, password: str) -> dict[str, str]:
        return {"username": accounts.create_superuser(username, email, password).username}

    def status() -> dict[str, Any]:
        report = application.services.health.report()
        return {"status": report.status, "parts": {part.name: part.error or "ok" for part in report.parts}}

    def rebuild_index(organisation_id: str = "") -> dict[str, int]:
        store = application.logs.embedded
        if store is None:
            raise ConfigError("rebuild-index is for the embedded log store: Elasticsearch looks after its own index.")
        chosen = [organisation_id] if organisation_id else store.organisations()
        return {each: store.rebuild_index(each).sealed for each in chosen}

    return {
        "createsuperuser": createsuperuser,
        "migrate": lambda: {"revision": database.revision()},
        "status": status,
        "rebuild-index": rebuild_index,
        "create-indices": lambda: create_indices(application),
    }


def create_indices(application: Application) -> dict[str, Any]:
    """Prepare the cluster: templates, and the stream of every organisation. `done` says what was missing.

    Raises `ConfigError` where there is no Elasticsearch, or one that cannot be used; `BackendUnavailable` where it is away.
    """
    store, config = application.logs.elastic, application.config
    if store is None:
        raise ConfigError(
            "create-indices prepares an Elasticsearch: set ELASTICSEARCH_HOSTS. DuckDB needs no preparing."
        )
    version, settings = check_server(store.es), elastic_settings(config)
    done = store.prepare()
    own = [each for each in application.services.accounts.organisation_ids() if each not in settings.external]
    made = [each for each in own if ensure_stream(store.es, settings, each)]
    return {"version": version, "done": [*done, *(f"stream {settings.prefix}-{each}" for each in made)]}


def build_logs(config: Config, clock: Clock, database: Database) -> Logs:
    """The log store that the settings name. Nothing is asked of a server yet."""
    if not config.ELASTICSEARCH_HOSTS:
        store = embedded_logs(config, clock)
        return Logs(store, str(config.DATA_DIR / "logs"), embedded=store)
    elastic, address = elastic_logs(config, clock, database), ", ".join(config.ELASTICSEARCH_HOSTS)
    if not config.ELASTICSEARCH_READ_INDICES:
        return Logs(elastic, address, elastic=elastic)
    external = _external_logs(config, elastic)
    store = RoutedLogStore(elastic, external, config.ELASTICSEARCH_READ_INDICES)
    return Logs(store, address, elastic=elastic, external=external)


def embedded_logs(config: Config, clock: Clock, *, maintain: bool = True) -> DuckDBLogStore:
    """The store in this process; without `maintain` it does nothing in the background."""
    return DuckDBLogStore(
        config.DATA_DIR / "logs",
        clock,
        memory_limit=f"{config.STORE_MEMORY // MB}MB",
        heavy_searches=config.HEAVY_SEARCHES,
        timeout_s=config.SEARCH_TIMEOUT_S,
        maintain=maintain,
        verify_index=config.VERIFY_INDEX,
    )


def elastic_logs(config: Config, clock: Clock, database: Database) -> ElasticLogStore:
    """The store on Elasticsearch, with its spool in the data folder."""
    settings = elastic_settings(config)
    if is_exposed(settings):
        log.warning(
            "The credentials of Elasticsearch go over the network in a way that others can read or answer: write https in"
            " ELASTICSEARCH_HOSTS and leave ELASTICSEARCH_VERIFY_CERTS true."
        )
    return ElasticLogStore(
        settings,
        clock,
        database,
        _delivery_folder(config),
        spool_max_bytes=config.SPOOL_MAX_BYTES,
        heavy_searches=config.HEAVY_SEARCHES,
        timeout_s=config.SEARCH_TIMEOUT_S,
        fresh_wait_s=config.FRESH_WAIT_S,
    )


def _external_logs(config: Config, own: ElasticLogStore) -> ExternalLogStore:
    settings = elastic_settings(config)
    return ExternalLogStore(
        own.es,
        ResidualEngine(slots=config.HEAVY_SEARCHES),
        settings.external,
        settings.prefix,
        timeout_s=config.SEARCH_TIMEOUT_S,
    )


def _delivery_folder(config: Config) -> Path:
    return config.DATA_DIR / "delivery"


def _counters(logs: Logs) -> Mapping[str, float]:
    """Of the embedded store; what the other one counts is told as delivery."""
    counted = logs.embedded.counters() if logs.embedded is not None else {}
    return {f"log_store_{name}_total": count for name, count in counted.items()}


def _limits(config: Config) -> IngestLimits:
    return IngestLimits(
        bulk_bytes=config.BULK_MAX_BYTES,
        bulk_records=config.BULK_MAX_RECORDS,
        record_bytes=config.RECORD_MAX_BYTES,
        unpack_bytes=config.UNPACK_MAX_BYTES,
        unpack_ratio=config.UNPACK_MAX_RATIO,
        unpack_entries=config.UNPACK_MAX_ENTRIES,
    )


def _health(config: Config, logs: Logs, database: Database, deliveries: Deliveries) -> Health:
    checks: dict[str, tuple[str, Check]] = {
        "logs": (logs.address, logs.store.check if logs.elastic is None else _warned(logs.elastic, ACCEPTING)),
        "database": (database.url.render_as_string(hide_password=True), database.check),
    }
    if logs.external is not None:
        checks["other_indices"] = (", ".join(config.ELASTICSEARCH_READ_INDICES.values()), _warned(logs.external))
    if deliveries.is_active:
        checks["delivery"] = (str(_delivery_folder(config)), deliveries.health)
    return Health(checks, __version__)


def _warned(store: LogStore, words: str = "") -> Callable[[], Condition]:
    """A check of a store without which this process still serves: where it fails, that needs a look, and the process is
    not to be taken out of service. When no more is accepted, that is told by delivery."""

    def check() -> Condition:
        try:
            store.check()
        except (BackendUnavailable, BackendTimeout, StorageFull) as error:
            return Condition(f"{error} {words}".strip())
        return Condition()

    return check


def _refuse_servers(config: Config) -> None:
    """A setting that would do nothing is refused: nobody should believe that their logs go where they do not."""
    given = {
        "MONGO_URL": config.mongo_url,
        "REDIS_URL": config.redis_url,
        "CELERY_BROKER_URL": config.CELERY_BROKER_URL,
    }
    named = [name for name, value in given.items() if value]
    if named:
        raise ConfigError(
            f"{', '.join(named)}: version {__version__} keeps documents, events and tasks in its own process."
            " Leave these settings empty."
        )
