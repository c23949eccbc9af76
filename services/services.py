"""The one object that pages, API, tasks and the command line receive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.accounts.accounts import Accounts
from services.clock import Clock
from services.delivery import Deliveries
from services.documents.interface import DocumentStore
from services.health import Health
from services.history import SearchHistory
from services.ingest.ingest import Ingest
from services.ingest.sample import SampleData
from services.ingest.uploads import Uploads
from services.log_store.interface import LogStore
from services.preferences import Preferences
from services.search import Analytics, RunningQueries, Search


@dataclass(frozen=True)
class Services:
    """Everything that the product can do. `app/wiring.py` makes it."""

    clock: Clock
    accounts: Accounts
    search: Search
    analytics: Analytics
    queries: RunningQueries
    ingest: Ingest
    uploads: Uploads
    sample: SampleData
    history: SearchHistory
    preferences: Preferences
    health: Health
    deliveries: Deliveries
    documents: DocumentStore
    store: LogStore
    counters: Callable[[], Mapping[str, float]]
