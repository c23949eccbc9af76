"""Pages of other tools' documents, one of them by its id, and those around it."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from services.errors import NotFound
from services.log_store.checks import PAGE_BYTES
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.external_candidates import ExternalCandidates, Scope
from services.log_store.elasticsearch.external_counts import count
from services.log_store.elasticsearch.external_documents import size_of
from services.log_store.elasticsearch.external_query import ALL
from services.log_store.elasticsearch.paging import Hit, Position
from services.log_store.elasticsearch.residual import Check
from services.log_store.interface import LogContext, LogPage, LogQuery, LogRecord
from services.model import EARLIEST, parse_record_id, record_id

NOT_FOUND = "There is no log record with this id."
MAX_LOOKED_AT = 20_000
"""Documents on each side of a record in which neighbours like it are looked for."""


@dataclass
class _Found:
    hits: list[Hit] = field(default_factory=list)
    total: int = 0
    looked_at: int = 0
    looked_until: Position | None = None
    is_partial: bool = False


@dataclass(frozen=True)
class Pages:
    """Pages of the documents of `scope` that `check` lets through; at most `most` are looked at for one."""

    question: Question
    scope: Scope
    check: Check
    most: int

    def page(self, query: LogQuery) -> LogPage:
        """The page. Its total is the server's where that is exact; else of those that were looked at."""
        began = time.perf_counter()
        counts_here = query.with_total and not self.scope.is_exact and query.cursor is None
        found = self._read(query, counts_here)
        total, is_at_least = self._total(query, found, counts_here)
        shown = _affordable(found.hits[query.offset :][: query.limit])
        has_more = len(found.hits) > query.offset + len(shown)
        last = shown[-1].position if has_more and shown else found.looked_until
        return LogPage(
            [hit.source for hit in shown],
            total,
            record_id(*last) if last is not None else None,
            (time.perf_counter() - began) * 1000,
            found.looked_at,
            total_is_at_least=is_at_least,
            is_partial=found.is_partial,
        )

    def _read(self, query: LogQuery, counts: bool) -> _Found:
        after = None if query.cursor is None else parse_record_id(query.cursor)
        found, needed = _Found(), query.offset + query.limit + 1
        candidates = self._candidates(after, newest_first=query.newest_first)
        for chunk in candidates:
            matches = self.check.matches(chunk)
            found.total += len(matches)
            found.hits += matches[: needed - len(found.hits)]
            if len(found.hits) == needed and not (counts and _goes_on(query, found.total)):
                found.looked_at = candidates.looked_at
                return found
        found.looked_at, found.is_partial = candidates.looked_at, candidates.is_partial
        found.looked_until = candidates.last if candidates.is_partial else None
        return found

    def _total(self, query: LogQuery, found: _Found, counts_here: bool) -> tuple[int | None, bool]:
        if not query.with_total:
            return None, False
        if self.scope.is_exact:
            return count(self.question, self.scope.query(), query.total_bound)
        total = found.total if counts_here else self._count(query, found)
        bound = query.total_bound
        is_at_least = bound is not None and total > bound
        return (bound if is_at_least else total), is_at_least

    def _count(self, query: LogQuery, found: _Found) -> int:
        """Of a page with a cursor: from the beginning."""
        candidates, total = self._candidates(None, newest_first=query.newest_first), 0
        for chunk in candidates:
            total += len(self.check.rows(chunk))
            if not _goes_on(query, total):
                break
        found.looked_at += candidates.looked_at
        found.is_partial |= candidates.is_partial
        return total

    def _candidates(self, after: Position | None, *, newest_first: bool) -> ExternalCandidates:
        return ExternalCandidates(self.question, self.scope, most=self.most, newest_first=newest_first, after=after)


def _goes_on(query: LogQuery, total: int) -> bool:
    return query.total_bound is None or total <= query.total_bound


def _affordable(hits: Sequence[Hit]) -> list[Hit]:
    """As many as a page may hold, at least one."""
    spent, shown = 0, list[Hit]()
    for hit in hits:
        spent += size_of(hit.source)
        if shown and spent > PAGE_BYTES:
            break
        shown.append(hit)
    return shown


def hit_at(question: Question, wanted: str, most: int) -> Hit:
    """The record with that id. Raises `NotFound` and like `Question.search`."""
    at = parse_record_id(wanted)
    moment = None if at is None else EARLIEST + timedelta(microseconds=at[0])
    if at is not None and moment is not None:
        scope = Scope(ALL, moment, moment + timedelta(microseconds=1))
        for chunk in ExternalCandidates(question, scope, most=most):
            for hit in chunk.hits:
                if hit.position == at:
                    return hit
    raise NotFound(NOT_FOUND)


def context(question: Question, wanted: str, before: int, after: int, same: Collection[str], most: int) -> LogContext:
    """The neighbours of a record that agree with it in the columns `same`. Raises `NotFound` and like `Question.search`.

    They are looked for in the nearest `MAX_LOOKED_AT` documents on each side; where those are not all, there are said to be
    more.
    """
    began = time.perf_counter()
    middle = hit_at(question, wanted, most)
    values = {name: middle.source[name] for name in same}
    earlier, more_before = _nearest(question, middle.position, values, before, newest_first=True)
    later, more_after = _nearest(question, middle.position, values, after, newest_first=False)
    return LogContext(
        earlier[::-1], middle.source, later, more_before, more_after, (time.perf_counter() - began) * 1000
    )


def _nearest(
    question: Question, at: Position, values: dict[str, str | None], wanted: int, *, newest_first: bool
) -> tuple[list[LogRecord], bool]:
    found: list[Hit] = []
    candidates = ExternalCandidates(question, Scope(ALL), most=MAX_LOOKED_AT, newest_first=newest_first, after=at)
    for chunk in candidates:
        found += [hit for hit in chunk.hits if all(hit.source[name] == value for name, value in values.items())]
        if len(found) > wanted:
            break
    shown = _affordable(found[:wanted])
    return [hit.source for hit in shown], len(found) > len(shown) or candidates.is_partial
