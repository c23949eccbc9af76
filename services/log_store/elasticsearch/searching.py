"""Pages: what the server finds exactly, and what it finds too much of and is checked here."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.log_store.elasticsearch.budget import affordable, by_address
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.candidates import Candidates
from services.log_store.elasticsearch.paging import Hit, Position, find, position_of
from services.log_store.elasticsearch.residual import Check, PatternShapes, ResidualEngine, columns_of
from services.log_store.elasticsearch.totals import Counted, Totals, key_of
from services.log_store.interface import LogPage, LogQuery
from services.model import record_id
from services.query.tree import Query


def search(question: Question, scope: Mapping[str, Any], query: LogQuery) -> LogPage:
    """The page of the records of `scope`, which all match. Raises like `Question.search`."""
    began = time.perf_counter()
    found = find(question, scope, query)
    records, used = affordable(question, found.hits[: query.limit])
    has_more = used < len(found.hits) or not found.is_end
    return LogPage(
        records,
        found.total,
        record_id(*found.hits[used - 1].position) if has_more and used else None,
        (time.perf_counter() - began) * 1000,
        found.total if found.total is not None else len(found.hits),
        total_is_at_least=found.is_at_least,
    )


def search_checked(
    question: Question,
    engine: ResidualEngine,
    organisation_id: str,
    scope: Mapping[str, Any],
    residual: Query,
    query: LogQuery,
    shapes: PatternShapes,
) -> LogPage:
    """The page of the records of `scope` that match `residual`. Raises like `Question.search`, and `QuotaExceeded`.

    Where not all candidates could be looked at, `next_cursor` goes on behind the last one that was: paging then comes
    through all of them, by pages that may have no record.
    """
    began = time.perf_counter()
    with engine.checking(question, organisation_id, residual, shapes) as check:
        columns = columns_of(residual)
        key = key_of(organisation_id, scope, residual, newest_first=query.newest_first)
        kept = _Kept(engine.totals, key) if "shape_id" not in columns else None
        scan = _Scan(question, scope, columns, engine.max_records, check, query, kept)
        page = scan.page()
    wanted = page.hits[: query.limit]
    read = by_address(question, wanted)
    records, used = affordable(question, read)
    if used < len(page.hits):
        last: Position | None = page.hits[used - 1].position if used else None
    else:
        last = page.looked_until
    return LogPage(
        records,
        page.total,
        record_id(*last) if last is not None else None,
        (time.perf_counter() - began) * 1000,
        page.looked_at,
        total_is_at_least=page.is_at_least,
        is_partial=page.is_partial,
    )


@dataclass
class _Page:
    """The hits of a page and one more where there are more; `looked_until` where there were more candidates."""

    hits: list[Hit] = field(default_factory=list)
    total: int | None = None
    is_at_least: bool = False
    is_partial: bool = False
    looked_at: int = 0
    looked_until: Position | None = None


@dataclass(frozen=True)
class _Kept:
    """Where the total of this search is kept. Those of patterns are not: what belongs to one changes."""

    totals: Totals
    key: bytes


@dataclass(frozen=True)
class _Scan:
    """Candidates that are looked through for one page, and for the total."""

    question: Question
    scope: Mapping[str, Any]
    columns: frozenset[str]
    most: int
    check: Check
    query: LogQuery
    kept: _Kept | None

    def page(self) -> _Page:
        """The page. With a cursor, the records before it are counted by looking again from the beginning, unless the
        total is known of an earlier page."""
        known = self._known() if self.query.with_total else None
        counts_here = self.query.with_total and self.query.cursor is None and known is None
        page = self._read(counts_here)
        if known is not None:
            page.is_partial |= known.is_partial
            self._tell(page, known.total)
        elif self.query.with_total and not counts_here:
            self._count(page)
        return page

    def _known(self) -> Counted | None:
        """Of a first page a partial total says how many were looked at: then it is counted."""
        found = self.kept.totals.of(self.kept.key, self.question, self.scope) if self.kept else None
        return found if found is None or self.query.cursor or not found.is_partial else None

    def _keep(self, candidates: Candidates, total: int) -> None:
        if self.kept and (candidates.is_partial or candidates.looked_at == candidates.expected):
            number = candidates.expected if candidates.expected is not None else candidates.looked_at
            counted = Counted(total, number, candidates.last_seq, candidates.is_partial)
            self.kept.totals.keep(self.kept.key, counted)

    def _read(self, counts: bool) -> _Page:
        page, total = _Page(), 0
        candidates = self._candidates(position_of(self.query.cursor))
        needed = self.query.limit + 1
        is_stopped = False
        for chunk in candidates:
            matches = self.check.matches(chunk)
            skipped = max(0, self.query.offset - total)
            page.hits += matches[skipped:][: needed - len(page.hits)]
            total += len(matches)
            is_stopped = len(page.hits) == needed and (not counts or self._is_enough(total))
            if is_stopped:
                break
        page.looked_at, page.is_partial = candidates.looked_at, candidates.is_partial
        page.looked_until = candidates.last if candidates.is_partial else None
        if counts:
            if not is_stopped:
                self._keep(candidates, total)
            self._tell(page, total)
        return page

    def _count(self, page: _Page) -> None:
        candidates, total = self._candidates(None), 0
        for chunk in candidates:
            total += len(self.check.rows(chunk))
            if self._is_enough(total):
                break
        else:
            self._keep(candidates, total)
        page.looked_at += candidates.looked_at
        page.is_partial |= candidates.is_partial
        self._tell(page, total)

    def _candidates(self, after: Position | None) -> Candidates:
        newest_first = self.query.newest_first
        return Candidates(
            self.question, self.scope, self.columns, most=self.most, newest_first=newest_first, after=after
        )

    def _is_enough(self, total: int) -> bool:
        return self.query.total_bound is not None and total > self.query.total_bound

    def _tell(self, page: _Page, total: int) -> None:
        """As the server tells a total: the bound itself where there are more."""
        page.is_at_least = self._is_enough(total)
        page.total = self.query.total_bound if page.is_at_least else total
