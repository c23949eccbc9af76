"""What a sender may say about the records it sends, and about how to read them."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Defaults:
    """Values for records that bring none of their own. `metadata` members become attributes of every record."""

    source: str | None = None
    service: str | None = None
    environment: str | None = None
    host: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    upload_id: str | None = None


@dataclass(frozen=True)
class ParseOptions:
    """How to read the content; everything None means: find out.

    format           "ndjson", "json", "csv", "tsv", "text" or "regex"
    delimiter        one character, for csv
    header           whether the first csv row holds names
    pattern          an RE2 pattern with named groups, for regex: timestamp, level, message, service, host, …; other
                     groups become attributes
    timestamp_format strptime notation of the time texts
    timezone         IANA name for times without an offset; None is UTC
    encoding         "utf-8", "utf-16" or "latin-1"
    multiline        join continuation lines to their record (text and regex)
    """

    format: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    pattern: str | None = None
    timestamp_format: str | None = None
    timezone: str | None = None
    encoding: str | None = None
    multiline: bool = True
