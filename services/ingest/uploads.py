"""Uploaded files: kept, read in the background, stored exactly once, and told about.

An upload is a document of the collection "uploads". Its file lies in the spool folder under its id until it is done.
How far it is stands in the log store, in the transaction of each chunk's records: after a kill reading goes on there.
What is listed of problems is written before the chunk that it belongs to and believed only once that is stored.
"""

import contextlib
import dataclasses
import io
import os
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.clock import Clock
from services.documents.interface import Document, DocumentStore
from services.errors import BackendUnavailable, Conflict, InvalidInput, NotFound, StorageFull, TooLarge
from services.ingest.decode import is_binary
from services.ingest.decoder_process import DecoderDied, Decoders
from services.ingest.detect import HEAD_BYTES
from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.pipeline import Chunk, LineProblem, Reading, parsing_connection, read_file
from services.ingest.unpack import is_packed
from services.log_store.interface import LogStore, UploadProgress
from services.principal import Principal, Right, require
from services.query.tree import Field

COLLECTION = "uploads"
PROBLEMS = "upload_problems"
LISTED_PROBLEMS = 500
BYTES_PER_S = 40e6
"""A careful guess at how fast files are read, for estimates."""

RETRIES_S = (0.2, 1.0, 5.0, 15.0)
_OPEN_STATES = ("queued", "running")


@dataclass(frozen=True)
class SpooledFile:
    """A file as it came in, complete, on the file system of the spool folder."""

    path: Path
    name: str
    size_bytes: int


@dataclass(frozen=True)
class Upload:
    """One uploaded file as its organisation sees it.

    state       queued, running, done, failed or deleting
    done_bytes  how much of the file is read and stored, of `size_bytes`
    problems    how many records were stored with a problem; `reasons` how many of each sort
    error       a sentence, where state is failed
    took_s      from the beginning of reading to its end (so far)
    """

    id: str
    name: str
    state: str
    size_bytes: int
    done_bytes: int
    rows: int
    problems: int
    reasons: dict[str, int]
    format: str | None
    error: str | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    took_s: float | None
    rows_per_s: float | None
    estimate_s: float
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    source: str | None
    service: str | None
    environment: str | None
    host: str | None


@dataclass(frozen=True)
class Preview:
    """The first rows of a file as they would be stored. `details` says what was found out about the format."""

    format: str
    details: dict[str, Any]
    rows: list[dict[str, Any]]
    problems: list[LineProblem]


UploadPage = tuple[list[Upload], int]
"""Uploads, and how many there are in all."""


class Uploads:
    """See the top of this file. `start_task(organisation_id, upload_id)` must have `process` called with the same."""

    def __init__(
        self,
        store: LogStore,
        documents: DocumentStore,
        clock: Clock,
        spool_dir: Path,
        limits: IngestLimits,
        start_task: Callable[[str, str], None],
    ):
        self._store = store
        self._documents = documents
        self._clock = clock
        self._spool_dir = spool_dir
        self._limits = limits
        self._start_task = start_task
        self._lock = threading.Lock()
        self._running: dict[str, threading.Event] = {}
        self._ended = threading.Condition()
        self._preview_con = parsing_connection()
        self._decoders = Decoders()

    # -- taking files ------------------------------------------------------------------------------------------------

    def expect(self) -> None:
        """A file has begun to arrive: what will read it is started meanwhile. Does nothing else, and never raises."""
        with contextlib.suppress(OSError):
            self._decoders.expect()

    def accept(self, principal: Principal, spooled: SpooledFile, defaults: Defaults, options: ParseOptions) -> Upload:
        """Take the file over and start reading it; when this returns, it survives a kill.

        The file is moved away. Raises `InvalidInput` where it is no text, `StorageFull`, `Forbidden`.
        """
        require(principal, Right.WRITE_LOGS)
        _refuse_binary(spooled)
        upload_id = uuid.uuid4().hex
        with _disk_errors():
            self._spool_dir.mkdir(parents=True, exist_ok=True)
            _keep(spooled.path, self._spool_dir / upload_id)
        document = _new_document(upload_id, principal, spooled, defaults, options, self._clock.now())
        try:
            self._documents.put(principal.organisation_id, COLLECTION, upload_id, document)
        except BaseException:
            (self._spool_dir / upload_id).unlink(missing_ok=True)
            raise
        self._start_task(principal.organisation_id, upload_id)
        return _upload(document)

    def resume_all(self) -> int:
        """Start every upload that an earlier process left unfinished; says how many. Call once, at start."""
        open_ = [each for state in _OPEN_STATES for each in self._documents.find_everywhere(COLLECTION, state=state)]
        self._remove_orphans({document["id"] for _, document in open_})
        for organisation_id, document in open_:
            self._start_task(organisation_id, document["id"])
        for organisation_id, document in self._documents.find_everywhere(COLLECTION, state="deleting"):
            self._remove(organisation_id, document["id"], with_logs=document.get("delete_logs", False))
        return len(open_)

    def _remove_orphans(self, known: set[str]) -> None:
        """Files whose upload was never answered: the process ended between moving the file and writing its document."""
        if not self._spool_dir.is_dir():
            return
        for path in self._spool_dir.iterdir():
            if re.fullmatch(r"[0-9a-f]{32}", path.name) and path.name not in known:
                path.unlink(missing_ok=True)

    # -- reading them ------------------------------------------------------------------------------------------------

    def process(self, organisation_id: str, upload_id: str) -> None:
        """Read the file from where it stands to its end. The body of the task; a second call meanwhile does nothing."""
        with self._lock:
            if upload_id in self._running:
                return
            stop = self._running[upload_id] = threading.Event()
        try:
            self._process(organisation_id, upload_id, stop)
        except NotFound:
            return
        finally:
            with self._ended:
                with self._lock:
                    del self._running[upload_id]
                self._ended.notify_all()

    def _process(self, organisation_id: str, upload_id: str, stop: threading.Event) -> None:
        document = self._documents.get(organisation_id, COLLECTION, upload_id)
        if document["state"] not in _OPEN_STATES:
            return
        try:
            self._read(organisation_id, document, stop)
        except BackendUnavailable:
            return  # the store is closing or stays away: the upload stays open and is resumed at the next start
        except (InvalidInput, TooLarge, DecoderDied, StorageFull, Conflict) as error:
            self._finish(organisation_id, upload_id, "failed", str(error))
        except OSError as error:
            self._finish(organisation_id, upload_id, "failed", f"The file cannot be read: {error.strerror}.")
        except Exception:
            self._finish(organisation_id, upload_id, "failed", "An internal error stopped the reading of the file.")
            raise

    def _read(self, organisation_id: str, document: Document, stop: threading.Event) -> None:
        upload_id = document["id"]
        progress = self._progress(organisation_id, upload_id) or UploadProgress(upload_id, 0, 0, 0)
        self._believe_problems(organisation_id, upload_id, progress.position)
        started = document.get("started") or self._clock.now().isoformat()
        self._change(organisation_id, upload_id, state="running", started=started)
        reading = _reading(document, self._limits)
        with contextlib.closing(
            self._decoders.decoded(self._spool_dir / upload_id, reading, progress.position)
        ) as chunks:
            for chunk in chunks:
                if stop.is_set():
                    return
                progress = self._store_chunk(organisation_id, progress, chunk)
        self._finish(organisation_id, upload_id, "done", None)

    def _store_chunk(self, organisation_id: str, done: UploadProgress, chunk: Chunk) -> UploadProgress:
        rows, problems = done.rows + len(chunk.batch), done.problems + chunk.problem_count
        position = max(done.position, chunk.position)
        after = UploadProgress(done.upload_id, position, rows, problems)
        if chunk.problems:
            self._list_problems(organisation_id, done.upload_id, chunk)
        if len(chunk.batch):
            self._append(organisation_id, chunk, after)
        shown: dict[str, Any] = {"rows": rows, "problems": problems, "done_bytes": chunk.read_bytes}
        if chunk.format:
            shown["format"] = chunk.format
        self._change(organisation_id, done.upload_id, **shown)
        return after

    def _append(self, organisation_id: str, chunk: Chunk, after: UploadProgress) -> None:
        """Append, again after a while where the store is away; never twice."""
        for pause_s in (*RETRIES_S, None):
            try:
                self._store.append(organisation_id, chunk.batch, upload=after)
                return
            except BackendUnavailable:
                if pause_s is None:
                    raise
            threading.Event().wait(pause_s)
            stored = self._progress(organisation_id, after.upload_id)
            if stored is not None and stored.position >= after.position:
                return

    def _progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        return self._store.upload_progress(organisation_id, upload_id)

    def _finish(self, organisation_id: str, upload_id: str, state: str, error: str | None) -> None:
        """The last word about an upload; the spool file is not needed any more."""
        progress = self._progress(organisation_id, upload_id)
        document = self._documents.get(organisation_id, COLLECTION, upload_id)
        now = self._clock.now()
        counted = {"rows": progress.rows, "problems": progress.problems} if progress else {}
        if state == "done":
            counted["done_bytes"] = document["size_bytes"]
        if error and counted.get("rows"):
            error = f"{error} The {counted['rows']} records before are stored."
        self._change(organisation_id, upload_id, state=state, error=error, finished=now.isoformat(), **counted)
        (self._spool_dir / upload_id).unlink(missing_ok=True)

    # -- what was wrong ----------------------------------------------------------------------------------------------

    def _list_problems(self, organisation_id: str, upload_id: str, chunk: Chunk) -> None:
        listed = self._listed(organisation_id, upload_id)
        room = LISTED_PROBLEMS - sum(len(part["problems"]) for part in listed)
        kept = [dataclasses.astuple(each) for each in chunk.problems[: max(0, room)]]
        if not len(chunk.batch) and any(part["reasons"] == chunk.reasons for part in listed):
            return
        listed.append({"position": chunk.position, "problems": kept, "reasons": chunk.reasons})
        self._documents.put(organisation_id, PROBLEMS, upload_id, {"id": upload_id, "chunks": _merged(listed)})

    def _believe_problems(self, organisation_id: str, upload_id: str, position: int) -> None:
        """Forget what was listed for a chunk that was not stored in the end."""
        listed = self._listed(organisation_id, upload_id)
        believed = [part for part in listed if part["position"] <= position]
        if len(believed) < len(listed):
            self._documents.put(organisation_id, PROBLEMS, upload_id, {"id": upload_id, "chunks": believed})

    def _listed(self, organisation_id: str, upload_id: str) -> list[dict[str, Any]]:
        try:
            chunks: list[dict[str, Any]] = self._documents.get(organisation_id, PROBLEMS, upload_id)["chunks"]
        except NotFound:
            return []
        return chunks

    # -- by request --------------------------------------------------------------------------------------------------

    def list(self, principal: Principal, *, limit: int = 50, offset: int = 0) -> UploadPage:
        """One page of the organisation's uploads, newest first, and how many there are."""
        require(principal, Right.READ_LOGS)
        found, total = self._documents.find(principal.organisation_id, COLLECTION, limit=limit, offset=offset)
        return [_upload(each) for each in found], total

    def get(self, principal: Principal, upload_id: str) -> Upload:
        """One upload. Raises `NotFound`."""
        require(principal, Right.READ_LOGS)
        document = self._documents.get(principal.organisation_id, COLLECTION, upload_id)
        reasons: Counter[str] = Counter()
        for part in self._listed(principal.organisation_id, upload_id):
            reasons.update(part["reasons"])
        return _upload(document, dict(reasons))

    def problems(self, principal: Principal, upload_id: str) -> Sequence[LineProblem]:
        """The first problems of an upload, in the order of its lines. Raises `NotFound`."""
        require(principal, Right.READ_LOGS)
        self._documents.get(principal.organisation_id, COLLECTION, upload_id)
        listed = self._listed(principal.organisation_id, upload_id)
        return [LineProblem(*each) for part in listed for each in part["problems"]]

    def update(
        self,
        principal: Principal,
        upload_id: str,
        *,
        tags: Sequence[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Upload:
        """Replace tags or metadata of the upload (not of its records). Raises `NotFound`."""
        require(principal, Right.WRITE_LOGS)
        change: dict[str, Any] = {"tags": list(tags)} if tags is not None else {}
        if metadata is not None:
            change["metadata"] = metadata
        return _upload(self._change(principal.organisation_id, upload_id, **change))

    def delete(self, principal: Principal, upload_id: str, *, with_logs: bool = False) -> int:
        """Remove an upload, with its records where `with_logs`; one that is being read is stopped first.

        Says how many records were removed. Raises `NotFound`.
        """
        require(principal, Right.DELETE_LOGS)
        organisation_id = principal.organisation_id
        self._change(organisation_id, upload_id, state="deleting", delete_logs=with_logs)
        return self._remove(organisation_id, upload_id, with_logs=with_logs)

    def _remove(self, organisation_id: str, upload_id: str, *, with_logs: bool) -> int:
        with self._ended:
            if upload_id in self._running:
                self._running[upload_id].set()
            self._ended.wait_for(lambda: upload_id not in self._running, timeout=60)
        removed = self._store.delete(organisation_id, Field("upload_id", upload_id)) if with_logs else 0
        (self._spool_dir / upload_id).unlink(missing_ok=True)
        for collection in (PROBLEMS, COLLECTION):
            with contextlib.suppress(NotFound):
                self._documents.delete(organisation_id, collection, upload_id)
        return removed

    def preview(self, principal: Principal, head: bytes, name: str, options: ParseOptions, rows: int = 10) -> Preview:
        """How the first bytes of a file would be read; nothing is stored. Raises `InvalidInput` where it is no text."""
        require(principal, Right.WRITE_LOGS)
        limits = dataclasses.replace(self._limits, chunk_rows=HEAD_BYTES)
        reading = Reading(name, options, Defaults(), self._clock.now(), limits)
        content = head
        if len(head) >= HEAD_BYTES and not is_packed(head) and b"\n" in head:
            content = head[: head.rfind(b"\n") + 1]
        for chunk in read_file(self._preview_con, io.BytesIO(content), reading):
            if len(chunk.batch):
                return _preview(chunk, rows)
        return Preview("text", {"bytes": len(head), "records": 0}, [], [])

    def _change(self, organisation_id: str, upload_id: str, **members: Any) -> Document:
        with self._lock:
            document = self._documents.get(organisation_id, COLLECTION, upload_id)
            if document["state"] == "deleting":
                members.pop("state", None)
            document = document | members
            self._documents.put(organisation_id, COLLECTION, upload_id, document)
        return document


def _refuse_binary(spooled: SpooledFile) -> None:
    with spooled.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not is_packed(head) and is_binary(head):
        spooled.path.unlink(missing_ok=True)
        raise InvalidInput(f"{spooled.name or 'The file'} is not a log file: it holds binary data.", field="file")


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFull(f"The file cannot be kept: {error.strerror}.") from error


def _keep(source: Path, target: Path) -> None:
    """Move the file so that it is there, whole, after a power failure."""
    with source.open("rb+") as file:
        os.fsync(file.fileno())
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _new_document(
    upload_id: str, principal: Principal, spooled: SpooledFile, defaults: Defaults, options: ParseOptions, now: datetime
) -> Document:
    name = Path(spooled.name.replace("\\", "/")).name or "upload"
    said = dataclasses.asdict(dataclasses.replace(defaults, source=defaults.source or name, upload_id=upload_id))
    return {
        "id": upload_id,
        "name": name,
        "state": "queued",
        "owner": principal.user_id,
        "size_bytes": spooled.size_bytes,
        "done_bytes": 0,
        "rows": 0,
        "problems": 0,
        "format": None,
        "error": None,
        "created": now.isoformat(),
        "started": None,
        "finished": None,
        "estimate_s": round(0.5 + spooled.size_bytes / BYTES_PER_S, 1),
        "tags": list(defaults.tags),
        "metadata": defaults.metadata,
        "defaults": said | {"tags": list(defaults.tags)},
        "options": dataclasses.asdict(options),
    }


def _reading(document: Document, limits: IngestLimits) -> Reading:
    said = document["defaults"]
    defaults = Defaults(**(said | {"tags": tuple(said["tags"])}))
    options = ParseOptions(**document["options"])
    return Reading(document["name"], options, defaults, datetime.fromisoformat(document["created"]), limits)


def _upload(document: Document, reasons: dict[str, int] | None = None) -> Upload:
    started, finished = _moment(document["started"]), _moment(document["finished"])
    took_s = (finished - started).total_seconds() if started and finished else None
    shown = {name: document[name] for name in _SHOWN}
    said = document["defaults"]
    return Upload(
        **shown,
        created=datetime.fromisoformat(document["created"]),
        started=started,
        finished=finished,
        took_s=took_s,
        rows_per_s=round(document["rows"] / took_s, 1) if took_s else None,
        reasons=reasons or {},
        tags=tuple(document["tags"]),
        source=said["source"],
        service=said["service"],
        environment=said["environment"],
        host=said["host"],
    )


_SHOWN = (
    "id",
    "name",
    "state",
    "size_bytes",
    "done_bytes",
    "rows",
    "problems",
    "format",
    "error",
    "estimate_s",
    "metadata",
)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _merged(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Parts without listed problems are counted together, so that the document stays small."""
    silent = [part for part in listed if not part["problems"]]
    if len(silent) < 50:
        return listed
    reasons: Counter[str] = Counter()
    for part in silent[:-1]:
        reasons.update(part["reasons"])
    together = {"position": silent[-2]["position"], "problems": [], "reasons": dict(reasons.most_common(100))}
    return [part for part in listed if part["problems"]] + [together, silent[-1]]


def _preview(chunk: Chunk, rows: int) -> Preview:
    shown = [
        {name: value for name, value in row.items() if value not in (None, []) and name not in ("shape", "upload_id")}
        for row in chunk.batch.slice(0, rows).to_pylist()
    ]
    for row in shown:
        row["timestamp"] = row["timestamp"].isoformat().replace("+00:00", "Z")
    details = {"records": len(chunk.batch), "problems": chunk.problem_count}
    return Preview(chunk.format, details, shown, chunk.problems[:rows])
