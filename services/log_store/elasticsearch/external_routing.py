"""One `LogStore` of two: organisations that read other tools' indices, and all the others."""

from collections.abc import Collection, Sequence
from datetime import datetime

from services.log_store.interface import (
    SAME_STREAM,
    AggregateResult,
    Aggregation,
    Appended,
    FieldsResult,
    Handle,
    Idempotency,
    LogContext,
    LogPage,
    LogQuery,
    LogRecord,
    LogStore,
    PatternsResult,
    UploadProgress,
    Usage,
)
from services.model import LogBatch
from services.query.language import Query


class RoutedLogStore(LogStore):
    """Questions of the organisations in `elsewhere` go to `external`, those of all others to `own`. Closes both."""

    def __init__(self, own: LogStore, external: LogStore, elsewhere: Collection[str]):
        self._own = own
        self._external = external
        self._elsewhere = frozenset(elsewhere)

    def of(self, organisation_id: str) -> LogStore:
        """The store that has an organisation's records."""
        return self._external if organisation_id in self._elsewhere else self._own

    def append(
        self,
        organisation_id: str,
        batch: LogBatch,
        *,
        idempotency: Idempotency | None = None,
        upload: UploadProgress | None = None,
    ) -> Appended:
        """See the interface. Raises `Forbidden` for an organisation that reads elsewhere."""
        return self.of(organisation_id).append(organisation_id, batch, idempotency=idempotency, upload=upload)

    def settle(self, organisation_id: str, timeout_s: float) -> bool:
        """See the interface."""
        return self.of(organisation_id).settle(organisation_id, timeout_s)

    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """See the interface."""
        return self.of(organisation_id).upload_progress(organisation_id, upload_id)

    def search(self, organisation_id: str, query: LogQuery, *, handle: Handle | None = None) -> LogPage:
        """See the interface."""
        return self.of(organisation_id).search(organisation_id, query, handle=handle)

    def get(self, organisation_id: str, record_id: str) -> LogRecord:
        """See the interface."""
        return self.of(organisation_id).get(organisation_id, record_id)

    def aggregate(
        self,
        organisation_id: str,
        query: Query,
        aggregation: Aggregation,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> AggregateResult:
        """See the interface."""
        store = self.of(organisation_id)
        return store.aggregate(organisation_id, query, aggregation, start=start, end=end, handle=handle)

    def aggregate_all(
        self,
        organisation_id: str,
        query: Query,
        aggregations: Sequence[Aggregation],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> list[AggregateResult]:
        """See the interface."""
        store = self.of(organisation_id)
        return store.aggregate_all(organisation_id, query, aggregations, start=start, end=end, handle=handle)

    def context(
        self,
        organisation_id: str,
        record_id: str,
        *,
        before: int = 10,
        after: int = 10,
        same: Collection[str] = SAME_STREAM,
        handle: Handle | None = None,
    ) -> LogContext:
        """See the interface."""
        store = self.of(organisation_id)
        return store.context(organisation_id, record_id, before=before, after=after, same=same, handle=handle)

    def fields(
        self,
        organisation_id: str,
        query: Query,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> FieldsResult:
        """See the interface."""
        return self.of(organisation_id).fields(organisation_id, query, start=start, end=end, handle=handle)

    def patterns(
        self,
        organisation_id: str,
        query: Query,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 50,
    ) -> PatternsResult:
        """See the interface."""
        return self.of(organisation_id).patterns(organisation_id, query, start=start, end=end, limit=limit)

    def delete(
        self, organisation_id: str, query: Query, *, start: datetime | None = None, end: datetime | None = None
    ) -> int:
        """See the interface. Raises `Forbidden` for an organisation that reads elsewhere."""
        return self.of(organisation_id).delete(organisation_id, query, start=start, end=end)

    def usage(self, organisation_id: str) -> Usage:
        """See the interface."""
        return self.of(organisation_id).usage(organisation_id)

    def check(self) -> None:
        """See the interface: of both."""
        self._own.check()
        self._external.check()

    def close(self) -> None:
        """See the interface."""
        self._external.close()
        self._own.close()
