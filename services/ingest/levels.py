"""Level words and numbers of all sorts as SQL that gives one of `services.model.LEVELS`, or NULL."""

from collections.abc import Iterable, Mapping

import pyarrow as pa

from services.ingest.times import words_pattern

WORDS = {
    "trace": "trace trc finest finer verbose vrb silly trace1 trace2 trace3 trace4 t v",
    "debug": "debug dbg debug1 debug2 debug3 debug4 debug5 d1 d2 d3 d4 d5 fine config d deb dbug",
    "info": "info inf information informational informative notice note log normal success audit_success info2 info3 info4"
    " i n informatory infos notices statement hint detail",
    "warning": "warning warn wrn warnings warn2 warn3 warn4 w caution audit_failure wrng attention",
    "error": "error err eror erro errors severe failure fail failed error2 error3 error4 e fault",
    "critical": "critical crit fatal ftl emerg emergency alert panic dpanic fatal2 fatal3 fatal4 f c crt fata catastrophic",
}
"""Canonical level to the words for it: RFC 5424 §6.2.1, log4j, java.util.logging, Python, Go's zap and logrus, Serilog, npm,
OpenTelemetry's SeverityText, PostgreSQL, Windows events, klog's and Android's letters. `severe` and `fine` are Java's;
`notice` is above info and below warning, and is not a fault: info."""

CANONICAL = {word: level for level, words in WORDS.items() for word in words.split()}

_SYSLOG = {"critical": (0, 1, 2), "error": (3,), "warning": (4,), "info": (5, 6), "debug": (7,)}
_PINO = {"trace": (10,), "debug": (20,), "info": (30, 35), "warning": (40,), "error": (50,), "critical": (60,)}
_PYTHON = {"debug": (10,), "info": (20,), "warning": (30,), "error": (40,), "critical": (50,)}
_OTEL = {
    "trace": range(1, 5),
    "debug": range(5, 9),
    "info": range(9, 13),
    "warning": range(13, 17),
    "error": range(17, 21),
    "critical": range(21, 25),
}
_WINDOWS = {"info": (0, 4), "critical": (1,), "error": (2,), "warning": (3,), "debug": (5,)}


def _merged(*scales: Mapping[str, Iterable[int]]) -> dict[int, str]:
    """Number to level; of scales that disagree the later one is believed."""
    return {number: level for scale in scales for level, numbers in scale.items() for number in numbers}


SCALES = {
    "syslog": _merged(_SYSLOG),
    "pino": _merged(_PINO),
    "python": _merged(_PINO, _PYTHON),
    "otel": _merged(_OTEL),
    "windows": _merged(_WINDOWS),
    "any": _merged(_OTEL, _SYSLOG, _PINO),
}
"""Number scales. `any` is for a bare number in a field named level: 0–7 are syslog's, tens are pino's and bunyan's, the
rest OpenTelemetry's. `python` is for `levelno`, `otel` for `severity_number`, `windows` for the Level of an event."""

_HEADER_WORDS = (
    "trace debug info information informational notice warn warning err error severe crit critical fatal emerg emergency"
    " alert panic failure verbose finest finer fine dpanic trc dbg inf wrn ftl debug1 debug2 debug3 debug4 debug5"
)
LEVEL_WORD = words_pattern(_HEADER_WORDS.split(), ("CONFIG", "LOG"))
"""RE2 pattern, without capturing groups, of the words that are levels wherever they stand in the header of a line."""


def levels_of(words: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Canonical levels of an array of words, NULL for what is none; each different word is looked up once."""
    if isinstance(words, pa.ChunkedArray):
        words = words.combine_chunks()
    coded = words.dictionary_encode()
    known = [CANONICAL.get(word.strip(_AROUND).lower()) if word else None for word in coded.dictionary.to_pylist()]
    return pa.array(known, pa.string()).take(coded.indices)


_AROUND = ' []()<>:|*"-\t.,'


def level_sql(text: str, *, numbers: str = "any") -> str:
    """Canonical level of a text column that holds a level word or number, or NULL.

    Case, blanks and brackets around the word do not matter. `numbers` names the scale in `SCALES` for numbers.
    """
    table = {**CANONICAL, **{str(number): level for number, level in SCALES[numbers].items()}}
    return f"{_map(table)}[lower(trim({text}, ' []()<>:|*\"\t.,'))]"


def priority_level_sql(number: str) -> str:
    """Canonical level of an integer column of syslog PRI values (RFC 5424 §6.2.1: severity is PRI modulo 8)."""
    return f"{_map({str(key): value for key, value in SCALES['syslog'].items()})}[CAST({number} % 8 AS VARCHAR)]"


def http_status_level_sql(text: str) -> str:
    """Level of a text column of HTTP status codes: 5xx error, 4xx warning, other three-digit codes info, else NULL."""
    return (
        f"CASE {text}[1] WHEN '5' THEN 'error' WHEN '4' THEN 'warning' ELSE"
        f" CASE WHEN regexp_full_match({text}, '[1-3]\\d\\d') THEN 'info' END END"
    )


def _map(table: dict[str, str]) -> str:
    return "MAP {" + ", ".join(f"'{key}': '{value}'" for key, value in table.items()) + "}"
