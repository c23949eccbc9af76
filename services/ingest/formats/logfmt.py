"""logfmt: lines of `key=value` pairs (https://brandur.org/logfmt), as Go's logrus, Docker, Grafana and Heroku write them."""

from services.ingest.formats.line_format import LineFormat

_KEY = r"[\w.@/-]+"
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"]\S*|)"
_PAIR = rf"{_KEY}={_VALUE}"

_COLUMNS = {
    "time": ("time", "ts", "timestamp", "@timestamp", "t", "at_time", "datetime"),
    "word": ("level", "lvl", "severity", "log.level", "loglevel"),
    "message": ("msg", "message", "log", "body"),
    "service": ("service", "service.name", "app", "application"),
    "host": ("host", "hostname", "host.name"),
    "environment": ("env", "environment"),
    "trace_id": ("trace_id", "traceID", "traceId", "trace.id"),
    "span_id": ("span_id", "spanID", "spanId", "span.id"),
}
"""PARSED column to the keys that it is taken from; the first that the line has is used."""


def _position(keys: tuple[str, ...]) -> str:
    return f"coalesce({', '.join(f'nullif(list_position(keys, {key!r}), 0)' for key in keys)})"


_UNQUOTED = (
    "list_transform(pairs, lambda p: CASE WHEN p[instr(p, '=') + 1] <> '\"' THEN substr(p, instr(p, '=') + 1)"
    " WHEN json_valid(substr(p, instr(p, '=') + 1)) THEN json_extract_string(substr(p, instr(p, '=') + 1), '$')"
    " ELSE substr(p, instr(p, '=') + 2, length(p) - instr(p, '=') - 2) END)"
)
_NUMBER = "regexp_full_match(v, '-?(?:0|[1-9]\\d{0,14})(?:\\.\\d{1,15})?')"
_OTHERS = (
    "array_to_string(list_transform(list_filter(list_zip(keys, vals, range(1, len(keys) + 1)), lambda e: NOT"
    " list_contains(taken, e[3])), lambda e: to_json(e[1]) || ':' || list_transform([e[2]], lambda v: CASE WHEN"
    f" {_NUMBER} OR v IN ('true', 'false') THEN v ELSE CAST(to_json(v) AS VARCHAR) END)[1]), ',')"
)

LOGFMT = LineFormat(
    "logfmt",
    rf"{_KEY}=",
    evidence=rf"^(?:{_PAIR} +)*(?:msg|message|level|lvl|severity|time|ts)={_VALUE}(?: |$)",
    stages=(
        ("pairs", f"regexp_extract_all(line, '{_PAIR}')"),
        ("keys", "list_transform(pairs, lambda p: split_part(p, '=', 1))"),
        ("vals", _UNQUOTED),
        *((f"at_{column}", _position(keys)) for column, keys in _COLUMNS.items()),
        ("taken", f"[{', '.join(f'at_{column}' for column in _COLUMNS)}]"),
        ("others", _OTHERS),
        ("outside", f"trim(regexp_replace(line, '{_PAIR}', '', 'g'))"),
    ),
    columns={
        **{column: f"nullif(vals[at_{column}], '')" for column in _COLUMNS},
        "time": "coalesce(vals[at_time], '')",
        "message": "CASE WHEN at_message IS NULL THEN line ELSE vals[at_message] END",
        "attributes": "nullif('{' || others || '}', '{}')",
        "raw": "CASE WHEN outside <> '' AND at_message IS NOT NULL THEN line END",
    },
)

FORMATS = (LOGFMT,)
