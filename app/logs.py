"""The server's own log: JSON lines in ECS names on stdout. It never feeds itself into an organisation's store."""

import json
import logging
import sys
from datetime import UTC, datetime

_OWN = logging.getLogger("elkvision")


class EcsFormatter(logging.Formatter):
    """One JSON object a line; `extra={"ecs": {...}}` adds fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "@timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "log.logger": record.name,
        } | getattr(record, "ecs", {})
        if record.exc_info:
            line["error.stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logs(*, debug: bool) -> None:
    """Send every logger of this process to stdout as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(EcsFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if debug else logging.WARNING)
    _OWN.setLevel(logging.DEBUG if debug else logging.INFO)
    if not debug:
        logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # each attempt of an outage; we tell the outage


def log_request(*, method: str, path: str, route: str, status: int, took_ms: float, request_id: str, user: str) -> None:
    """The one summary line of a request; the query string is left out, it may hold what people search for."""
    level = logging.WARNING if status >= 500 else logging.INFO
    fields = {
        "event.dataset": "http",
        "http.request.method": method,
        "http.response.status_code": status,
        "http.route": route,
        "event.duration": int(took_ms * 1_000_000),
        "http.request.id": request_id,
        "user.id": user,
    }
    _OWN.log(level, "%s %s %d in %.1f ms", method, path, status, took_ms, extra={"ecs": fields})
