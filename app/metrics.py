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


class Metrics:
    """The families of this process, in a registry of their own."""

    def __init__(self, counters: Callable[[], Mapping[str, float]]):
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("http_requests_total", "HTTP requests answered", labels, registry=self.registry)
        self.durations = Histogram(
            "http_request_duration_seconds", "Time to answer a request", ("method", "route"), registry=self.registry
        )
        self.registry.register(StoreCollector(counters))
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
