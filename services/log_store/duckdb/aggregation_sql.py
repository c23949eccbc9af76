"""An aggregation as one SQL statement over the records that match.

One pass groups the records by what was read of their fields. Where a record may have several values, or the rest is
asked for, further steps work on those groups, which are few: `labels` says for each thing read to which groups of the
answer it belongs (once each, however many of its values lie there).

Names in the SQL: t (time bucket), k0, k1 (what was read of a field), g0, g1 (group), o0, o1 (whether it is the rest),
v (what was read for the metric, then its value), w (the same where it is a list), n (number of records), value (the metric).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.log_store.aggregation_checks import MAX_ROWS, check_aggregation
from services.log_store.duckdb.aggregation_fields import FieldSql, group_sql, metric_sql, over_rows
from services.log_store.duckdb.attribute_sql import ValueColumns
from services.log_store.duckdb.time_buckets import Span, bucket_sql
from services.log_store.interface import Aggregation


@dataclass(frozen=True)
class Plan:
    """An aggregation with its fields as SQL."""

    aggregation: Aggregation
    groups: tuple[FieldSql, ...]
    metric: FieldSql | None

    @property
    def read_once(self) -> dict[str, str]:
        """Every expression over `logs` but time -> the one (itself, or another of them) whose value serves for it."""
        found = {field.read: field.read for field in (*self.groups, self.metric) if field}
        if self.metric and self.metric.lists:
            lists = self.metric.lists.read
            found[lists] = self.metric.read if self.metric.is_costly else lists
        return found

    @property
    def has_time(self) -> bool:
        """Whether time is one of the groups."""
        return "time" in self.aggregation.by

    @property
    def is_labelled(self) -> bool:
        """Whether the groups of the answer are not simply what was read."""
        return bool(self.groups) and (self.aggregation.with_other or any(each.lists for each in self.groups))

    @property
    def scans(self) -> int:
        """How often the records are read."""
        return 1 + self._reads_again + bool(self.metric and self.metric.lists)

    @property
    def parsed(self) -> list[str]:
        """The expressions that parse JSON, each as often as it is read."""
        groups = [group.read for group in self.groups if group.is_costly] * (1 + self._reads_again)
        return [*groups, *([self.metric.read] if self.metric and self.metric.is_costly else [])]

    @property
    def _reads_again(self) -> bool:
        return self.is_labelled and self.metric is not None

    @property
    def marks(self) -> list[str]:
        """Columns that say whether a group is the rest."""
        return self.numbered("o") if self.aggregation.with_other else []

    def numbered(self, prefix: str) -> list[str]:
        """One name per field that is grouped by."""
        return [f"{prefix}{number}" for number in range(len(self.groups))]

    def key(self, prefix: str) -> list[str]:
        """The names that rows are grouped by."""
        return (["t"] if self.has_time else []) + self.numbered(prefix)

    def source_columns(self, span: Span) -> dict[str, str]:
        """What is selected of each record: name -> expression over `logs`. `span` holds the time of every record."""
        columns = dict(zip(self.numbered("k"), (field.read for field in self.groups), strict=True))
        if self.has_time:
            columns["t"] = bucket_sql(self.aggregation, span)
        if self.metric:
            columns["v"] = self.metric.read
            if self.metric.lists:
                columns["w"] = self.metric.lists.read
        return columns or {"record": "true"}

    def sql(self, source: str) -> str:
        """The statement over `source` (SQL that gives `source_columns`): columns of `key`, marks, n and value.

        It gives at most one row more than `MAX_ROWS`.
        """
        steps = _labelled_steps(self) if self.is_labelled else _plain_steps(self)
        with_steps = ", ".join([f"source AS NOT MATERIALIZED ({source})", *steps])
        columns = ", ".join([*self.key("g"), *self.marks, "coalesce(n, 0)::BIGINT AS n", *self._value])
        order = ", ".join([*(["t"] if self.has_time else []), "n DESC", *self.numbered("g"), *self.marks])
        return f"WITH {with_steps} SELECT {columns} FROM answer ORDER BY {order} LIMIT {self._most_rows:d}"

    @property
    def _value(self) -> list[str]:
        return ["value"] if self.metric else []

    @property
    def is_one_list(self) -> bool:
        """Whether the answer is the first rows of the groups of one field, nothing else."""
        return len(self.groups) == 1 and not self.has_time and not self.is_labelled

    @property
    def _most_rows(self) -> int:
        return self.aggregation.limit if self.is_one_list else MAX_ROWS + 1


def plan_of(aggregation: Aggregation, promoted: Mapping[str, ValueColumns]) -> Plan:
    """The aggregation with its fields; `promoted` are the attributes with columns. Raises `InvalidQuery`."""
    check_aggregation(aggregation)
    groups = tuple(group_sql(name, promoted) for name in aggregation.by if name != "time")
    if aggregation.metric == "count" or aggregation.field is None:
        return Plan(aggregation, groups, None)
    return Plan(aggregation, groups, metric_sql(aggregation.metric, aggregation.field, promoted))


def _plain_steps(plan: Plan) -> list[str]:
    """The records grouped by what was read of them; of each field the largest groups are kept."""
    keys = [f"{k} AS {g}" if k != g else k for k, g in zip(plan.key("k"), plan.key("g"), strict=True)]
    grouped = _grouped(plan, f"({_rows(plan)})", keys, plan.key("g"))
    if not plan.groups or plan.is_one_list:
        return [f"answer AS ({grouped})"]
    kept = " AND ".join(_is_kept("grouped", g, plan.aggregation.limit) for g in plan.numbered("g"))
    return [f"grouped AS ({grouped})", f"answer AS (FROM grouped WHERE {kept})"]


def _is_kept(table: str, group: str, limit: int) -> str:
    """Condition that holds for the largest groups of one field; NULL is a group like any other."""
    top = f"SELECT {group} FROM {table} GROUP BY {group} ORDER BY sum(n) DESC, {group} LIMIT {limit:d}"
    return f"EXISTS (SELECT 1 FROM ({top}) AS top WHERE top.{group} IS NOT DISTINCT FROM {table}.{group})"


def _labelled_steps(plan: Plan) -> list[str]:
    """What was read, counted; its labels by field; then the records, or those counts, joined with their labels."""
    keys = ", ".join(plan.key("k"))
    counted = f"counted AS MATERIALIZED (SELECT {keys}, count(*) AS n FROM source GROUP BY {keys})"
    labels = [step for number, group in enumerate(plan.groups) for step in _label_steps(plan, number, group)]
    join = "LEFT JOIN" if plan.marks else "JOIN"  # what has no label is one of the rest
    joins = " ".join(f"{join} labels{n} ON k{n} IS NOT DISTINCT FROM labels{n}.k" for n in range(len(plan.groups)))
    rows = _rows(plan) if plan.metric else "SELECT * RENAME (n AS one) FROM counted"
    marks = "".join(f", coalesce({mark}, true) AS is_{mark}" for mark in plan.marks)
    columns = [*plan.key("g"), *(f"is_{mark} AS {mark}" for mark in plan.marks)]
    names = [*plan.key("g"), *(f"is_{mark}" for mark in plan.marks)]
    labelled = f"(SELECT *{marks} FROM ({rows}) {joins})"
    return [counted, *labels, f"answer AS ({_grouped(plan, labelled, columns, names)})"]


def _label_steps(plan: Plan, number: int, group: FieldSql) -> list[str]:
    """Steps to the table `labels<number>`: k (what was read), group, whether it is the rest.

    What has no value in one of the largest groups may be left out: the rest is joined from the left.
    """
    k, g, o, limit = f"k{number}", f"g{number}", f"o{number}", plan.aggregation.limit
    values, top = f"values{number}", f"top{number}"
    read = f"(SELECT {k} AS k, sum(n) AS n FROM counted GROUP BY {k})"
    of_each = f"SELECT k, n, {group.value('k')} AS {g}, false AS is_listed FROM {read}"
    if group.lists is not None:  # a record whose list has no value belongs to the group NULL
        elements = f"(SELECT k, n, {group.lists.elements('k')} AS texts FROM {read} WHERE {group.lists.is_one('k')})"
        listed = f"unnest(CASE WHEN len(texts) > 0 THEN texts ELSE [NULL] END) AS {g}, true AS is_listed"
        of_each += (
            f" WHERE NOT coalesce({group.lists.is_one('k')}, false) UNION ALL SELECT k, n, {listed} FROM {elements}"
        )
    largest = f"SELECT {g} AS g FROM {values} GROUP BY {g} ORDER BY sum(n) DESC, {g} LIMIT {limit:d}"
    is_kept = f"JOIN {top} ON {g} IS NOT DISTINCT FROM {top}.g"
    labels = f"SELECT k, {g}, false AS {o} FROM {values} SEMI {is_kept}"
    if plan.marks and group.lists is not None:
        labels += f" UNION ALL SELECT DISTINCT k, NULL, true FROM {values} ANTI {is_kept} WHERE is_listed"
    steps = {values: of_each, top: largest, f"labels{number}": labels}
    return [f"{name} AS MATERIALIZED ({step})" for name, step in steps.items()]


def _rows(plan: Plan) -> str:
    """SQL of the rows that are counted and measured. A record is one; the values in its list come in rows that are none."""
    keys, metric = plan.key("k"), plan.metric
    if metric is None:
        return f"SELECT {', '.join([*keys, '1 AS one'])} FROM source"
    records = f"SELECT {', '.join([*keys, '1 AS one'])}, {metric.value('v')} AS v FROM source"
    if metric.lists is None:
        return records
    in_lists = ", ".join([*keys, "0 AS one", f"unnest({metric.lists.elements('w')}) AS v"])
    return f"{records} UNION ALL SELECT {in_lists} FROM source WHERE {metric.lists.is_one('w')}"


def _grouped(plan: Plan, source: str, columns: list[str], names: list[str]) -> str:
    metric = [f"{over_rows(plan.aggregation.metric, 'v')} AS value"] if plan.metric else []
    is_one_each = not plan.is_labelled and not (plan.metric and plan.metric.lists)
    count = "count(*)" if is_one_each else "sum(one)"
    group_by = f"GROUP BY {', '.join(names)}" if names else ""
    return f"SELECT {', '.join([*columns, f'{count} AS n', *metric])} FROM {source} {group_by}"
