"""Bytes to lines: encodings, line ends, control characters, true numbers and positions."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.decode import CUT, NOT_UTF8, RECORD_BYTES, ZEROED, is_binary, read_lines, read_text


def read(content: bytes, **options) -> tuple[list[str], list[int], list[int], dict[int, str]]:
    blocks = list(read_lines(io.BytesIO(content), head=content[:4096], **options))
    column = lambda name: [value for block in blocks for value in block.lines[name].to_pylist()]  # noqa: E731
    marks = {number: mark for block in blocks for number, mark in block.marks.items()}
    return column("line"), column("line_no"), column("end"), marks


def texts(content: bytes, **options) -> list[str]:
    return read(content, **options)[0]


def test_lines_end_at_lf_and_crlf_and_count_when_empty() -> None:
    assert read(b"a\nbc\r\n\nd") == (["a", "bc", "", "d"], [1, 2, 3, 4], [2, 6, 7, 9], {})
    assert texts(b"") == []
    assert texts(b"a\n") == ["a"]


def test_cr_alone_ends_lines_only_where_there_is_no_lf() -> None:
    assert texts(b"a\rb\rc") == ["a", "b", "c"]
    assert texts(b"10%\r20%\r\ndone\n") == ["10%\r20%", "done"]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-8"])
def test_encodings_are_recognised(codec: str) -> None:
    assert texts("héllo wörld\nsecond\r\n".encode(codec)) == ["héllo wörld", "second"]


def test_what_is_not_utf8_is_latin1_and_marked_line_by_line() -> None:
    lines, _, _, marks = read("gut\nschön\n".encode() + "größe\n".encode("latin-1"))
    assert lines == ["gut", "schön", "größe"]
    assert marks == {3: NOT_UTF8}
    assert read("größe\n".encode("latin-1"), encoding="latin-1")[::3] == (["größe"], {})


def test_nul_and_substitute_become_spaces() -> None:
    lines, _, _, marks = read(b"a\x1ac\na\0b\n")
    assert (lines, marks) == (["a c", "a b"], {2: ZEROED})


def test_ten_megabyte_lines_stay_whole_and_longer_ones_are_cut_and_marked() -> None:
    long, too_long = b"x" * (10 << 20), b"y" * (RECORD_BYTES + 5000)
    lines, numbers, ends, marks = read(long + b"\n" + too_long + b"\nlast\n")
    assert [len(line) for line in lines] == [len(long), RECORD_BYTES, 4]
    assert numbers == [1, 2, 3]
    assert marks == {2: CUT}
    assert ends[-1] == len(long) + len(too_long) + 7


def test_the_limit_of_a_line_is_a_setting() -> None:
    lines, numbers, ends, marks = read("12345\n123456\n1\n1234é\n".encode(), record_bytes=5)
    assert (lines, numbers, marks) == (["12345", "12345", "1", "1234"], [1, 2, 3, 4], {2: CUT, 4: CUT})
    assert ends == [6, 13, 15, 22]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(blacklist_characters="\n\r\0\x1a\ufeff", blacklist_categories=["Cs"]), max_size=9))
)
def test_reading_goes_on_exactly_behind_every_line(lines: list[str]) -> None:
    content = "".join(line + "\n" for line in lines).encode()
    read_lines_, numbers, ends, _ = read(content, encoding="utf-8")
    assert read_lines_ == lines
    for done, end in enumerate(ends, start=1):
        assert read(content, encoding="utf-8", position=end)[:2] == (lines[done:], numbers[done:])


def test_positions_hold_over_blocks() -> None:
    content = b"".join(b"line %d\n" % number for number in range(300_000))
    _, _, ends, _ = read(content)
    lines, numbers, _, _ = read(content, position=ends[199_999])
    assert (lines[0], numbers[0], len(lines)) == ("line 200000", 200_001, 100_000)


def test_text_in_steps_keeps_characters_that_lie_on_a_border() -> None:
    class Small:
        def __init__(self, content: bytes):
            self.content = content

        def read(self, size: int) -> bytes:
            step, self.content = self.content[:3], self.content[3:]
            return step

    assert "".join(read_text(Small("añb😀c€".encode()))) == "añb😀c€"


@pytest.mark.parametrize(
    "head",
    [
        b"\x7fELF\x02\x01",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"PAR1",
        b"x" * 257 + b"ustar\0",
        bytes(range(1, 32)) * 9,
    ],
)
def test_binary_content_is_recognised(head: bytes) -> None:
    assert is_binary(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"plain\n",
        b"\0" * 5000 + b"after a copy and truncate\n",
        "grün\n".encode("utf-16"),
        b"\x1b[31mred\x1b[0m\n" * 9,
    ],
)
def test_text_with_oddities_is_not_binary(head: bytes) -> None:
    assert not is_binary(head)
