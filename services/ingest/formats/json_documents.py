"""Texts that hold JSON values over any number of lines, cut into the values' own texts.

An array whose elements are objects is taken apart; otherwise one value after the other is read. A place that is not JSON
becomes a piece of its own, up to where the next object begins, so that nothing is lost and the rest can be read.
"""

import re
from collections.abc import Iterable, Iterator

import pyarrow as pa

from services.ingest.decode import LINES_SCHEMA, RECORD_BYTES, Block
from services.ingest.formats.json_text import NotJson, scan_value, skip_blank

_NEXT_OBJECT = re.compile(r"\n[ \t]*(?=\{)|(?<=\}),\s*(?=\{)")


def cut_documents(
    steps: Iterable[str], *, array: bool, position: int = 0, record_bytes: int = RECORD_BYTES
) -> Iterator[Block]:
    """The values in the text that `steps` make up, behind `position` (0, or an `end`), as blocks of lines.

    `line_no` is where a value begins; `end` counts characters from the start of the text.
    """
    cutter = _Cutter(array, record_bytes)
    for step in steps:
        yield from _behind(cutter.feed(step, last=False), position)
    yield from _behind(cutter.feed("", last=True), position)


NOT_CLOSED = "not JSON: the array is not closed"
SEPARATORS = "not JSON: the values before and here are not parted by one comma"

TRAILING = "not JSON: something follows the value"


def _behind(block: Block, position: int) -> Iterator[Block]:
    lines = block.lines
    if len(lines) and lines["end"][0].as_py() <= position:
        ends = lines["end"].to_pylist()
        lines = lines.slice(sum(end <= position for end in ends))
    if len(lines):
        yield Block(lines, block.marks)


class _Cutter:
    """Holds the text that is not cut yet; it begins at `_offset` in line `_line_no`.

    `_marks` are the brackets and commas of the array since the last value.
    """

    def __init__(self, array: bool, most: int):
        self._array = array
        self._most = most
        self._text = ""
        self._marks = ""
        self._values = 0
        self._offset = 0
        self._line_no = 1

    def feed(self, step: str, *, last: bool) -> Block:
        text = self._text + step
        if self._offset == 0:
            text = text.removeprefix("\ufeff")
        numbers: list[int] = []
        values: list[str] = []
        ends: list[int] = []
        wrong: dict[int, str] = {}
        done = line_at = 0
        while (start := self._next(text, done)) is not None:
            end = _end_of(text, start, last, self._most)
            if end is None:
                done = start
                break
            self._line_no += text.count("\n", line_at, start)
            if not self._array and self._values and text[start] != "{" and "\n" not in text[done:start]:
                wrong[self._line_no] = TRAILING
            if self._array and self._marks != ("," if self._values else "["):
                wrong[self._line_no] = SEPARATORS
            self._marks, self._values = "", self._values + 1
            line_at, done = start, end
            numbers.append(self._line_no)
            values.append(text[start:end].rstrip())
            ends.append(self._offset + end)
        else:
            done = len(text)
        self._line_no += text.count("\n", line_at, done)
        self._offset += done
        self._text = text[done:]
        if last and self._array and self._marks != "]":
            return self._with_end(numbers, values, ends, wrong)
        return Block(pa.table([numbers, values, ends], schema=LINES_SCHEMA), wrong)

    def _with_end(self, numbers: list[int], values: list[str], ends: list[int], wrong: dict[int, str]) -> Block:
        """What is wrong with the end of the array, as a record of its own where there is no record to tell it of."""
        if not numbers:
            numbers, values, ends = [self._line_no], [self._marks or "["], [self._offset + 1]
        wrong = wrong | {numbers[-1]: NOT_CLOSED}
        return Block(pa.table([numbers, values, ends], schema=LINES_SCHEMA), wrong)

    def _next(self, text: str, position: int) -> int | None:
        """Where the next value begins, or None at the end of this text."""
        position = skip_blank(text, position)
        while self._array and (mark := text[position : position + 1]) and mark in "[,]":
            if mark == "[" and (self._values or self._marks):
                break
            self._marks = (self._marks + mark)[-3:]
            position = skip_blank(text, position + 1)
        return position if position < len(text) else None


def _end_of(text: str, start: int, last: bool, most: int) -> int | None:
    """Where the value at `start` ends; of what is not JSON, where the next object begins. None: more text is needed."""
    try:
        _, end = scan_value(text, start)
    except NotJson as error:
        if not last and may_continue(text, error) and len(text) - start < most:
            return None
        match = _NEXT_OBJECT.search(text, start + 1)
        return match.start() if match else len(text)
    if not last and end == len(text) and text[start] not in '{["':
        return None
    return end


def may_continue(text: str, error: NotJson) -> bool:
    """True where the text may be a value that simply is not complete yet."""
    return error.position >= len(text) - 8 or "unterminated" in error.reason
