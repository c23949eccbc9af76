"""Metrics of groups: what is asked of the server, how precisely, and how its answer reads.

Sums, means and extremes are exact. Percentiles come from a digest that holds up to 20 times its compression of values
as they are: up to then they are exact, interpolated between two values in proportion; beyond, the digest sums up.
`distinct` counts hashes: exact but for rare collisions up to its threshold, within a few per cent beyond.
"""

import math
from dataclasses import dataclass
from typing import Any

from services.log_store.elasticsearch.aggregation_fields import Clause, GroupField, NumberField
from services.log_store.interface import Metric

_VALUES_PER_COMPRESSION = 20
"""A hybrid digest sorts up to so many values times its compression, and only then begins to sum up."""
_MAX_COMPRESSION = 10_000
_MIN_COMPRESSION = 100
_VALUES_AT_ONCE = 4_000_000
"""Numbers in the digests of one request: 32 MB."""
_MAX_THRESHOLD = 40_000
_THRESHOLDS_AT_ONCE = 3_000_000
"""Sum of the thresholds of one request's groups: a sketch takes about 8 bytes of each."""


@dataclass(frozen=True)
class MetricField:
    """What a metric reads. `values` for `distinct`, `numbers` for all others; None where no value is a number."""

    metric: Metric
    values: GroupField | None = None
    numbers: NumberField | None = None

    @property
    def is_large(self) -> bool:
        """Whether the server keeps much for each group."""
        return self.metric == "distinct" or self.metric.startswith("p")

    def clause(self, buckets: int, numbers: int) -> Clause | None:
        """The aggregation, for a request of up to `buckets` groups over records with so many numbers in all."""
        if self.values is not None:
            threshold = max(50, min(_MAX_THRESHOLD, _THRESHOLDS_AT_ONCE // max(1, buckets)))
            return different_values(self.values.path, threshold)
        if self.numbers is None:
            return None
        if not self.metric.startswith("p"):
            return {"stats": {"field": self.numbers.path}}
        digest = {"compression": compression(buckets, numbers)}
        return {"percentiles": {"field": self.numbers.path, "percents": [int(self.metric[1:])], "tdigest": digest}}

    def read(self, found: Any) -> float | None:
        """The value in the server's answer; `found` is None where nothing was asked for."""
        if self.values is not None:
            return float(found["value"])
        if found is None:
            return None
        value = _percentile(found) if self.metric.startswith("p") else _statistic(found, self.metric)
        return value if value is not None and math.isfinite(value) else None


def different_values(path: str, threshold: int) -> Clause:
    """The aggregation that counts different values. To be asked for inside another one, never at the top.

    There 8.19 skips records by the index of the field, and finds none where that is a member of a `flattened` one.
    """
    return {"cardinality": {"field": path, "precision_threshold": threshold}}


def compression(buckets: int, numbers: int) -> int:
    """Of a digest: so high that it holds the numbers as they are, where memory allows it."""
    exact = numbers // _VALUES_PER_COMPRESSION + 1
    if numbers > _VALUES_AT_ONCE:
        exact = _VALUES_AT_ONCE // (_VALUES_PER_COMPRESSION * max(1, buckets))
    return max(_MIN_COMPRESSION, min(exact, _MAX_COMPRESSION))


def _percentile(found: Any) -> float | None:
    (value,) = found["values"].values()
    return None if value is None else float(value)


def _statistic(found: Any, metric: str) -> float | None:
    return float(found[metric]) if found["count"] else None
