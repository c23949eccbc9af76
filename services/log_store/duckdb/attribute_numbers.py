"""Questions about numbers in attributes, the quick way: most records have one value at a path, which is cast and compared.

The general way (`services.query.sql_attributes`) asks every reading of the path and every element of a list, in lambdas: ten
times slower. It is asked of the records that have a list there.
"""

from services.log_store.attribute_paths import is_served
from services.log_store.duckdb.attribute_sql import attribute_sql, is_list, number_of
from services.query.sql_condition import Condition
from services.query.sql_values import Between, Equals, ValueTest


def condition(path: str, test: ValueTest, exact: Condition) -> Condition:
    """`exact` where it is not about a number; otherwise the same answer with less work."""
    if not is_served(path):
        return exact
    json = attribute_sql(path).json
    if isinstance(test, Equals) and test.number is not None:
        inside = Condition(f"{number_of(json)} = ?", [test.number])
    elif isinstance(test, Between) and test.is_numeric:
        inside = test.compared(number_of(json))
    else:
        return exact
    sql = f"(CASE WHEN {inside.sql} THEN true WHEN {is_list(json)} THEN {exact.sql} ELSE false END)"
    return Condition(sql, [*inside.values, *exact.values], exact.is_heavy)
