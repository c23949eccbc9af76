"""Bytes to lines: the only place that knows of encodings, line ends and control characters.

A line carries its true number in its file and `end`, the position just behind it (in bytes of the unpacked text, UTF-16
counted as UTF-8), which is where reading may resume. Work goes in blocks of about 1 MB: pyarrow splits a block into
lines in one call and no call holds the interpreter for long.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from services.ingest.options import IngestLimits
from services.ingest.unpack import Stream

BLOCK_BYTES = 1 << 20
RECORD_BYTES = IngestLimits().record_bytes
"""A longer line is cut here, with a problem, unless the caller says otherwise; the rest of the line is not kept."""

LINES_SCHEMA = pa.schema([("line_no", pa.int64()), ("line", pa.string()), ("end", pa.int64())])

NOT_UTF8 = "not UTF-8: read as Latin-1"
ZEROED = "held NUL bytes: spaces stand in their place"
CUT = "longer than RECORD_MAX_BYTES: cut"

_SPACED = bytes(32 if byte in (0x00, 0x1A) else byte for byte in range(256))
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_MAGIC = (
    b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF-", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"MZ\x90",
    b"SQLite format 3\0", b"PAR1", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xfd7zXZ", b"\0asm", b"OggS", b"RIFF", b"ID3",
    b"\xd0\xcf\x11\xe0", b"II*\0", b"MM\0*", b"BM6", b"ElfFile\0",
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Some whole lines. `marks` holds what is wrong with single lines, by line number."""

    lines: pa.Table
    marks: dict[int, str] = field(default_factory=dict)


def is_binary(head: bytes) -> bool:
    """True where these first bytes of a file cannot be text: a known signature, or many control characters.

    Runs of NUL alone are no reason: a log rotated by copy and truncate begins with them.
    """
    if head.startswith(_MAGIC) or head[257:262] == b"ustar":  # a tar archive begins with the name of its first file
        return True
    if not head or utf16_of(head):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls > max(4, len(head) // 20)


_CONTROLS = bytes(byte for byte in range(1, 32) if byte not in b"\t\n\r\x0b\x0c\x08\x1b\x1a\x01\x02\x03\x1c\x1d\x1e")


def utf16_of(head: bytes) -> str | None:
    """The UTF-16 codec of a text that begins so: by its byte order mark, or by where its zero bytes are."""
    if head[:2] in _UTF16:
        return _UTF16[head[:2]]
    sample = head[: len(head) & ~1][:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if len(sample) < 4:
        return None
    if odd > len(sample) * 0.35 and even < len(sample) * 0.02:
        return "utf-16-le"
    if even > len(sample) * 0.35 and odd < len(sample) * 0.02:
        return "utf-16-be"
    return None


def read_lines(
    stream: Stream,
    *,
    encoding: str | None = None,
    position: int = 0,
    head: bytes = b"",
    record_bytes: int = RECORD_BYTES,
) -> Iterator[Block]:
    """The lines of `stream` behind `position` (0, or the `end` of a line from an earlier pass), in blocks.

    `encoding` is "utf-8", "utf-16", "latin-1" or None to find out from `head`, the stream's first bytes.
    Lines that are not UTF-8 are read as Latin-1 and marked. A line ends at LF or CRLF; where the head has CR and no LF
    at all, at CR. A line break that is missing at the very end makes no difference.
    """
    codec = _codec(encoding, head)
    separator = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    marked = codec == "utf-8"
    split = _Splitter(separator, marked, latin1=codec == "latin-1", most=record_bytes)
    for text in _steps(stream, codec):
        yield from split.feed(text, position)
    yield from split.finish(position)


def read_text(stream: Stream, *, encoding: str | None = None, head: bytes = b"") -> Iterator[str]:
    """The stream as text, in steps, for what is not made of lines. Bytes that are not UTF-8 are read as Latin-1."""
    codec = _codec(encoding, head)
    rest = b""
    for step in _steps(stream, codec):
        if codec == "latin-1":
            yield _latin1(step)
            continue
        text, rest = _lenient(rest + step, final=False)
        yield text
    yield _lenient(rest, final=True)[0]


def _lenient(data: bytes, *, final: bool) -> tuple[str, bytes]:
    """(text, bytes at the end that may be the beginning of a character); lines that are not UTF-8 are Latin-1."""
    try:
        return data.decode(), b""
    except UnicodeDecodeError as error:
        if not final and error.end == len(data) and "unexpected end" in error.reason:
            return data[: error.start].decode(), data[error.start :]
    cut = len(data) if final else data.rfind(b"\n") + 1 or len(data)
    return "".join(map(_either, data[:cut].splitlines(keepends=True))), data[cut:]


def _whole_characters(data: bytes) -> bytes:
    """Without the beginning of a character that was cut off at the end."""
    _, rest = _lenient(data, final=False)
    return data.removesuffix(rest)


def _either(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return _latin1(line)


def _codec(encoding: str | None, head: bytes) -> str:
    if encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        return _UTF16.get(head[:2]) or (encoding if encoding != "utf-16" else utf16_of(head) or "utf-16-le")
    return encoding or utf16_of(head) or "utf-8"


def _steps(stream: Stream, codec: str) -> Iterator[bytes]:
    """The stream as UTF-8 (or untouched Latin-1) bytes without a byte order mark."""
    decoder = codecs.getincrementaldecoder(codec)("replace") if codec.startswith("utf-16") else None
    while step := stream.read(BLOCK_BYTES):
        yield decoder.decode(step).encode("utf-8", "replace") if decoder else step
    if decoder:
        yield decoder.decode(b"", True).encode("utf-8", "replace")


class _Splitter:
    """Keeps what stands behind the last line break until the next step brings its rest."""

    def __init__(self, separator: bytes, marked: bool, latin1: bool, most: int):
        self._most = most
        self._separator = separator
        self._marked = marked
        self._latin1 = latin1
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._dropped = 0
        self._line_no = 1
        self._position = 0

    def feed(self, step: bytes, skip_to: int) -> Iterator[Block]:
        cut = step.rfind(self._separator) + 1
        if not cut:
            self._keep(step)
            return
        first = step.find(self._separator)
        if self._open_bytes + first > self._most:
            self._keep(step[:first])
            yield from self._overlong(self._separator, skip_to)
            text = step[first + 1 : cut]
        else:
            text = b"".join([*self._open, step[:cut]])
        self._open, self._open_bytes = [], 0
        if text:
            yield from self._lines(text, skip_to)
        self._keep(step[cut:])

    def finish(self, skip_to: int) -> Iterator[Block]:
        if self._dropped:
            yield from self._overlong(b"", skip_to)
        elif self._open_bytes:
            text, self._open, self._open_bytes = b"".join(self._open), [], 0
            yield from self._lines(text, skip_to)

    def _keep(self, step: bytes) -> None:
        room = self._most - self._open_bytes
        if step:
            self._open.append(step[:room])
        self._dropped += max(0, len(step) - room)
        self._open_bytes += min(room, len(step))

    def _overlong(self, rest: bytes, skip_to: int) -> Iterator[Block]:
        """The line whose first part is kept and whose end is in `rest`."""
        text = b"".join(self._open)
        end = self._position + len(text) + self._dropped + len(rest)
        text = _whole_characters(text)
        line_no, self._line_no = self._line_no, self._line_no + 1
        self._open, self._open_bytes, self._dropped, self._position = [], 0, 0, end
        if end > skip_to:
            table, marks = self._decode(text, line_no, 0)
            yield Block(table.set_column(2, "end", pa.array([end], pa.int64())), {**marks, line_no: CUT})

    def _lines(self, text: bytes, skip_to: int) -> Iterator[Block]:
        start, line_no = self._position, self._line_no
        self._position = start + len(text)
        if self._position <= skip_to:
            self._line_no += text.count(self._separator) + (not text.endswith(self._separator))
            return
        table, marks = self._decode(text, line_no, start)
        self._line_no += len(table)
        if start < skip_to:
            table = table.filter(pc.greater(table["end"], skip_to))
        yield Block(table, marks)

    def _decode(self, text: bytes, line_no: int, start: int) -> tuple[pa.Table, dict[int, str]]:
        zeroed = self._zeroed(text, line_no) if b"\0" in text else {}
        if zeroed or b"\x1a" in text:
            text = text.translate(_SPACED)
        raw = self._split(text)
        ends = pc.add(pc.cumulative_sum(pc.add(pc.binary_length(raw).cast(pa.int64()), 1)), start)
        numbers = pa.arange(line_no, line_no + len(raw))
        raw, cuts = self._cut(raw, line_no) if len(text) > self._most else (raw, {})
        lines, marks = self._strings(raw, line_no)
        if start == 0 and line_no == 1 and len(lines) and (lines[0].as_py() or "").startswith("\ufeff"):
            lines = pa.concat_arrays([pa.array([lines[0].as_py()[1:]], pa.string()), lines[1:]])
        if b"\r" in text:
            lines = pc.utf8_rtrim(lines, characters="\r")
        return pa.table([numbers, lines, ends], schema=LINES_SCHEMA), zeroed | marks | cuts

    def _split(self, text: bytes) -> pa.Array:
        """The lines of the text, which is not copied before."""
        bounds = pa.array([0, len(text)], pa.int32()).buffers()[1]
        whole = pa.Array.from_buffers(pa.binary(), 1, [None, bounds, pa.py_buffer(text)])
        lines = pc.split_pattern(whole, self._separator).values
        return lines[:-1] if text.endswith(self._separator) else lines

    def _cut(self, raw: pa.Array, line_no: int) -> tuple[pa.Array, dict[int, str]]:
        """The lines with those that are too long cut, and marks of these."""
        long = pc.indices_nonzero(pc.greater(pc.binary_length(raw), self._most)).to_pylist()
        if not long:
            return raw, {}
        texts = raw.to_pylist()
        for index in long:
            texts[index] = _whole_characters(texts[index][: self._most])
        return pa.array(texts, pa.binary()), {line_no + index: CUT for index in long}

    def _zeroed(self, text: bytes, line_no: int) -> dict[int, str]:
        """Marks of the lines that hold NUL bytes."""
        raw = self._split(text)
        return {line_no + index: ZEROED for index in pc.indices_nonzero(pc.match_substring(raw, b"\0")).to_pylist()}

    def _strings(self, raw: pa.Array, line_no: int) -> tuple[pa.Array, dict[int, str]]:
        if not self._latin1:
            try:
                return raw.cast(pa.string()), {}
            except pa.ArrowInvalid:
                pass
        return _latin1_where_needed(raw, line_no, self._marked)


def _latin1_where_needed(raw: pa.Array, line_no: int, marked: bool) -> tuple[pa.Array, dict[int, str]]:
    lines: list[str] = []
    marks: dict[int, str] = {}
    for index, line in enumerate(raw.to_pylist()):
        try:
            if not marked:
                raise UnicodeDecodeError("utf-8", line, 0, 1, "asked for Latin-1")
            lines.append(line.decode())
        except UnicodeDecodeError:
            lines.append(_latin1(line))
            if marked:
                marks[line_no + index] = NOT_UTF8
    return pa.array(lines, pa.string()), marks


def _latin1(line: bytes) -> str:
    """Latin-1 as the web means it (windows-1252, https://encoding.spec.whatwg.org/#names-and-labels)."""
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")
