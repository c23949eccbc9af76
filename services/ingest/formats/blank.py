"""Lines that hold nothing."""

import pyarrow as pa
import pyarrow.compute as pc

_BLANK_LINE = r"^[ \t\r\x0b\x0c]*$"


def without_blank(lines: pa.Table) -> pa.Table:
    """The lines (column `line`) that hold anything but white space."""
    blank = pc.match_substring_regex(lines["line"], _BLANK_LINE)
    return lines.filter(pc.invert(blank)) if pc.any(blank).as_py() else lines
