"""What has to be known of the records that match before their groups are counted, in as few requests as can be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.log_store.elasticsearch.aggregation_fields import Clause, NumberField, group_field, number_field
from services.log_store.elasticsearch.aggregation_ranking import Ask, Ranking, first_look, ranking, told_groups
from services.log_store.elasticsearch.aggregation_times import Span
from services.log_store.interface import Aggregation
from services.query.elastic_fields import TIME

_FIELDS_AT_ONCE = 30
_GROUPS_AT_ONCE = 10_000
"""Groups that each shard tells in one answer."""


@dataclass(frozen=True)
class Survey:
    """The records that match.

    span      first and last moment, in ms since 1970; None where nothing matches
    rankings  by the name of each field that is grouped by
    numbers   how many values each field of a metric has that are numbers, by its name
    elsewhere  the fields of which some records have numbers that cannot be counted where they stand
    """

    records: int
    span: Span | None
    rankings: Mapping[str, Ranking]
    numbers: Mapping[str, int]
    elsewhere: frozenset[str]


def survey(aggregations: Sequence[Aggregation], ask: Ask) -> Survey:
    """One request for each few fields, more where the largest groups cannot be told by one."""
    limits = _limits(aggregations)
    metrics = {name: field for name in _measured(aggregations) if (field := number_field(name)) is not None}
    clauses: dict[str, Clause] = {"first": {"min": {"field": TIME}}, "last": {"max": {"field": TIME}}}
    clauses |= {f"m {name}": _everything(_number_clauses(field)) for name, field in metrics.items()}
    clauses |= {f"g {name}": _everything(first_look(group_field(name), limit)) for name, limit in limits.items()}
    groups = {f"g {name}": told_groups(limit) for name, limit in limits.items()}
    answer, records = _asked(clauses, groups, ask)
    rankings = {name: ranking(group_field(name), limit, answer[f"g {name}"], ask) for name, limit in limits.items()}
    found = {name: answer[f"m {name}"] for name in metrics}
    return Survey(
        records=records,
        span=(int(answer["first"]["value"]), int(answer["last"]["value"])) if records else None,
        rankings=rankings,
        numbers={name: each["n"]["value"] for name, each in found.items()},
        elsewhere=frozenset(name for name, each in found.items() if each["e"]["doc_count"]),
    )


def _limits(aggregations: Sequence[Aggregation]) -> dict[str, int]:
    """How many groups are needed of each field."""
    names = {name for each in aggregations for name in each.by if name != "time"}
    return {name: max(each.limit for each in aggregations if name in each.by) for name in sorted(names)}


def _measured(aggregations: Sequence[Aggregation]) -> list[str]:
    names = {each.field for each in aggregations if each.metric not in ("count", "distinct")}
    return sorted(name for name in names if name is not None)


def _number_clauses(field: NumberField) -> Clause:
    return {"n": {"value_count": {"field": field.path}}, "e": {"filter": field.elsewhere}}


def _everything(clauses: Clause) -> Clause:
    return {"filter": {"match_all": {}}, "aggs": clauses}


def _asked(clauses: Mapping[str, Clause], groups: Mapping[str, int], ask: Ask) -> tuple[dict[str, Any], int]:
    """(the answers by name, how many records match). Names of ours hold what names of aggregations may not."""
    found: dict[str, Any] = {}
    records = 0
    for part in _parts(clauses, groups):
        aggs = {str(number): clauses[name] for number, name in enumerate(part)}
        answer = ask({"size": 0, "track_total_hits": True, "aggs": aggs})
        records = answer["hits"]["total"]["value"]
        found |= {name: answer["aggregations"][str(number)] for number, name in enumerate(part)}
    return found, records


def _parts(names: Iterable[str], groups: Mapping[str, int]) -> Iterator[list[str]]:
    """The names that are asked for together; `groups` tells what each costs."""
    part: list[str] = []
    for name in names:
        cost = sum(groups.get(each, 0) for each in (*part, name))
        if part and (cost > _GROUPS_AT_ONCE or len(part) == _FIELDS_AT_ONCE):
            yield part
            part = []
        part.append(name)
    if part:
        yield part
