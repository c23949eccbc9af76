"""A process that takes an upload and reads it, or resumes what an earlier one left.

python -m tests.faults.uploading_child <folder> accept <file> | resume
Each step is a line on stdout: `accepted <id>`, `storing <rows>`, `stored <rows>`, `ended`.
"""

import sys
from pathlib import Path
from typing import Any

from services.clock import SystemClock
from services.database import Database
from services.documents.sql import SqlDocumentStore
from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.uploads import SpooledFile, Uploads
from services.log_store.duckdb.store import DuckDBLogStore
from services.log_store.interface import Appended
from services.model import LogBatch
from services.principal import SCOPES_OF_ROLE, Principal, Role

EDITOR = Principal("u1", "ann", "acme", Role.EDITOR, SCOPES_OF_ROLE[Role.EDITOR])


class TellingStore(DuckDBLogStore):
    """Says what it is about to store, and what it stored."""

    def append(self, organisation_id: str, batch: LogBatch, **more: Any) -> Appended:
        print("storing", len(batch), flush=True)
        done = super().append(organisation_id, batch, **more)
        print("stored", len(batch), flush=True)
        return done


def main(folder: Path, command: str, file: str = "") -> None:
    database = Database.at("", folder)
    database.upgrade()
    store = TellingStore(folder / "logs", SystemClock())
    begun: list[tuple[str, str]] = []
    uploads = Uploads(
        store,
        SqlDocumentStore(database),
        SystemClock(),
        folder / "spool",
        IngestLimits(chunk_rows=1000),
        lambda *task: begun.append(task),
    )
    if command == "accept":
        path = Path(file)
        upload = uploads.accept(EDITOR, SpooledFile(path, path.name, path.stat().st_size), Defaults(), ParseOptions())
        print("accepted", upload.id, flush=True)
    else:
        uploads.resume_all()
    for organisation_id, upload_id in begun:
        uploads.process(organisation_id, upload_id)
    store.close()
    database.close()
    print("ended", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
