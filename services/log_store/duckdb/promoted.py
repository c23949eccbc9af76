"""Attribute paths that have columns of their own: those that searches keep asking for.

A promoted path has a column of text and one of numbers in `logs`. The text is the one value of the path in that record
(see "values" in `services.query.language`), NULL where it leads nowhere or to null only, and U+001A where it is not that
simple: a list, an object, several readings of the path. There the JSON is read as it always was.
The writer fills the columns of new records; older ones are filled in the background, and only then are the columns used.
"""

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import duckdb

from services.log_store.attribute_paths import is_served
from services.log_store.duckdb.attribute_sql import attribute_sql, number_of_text, text_of
from services.log_store.duckdb.rows import one_value
from services.query.sql_condition import Condition
from services.query.sql_values import Between, Equals, Present, ValueTest

MAX_PROMOTED = 64
ENOUGH_USES = 3
"""Questions about a path after which it is promoted."""
WORTH_RECORDS = 50_000
"""Files with fewer records are read fast enough as they are."""
MAX_PARTS = 4
MAX_LENGTH = 200
"""Longer paths get no columns: every reading of every promoted path is text in each statement that stores records."""
COMPLEX = "chr(26)"
_MAY_BE_REWRITTEN = "(regexp_matches({text}, '[.eE]') AND {number} IS NOT NULL OR {text} = '0')"
"""Whether DuckDB's text of a number may differ from what stands in the JSON text (see `sql_attributes`)."""


@dataclass(frozen=True)
class Promoted:
    """The columns of a path. `is_plain` where no record's value is complex."""

    path: str
    slot: int
    is_plain: bool = False

    @property
    def text(self) -> str:
        return f"promoted_{self.slot:d}"

    @property
    def number(self) -> str:
        return f"promoted_{self.slot:d}_number"


def promoted_paths(cursor: duckdb.DuckDBPyConnection, database: str, *, filled_only: bool) -> list[Promoted]:
    """The promoted paths of a file, by slot."""
    condition = "WHERE is_filled" if filled_only else ""
    rows = cursor.execute(f"SELECT path, slot FROM {database}.promoted {condition} ORDER BY slot").fetchall()
    return [Promoted(*row) for row in rows]


def column_of(cursor: duckdb.DuckDBPyConnection, database: str, path: str) -> Promoted | None:
    """The columns of a path that can answer, and whether they are plain. That is read off the row groups' bounds, mostly."""
    rows = cursor.execute(f"SELECT slot FROM {database}.promoted WHERE is_filled AND path = ?", [path]).fetchall()
    if not rows:
        return None
    found = Promoted(path, rows[0][0])
    complex_row = f"SELECT 1 FROM {database}.logs WHERE {found.text} = {COMPLEX} LIMIT 1"
    return replace(found, is_plain=not cursor.execute(complex_row).fetchall())


def condition(column: Promoted, test: ValueTest, exact: Condition) -> Condition:
    """The question about a promoted path; `exact` reads the JSON, and is asked where the column does not say enough."""
    quick = _quick(column, test)
    unsure = [] if column.is_plain else [f"{column.text} = {COMPLEX}"]
    if test.reads_digits:
        unsure.append(_MAY_BE_REWRITTEN.format(text=column.text, number=column.number))
    if not unsure:
        return Condition(f"coalesce({quick.sql}, false)", quick.values)
    sql = f"(CASE WHEN {' OR '.join(unsure)} THEN {exact.sql} ELSE coalesce({quick.sql}, false) END)"
    return Condition(sql, [*exact.values, *quick.values])


def _quick(column: Promoted, test: ValueTest) -> Condition:
    if isinstance(test, Present):
        return Condition(f"({column.text} IS NOT NULL)")
    if isinstance(test, Equals) and test.number is not None:
        return Condition(f"({column.number} = ?)", [test.number])
    if isinstance(test, Between) and test.is_numeric:
        return test.compared(column.number)
    return test.on(column.text)


def filling_sql(paths: Iterable[Promoted], source: str) -> str:
    """SQL: the rows of `source` (which has `attributes`) with the two columns of each path behind its own."""
    listed = list(paths)
    json = "".join(f", {attribute_sql(each.path).json} AS json_{each.slot:d}" for each in listed)
    texts = "".join(f", {_text(f'json_{each.slot:d}')} AS {each.text}" for each in listed)
    numbers = "".join(f", {number_of_text(each.text)} AS {each.number}" for each in listed)
    excluded = ", ".join(f"json_{each.slot:d}" for each in listed)
    inner = f"SELECT *{json} FROM {source}"
    return f"SELECT *{numbers} FROM (SELECT * EXCLUDE ({excluded}){texts} FROM ({inner}))"


def _text(json: str) -> str:
    is_complex = f"starts_with({json}, '[') OR starts_with({json}, '{{')"
    return f"CASE WHEN {is_complex} THEN {COMPLEX} ELSE {text_of(json)} END"


def is_somewhere(cursor: duckdb.DuckDBPyConnection, database: str, path: str) -> bool:
    """Whether some record has the path: a name that none has is not worth a column."""
    json = attribute_sql(path).json
    return bool(cursor.execute(f"SELECT 1 FROM {database}.logs WHERE {json} IS NOT NULL LIMIT 1").fetchall())


def promote(writing: duckdb.DuckDBPyConnection, database: str, path: str) -> Promoted:
    """Give the path its columns, empty as yet, in the transaction that `writing` has open."""
    slot = one_value(writing, f"SELECT coalesce(max(slot), -1) + 1 FROM {database}.promoted")
    made = Promoted(path, slot)
    writing.execute(f"ALTER TABLE {database}.logs ADD COLUMN {made.text} VARCHAR")
    writing.execute(f"ALTER TABLE {database}.logs ADD COLUMN {made.number} DOUBLE")
    writing.execute(f"INSERT INTO {database}.promoted VALUES (?, ?, false)", [slot, path])
    return made


def fill_block(writing: duckdb.DuckDBPyConnection, database: str, column: Promoted, block: int) -> None:
    """Fill the columns of the records of a block."""
    logs = f"{database}.logs"
    filled = filling_sql([column], f"(SELECT seq, attributes FROM {logs} WHERE block = ?)")
    writing.execute(
        f"""UPDATE {logs} AS target SET {column.text} = filled.{column.text}, {column.number} = filled.{column.number}
            FROM ({filled}) AS filled WHERE target.block = ? AND target.seq = filled.seq""",
        [block, block],
    )


def finish_filling(writing: duckdb.DuckDBPyConnection, database: str, column: Promoted) -> None:
    """From now on the columns are used."""
    writing.execute(f"UPDATE {database}.promoted SET is_filled = true WHERE slot = ?", [column.slot])


def can_be_promoted(path: str) -> bool:
    """Whether a path is short enough to be read from every record that comes."""
    return is_served(path) and len(path) <= MAX_LENGTH and path.count(".") < MAX_PARTS


class PathUses:
    """How often searches asked for a path that has no columns, per organisation. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: dict[str, Counter[str]] = {}

    def count(self, organisation_id: str, paths: Collection[str]) -> bool:
        """Note that a search asked for these paths; whether one has just been asked for often enough."""
        with self._lock:
            uses = self._uses.setdefault(organisation_id, Counter())
            asked = list(filter(can_be_promoted, paths))
            uses.update(asked)
            if len(uses) > 8 * MAX_PROMOTED:
                self._uses[organisation_id] = Counter(dict(uses.most_common(4 * MAX_PROMOTED)))
            return any(uses[path] == ENOUGH_USES for path in asked)

    def forget(self, organisation_id: str, path: str) -> None:
        """Begin to count anew."""
        with self._lock:
            self._uses.get(organisation_id, Counter()).pop(path, None)

    def wanted(self, organisation_id: str, promoted: Mapping[str, object]) -> list[str]:
        """The paths that were asked for often enough and have no columns yet, most used first."""
        with self._lock:
            uses = self._uses.get(organisation_id, Counter())
            often = [path for path, count in uses.most_common() if count >= ENOUGH_USES and path not in promoted]
        return often[: max(0, MAX_PROMOTED - len(promoted))]
