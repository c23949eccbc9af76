"""Which implementation stands behind each interface: the only file that names them."""

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app import __version__
from app.asgi import Front, incoming_folder
from app.config import MB, Config
from app.flask_app import create_app
from app.tasks import Tasks
from services.accounts.accounts import Accounts
from services.clock import SystemClock
from services.database import Database
from services.delivery import Deliveries
from services.documents.sql import SqlDocumentStore
from services.errors import ConfigError
from services.health import Check, Health
from services.history import SearchHistory
from services.ingest.ingest import Ingest
from services.ingest.options import IngestLimits
from services.ingest.sample import SampleData
from services.ingest.uploads import Uploads
from services.log_store.duckdb.store import DuckDBLogStore
from services.preferences import Preferences
from services.search import Analytics, RunningQueries, Search
from services.services import Services


@dataclass(frozen=True)
class Application:
    """Everything of one process, wired; `start` begins background work, `close` ends it."""

    config: Config
    services: Services
    logs: DuckDBLogStore
    database: Database
    tasks: Tasks
    front: Front
    setup_code: str

    def start(self) -> None:
        """Start the workers and take up what an earlier process left."""
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
    store = DuckDBLogStore(
        config.DATA_DIR / "logs",
        clock,
        memory_limit=f"{config.STORE_MEMORY // MB}MB",
        heavy_searches=config.HEAVY_SEARCHES,
        timeout_s=config.SEARCH_TIMEOUT_S,
        verify_index=config.VERIFY_INDEX,
    )
    documents = SqlDocumentStore(database)
    accounts = Accounts(database, clock, registration=config.REGISTRATION, setup_code=setup_code)
    deliveries = Deliveries(None, clock, accounts.organisation_names)
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
        health=_health(config, store, database, deliveries),
        deliveries=deliveries,
        documents=documents,
        store=store,
        counters=lambda: {f"log_store_{name}_total": count for name, count in store.counters().items()},
    )
    return Application(
        config, services, store, database, tasks, Front(create_app(config, services), config), setup_code
    )


def handlers(application: Application) -> dict[str, Callable[..., Any]]:
    """What the local socket, or a command in this process, can ask for."""
    accounts, database = application.services.accounts, application.database

    def createsuperuser(username: str, email: str, password: str) -> dict[str, str]:
        return {"username": accounts.create_superuser(username, email, password).username}

    def status() -> dict[str, Any]:
        report = application.services.health.report()
        return {"status": report.status, "parts": {part.name: part.error or "ok" for part in report.parts}}

    def rebuild_index(organisation_id: str = "") -> dict[str, int]:
        store = application.logs
        chosen = [organisation_id] if organisation_id else store.organisations()
        return {each: store.rebuild_index(each).sealed for each in chosen}

    return {
        "createsuperuser": createsuperuser,
        "migrate": lambda: {"revision": database.revision()},
        "status": status,
        "rebuild-index": rebuild_index,
    }


def _limits(config: Config) -> IngestLimits:
    return IngestLimits(
        bulk_bytes=config.BULK_MAX_BYTES,
        bulk_records=config.BULK_MAX_RECORDS,
        record_bytes=config.RECORD_MAX_BYTES,
        unpack_bytes=config.UNPACK_MAX_BYTES,
        unpack_ratio=config.UNPACK_MAX_RATIO,
        unpack_entries=config.UNPACK_MAX_ENTRIES,
    )


def _health(config: Config, store: DuckDBLogStore, database: Database, deliveries: Deliveries) -> Health:
    checks: dict[str, tuple[str, Check]] = {
        "logs": (str(config.DATA_DIR / "logs"), store.check),
        "database": (database.url.render_as_string(hide_password=True), database.check),
    }
    if deliveries.is_active:
        checks["delivery"] = (str(config.DATA_DIR / "spool"), deliveries.health)
    return Health(checks, __version__)


def _refuse_servers(config: Config) -> None:
    """A setting that would do nothing is refused: nobody should believe that their logs go where they do not."""
    given = {
        "ELASTICSEARCH_HOSTS": config.ELASTICSEARCH_HOSTS,
        "MONGO_URL": config.mongo_url,
        "REDIS_URL": config.redis_url,
        "CELERY_BROKER_URL": config.CELERY_BROKER_URL,
    }
    named = [name for name, value in given.items() if value]
    if named:
        raise ConfigError(
            f"{', '.join(named)}: version {__version__} keeps logs, documents, events and tasks in its own process."
            " Leave these settings empty."
        )
