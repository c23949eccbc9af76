"""Access logs of web servers: the common and combined formats, with a virtual host before or fields of their own behind."""

from dataclasses import replace

from services.ingest.formats.line_format import LineFormat
from services.ingest.levels import http_status_level_sql

_QUOTED = r"\"((?:[^\"\\]|\\.)*)\""
_RESPONSE = rf"'^{_QUOTED} (\d{{3}}|-) (\d+|-)', ['request', 'status', 'bytes']"
_AGENT = rf"'^ {_QUOTED} {_QUOTED}', ['referrer', 'agent']"
_REQUEST = r"'^([A-Z_-]+) ([^\s?]*)(?:\?(\S*))?(?: HTTP/([\d.]+))?$', ['method', 'path', 'query', 'version']"

_RAW = "CASE WHEN h.ident <> '-' OR r.method = '' OR NOT ends_with(h.time, '+0000') THEN line END"

_HEADER = r"(?P<peer>[\w:][\w:.%-]*(?:, ?[\w:.%-]+)*) (?P<ident>\S+) (?P<account>-|[^\[\s-][^\[\s]*(?: [^\[\s]+)*) \[(?P<time>TIME)\] "

ACCESS = LineFormat(
    "access log",
    _HEADER,
    evidence=rf"\] {_QUOTED} (?:\d{{3}}|-)(?: |$)",
    notations=("clf",),
    stages=(
        ("numeric", "regexp_matches(h.peer, '^[0-9a-fA-F.:]+$')"),
        ("a", f"regexp_extract(m, {_RESPONSE})"),
        ("size", "length(a.request) + 4 + length(a.status) + length(a.bytes)"),
        ("tail", "substr(m, size + 1)"),
        ("b", f"regexp_extract(tail, {_AGENT})"),
        (
            "extra",
            "trim(CASE WHEN starts_with(tail, ' \"') THEN substr(tail, length(b.referrer) + length(b.agent) + 7) ELSE tail END)",
        ),
        ("r", f"regexp_extract(a.request, {_REQUEST})"),
    ),
    columns={
        "level": http_status_level_sql("a.status"),
        "message": "CASE WHEN a.status = '' THEN m ELSE a.request || ' ' || a.status END",
        "raw": _RAW,
        "problem": "CASE WHEN a.status = '' THEN 'the request and status could not be read' END",
        "service": "CAST(NULL AS VARCHAR)",
    },
    attributes={
        "client.ip": ("CASE WHEN numeric THEN h.peer END", "plain"),
        "client.address": ("CASE WHEN NOT numeric THEN h.peer END", "text"),
        "user.name": ("nullif(h.account, '-')", "text"),
        "http.version": ("r.version", "plain"),
        "http.request.method": ("r.method", "plain"),
        "http.request.referrer": ("nullif(b.referrer, '-')", "text"),
        "http.response.status_code": ("a.status", "integer"),
        "http.response.body.bytes": ("a.bytes", "integer"),
        "url.path": ("r.path", "text"),
        "url.query": ("r.query", "text"),
        "user_agent.original": ("nullif(b.agent, '-')", "text"),
        "access.extra": ("extra", "text"),
    },
)
"""https://httpd.apache.org/docs/2.4/logs.html#accesslog and nginx's `combined`. The message is the request line and the status."""

VHOST_ACCESS = replace(
    ACCESS,
    name="access log with virtual hosts",
    header=rf"(?P<vhost>[\w-]*[.:][\w.:-]+|[\w-]+:\d+) {_HEADER}",
    attributes={**ACCESS.attributes, "url.domain": ("h.vhost", "text")},
)

DJANGO = LineFormat(
    "development server",
    r"\[(?P<time>TIME)\] (?:\"[A-Z]+ )",
    evidence=r"\] \"[A-Z]+ \S+ HTTP/[\d.]+\" \d{3} ",
    notations=("clf", "day word year"),
    stages=(
        ("q", "regexp_extract(line, '\"(.*)\" (\\d{3}) (\\d+|-)\\s*$', ['request', 'status', 'bytes'])"),
        ("r", f"regexp_extract(q.request, {_REQUEST})"),
    ),
    columns={
        "level": http_status_level_sql("q.status"),
        "message": "CASE WHEN q.status = '' THEN m ELSE q.request || ' ' || q.status END",
    },
    attributes={
        "http.request.method": ("r.method", "plain"),
        "url.path": ("r.path", "text"),
        "url.query": ("r.query", "text"),
        "http.response.status_code": ("q.status", "number"),
        "http.response.body.bytes": ("nullif(q.bytes, '-')", "number"),
    },
)
"""`[17/May/2015 10:05:03] "GET / HTTP/1.1" 200 12`, as `manage.py runserver` prints it."""

SQUID = LineFormat(
    "Squid access log",
    r"(?P<time>TIME) +(?P<ms>\d+) (?P<peer>\S+) (?P<result>[A-Z_]+)/(?P<status>\d{3}) (?P<bytes>\d+) (?P<method>[A-Z_]+) "
    r"(?P<url>\S+) (?P<account>\S+) (?P<hierarchy>\S+)",
    notations=("epoch",),
    columns={
        "level": http_status_level_sql("h.status"),
        "message": "h.method || ' ' || h.url || ' ' || h.status",
    },
    attributes={
        "client.ip": ("h.peer", "text"),
        "http.request.method": ("h.method", "text"),
        "http.response.status_code": ("h.status", "number"),
        "http.response.bytes": ("h.bytes", "number"),
        "url.original": ("h.url", "text"),
        "user.name": ("nullif(h.account, '-')", "text"),
        "event.duration_ms": ("h.ms", "number"),
        "squid.result": ("h.result", "text"),
        "squid.hierarchy": ("h.hierarchy", "text"),
        "http.response.mime_type": ("nullif(m, '-')", "text"),
    },
)
"""https://wiki.squid-cache.org/Features/LogFormat, the native format."""

FORMATS = (VHOST_ACCESS, ACCESS, DJANGO, SQUID)
