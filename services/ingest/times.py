"""Time texts of logs as SQL: an expression over text columns in, an expression of type TIMESTAMP (naive UTC, µs) out.

A `Notation` is one way of writing a time, given by RE2 patterns with named groups. Its `pattern` lets a line format look
for exactly this notation, and `sql` reads it. `timestamp_sql` tries all of them.
Operands are SQL expressions that are evaluated several times: pass a column. Nothing here reads the session's TimeZone.

A notation that logs are full of has a reader of its own (`fast`); every other is brought into one order of parts,
`year|month|day|hour|minute|second|fraction|ms|half|zone`, and read from there.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest

Reader = Callable[[str, str, str], str]
"""(text, zone, now) -> SQL of the TIMESTAMP in UTC."""

ZONE_MINUTES = {
    **dict.fromkeys(("Z", "UTC", "GMT", "UT", "WET"), 0),
    **dict.fromkeys(("BST", "WEST", "CET", "MEZ"), 60),
    **dict.fromkeys(("CEST", "MESZ", "EET", "SAST"), 120),
    **dict.fromkeys(("EEST", "MSK"), 180),
    "IST": 330,
    **dict.fromkeys(("HKT", "SGT", "AWST"), 480),
    **dict.fromkeys(("JST", "KST"), 540),
    "AEST": 600,
    "AEDT": 660,
    "NZST": 720,
    "NZDT": 780,
    "BRT": -180,
    "EDT": -240,
    **dict.fromkeys(("EST", "CDT"), -300),
    **dict.fromkeys(("CST", "MDT"), -360),
    **dict.fromkeys(("MST", "PDT"), -420),
    "PST": -480,
}
"""Minutes east of UTC of the zone words that logs use (RFC 822 and the common others; CST is North American)."""

_ZONE_WORDS = "|".join(sorted(ZONE_MINUTES))
ZONE = (
    rf"(?:(?: ?(?:{_ZONE_WORDS}))?(?:[+-]\d\d:?\d\d| [+-]\d\d:?\d\d(?: \([^()]*\))?)| ?(?:{_ZONE_WORDS})\b|[+-]\d\d\b)"
)
"""RE2 pattern of what may follow a time: an offset, or a zone word. `+hh` only where it touches the time."""

_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
_GROUP = re.compile(r"\(\?P<(\w+)>")
_PARTS = ("y", "mo", "d", "h", "mi", "s", "f", "ms", "ap", "z")


@dataclass(frozen=True)
class Notation:
    """One way of writing a time.

    patterns  RE2 with named groups out of y, mo, d, h, mi, s, f (fraction), ms, ap (AM/PM), z (zone); a text is read by
              the first that fits
    zoned     whether a zone may follow
    fast      a reader of its own for all its texts
    simple    a pattern for the usual ones of its texts that needs no choices (see `words_pattern`); those `quick` reads
    quick     a reader for the usual ones of its texts that gives NULL for the others: `sql` may take it
    """

    name: str
    patterns: tuple[str, ...]
    zoned: bool = True
    fast: Reader | None = None
    quick: Reader | None = None
    simple: str = ""

    @property
    def pattern(self) -> str:
        """RE2 pattern of the whole time text, zone included, without capturing groups."""
        cores = "|".join(_GROUP.sub("(?:", each) for each in self.patterns)
        return f"(?:{cores}){ZONE}?" if self.zoned else f"(?:{cores})"

    def simplified(self) -> "Notation":
        """The notation for its usual texts only."""
        return replace(self, patterns=(self.simple,), zoned=False) if self.simple else self

    @property
    def own_pattern(self) -> str:
        """As `pattern`, for the first of the patterns alone."""
        return _GROUP.sub("(?:", self.patterns[0]) + (f"{ZONE}?" if self.zoned else "")

    def sql(self, text: str, *, zone: str = "UTC", now: str) -> str:
        """TIMESTAMP (naive UTC) of a column that holds texts of this notation; NULL for impossible dates.

        NULL too for rarer texts of a notation with a `quick` reader: `timestamp_sql` reads them.
        `zone` is the IANA name for texts without a zone of their own; `now` a TIMESTAMP expression, see `infer_year`.
        """
        reader = self.fast or self.quick
        return reader(text, zone, now) if reader else _assembled(text, (self,), zone, now)

    def parts_sql(self, text: str) -> str:
        """Expressions, one after the other, that give the parts of a text in their one order, or NULL."""
        return ", ".join(_ordered(text, each) for each in self.patterns)


def _ordered(text: str, pattern: str) -> str:
    names = _GROUP.findall(pattern)
    order = "|".join(f"\\{names.index(part) + 1}" if part in names else "" for part in _PARTS)
    return f"nullif(regexp_replace({text}, '^{_GROUP.sub('(', pattern)}$', '{order}'), {text})"


def timestamp_sql(text: str, *, zone: str = "UTC", now: str) -> str:
    """TIMESTAMP (naive UTC) of a text column in any common notation, or NULL.

    `zone` is the IANA name for texts without a zone of their own. `now` is a TIMESTAMP expression (naive UTC): years that
    are not written are chosen so that the time is at most one day after it. Fractions beyond µs are cut. Of
    `01/02/2015` the first number is the month unless it cannot be; of `01.02.2015` it is the day.
    """
    slow = tuple(each for each in NOTATIONS if not each.fast)
    trimmed = _trimmed(text)
    return f"CASE{_fast_arms(trimmed, zone, now)} ELSE {_assembled(trimmed, slow, zone, now)} END"


def fast_timestamp_sql(text: str, *, zone: str = "UTC", now: str) -> str:
    """As `timestamp_sql` for the notations that logs are full of (ISO 8601, epochs, RFC 3164, access logs), else NULL.

    Planned in a fifth of the time: for small batches, with `timestamp_sql` only where this leaves a NULL.
    """
    return f"CASE{_fast_arms(_trimmed(text), zone, now)} END"


def _trimmed(text: str) -> str:
    return f"trim({text}, ' []\t\"')"


def _fast_arms(text: str, zone: str, now: str) -> str:
    return "".join(
        f" WHEN regexp_full_match({text}, '{each.pattern}') THEN {each.sql(text, zone=zone, now=now)}"
        for each in NOTATIONS
        if each.fast
    )


def strptime_sql(text: str, format_: str, *, zone: str = "UTC", now: str) -> str:
    """TIMESTAMP (naive UTC) of a text column in the strptime notation that a user gave, or NULL.

    The notation is DuckDB's (https://duckdb.org/docs/stable/sql/functions/dateformat), a superset of C's; without a year
    in it the year is inferred as in `timestamp_sql`.
    """
    quoted = format_.replace("'", "''")
    if "%z" in format_ or "%Z" in format_:
        return f"timezone('UTC', CAST(try_strptime({text}, '{quoted}') AS TIMESTAMPTZ))"
    if not any(code in format_ for code in ("%Y", "%y", "%G", "%s", "%c", "%x", "%-y")):
        read = f"CAST(try_strptime('2000 ' || {text}, '%Y {quoted}') AS TIMESTAMP)"
        return to_utc(infer_year(read, now), zone)
    return to_utc(f"CAST(try_strptime({text}, '{quoted}') AS TIMESTAMP)", zone)


def strptime_pattern(format_: str) -> str:
    """RE2 pattern of the texts that a strptime notation can read; of codes that it does not know, any word."""
    codes = {
        **dict.fromkeys("dHmMSIeklyj", r"\d{1,3}"),
        "Y": r"\d{4}",
        **dict.fromkeys("bBaA", r"[A-Za-z]+\.?"),
        "p": r"[AaPp]\.?[Mm]\.?",
        **dict.fromkeys("fgn", r"\d{1,9}"),
        "s": r"\d{1,19}",
        "z": r"(?:Z|[+-]\d\d(?::?\d\d)?)",
        "%": "%",
    }
    parts = re.split(r"%-?(.)", format_)
    literal = (re.sub(r"([^\w\s])", r"\\\1", part) for part in parts[::2])
    written = (codes.get(code, r"\S+") for code in parts[1::2])
    return "".join(each for pair in zip_longest(literal, written, fillvalue="") for each in pair).replace("'", "''")


def infer_year(in_2000: str, now: str) -> str:
    """The time with a likely year in place of 2000: the latest that is at most one day after `now`.

    A 29 February goes to a leap year. RFC 3164 §4.1.2 leaves the year out; the day allows for zones and wrong clocks.
    """
    limit = f"(({now}) + INTERVAL 1 DAY)"
    as_2000 = f"try_strptime('2000' || strftime({limit}, '%m%d%H%M%S'), '%Y%m%d%H%M%S')"
    years = f"(year({limit}) - 2000 - CASE WHEN {in_2000} <= {as_2000} THEN 0 ELSE 1 END)"
    leap = f"(month({in_2000}) = 2 AND day({in_2000}) = 29)"
    return f"({in_2000} + to_years(CAST(CASE WHEN {leap} THEN {years} - {years} % 4 ELSE {years} END AS INTEGER)))"


def to_utc(written: str, zone: str) -> str:
    """A naive TIMESTAMP of the IANA zone as a naive TIMESTAMP of UTC."""
    if zone.upper() in ("UTC", "Z", "GMT", "ETC/UTC"):
        return written
    quoted = zone.replace("'", "''")
    return f"timezone('UTC', timezone('{quoted}', {written}))"


def _assembled(text: str, notations: tuple[Notation, ...], zone: str, now: str) -> str:
    """TIMESTAMP (UTC) of a text in the first of the notations that it is of, by its parts."""
    suffix = (
        f"regexp_extract({text}, '^.*(?::\\d\\d|\\d{{6}})(?:[.,:]\\d{{1,9}})?(?: ?[AaPp]\\.?[Mm]\\.?)?({ZONE})$', 1)"
    )
    orders = ", ".join(each.parts_sql("w.t") for each in notations)
    utc = f"CASE u.z WHEN '' THEN {to_utc('u.t', zone)} ELSE u.t - to_minutes({_offset('u.z')}) END"
    dated = f"CASE r.p[1] WHEN '' THEN {infer_year('r.t', now)} ELSE r.t END"
    steps = (
        ("w", f"{{'t': {text}[:length({text}) - length({suffix})], 'z': trim({suffix})}}"),
        ("p", f"string_split(coalesce({orders}), '|')"),
        ("r", f"{{'t': try_cast({_ISO_OF_PARTS} AS TIMESTAMP), 'p': p}}"),
        ("u", f"{{'t': {dated}, 'z': coalesce(nullif(r.p[10], ''), w.z)}}"),
    )
    expression = utc
    for name, value in reversed(steps):
        expression = f"list_transform([{value}], lambda {name}: {expression})[1]"
    return expression


def _iso_of_parts() -> str:
    y, mo, d, h, mi, s, f, ms, ap = (f"p[{position}]" for position in range(1, 10))
    month = f"CASE WHEN {mo} < 'A' THEN {mo} ELSE CAST((instr('{_MONTHS}', lower({mo}[1:3])) + 2) // 3 AS VARCHAR) END"
    late = f"CASE WHEN contains(lower({ap}), 'p') THEN 12 ELSE 0 END"
    hour = f"CASE {ap} WHEN '' THEN lpad({h}, 2, '0') ELSE CAST(try_cast({h} AS INTEGER) % 12 + {late} AS VARCHAR) END"
    year = f"CASE length({y}) WHEN 0 THEN '2000' WHEN 2 THEN if({y} < '70', '20', '19') || {y} ELSE {y} END"
    second = f"CASE {s} WHEN '60' THEN '59' ELSE lpad({s}, 2, '0') END"
    fraction = f"CASE {ms} WHEN '' THEN {f} ELSE lpad({ms}, 3, '0') END"
    date = f"{year} || '-' || {month} || '-' || {d}"
    return f"{date} || ' ' || {hour} || ':' || lpad({mi}, 2, '0') || ':' || {second} || '.' || {fraction} || '0'"


_ISO_OF_PARTS = _iso_of_parts()


def _offset(suffix: str) -> str:
    """Minutes east of UTC that a zone text says."""
    digits = f"rpad(regexp_replace({suffix}, '^[^+-]*[+-](\\d\\d):?(\\d\\d)?.*$', '\\1\\2'), 4, '0')"
    number = f"CAST(try_cast({digits} AS INTEGER) AS BIGINT)"
    sign = f"if(contains({suffix}, '-'), -1, 1)"
    words = ", ".join(f"'{word}': {value}" for word, value in ZONE_MINUTES.items())
    return f"coalesce(MAP {{{words}}}[trim({suffix})], ({number} // 100 * 60 + {number} % 100) * {sign})"


def _iso(text: str, zone: str, now: str) -> str:
    """DuckDB's own reader, which takes `-` or `/`, T or blank, any zone; a comma for the fraction is mended."""
    plain = f"replace({text}, ',', '.')"
    return (
        f"CASE WHEN regexp_matches({text}, '[0-9]$') AND {text}[-6] NOT IN ('+', '-') AND {text}[-5] NOT IN ('+', '-')"
        f" AND {text}[-3] NOT IN ('+', '-') THEN {to_utc(f'try_cast({plain} AS TIMESTAMP)', zone)}"
        f" ELSE timezone('UTC', try_cast({plain} AS TIMESTAMPTZ)) END"
    )


def _clf(text: str, zone: str, now: str) -> str:
    """`17/May/2015:10:05:03 +0000`."""
    bare = f"try_strptime({text}, '%d/%b/%Y:%H:%M:%S')"
    return (
        f"CASE WHEN length({text}) > 20 THEN timezone('UTC', try_strptime({text}, '%d/%b/%Y:%H:%M:%S %z'))"
        f" ELSE {to_utc(bare, zone)} END"
    )


def _strptime(format_: str, clean: str = "{}") -> Reader:
    """Reads a notation of fixed shape; `clean` mends the text first."""
    return lambda text, zone, now: to_utc(f"try_strptime({clean.format(text, text)}, '{format_}')", zone)


def _yearless(*formats: str) -> Reader:
    """As `_strptime`, for formats without a year."""
    listed = ", ".join(f"'%Y {each}'" for each in formats)
    listed = f"[{listed}]" if len(formats) > 1 else listed
    return lambda text, zone, now: to_utc(infer_year(f"try_strptime('2000 ' || {text}, {listed})", now), zone)


def _milliseconds(text: str, zone: str, now: str) -> str:
    """`20171224-0:7:20:44`: the last part counts milliseconds, padded or not."""
    last = f"split_part({text}, ':', -1)"
    seconds = f"try_strptime({text}[: -(length({last}) + 2)], '%Y%m%d-%H:%M:%S')"
    return to_utc(f"({seconds} + to_milliseconds(try_cast({last} AS INTEGER)))", zone)


def _points(text: str, zone: str, now: str) -> str:
    """`2005-06-03-15.42.50.675872`."""
    iso = f"{text}[1:10] || ' ' || replace({text}[12:19], '.', ':') || {text}[20:]"
    read = to_utc(f"try_cast({iso} AS TIMESTAMP)", zone)
    return f"CASE WHEN regexp_full_match({text}, '.{{19}}(?:[.,]\\d+)?') THEN {read} END"


def _epoch(text: str, zone: str, now: str) -> str:
    """Seconds, ms, µs or ns since 1970 by the count of digits before the point."""
    number = f"try_cast({text} AS DECIMAL(38, 9))"
    whole = f"length(split_part({text}, '.', 1))"
    factor = f"CASE WHEN {whole} < 12 THEN 1000000 WHEN {whole} < 15 THEN 1000 ELSE 1 END"
    divisor = f"CASE WHEN {whole} > 17 THEN 1000 ELSE 1 END"
    return f"make_timestamp(CAST(floor({number} * {factor}) AS BIGINT) // {divisor})"


def _time_only(text: str, zone: str, now: str) -> str:
    """A time of day: of the day of `now`, or of the day before where that would lie more than an hour ahead."""
    day = f"CAST(CAST({now} AS DATE) AS VARCHAR)"
    read = to_utc(f"try_cast({day} || ' ' || replace({text}, ',', '.') AS TIMESTAMP)", zone)
    return f"({read} - CASE WHEN {read} > ({now}) + INTERVAL 1 HOUR THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END)"


def words_pattern(words: Iterable[str], exact: Iterable[str] = ()) -> str:
    """RE2 alternation of words in small letters, capitals and capitalised, and of others exactly as they are.

    Sorted, RE2 makes a tree of common beginnings of them: a pattern that never has to choose is matched with its groups
    in one pass, five times as fast (https://github.com/google/re2/blob/main/re2/onepass.cc).
    """
    spelt = {each for word in words for each in (word, word.upper(), word.capitalize())}
    return f"(?:{'|'.join(sorted(spelt.union(exact)))})"


MONTH = words_pattern(_MONTHS[start : start + 3] for start in range(0, 36, 3))
_WEEKDAY = r"(?:(?:Fri|Mon|Sat|Sun|Thu|Tue|Wed)[a-z]*,? +)"
_WORD = rf"(?P<mo>{MONTH})[a-z]*\.?"
_YEAR, _EITHER_YEAR, _SHORT_YEAR = r"(?P<y>\d{4})", r"(?P<y>\d{4}|\d\d)", r"(?P<y>\d\d)"
_DAY, _MONTH_NUMBER = r"(?P<d>[12]\d|3[01]|0?[1-9])", r"(?P<mo>1[0-2]|0?[1-9])"
_DD, _MM = r"(?P<d>0[1-9]|[12]\d|3[01])", r"(?P<mo>0[1-9]|1[0-2])"
_FRACTION = r"(?:[.,](?P<f>\d{1,9}))?"
_CLOCK = rf"(?P<h>\d{{1,2}}):(?P<mi>\d\d)(?::(?P<s>\d\d){_FRACTION})?(?P<ap> ?[AaPp]\.?[Mm]\b\.?)?"
_CLOCK_24 = rf"(?P<h>\d{{1,2}}):(?P<mi>\d\d):(?P<s>\d\d){_FRACTION}"
_HHMMSS = r"(?P<h>\d\d)(?P<mi>\d\d)(?P<s>\d\d)"


def _rotations(patterns: dict[str, str], quick: dict[str, Reader], simple: str) -> tuple[Notation, ...]:
    """Readings of one way of writing: each prefers its own order of the figures and takes another where that is impossible."""
    return tuple(
        Notation(name, (own, *(other for other in patterns.values() if other != own)), quick=quick[name], simple=simple)
        for name, own in patterns.items()
    )


TWO_DIGIT_ORDERS = _rotations(
    {
        "yy/mm/dd": rf"{_SHORT_YEAR}/{_MM}/{_DD} +{_CLOCK}",
        "mm/dd/yy": rf"{_MM}/{_DD}/{_SHORT_YEAR} +{_CLOCK}",
        "dd/mm/yy": rf"{_DD}/{_MM}/{_SHORT_YEAR} +{_CLOCK}",
    },
    {
        "yy/mm/dd": _strptime("%y/%m/%d %H:%M:%S"),
        "mm/dd/yy": _strptime("%m/%d/%y %H:%M:%S"),
        "dd/mm/yy": _strptime("%d/%m/%y %H:%M:%S"),
    },
    r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d",
)
YEAR_LAST_ORDERS = _rotations(
    {
        "mm/dd/yyyy": rf"{_MONTH_NUMBER}[-/]{_DAY}[-/]{_YEAR}[T ,:-]+{_CLOCK}",
        "dd/mm/yyyy": rf"{_DAY}[-/]{_MONTH_NUMBER}[-/]{_YEAR}[T ,:-]+{_CLOCK}",
    },
    {"mm/dd/yyyy": _strptime("%m/%d/%Y %H:%M:%S"), "dd/mm/yyyy": _strptime("%d/%m/%Y %H:%M:%S")},
    r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d",
)
MONTH_DAY_ORDERS = _rotations(
    {"mm-dd": rf"{_MM}[-./]{_DD} +{_CLOCK_24}", "dd-mm": rf"{_DD}[-./]{_MM} +{_CLOCK_24}"},
    {
        "mm-dd": _yearless("%m-%d %H:%M:%S.%f", "%m.%d %H:%M:%S", "%m/%d %H:%M:%S"),
        "dd-mm": _yearless("%d-%m %H:%M:%S.%f", "%d.%m %H:%M:%S", "%d/%m %H:%M:%S"),
    },
    r"\d\d(?:-\d\d \d\d:\d\d:\d\d\.\d{1,6}|[./]\d\d \d\d:\d\d:\d\d)",
)
ORDERS = (TWO_DIGIT_ORDERS, YEAR_LAST_ORDERS, MONTH_DAY_ORDERS)
"""Notations that one text cannot tell apart; a sample of many can. The first of each is the usual one."""

NOTATIONS = (
    Notation(
        "iso",
        (r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:[0-5]\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d(?::?\d\d)?)?",),
        False,
        _iso,
    ),
    Notation(
        "iso, zone apart",
        (r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:[0-5]\d(?:[.,]\d{1,9})? (?:UTC|GMT|[+-]\d\d:?\d\d)",),
        False,
        lambda text, zone, now: _iso(f"replace(replace({text}, ' +', '+'), ' -', '-')", zone, now),
    ),
    Notation("rfc3164", (rf"{MONTH} (?: \d|\d\d?) \d\d:\d\d:\d\d",), False, _yearless("%b %d %H:%M:%S")),
    Notation("clf", (rf"\d\d/{MONTH}/\d{{4}}:\d\d:\d\d:\d\d(?: [+-]\d{{4}})?",), False, _clf),
    Notation(
        "epoch",
        (r"\d{9,10}(?:\.\d{1,9})?|\d{13}(?:\.\d{1,6})?|\d{16}(?:\.\d{1,3})?|\d{19}",),
        False,
        _epoch,
    ),
    Notation(
        "ctime",
        (rf"[A-Z][a-z]{{2}} {MONTH} [ \d]\d \d\d:\d\d:\d\d \d{{4}}",),
        False,
        _strptime("%b %d %H:%M:%S %Y", clean="{}[5:]"),
    ),
    Notation("yymmdd hhmmss", (r"\d{6} \d{6}",), False, _strptime("%y%m%d %H%M%S")),
    Notation(
        "year.month.day-h.m.s",
        (rf"{_YEAR}[-.]{_MM}[-.]{_DD}[-T _](?P<h>\d\d)\.(?P<mi>\d\d)\.(?P<s>\d\d){_FRACTION}",),
        quick=_points,
        simple=r"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d{1,6}",
    ),
    Notation("year first", (rf"{_YEAR}[-/.]{_MONTH_NUMBER}[-/.]{_DAY}(?:[Tt _:-]+|, ){_CLOCK}",)),
    Notation(
        "year word day", (rf"{_YEAR}[- /.]{_WORD}[- /.] ?{_DAY}[ :T-]+{_CLOCK}",), quick=_strptime("%Y %b %d %H:%M:%S")
    ),
    Notation(
        "yyyymmdd-h:m:s",
        (
            rf"{_YEAR}{_MM}{_DD}[T _:-]?(?P<h>\d{{1,2}}):(?P<mi>\d\d?):(?P<s>\d\d?)(?:[.,](?P<f>\d{{1,9}})|:(?P<ms>\d{{1,3}}))?",
        ),
        quick=_milliseconds,
        simple=r"\d{8}-\d{1,2}:\d{1,2}:\d{1,2}:\d{1,3}",
    ),
    Notation("yyyymmddThhmmss", (rf"{_YEAR}{_MM}{_DD}[T _:-]?{_HHMMSS}{_FRACTION}",)),
    Notation("yymmdd h:m:s", (rf"{_SHORT_YEAR}{_MM}{_DD} +{_CLOCK_24}",)),
    *TWO_DIGIT_ORDERS,
    *YEAR_LAST_ORDERS,
    Notation("dd.mm.yyyy", (rf"{_DAY}\.{_MONTH_NUMBER}\.{_YEAR}[T ,:-]+{_CLOCK}",)),
    Notation(
        "c time",
        (rf"{_WEEKDAY}?{_WORD} +{_DAY} +{_CLOCK_24}(?P<z>{ZONE})? +{_YEAR}",),
        False,
        quick=_strptime("%b %d %H:%M:%S.%f %Y", clean="{}[5:]"),
        simple=rf"[A-Z][a-z]{{2}} {MONTH} [ \d]\d \d\d:\d\d:\d\d\.\d{{1,6}} \d{{4}}",
    ),
    Notation("js date", (rf"{_WEEKDAY}{_WORD} {_DD} {_YEAR} {_CLOCK_24} (?P<z>GMT[+-]\d{{4}}) \([^()]*\)",), False),
    Notation(
        "day word year",
        (rf"{_WEEKDAY}?{_DAY}[ /.-]{_WORD}[ /,-]+{_EITHER_YEAR}(?:[ :T,-]+|,? at ){_CLOCK}",),
        quick=_strptime("%d-%b-%Y %H:%M:%S.%f", clean="translate({}, ' ', '-')[:11] || {}[12:]"),
        simple=rf"\d\d[ -]{MONTH}[ -]\d{{4}} \d\d:\d\d:\d\d\.\d{{1,6}}",
    ),
    Notation(
        "oracle",
        (rf"{_DAY}-{_WORD}-{_EITHER_YEAR} (?P<h>\d\d)\.(?P<mi>\d\d)\.(?P<s>\d\d){_FRACTION}(?P<ap> [AP]M)?",),
    ),
    Notation("word day year", (rf"{_WEEKDAY}?{_WORD} +{_DAY}(?:st|nd|rd|th)?,? +{_YEAR}(?:[ ,:T]+|,? at ){_CLOCK}",)),
    Notation(
        "word day",
        (rf"{_WEEKDAY}?{_WORD} +{_DAY},? +{_CLOCK}",),
        quick=_yearless("%b %d %H:%M:%S.%f"),
        simple=rf"{MONTH} (?: \d|\d\d?) \d\d:\d\d:\d\d\.\d{{1,6}}",
    ),
    Notation("day word", (rf"{_WEEKDAY}?{_DAY}[ -]{_WORD},? +{_CLOCK}",)),
    *MONTH_DAY_ORDERS,
    Notation(
        "mmdd h:m:s.f",
        (rf"{_MM}{_DD} +(?P<h>\d\d):(?P<mi>\d\d):(?P<s>\d\d)[.,](?P<f>\d{{3,9}})",),
        quick=_yearless("%m%d %H:%M:%S.%f"),
        simple=r"\d{4} \d\d:\d\d:\d\d\.\d{1,6}",
    ),
    Notation("date", (rf"{_YEAR}[-/.]{_MM}[-/.]{_DD}",), False),
    Notation("time", (r"\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?",), False, _time_only),
)
"""Every notation; a text is read by the first whose pattern it is. Those with a reader of their own are tried first."""
