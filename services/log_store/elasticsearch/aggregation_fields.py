"""The fields that an aggregation reads, as documents have them: what groups are made of, and where numbers stand."""

import sys
from dataclasses import dataclass
from typing import Any

from services.log_store.attribute_paths import check_path
from services.model import LEVEL_NUMBER
from services.query.elastic_fields import KEYWORDS, LEVEL, NUMBERS, TAGS, TERMS
from services.query.elastic_terms import DOUBLE, SEPARATOR, double_hex
from services.query.fields import Kind, canonical_name, resolve

GREATEST = "\U0010ffff" * 16
"""Above every value. A member of a `flattened` field has ranges with both ends only."""

Clause = dict[str, Any]
"""A query, or an aggregation, as the server reads it."""


@dataclass(frozen=True)
class GroupField:
    """A field that records are grouped by.

    path     where documents have its values; each record counts once for each different one
    is_many  whether a record may have several
    """

    name: str
    path: str
    is_many: bool
    is_level: bool = False

    def rank(self, value: str | None) -> tuple[bool, int, str]:
        """What groups of equal size are ordered by: code points, levels by severity; the absent value is last."""
        if value is None:
            return (True, 0, "")
        return (False, LEVEL_NUMBER.get(value, -1) if self.is_level else 0, value)

    def any_value(self) -> Clause:
        """Records that have a value. `exists` would read a `*` in a path as a pattern."""
        return {"range": {self.path: {"gte": "", "lte": GREATEST}}}

    def value_between(self, kept: list[str]) -> list[Clause]:
        """Clauses one of which fits a record with a value that is none of `kept` (sorted by code point)."""
        lower = [{"gte": ""}, *({"gt": value} for value in kept)]
        upper = [*({"lt": value} for value in kept), {"lte": GREATEST}]
        return [{"range": {self.path: low | high}} for low, high in zip(lower, upper, strict=True)]


def group_field(name: str) -> GroupField:
    """The field of that name. Raises `InvalidQuery` for a path that is not served."""
    ref = resolve(name)
    if ref.kind is Kind.ATTRIBUTE:
        check_path(ref.name)
        return GroupField(name, f"attributes.{ref.name}", is_many=True)
    if ref.kind is Kind.TAGS:
        return GroupField(name, TAGS, is_many=True)
    if ref.kind is Kind.LEVEL:
        return GroupField(name, LEVEL, is_many=False, is_level=True)
    return GroupField(name, KEYWORDS[ref.name], is_many=False)


@dataclass(frozen=True)
class NumberField:
    """Where the numbers among the values of a field stand.

    path       doubles, each value of a list one, repetitions too
    elsewhere  records with numbers that stand among the terms only: of columns, of tags, of names that have no field
    """

    path: str
    elsewhere: Clause


def number_field(name: str) -> NumberField | None:
    """None for a field whose values are never numbers. Raises `InvalidQuery` for a path that is not served."""
    ref = resolve(name)
    if ref.kind is Kind.LEVEL:
        return None
    if ref.kind is Kind.ATTRIBUTE:
        check_path(ref.name)
    key = canonical_name(name)
    least, greatest = (
        f"{key}{SEPARATOR}{DOUBLE}{double_hex(number)}" for number in (-sys.float_info.max, sys.float_info.max)
    )
    return NumberField(f"{NUMBERS}{key}", {"range": {TERMS: {"gte": least, "lte": greatest}}})
