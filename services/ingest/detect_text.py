"""Finds out how the lines of a file are to be read, by a sample of them."""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from services.ingest.formats import access, error_logs, java, openstack, syslog
from services.ingest.formats.continuations import CONTINUATION
from services.ingest.formats.line_format import LineFormat
from services.ingest.formats.text import TextFormat
from services.ingest.options import ParseOptions
from services.ingest.times import NOTATIONS, ORDERS, Notation

FORMATS = (*access.FORMATS, *error_logs.FORMATS, *openstack.FORMATS, *java.FORMATS, *syslog.FORMATS)
"""The known formats, the more particular ones first."""

SAMPLE_LINES = 1_000
LINE_CHARACTERS = 2_000
MOST_FORMS = 4
LEAST_SHARE = 0.02
"""A format that fewer lines of the sample have than this share is taken for chance."""

_NOW = "TIMESTAMP '2000-06-30 00:00:00'"
"""For comparing readings of one notation with each other any year does."""

__all__ = ["TextFormat", "detect_text"]


def detect_text(con: duckdb.DuckDBPyConnection, sample_lines: pa.Table, options: ParseOptions) -> TextFormat:
    """How to read a text of which `sample_lines` (line_no, line) is the beginning."""
    with con.cursor() as cursor:
        sample = Sample.of(cursor, sample_lines)
        forms = sample.known_forms()
    return TextFormat(" + ".join(form.name for form in forms) or "plain text", tuple(forms))


@dataclass
class Sample:
    """Lines to try formats on: a table `sample` (line), without blank lines, each cut to `LINE_CHARACTERS`."""

    cursor: duckdb.DuckDBPyConnection
    size: int

    @classmethod
    def of(cls, cursor: duckdb.DuckDBPyConnection, lines: pa.Table) -> "Sample":
        cursor.register("sample_lines", lines)
        kept = cursor.sql(
            f"SELECT left(line, {LINE_CHARACTERS}) AS line FROM sample_lines WHERE trim(line, ' \t\r') <> ''"
            f" ORDER BY line_no LIMIT {SAMPLE_LINES}"
        ).to_arrow_table()
        cursor.register("sample", kept)
        return cls(cursor, len(kept))

    def notations(self) -> tuple[Notation, ...]:
        """The notations of times that stand in the first 200 characters of lines."""
        if not self.size:
            return ()
        tests = ", ".join(f"bool_or(regexp_matches(left(line, 200), '{each.pattern}'))" for each in NOTATIONS)
        row = self.cursor.sql(f"SELECT {tests} FROM sample").fetchall()[0]
        return tuple(each for each, found in zip(NOTATIONS, row, strict=True) if found)

    def known_forms(self) -> list[LineFormat]:
        """The known formats that the sample's lines have, the most frequent first."""
        present = self.notations()
        candidates = [bound for form in FORMATS if (bound := _possible(form, present))]
        matched = self._matches(candidates)
        left = (1 << self.size) - 1
        chosen: list[LineFormat] = []
        while candidates and len(chosen) < MOST_FORMS:
            counts = [(lines & left).bit_count() for lines in matched]
            if max(counts) < max(1, LEAST_SHARE * self.size):
                break
            index = next(position for position, count in enumerate(counts) if count >= 0.95 * max(counts))
            chosen.append(self._bound(candidates[index]))
            left &= ~matched[index]
        return chosen

    def _matches(self, forms: list[LineFormat]) -> list[int]:
        """For each format the lines that have it, as a set of bits."""
        if not forms or not self.size:
            return [0] * len(forms)
        tests = ", ".join(
            f"regexp_matches(line, '{form.pattern}')"
            + (f" AND regexp_matches(line, '{form.evidence_pattern}')" if form.evidence else "")
            + f" AS f{position}"
            for position, form in enumerate(forms)
        )
        table = self.cursor.sql(f"SELECT {tests} FROM sample").to_arrow_table()
        return [int("".join("1" if each else "0" for each in column.to_pylist()), 2) for column in table.columns]

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
        tests = ", ".join(f"count_if(regexp_full_match(t, '{each.pattern}'))" for each in form.allowed())
        counts = self.cursor.sql(f"SELECT {tests} FROM sample_times").fetchall()[0]
        found = [(count, each) for count, each in zip(counts, form.allowed(), strict=True) if count]
        notations = [each for _, each in sorted(found, key=lambda pair: -pair[0])]
        return form.bind(self._one_order(tuple(notations)))

    def _one_order(self, notations: tuple[Notation, ...]) -> tuple[Notation, ...]:
        """Of notations that differ in the order of day, month and year, the one that makes sense of the sample."""
        for orders in ORDERS:
            if orders[0] in notations:
                best = min(orders, key=self._implausibility)
                notations = tuple(each for each in notations if each not in orders or each is best)
        return notations

    def _implausibility(self, order: Notation) -> tuple[int, float]:
        """(texts that cannot be of this order, seconds between the first and the last): a sample is of few days."""
        text = order.sql("t", now=_NOW)
        row = self.cursor.sql(
            f"SELECT count_if(NOT regexp_full_match(t, '{order.own_pattern}')), coalesce(epoch(max({text}) - min({text})), 0)"
            " FROM sample_times"
        ).fetchall()[0]
        return int(row[0]), float(row[1])


def _possible(form: LineFormat, present: tuple[Notation, ...]) -> LineFormat | None:
    """The format for the notations that occur, or None where it needs others."""
    if "TIME" not in form.header:
        return form
    usable = tuple(each for each in form.allowed() if each in present)
    return form.bind(usable) if usable else None
