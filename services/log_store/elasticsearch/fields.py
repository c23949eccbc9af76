"""Which fields the records that match have: read by the embedded store's code from a table of them, or of a sample.

Beyond `READ_RECORDS` matches a sample is read. Each record has a fixed random number (`random_score` of its seq); those
with the highest are the sample, so that the same question reads the same records.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.log_store.duckdb.fields import READ_RECORDS
from services.log_store.duckdb.fields import fields as fields_of_table
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.candidates import ALL_COLUMNS
from services.log_store.elasticsearch.residual import PatternShapes, ResidualEngine
from services.log_store.interface import FieldsResult
from services.query.tree import Query

_READ = ALL_COLUMNS - {"message"}
"""Every record has a message, so that none has to be read."""
_CLOSE = 0.995
"""A sample may have so many times the records that it could have."""
_TRIES = 8
_SMALLER = 4


def fields_of_all(
    question: Question, engine: ResidualEngine, organisation_id: str, scope: Mapping[str, Any]
) -> FieldsResult:
    """The fields of the records of `scope`, which all match. Raises like `Question.search`, and `QuotaExceeded`.

    Where even `READ_RECORDS` of them take too much memory, the sample is smaller.
    """
    total = question.count(scope)
    wanted, result = READ_RECORDS, FieldsResult([], total, 0, False, 0.0)
    is_cut = total > 0
    while is_cut and wanted:
        sample = scope if total <= wanted else _sample(question, scope, total, wanted)
        with engine.table(question, organisation_id, sample, None, _READ) as table:
            is_cut = table.is_partial
            if not is_cut or wanted < _SMALLER:
                result = fields_of_table(table.cursor, table.table, table.matching, ())
        wanted = min(wanted, total) // _SMALLER
    return replace(result, total=total)


def fields_checked(
    question: Question,
    engine: ResidualEngine,
    organisation_id: str,
    scope: Mapping[str, Any],
    residual: Query,
    shapes: PatternShapes,
) -> FieldsResult:
    """The fields of the records of `scope` that match `residual`. Raises as `fields_of_all` does."""
    with engine.table(question, organisation_id, scope, residual, _READ, shapes) as table:
        found = fields_of_table(table.cursor, table.table, table.matching, ())
        return replace(found, is_partial=table.is_partial)


def _sample(question: Question, scope: Mapping[str, Any], total: int, wanted: int) -> Mapping[str, Any]:
    """The query for at most `wanted` of the records of `scope`, and hardly fewer."""
    share, most = wanted / total, 0
    best: Mapping[str, Any] = _share_of(scope, share / 2)
    for _ in range(_TRIES):
        sample = _share_of(scope, share)
        number = question.count(sample)
        if most < number <= wanted:
            best, most = sample, number
        if most > wanted * _CLOSE:
            break
        share *= wanted * (1 + _CLOSE) / 2 / max(1, number)
    return best


def _share_of(scope: Mapping[str, Any], share: float) -> dict[str, Any]:
    return {
        "function_score": {
            "query": scope,
            "random_score": {"seed": 1, "field": "event.sequence"},
            "boost_mode": "replace",
            "min_score": 1 - share,
        }
    }
