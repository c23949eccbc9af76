"""What stands under a wrong query."""

from components.query_bar import query_fault, sentence
from services.errors import InvalidQuery


def test_what_the_engine_says_of_a_pattern_becomes_a_sentence() -> None:
    assert (
        sentence("The pattern cannot be read: missing ): time(out")
        == "The pattern cannot be read: missing ): time(out."
    )
    assert sentence("A quotation mark is not closed.") == "A quotation mark is not closed."


def test_the_place_is_told_only_where_it_is_in_the_query() -> None:
    error = InvalidQuery("missing ): x(", position=3, length=2, expected="RE2 syntax")
    assert "missing ): x(." in str(query_fault(error))
    assert " At character 4." in str(query_fault(error))
    assert "At character" not in str(query_fault(error, in_query=False))
