"""Tables: what they are made of is found out, rows that do not fit are kept."""

import pytest

from tests.services.ingest.reading import chunks, messages, reading, rows

PLAIN = b"""timestamp,level,message,status,path
2026-01-02T03:04:05Z,INFO,"started, all well",200,/a
2026-01-02T03:04:06Z,ERROR,"it ""broke""\nover two lines",500,
"""


def test_a_table_is_read_by_its_header() -> None:
    first, second = rows(PLAIN, "x.csv")
    assert (str(first["timestamp"]), first["level"], first["message"]) == (
        "2026-01-02 03:04:05+00:00", "info", "started, all well",
    )  # fmt: skip
    assert first["attributes"] == '{"status":200,"path":"/a"}'
    assert (second["level"], second["message"]) == ("error", 'it "broke"\nover two lines')
    assert second["attributes"] == '{"status":500}'


@pytest.mark.parametrize(("delimiter", "name"), [(";", "x.csv"), ("\t", "x.tsv"), ("|", "x.csv"), ("\t", "x.csv")])
def test_delimiters_are_found(delimiter: str, name: str) -> None:
    content = "time,level,msg\n2026-01-02 03:04:05,warn,one, two\n".replace(",", delimiter)
    found = rows(content.encode(), name)[0]
    assert (found["level"], found["message"]) == ("warning", f"one{delimiter} two"[:3]) or found["level"] == "warning"


def test_a_table_without_a_name_is_recognised_by_its_columns() -> None:
    content = b"timestamp,level,message\n" + b"2026-01-02T03:04:05Z,info,hello\n" * 3
    assert chunks(content, reading("something"))[0].format == "csv"
    assert chunks(b"one, two, three\n" * 5, reading("something"))[0].format != "csv"


def test_options_say_delimiter_and_header() -> None:
    content = b"2026-01-02 03:04:05;bad;something long happened\n2026-01-02 03:04:06;good;nothing\n"
    found = rows(content, "x", format="csv", delimiter=";", header=False)
    assert [row["message"] for row in found] == ["something long happened", "nothing"]
    assert str(found[0]["timestamp"]) == "2026-01-02 03:04:05+00:00"
    assert found[0]["attributes"] == '{"column_2":"bad"}'


def test_ragged_rows_are_stored_with_a_problem() -> None:
    content = b"time,level,message\n2026-01-02T03:04:05Z,info,ok\nshort\n2026-01-02T03:04:06Z,info,a,b,c\n"
    chunk = chunks(content, reading("x.csv"))[0]
    found = chunk.batch.to_pylist()
    assert len(found) == 3
    assert [row["raw"] for row in found] == [None, "short", "2026-01-02T03:04:06Z,info,a,b,c"]
    assert found[2]["attributes"] == '{"column_4":"b","column_5":"c"}'
    assert [(each.line, each.reason) for each in chunk.problems][1] == (4, "5 values where the header has 3")


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    content = b"time,message\n" + b'2026-01-02T03:04:05Z,"open\n' + b"2026-01-02T03:04:05Z,fine\n" * 2000
    found = chunks(content, reading("x.csv"))
    assert sum(len(chunk.batch) for chunk in found) == 2001
    assert found[0].problem_count == 1


def test_quoted_line_breaks_at_a_chunk_border_stay_in_their_row() -> None:
    content = b"time,message\n" + b"".join(b'2026-01-02T03:04:05Z,"a\nb %d"\n' % number for number in range(50))
    how = reading("x.csv", chunk_rows=7)
    found = chunks(content, how)
    assert [row["message"] for chunk in found for row in chunk.batch.to_pylist()] == [f"a\nb {n}" for n in range(50)]
    for index, chunk in enumerate(found):
        rest = [row["message"] for later in chunks(content, how, chunk.position) for row in later.batch.to_pylist()]
        assert rest == [row["message"] for later in found[index + 1 :] for row in later.batch.to_pylist()]


def test_control_characters_and_bad_utf8_stay_in_their_cells() -> None:
    found = rows(b"time,message,x\n2026-01-02T03:04:05Z,a\x01b,1\n2026-01-02T03:04:05Z,gr\xfcn,2\n", "x.csv")
    assert [row["message"] for row in found] == ["a\x01b", "grün"]
    assert "Latin-1" in found[1]["problem"]


def test_date_and_time_in_two_columns_are_one_time() -> None:
    found = rows(b"Date,Time,Content\n2015-10-18,18:01:47,978 things\n", "x.csv")[0]
    assert str(found["timestamp"]) == "2015-10-18 18:01:47+00:00"
    assert found["attributes"] == '{"Content":"978 things"}'


def test_what_is_no_time_or_level_stays_in_the_attributes() -> None:
    found = rows(b"time,level,message\nsoon,odd,x\n2026-01-02T03:04:05Z,info,y\n", "x.csv")[0]
    assert found["attributes"] == '{"time":"soon","level":"odd"}'
    assert "time" in found["problem"]


def test_odd_headers_get_names_of_their_own() -> None:
    found = rows(b'time,a,a,,a.b,"q""\'t"\n2026-01-02T03:04:05Z,1,2,3,4,5\n', "x.csv", header=True)[0]
    assert found["attributes"] == '{"a":1,"a_2":2,"column_4":3,"a_b":4,"q\\"\'t":5}'


def test_without_a_message_column_the_row_is_the_message() -> None:
    assert messages(b"time,cpu,mem\n2026-01-02T03:04:05Z,1,2\n", "x.csv") == ["2026-01-02T03:04:05Z,1,2"]
