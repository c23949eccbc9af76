"""Fifty thousand real records, read as uploads would read them: the same ones for every store."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from services.ingest.options import Defaults, ParseOptions
from services.ingest.pipeline import Reading, parsing_connection, read_file
from services.model import LOG_SCHEMA

COUNT = 50_000
BATCH_ROWS = 5_000
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def real_records(shared_data: Path) -> pa.Table:
    """`COUNT` records of Linux and server logs, web access, sign-ins and Windows events, in the order of their files.

    The files hold some 45,700; the rest are the first of them once more, so that many records share a time.
    """
    table = pa.concat_tables([_read(*file) for file in _files(shared_data)])
    table = pa.concat_tables([table, table.slice(0, COUNT - len(table))]).combine_chunks()
    assert len(table) == COUNT, f"{len(table)} records"
    return table


def batches(table: pa.Table) -> Iterator[pa.Table]:
    """The records as they are appended."""
    for first in range(0, len(table), BATCH_ROWS):
        yield table.slice(first, BATCH_ROWS)


def _files(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    for path in sorted((folder / "loghub").glob("*_2k.log")):
        yield path.name, path.read_bytes(), path.name.removesuffix("_2k.log").lower()
    for name, source in (("apache_access.log", "web"), ("auth.log", "auth")):
        yield name, (folder / "elastic-examples" / name).read_bytes(), source
    for path in sorted((folder / "otrf").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".json") and not name.startswith("__MACOSX"):
                    yield name, archive.read(name), "windows"


def _read(name: str, content: bytes, source: str) -> pa.Table:
    reading = Reading(name, ParseOptions(), Defaults(source=source), NOW)
    chunks = [chunk.batch for chunk in read_file(parsing_connection(), io.BytesIO(content), reading)]
    return pa.concat_tables(chunks).cast(LOG_SCHEMA)
