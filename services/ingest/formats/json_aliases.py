"""Which member of a JSON record fills which column.

Names are compared in lower case; a dotted name means a member with a dot in its name or a member of an object. The
first alias of a column that is there with a usable value is used, and only that one leaves the attributes.
"""

ALIASES: dict[str, tuple[str, ...]] = {
    "timestamp": (
        "@timestamp", "timestamp", "time", "ts", "date", "datetime", "@t", "eventtime", "event_time", "timecreated",
        "time_created", "asctime", "created", "created_at", "logtime", "log_time", "timeunixnano", "time_unix_nano",
        "timemillis", "observedtimeunixnano", "event.created", "__realtime_timestamp", "_source_realtime_timestamp",
        "utctime", "t", "eventreceivedtime",
    ),
    "level": (
        "level", "severity", "log.level", "lvl", "levelname", "level_name", "loglevel", "log_level", "severity_text",
        "severitytext", "@l", "log.severity", "syslog.severity.name", "priority", "severity_number", "severitynumber",
        "levelno",
    ),
    "message": (
        "message", "msg", "log", "body", "text", "@m", "short_message", "rendered_message", "renderedmessage", "@mt",
        "messagetemplate", "textpayload", "jsonpayload.message", "log.message", "event.original", "event",
    ),
    "source": ("source", "log.file.path"),
    "service": (
        "service", "service.name", "service_name", "servicename", "app", "application", "app_name", "appname",
        "application_name", "app.name", "logger", "logger_name", "loggername", "log.logger", "name", "program", "syslog_identifier",
        "syslog.appname", "process.name", "sourcename", "kubernetes.container_name", "kubernetes.container.name",
        "component",
    ),
    "environment": (
        "environment", "env", "service.environment", "deployment.environment.name", "deployment.environment",
        "deployment_environment",
    ),
    "host": (
        "host", "hostname", "host.name", "host.hostname", "host_name", "server", "computer", "computername",
        "machinename", "machine_name", "node", "nodename", "_hostname", "syslog.hostname", "agent.hostname",
        "kubernetes.node.name", "kubernetes.host",
    ),
    "trace_id": ("trace_id", "traceid", "trace.id", "trace-id", "dd.trace_id", "oteltraceid", "x_trace_id"),
    "span_id": ("span_id", "spanid", "span.id", "span-id", "dd.span_id", "otelspanid"),
    "tags": ("tags",),
}  # fmt: skip
"""Column to its aliases, the preferred one first. `__REALTIME_TIMESTAMP`, `PRIORITY` and so on are journald's export names
(https://systemd.io/JOURNAL_EXPORT_FORMATS/), `@t`, `@l`, `@m` Serilog's, `short_message` GELF's, `log` Docker's."""

RANK: dict[str, tuple[str, int]] = {
    alias: (column, rank) for column, aliases in ALIASES.items() for rank, alias in enumerate(aliases)
}

PARENTS = frozenset(
    ".".join(parts[:count]) for alias in RANK if (parts := alias.split(".")) for count in range(1, len(parts))
)
"""Dotted names of objects that may hold an alias."""

NUMBER_SCALE = {
    "priority": "syslog",
    "levelno": "python",
    "severity_number": "otel",
    "severitynumber": "otel",
}
"""Level aliases whose numbers are of one scale (`services.ingest.levels.SCALES`); the others take `any`."""

WINDOWS_MARKS = frozenset({"eventid", "event_id"})
"""Names of members that show a Windows event, whose `Level` has a scale of its own."""

WINDOWS_HOSTS = frozenset({"hostname", "computer", "computername"})
"""Names of members that hold the machine of a Windows event."""
