"""Finds out how the lines of a file are to be read, by a sample of them."""

from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from services.errors import InvalidInput
from services.ingest.formats import (
    access,
    android,
    containers,
    databases,
    error_logs,
    generic,
    go,
    java,
    logfmt,
    openstack,
    python,
    syslog,
    user_regex,
)
from services.ingest.formats.continuations import CONTINUATION
from services.ingest.formats.line_format import LineFormat
from services.ingest.formats.text import TextFormat
from services.ingest.options import ParseOptions
from services.ingest.times import NOTATIONS, ORDERS, Notation, strptime_pattern

FORMATS = (
    *access.FORMATS,
    *error_logs.FORMATS,
    containers.CRI,
    *openstack.FORMATS,
    *databases.FORMATS,
    *android.FORMATS,
    *go.FORMATS,
    *python.FORMATS,
    *java.FORMATS,
    *syslog.FORMATS,
    *logfmt.FORMATS,
    containers.COMPOSE,
)
"""The known formats, the more particular ones first."""

SAMPLE_LINES = 1_000
LINE_CHARACTERS = 2_000
MOST_FORMS = 4
FREE_SHARE = 0.7
LEAST_SHARE = 0.02
"""A format that fewer lines of the sample have than this share is taken for chance.

Where more than FREE_SHARE of the lines that are no evident continuations have no header, each is a record of its own."""

_TIME_ENDS = r"(?:$|[^\w.,]|[.,](?:\D|$))"

GENERAL = {
    "year first": ("iso", "iso, zone apart"),
    "word day": ("rfc3164", "ctime", "c time", "word day year"),
    "word day year": ("ctime", "js date"),
    "c time": ("ctime",),
    "day word year": ("clf",),
    "mmdd h:m:s.f": ("yyyymmdd-h:m:s",),
    "yymmdd h:m:s": ("yyyymmdd-h:m:s",),
}
"""Notations that are found in the texts of other ones, too."""

GIVEN = "as given"

_NOW = "TIMESTAMP '2000-06-30 00:00:00'"
"""For comparing readings of one notation with each other any year does."""

__all__ = ["TextFormat", "detect_text"]


def detect_text(con: duckdb.DuckDBPyConnection, sample_lines: pa.Table, options: ParseOptions) -> TextFormat:
    """How to read a text of which `sample_lines` (line_no, line) is the beginning.

    Raises `InvalidInput` for a pattern, a time notation or a zone in the options that cannot be used.
    """
    with con.cursor() as cursor:
        check_options(cursor, options)
        sample = Sample.of(cursor, sample_lines, options)
        if options.pattern:
            return user_regex.text_format(options)
        return sample.text_format()


@dataclass
class Sample:
    """Lines to try formats on: a table `sample` (line), without blank lines, each cut to `LINE_CHARACTERS`."""

    cursor: duckdb.DuckDBPyConnection
    lines: pa.Table
    given: tuple[Notation, ...] = ()

    @classmethod
    def of(cls, cursor: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions) -> "Sample":
        cursor.register("sample_lines", lines)
        kept = cursor.sql(
            f"SELECT left(ltrim(line, chr(0)), {LINE_CHARACTERS}) AS line FROM sample_lines WHERE trim(line, ' \t\r' || chr(0)) <> ''"
            f" ORDER BY line_no LIMIT {SAMPLE_LINES}"
        ).to_arrow_table()
        cursor.register("sample", kept)
        return cls(cursor, kept, given_notation(options))

    @property
    def size(self) -> int:
        return len(self.lines)

    def text_format(self) -> TextFormat:
        """The formats that the lines have, and whether a line of none of them is a part of the record before it."""
        forms, left = self.forms()
        names = dict.fromkeys(form.name for form in forms)
        if not forms:
            return TextFormat("plain text")
        free = (left & ~self._continuations()).bit_count()
        return TextFormat(
            " + ".join(names), tuple(forms), joins_free=free <= FREE_SHARE * (self.size - left.bit_count() + free)
        )

    def notations(self) -> tuple[Notation, ...]:
        """The notations of times that stand in the first 200 characters of lines."""
        if not self.size:
            return ()
        tests = [f"regexp_matches(left(line, 200), '{each.pattern}{_TIME_ENDS}')" for each in NOTATIONS]
        lines = {each.name: found for each, found in zip(NOTATIONS, self._bits(tests), strict=True)}
        present = [each for each in NOTATIONS if lines[each.name] and not self._is_covered(each.name, lines)]
        return (*self.given, *present)

    @staticmethod
    def _is_covered(name: str, lines: dict[str, int]) -> bool:
        """Whether a general notation is found only where one of its particular cases is."""
        if name in ("date", "time"):
            particular = [found for other, found in lines.items() if other not in ("date", "time", "epoch")]
        else:
            particular = [lines[other] for other in GENERAL.get(name, ())]
        for found in particular:
            lines = {**lines, name: lines[name] & ~found}
        return not lines[name]

    def _continuations(self) -> int:
        return self._bits([f"regexp_matches(line, '{CONTINUATION}')"])[0] if self.size else 0

    def forms(self) -> tuple[list[LineFormat], int]:
        """(formats in the order in which a line is to be tried, lines that have none of them)."""
        present = self.notations()
        candidates = [bound for form in FORMATS if (bound := _possible(form, present))]
        matched = self._matches(candidates)
        left = (1 << self.size) - 1
        chosen: list[LineFormat] = []
        own = left & ~self._continuations()
        while self.size and len(chosen) < MOST_FORMS:
            form, lines = self._best(candidates, matched, left, present)
            if form is None or lines.bit_count() < max(1, LEAST_SHARE * own.bit_count()):
                break
            chosen += (form, *form.also)
            left &= ~lines
            if form.follows:
                left &= ~self._bits([f"regexp_matches(line, '{form.follows}')"])[0]
        return chosen, left

    def _best(
        self, known: list[LineFormat], matched: list[int], left: int, present: tuple[Notation, ...]
    ) -> tuple[LineFormat | None, int]:
        """The format that most of the lines in `left` have, and which these are.

        Of the known formats an earlier one that nearly as many lines have is better. What is inferred is better than a
        known format that fits only a part of the lines that look alike.
        """
        counts = [(lines & left).bit_count() for lines in matched] or [0]
        index = next(position for position, count in enumerate(counts) if count >= 0.95 * max(counts))
        own = matched[index] & left if counts[index] else 0
        known_best = self._bound(known[index]) if own else None
        if known_best:
            own = self._with_also(known_best, own, left)
        if own.bit_count() >= 0.95 * (left & ~self._continuations()).bit_count():
            return known_best, own
        inferred, alike = self._inferred(left, present)
        any_known = 0
        for lines in matched:
            any_known |= lines & left
        covers_known = (own & alike).bit_count() >= 0.9 * own.bit_count()
        if inferred and covers_known and (any_known & alike).bit_count() < 0.8 * alike.bit_count():
            return inferred, alike
        return known_best, own

    def _with_also(self, form: LineFormat, own: int, left: int) -> int:
        for lines in self._matches(list(form.also)):
            own |= lines & left
        return own

    def _inferred(self, left: int, present: tuple[Notation, ...]) -> tuple[LineFormat | None, int]:
        """A format made from what the lines in `left` have in common, and which lines have it."""
        rest = left & ~self._continuations()
        form = generic.infer(self.cursor, self.lines.filter(self._mask(rest)), present)
        if form is None:
            return None, 0
        form = form.bind(tuple(each for each in present if each.name in form.notations))
        form = self._bound(form)
        return form, self._matches([form])[0] & left

    def _matches(self, forms: list[LineFormat]) -> list[int]:
        """For each format the lines that have it, as a set of bits."""
        return self._bits(
            [
                f"regexp_matches(line, '{form.pattern}')"
                + (f" AND regexp_matches(line, '{form.evidence_pattern}')" if form.evidence else "")
                for form in forms
            ]
        )

    def _bits(self, tests: list[str]) -> list[int]:
        if not tests or not self.size:
            return [0] * len(tests)
        listed = ", ".join(f"{test} AS t{position}" for position, test in enumerate(tests))
        table = self.cursor.sql(f"SELECT {listed} FROM sample").to_arrow_table()
        return [int("".join("1" if each else "0" for each in column.to_pylist()), 2) for column in table.columns]

    def _mask(self, lines: int) -> pa.Array:
        return pa.array([bit == "1" for bit in f"{lines:0{self.size}b}"], pa.bool_())

    def _bound(self, form: LineFormat) -> LineFormat:
        """The format with the notations that its times are of, the most frequent first."""
        if "time" not in form.groups:
            return form
        self.cursor.register(
            "sample_times",
            self.cursor.sql(
                f"SELECT t FROM (SELECT regexp_extract(line, '{form.pattern}', {list(form.groups)}).time AS t FROM sample)"
                " WHERE t <> ''"
            ).to_arrow_table(),
        )
        full = form.bind(self._one_order(self._covering(form.bound or form.allowed())))
        simple = tuple(each.simplified() for each in full.bound)
        return replace(full.bind(simple), also=(full, *full.also)) if self._are_usual(simple, full.bound) else full

    def _are_usual(self, simple: tuple[Notation, ...], full: tuple[Notation, ...]) -> bool:
        """Whether the simpler patterns fit all of `sample_times` that the full ones fit."""
        if simple == full:
            return False
        fits = ["|".join(each.pattern for each in notations) for notations in (simple, full)]
        counts = ", ".join(f"count_if(regexp_full_match(t, '{pattern}'))" for pattern in fits)
        ((usual, all_),) = self.cursor.sql(f"SELECT {counts} FROM sample_times").fetchall()
        return bool(usual == all_)

    def _covering(self, notations: tuple[Notation, ...]) -> tuple[Notation, ...]:
        """The few notations that all of `sample_times` are of: a further one only where it is needed."""
        if not notations:
            return ()
        first = " ".join(
            f"WHEN regexp_full_match(t, '{each.pattern}') THEN {position}" for position, each in enumerate(notations)
        )
        rows = self.cursor.sql(
            f"SELECT CASE {first} END AS n FROM sample_times WHERE n IS NOT NULL GROUP BY n ORDER BY count(*) DESC, n"
        ).fetchall()
        return tuple(notations[position] for (position,) in rows)

    def _one_order(self, notations: tuple[Notation, ...]) -> tuple[Notation, ...]:
        """Of notations that differ in the order of day, month and year, the one that makes sense of the sample."""
        for orders in ORDERS:
            if any(each in orders for each in notations):
                best = min(orders, key=self._implausibility)
                notations = tuple(best if each in orders else each for each in notations)
        return notations

    def _implausibility(self, order: Notation) -> tuple[int, float]:
        """(texts that cannot be of this order, seconds between the first and the last): a sample is of few days."""
        text = order.sql("t", now=_NOW)
        row = self.cursor.sql(
            f"SELECT count_if(NOT regexp_full_match(t, '{order.own_pattern}')), coalesce(epoch(max({text}) - min({text})), 0)"
            " FROM sample_times"
        ).fetchall()[0]
        return int(row[0]), float(row[1])


def check_options(cursor: duckdb.DuckDBPyConnection, options: ParseOptions) -> None:
    """Raises `InvalidInput` for a zone, a time notation or a pattern that cannot be used."""
    if options.timezone:
        try:
            cursor.execute("SELECT timezone(?, TIMESTAMP '2000-01-01')", [options.timezone]).fetchall()
        except duckdb.Error:
            raise InvalidInput(
                f"there is no time zone {options.timezone!r}: write a name such as Europe/Berlin", field="timezone"
            ) from None
    if options.timestamp_format:
        try:
            cursor.execute("SELECT try_strptime('', ?)", [options.timestamp_format]).fetchall()
        except duckdb.Error as error:
            raise InvalidInput(f"the time notation cannot be used: {error}", field="timestamp_format") from None
    if options.pattern is not None:
        user_regex.check(cursor, options.pattern)


def given_notation(options: ParseOptions) -> tuple[Notation, ...]:
    """The notation of the options' own time format, to look for in lines."""
    if not options.timestamp_format:
        return ()
    return (Notation(GIVEN, (strptime_pattern(options.timestamp_format),), zoned=False),)


def _possible(form: LineFormat, present: tuple[Notation, ...]) -> LineFormat | None:
    """The format for the notations that occur, or None where it needs others."""
    if "TIME" not in form.header:
        return form
    usable = tuple(each for each in present if each in form.allowed() or each.name == GIVEN)
    return form.bind(usable) if usable else None
