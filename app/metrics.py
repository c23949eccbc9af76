"""`/metrics` in the Prometheus text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

import time
from collections.abc import Callable, Iterable, Mapping

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from app.auth import from_loopback, principal_of_request
from app.logs import log_request
from services.log_store.delivery import DeliveryState
from services.principal import Right, require

UNMATCHED = "unmatched"


class StoreCollector(Collector):
    """Reads the counters of the store when Prometheus asks. A name ending in _total is a counter, others are gauges."""

    def __init__(self, counters: Callable[[], Mapping[str, float]]):
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        for name, value in self._counters().items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            metric = family(f"elkvision_{name}", name.replace("_", " "))
            metric.add_metric([], value)
            yield metric


COUNTERS = {
    "delivered": ("delivered_records", "Records that the server said it created"),
    "found_there": ("found_records", "Records sent again that were there with the same content"),
    "retried": ("retried_records", "Records put back to be sent again, once for each time"),
    "refitted": ("refitted_records", "Records sent again without fields of their own"),
    "conflicts": ("conflicts", "Records whose id another record had: stored under a new one"),
    "dead_letters": ("dead_lettered_records", "Records that the server refused for what they are"),
    "bulks": ("bulks", "Bulk requests that were answered"),
    "bulk_bytes": ("bulk_bytes", "Size of the bulk requests that were answered"),
    "bulk_seconds": ("bulk_seconds", "Time that bulk requests took, in all"),
    "failed_bulks": ("failed_bulks", "Bulk requests without an answer, or refused as a whole"),
    "spool_damaged": ("spool_damaged", "Damaged stretches of the spool that were found"),
    "spool_lost_records": ("spool_lost_records", "Acknowledged records that lay in damaged stretches"),
    "looked_up": ("looked_up_records", "Records searched for before they were sent again"),
}
"""Counters of delivery: name of the metric after elkvision_delivery_, and what it counts."""


class DeliveryCollector(Collector):
    """What is on its way to the store's server; nothing at all where records are stored in this process."""

    def __init__(self, measures: Callable[[], tuple[DeliveryState, float, int] | None]):
        self._measures = measures

    def collect(self) -> Iterable[Metric]:
        found = self._measures()
        if found is None:
            return
        state, lag_s, dead_letters = found
        for name, about, value in _gauges(state, lag_s, dead_letters):
            if value is not None:
                yield GaugeMetricFamily(f"elkvision_delivery_{name}", about, value=float(value))
        for key, count in state.counters.items():
            name, about = COUNTERS.get(key, (key, key.replace("_", " ")))
            yield CounterMetricFamily(f"elkvision_delivery_{name}", about, value=float(count))


def _gauges(state: DeliveryState, lag_s: float, dead_letters: int) -> list[tuple[str, str, float | None]]:
    return [
        ("spool_records", "Records that are acknowledged and not delivered", state.records),
        ("spool_bytes", "Size of the records that are acknowledged and not delivered", state.size_bytes),
        ("spool_capacity_bytes", "Size at which no more is accepted", state.max_bytes),
        ("lag_seconds", "Age of the oldest record that is not delivered", lag_s),
        ("in_doubt_records", "Records sent before without an answer that was heard", state.in_doubt),
        ("dead_letters", "Refused records that wait for a decision", dead_letters),
        ("server_up", "Whether the server takes records (1) or not (0)", float(state.is_reachable)),
        ("held_up_organisations", "Organisations that wait by themselves", len(state.held_up)),
        ("bulk_concurrency", "Bulk requests that may be on their way at the same time", state.concurrency),
        ("bulk_target_bytes", "Size that a bulk request is made", state.bulk_bytes),
    ]


class Metrics:
    """The families of this process, in a registry of their own."""

    def __init__(
        self,
        counters: Callable[[], Mapping[str, float]],
        delivery: Callable[[], tuple[DeliveryState, float, int] | None],
    ):
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("http_requests_total", "HTTP requests answered", labels, registry=self.registry)
        self.durations = Histogram(
            "http_request_duration_seconds", "Time to answer a request", ("method", "route"), registry=self.registry
        )
        self.registry.register(StoreCollector(counters))
        self.registry.register(DeliveryCollector(delivery))
        ProcessCollector(registry=self.registry)


def install_metrics(server: Flask, metrics: Metrics) -> None:
    """Measure and log every request of `server`, and answer `/metrics` to loopback or a token."""

    def begin() -> None:
        g.began = time.perf_counter()

    def end(response: Response) -> Response:
        took_s = time.perf_counter() - g.get("began", time.perf_counter())
        route = str(request.url_rule) if request.url_rule else UNMATCHED
        metrics.requests.labels(request.method, route, response.status_code).inc()
        metrics.durations.labels(request.method, route).observe(took_s)
        principal = g.get("principal")
        log_request(
            method=request.method,
            path=request.path,
            route=route,
            status=response.status_code,
            took_ms=took_s * 1000,
            request_id=response.headers.get("X-Request-ID", ""),
            user=principal.user_id if principal else "",
        )
        return response

    server.before_request_funcs.setdefault(None, []).insert(0, begin)
    server.after_request_funcs.setdefault(None, []).insert(0, end)  # after_request runs last to first
    server.add_url_rule("/metrics", "metrics", lambda: _answer(metrics))


def _answer(metrics: Metrics) -> Response:
    if not from_loopback():
        require(principal_of_request(), Right.MANAGE_ORGANISATION)
    return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)
