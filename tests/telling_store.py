"""A real store that says of its answers what a store on a server may have to say: partial, late, out of reach."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.errors import BackendUnavailable
from services.log_store.interface import (
    AggregateResult,
    FieldsResult,
    LogPage,
    LogQuery,
    LogRecord,
    LogStore,
    PatternsResult,
)

FIRST = "0" * 16 + "-" + "0" * 16
"""The id before all others, which no record has."""


class TellingStore:
    """Answers like `inner`.

    is_partial  reads say that not all records could be looked at; a first page without records goes on
    is_settled  what `settle` answers; a record of `late_ids` is found only after it was asked
    is_down     reads raise `BackendUnavailable`
    """

    def __init__(self, inner: LogStore) -> None:
        self.inner = inner
        self.is_partial = False
        self.is_settled = True
        self.is_down = False
        self.late_ids: set[str] = set()
        self.settled: list[tuple[str, float]] = []

    def __getattr__(self, name: str) -> Any:
        if self.is_down and name in ("usage", "context"):
            raise self.unreachable()
        return getattr(self.inner, name)

    def unreachable(self) -> BackendUnavailable:
        return BackendUnavailable("Elasticsearch does not answer: connection refused.")

    def settle(self, organisation_id: str, timeout_s: float) -> bool:
        self.settled.append((organisation_id, timeout_s))
        if self.is_settled:
            self.late_ids.clear()
        return self.is_settled

    def get(self, organisation_id: str, record_id: str) -> LogRecord:
        return self.inner.get(organisation_id, FIRST if record_id in self.late_ids else record_id)

    def search(self, organisation_id: str, query: LogQuery, **options: Any) -> LogPage:
        page: LogPage = self._told(self.inner.search(organisation_id, query, **options))
        goes_on = page.is_partial and not page.records and query.cursor is None
        return replace(page, next_cursor=FIRST) if goes_on else page

    def aggregate(self, *arguments: Any, **options: Any) -> AggregateResult:
        return self._told(self.inner.aggregate(*arguments, **options))

    def aggregate_all(self, *arguments: Any, **options: Any) -> Sequence[AggregateResult]:
        return [self._told(each) for each in self.inner.aggregate_all(*arguments, **options)]

    def fields(self, *arguments: Any, **options: Any) -> FieldsResult:
        return self._told(self.inner.fields(*arguments, **options))

    def patterns(self, *arguments: Any, **options: Any) -> PatternsResult:
        return self._told(self.inner.patterns(*arguments, **options))

    def _told(self, answer: Any) -> Any:
        if self.is_down:
            raise self.unreachable()
        if not self.is_partial:
            return answer
        looked_at = {"scanned_rows": 100_000} if hasattr(answer, "scanned_rows") else {}
        return replace(answer, is_partial=True, **looked_at)
