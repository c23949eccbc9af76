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


@dataclass(frozen=True)
class IngestLimits:
    """How much one request or one file may bring.

    bulk_bytes      body of a bulk request, as sent and unpacked
    bulk_records    records of a bulk request
    record_bytes    one record; a longer line is cut and marked
    unpack_bytes    unpacked size of one uploaded file, all members together
    unpack_ratio    unpacked bytes per packed byte
    unpack_entries  files in one zip
    decoder_bytes   memory of the process that reads an upload
    chunk_rows      records of an upload that are stored together: a multiple of what the store prefers
    """

    bulk_bytes: int = 32 << 20
    bulk_records: int = 100_000
    record_bytes: int = 16 << 20
    unpack_bytes: int = 20 << 30
    unpack_ratio: int = 1000
    unpack_entries: int = 1000
    decoder_bytes: int = 768 << 20
    chunk_rows: int = 122_880
