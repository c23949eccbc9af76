"""Uploaded files: kept, read in the background, stored exactly once, and told about.

An upload is a document of the collection "uploads". Its file lies in the spool folder under its id until it is stored,
deleted, or refused for what it holds: whatever else goes wrong, nothing of what was accepted is lost.
How far it is stands in the log store, in the transaction of each chunk's records: after a kill reading goes on there.
What passes (a full disk, a store that is away, a reading process that was killed) is waited for without a worker.
"""

import contextlib
import dataclasses
import functools
import logging
import os
import re
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.clock import Clock
from services.documents.interface import Document, DocumentStore
from services.errors import (
    BackendError,
    BackendTimeout,
    ElkVisionError,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    StorageFull,
    TooLarge,
)
from services.ingest.decode import is_binary
from services.ingest.decoder_process import DecoderDied, Decoders, Refused
from services.ingest.detect import HEAD_BYTES
from services.ingest.option_checks import check_options
from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.pipeline import Chunk, LineProblem, Reading, parsing_connection
from services.ingest.preview import Preview as Preview
from services.ingest.preview import preview_of
from services.ingest.unpack import is_packed
from services.ingest.upload_problems import PROBLEMS, UploadProblems
from services.ingest.upload_turns import Later, Turn, Turns
from services.log_store.interface import LogStore, UploadProgress
from services.principal import Principal, Right, require
from services.query.tree import Field

COLLECTION = "uploads"
BYTES_PER_S = 40e6
"""A careful guess at how fast files are read, for estimates."""

ZIP_MAGIC = b"PK\x03\x04"
ZIP_BYTES = 2 << 20
"""A zip is previewed whole, because its directory is at its end."""

PREVIEWS_AT_ONCE = 2
PREVIEW_WAIT_S = 0.5

PAUSES_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""How long an upload waits before it is tried again; the last one for ever."""

READERS = 3
"""So many processes may die over one place of a file before the file is given up."""

SETTLE_S = 10.0
"""So long a store on a server may take until all of an upload can be found; done it is all the same: it is durable."""

STOP_S = 30.0
"""How long a deletion waits for a chunk that is just being stored."""

_PARSING = frozenset(each.name for each in dataclasses.fields(ParseOptions))
_OPEN_STATES = ("queued", "running")
_PASSING = (BackendError, QuotaExceeded, OSError)

log = logging.getLogger(__name__)


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
    error       a sentence, where state is failed, or where the upload waits for something to pass
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
        self._turns = Turns(start_task)
        self._later = Later()
        self._pauses: dict[str, int] = {}
        self._problems = UploadProblems(documents)
        self._preview_con = parsing_connection()
        self._previews = threading.BoundedSemaphore(PREVIEWS_AT_ONCE)
        self._decoders = Decoders()

    # -- taking files ------------------------------------------------------------------------------------------------

    def expect(self) -> None:
        """A file has begun to arrive: what will read it is started meanwhile. Does nothing else, and never raises."""
        with contextlib.suppress(OSError):
            self._decoders.expect()

    def begun(self, path: Path, name: str, said: Collection[str]) -> None:
        """An announced file grows at `path`: its beginning is read meanwhile, unless something among the names in
        `said` tells how to read it, which nobody has looked at yet. Never raises.
        """
        if said and not _PARSING.isdisjoint(said):
            return
        reading = Reading(_file_name(name), ParseOptions(), Defaults(), self._clock.now(), self._limits)
        with contextlib.suppress(OSError):
            self._decoders.begin(path, reading)

    def dropped(self, path: Path) -> None:
        """The file that grew at `path` will not be accepted: what reads it ends. Call before it is removed."""
        with contextlib.suppress(OSError):
            self._decoders.forget(path)

    def accept(self, principal: Principal, spooled: SpooledFile, defaults: Defaults, options: ParseOptions) -> Upload:
        """Take the file over and start reading it; when this returns, it survives a kill.

        The file is moved away. Raises `InvalidInput` where it is no text, `StorageFull`, `Forbidden`.
        """
        return self.accept_all(principal, [spooled], defaults, options)[0]

    def accept_all(
        self, principal: Principal, files: Sequence[SpooledFile], defaults: Defaults, options: ParseOptions
    ) -> Sequence[Upload]:
        """As `accept` for files that came together: all of them, or where one is refused none."""
        require(principal, Right.WRITE_LOGS)
        for spooled in files:
            _refuse_binary(spooled)
        kept: list[Document] = []
        try:
            for spooled in files:
                kept.append(self._kept(principal, spooled, defaults, options))
        except BaseException:
            for document in kept:
                self._forget(principal.organisation_id, document["id"])
            raise
        for document in kept:
            self._start_task(principal.organisation_id, document["id"])
        return [_upload(document) for document in kept]

    def _kept(self, principal: Principal, spooled: SpooledFile, defaults: Defaults, options: ParseOptions) -> Document:
        """The document of a file that now lies in the spool folder; nothing of it is left where this fails."""
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
        return document

    def resume_all(self) -> int:
        """Start every upload that an earlier process left unfinished; says how many. Call once, at start."""
        states = (*_OPEN_STATES, "deleting", "failed")
        found = [each for state in states for each in self._documents.find_everywhere(COLLECTION, state=state)]
        with contextlib.suppress(OSError):
            self._remove_orphans({document["id"] for _, document in found})
        open_ = [(each, document["id"]) for each, document in found if document["state"] != "failed"]
        for task in open_:
            self._start_task(*task)
        return len(open_)

    def stop(self, timeout_s: float = 2.0) -> None:
        """Read nothing more; what is not read stays open for `resume_all` of the next process."""
        self._later.close()
        self._turns.close(timeout_s)
        self._decoders.close()

    def _remove_orphans(self, known: set[str]) -> None:
        """Files whose upload was never answered: the process ended between moving the file and writing its document."""
        if not self._spool_dir.is_dir():
            return
        for path in self._spool_dir.iterdir():
            if re.fullmatch(r"[0-9a-f]{32}", path.name) and path.name not in known:
                path.unlink(missing_ok=True)

    # -- reading them ------------------------------------------------------------------------------------------------

    def process(self, organisation_id: str, upload_id: str) -> None:
        """Read the file from where it stands to its end. The body of the task; returns when there is nothing to do now."""
        turn = self._turns.begin(organisation_id, upload_id)
        if turn is None:
            return
        try:
            self._process(organisation_id, upload_id, turn)
        except NotFound:
            return
        except _PASSING as error:
            if not turn.stopped:
                self._wait(organisation_id, upload_id, error)
        finally:
            self._turns.end(organisation_id)

    def _process(self, organisation_id: str, upload_id: str, turn: Turn) -> None:
        document = self._documents.get(organisation_id, COLLECTION, upload_id)
        if document["state"] == "deleting":
            self._remove(organisation_id, upload_id, with_logs=document.get("delete_logs", False))
        if document["state"] not in _OPEN_STATES:
            return
        try:
            self._read(organisation_id, document, turn)
        except (NotFound, *_PASSING):
            raise
        except Exception as error:
            if not turn.stopped:
                self._give_up(organisation_id, upload_id, error)

    def _give_up(self, organisation_id: str, upload_id: str, error: Exception) -> None:
        """The reading ended before the file did. Only where that is for what the file holds, the file goes."""
        kept = " The file is kept until the upload is deleted."
        match error:
            case Refused():
                self._finish(organisation_id, upload_id, "failed", str(error))
                self._drop_file(upload_id)
            case DecoderDied(may_pass=True) if self._may_go_on(organisation_id, upload_id):
                self._wait(organisation_id, upload_id, error)
            case DecoderDied() | ElkVisionError():
                self._finish(organisation_id, upload_id, "failed", str(error), kept)
            case _:
                log.error("upload %s cannot be read", upload_id, exc_info=error)
                said = "An internal error stopped the reading of the file."
                self._finish(organisation_id, upload_id, "failed", said, kept)

    def _may_go_on(self, organisation_id: str, upload_id: str) -> bool:
        """Counts the processes that died at one place of the file; whether there may be another."""
        progress = self._progress(organisation_id, upload_id)
        died_at, died = self._documents.get(organisation_id, COLLECTION, upload_id).get("died", (None, 0))
        died = died + 1 if died_at == progress.position else 1
        self._change(organisation_id, upload_id, died=[progress.position, died])
        return died < READERS

    def _wait(self, organisation_id: str, upload_id: str, error: Exception) -> None:
        """Let the worker go and try again after a while, longer each time that nothing was stored between."""
        with self._lock:
            count = self._pauses.get(upload_id, 0)
            self._pauses[upload_id] = count + 1
        pause_s = max(PAUSES_S[min(count, len(PAUSES_S) - 1)], getattr(error, "retry_after_s", 0.0))
        with contextlib.suppress(*_PASSING, NotFound):  # the same disk may be too full for this sentence
            self._change(organisation_id, upload_id, state="queued", error=f"waiting: {_reason(error)}")
        self._later.call(pause_s, functools.partial(self._start_task, organisation_id, upload_id))

    def _read(self, organisation_id: str, document: Document, turn: Turn) -> None:
        upload_id, path = document["id"], self._spool_dir / document["id"]
        progress = self._progress(organisation_id, upload_id)
        self._problems.settle(organisation_id, upload_id, progress.position)
        if not path.is_file():
            raise ElkVisionError("The file is not in the spool folder any more.")
        started = document.get("started") or self._clock.now().isoformat()
        self._change(organisation_id, upload_id, state="running", started=started)
        reading = _reading(document, self._limits)
        with contextlib.closing(self._decoders.decoded(path, reading, progress.position, turn.holds)) as chunks:
            for chunk in chunks:
                if turn.stopped:
                    return
                progress = self._store_chunk(organisation_id, progress, chunk)
        if turn.stopped:
            return
        self._store.settle(organisation_id, SETTLE_S)
        self._finish(organisation_id, upload_id, "done", None)
        self._drop_file(upload_id)

    def _store_chunk(self, organisation_id: str, done: UploadProgress, chunk: Chunk) -> UploadProgress:
        rows, problems = done.rows + len(chunk.batch), done.problems + chunk.problem_count
        position = max(done.position, chunk.position)
        after = UploadProgress(done.upload_id, position, rows, problems)
        if chunk.problems:
            self._problems.add(organisation_id, done.upload_id, chunk, done.position)
        if len(chunk.batch):
            self._store.append(organisation_id, chunk.batch, upload=after)
        shown: dict[str, Any] = {"rows": rows, "problems": problems, "done_bytes": chunk.read_bytes, "error": None}
        if chunk.format:
            shown["format"] = chunk.format
        self._change(organisation_id, done.upload_id, **shown)
        with self._lock:
            self._pauses.pop(done.upload_id, None)
        return after

    def _progress(self, organisation_id: str, upload_id: str) -> UploadProgress:
        return self._store.upload_progress(organisation_id, upload_id) or UploadProgress(upload_id, 0, 0, 0)

    def _finish(self, organisation_id: str, upload_id: str, state: str, error: str | None, more: str = "") -> None:
        """The last word about an upload."""
        progress = self._progress(organisation_id, upload_id)
        said: dict[str, Any] = {"rows": progress.rows, "problems": progress.problems}
        if state == "done":
            said["done_bytes"] = self._documents.get(organisation_id, COLLECTION, upload_id)["size_bytes"]
        if error and progress.rows:
            error = f"{error} The {progress.rows} records before are stored."
        finished = self._clock.now().isoformat()
        self._change(organisation_id, upload_id, state=state, error=error and error + more, finished=finished, **said)

    def _drop_file(self, upload_id: str) -> None:
        with self._lock:
            self._pauses.pop(upload_id, None)
        with contextlib.suppress(OSError):  # what stays is removed at the next start
            (self._spool_dir / upload_id).unlink(missing_ok=True)

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
        return _upload(document, self._problems.reasons(principal.organisation_id, upload_id))

    def problems(self, principal: Principal, upload_id: str) -> Sequence[LineProblem]:
        """The first problems of an upload, in the order of its lines. Raises `NotFound`."""
        require(principal, Right.READ_LOGS)
        self._documents.get(principal.organisation_id, COLLECTION, upload_id)
        return self._problems.listed(principal.organisation_id, upload_id)

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

        Says how many records were removed. Raises `NotFound`, and `BackendTimeout` where a chunk takes long to be
        stored: the upload is removed after that.
        """
        require(principal, Right.DELETE_LOGS)
        organisation_id = principal.organisation_id
        self._change(organisation_id, upload_id, state="deleting", delete_logs=with_logs)
        if not self._turns.stop(organisation_id, upload_id, STOP_S):
            self._start_task(organisation_id, upload_id)
            raise BackendTimeout("A part of this upload is still being stored; it is removed after that.")
        try:
            return self._remove(organisation_id, upload_id, with_logs=with_logs)
        except _PASSING as error:
            self._wait(organisation_id, upload_id, error)
            raise

    def _remove(self, organisation_id: str, upload_id: str, *, with_logs: bool) -> int:
        removed = self._store.delete(organisation_id, Field("upload_id", upload_id)) if with_logs else 0
        self._forget(organisation_id, upload_id)
        return removed

    def _forget(self, organisation_id: str, upload_id: str) -> None:
        """Remove the file and what is kept about it."""
        self._drop_file(upload_id)
        for collection in (PROBLEMS, COLLECTION):
            with contextlib.suppress(NotFound):
                self._documents.delete(organisation_id, collection, upload_id)

    def preview(self, principal: Principal, head: bytes, name: str, options: ParseOptions, rows: int = 10) -> Preview:
        """How the first bytes of a file (at most `HEAD_BYTES`; of a zip `ZIP_BYTES`) would be read; nothing is stored.

        Raises `InvalidInput` where it is no text or an option cannot work, `TooLarge`, and `QuotaExceeded` where
        too many previews are being made.
        """
        require(principal, Right.WRITE_LOGS)
        if len(head) > (ZIP_BYTES if head.startswith(ZIP_MAGIC) else HEAD_BYTES):
            raise TooLarge("A preview takes the first 256 kB of a file.", limit=f"preview: {HEAD_BYTES} bytes")
        check_options(options)
        if not self._previews.acquire(timeout=PREVIEW_WAIT_S):
            raise QuotaExceeded("Too many previews are being made. Try again in a moment.")
        try:
            limits = dataclasses.replace(self._limits, chunk_rows=HEAD_BYTES)
            with self._preview_con.cursor() as con:
                return preview_of(con, head, Reading(name, options, Defaults(), self._clock.now(), limits), rows)
        finally:
            self._previews.release()

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


def _file_name(sent: str) -> str:
    """The last part of the name that a client gave its file, be it Windows' or another's."""
    return Path(sent.replace("\\", "/")).name or "upload"


def _new_document(
    upload_id: str, principal: Principal, spooled: SpooledFile, defaults: Defaults, options: ParseOptions, now: datetime
) -> Document:
    name = _file_name(spooled.name)
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


def _reason(error: Exception) -> str:
    """What is waited for, to stand inside a sentence."""
    text = f"{error.strerror}." if isinstance(error, OSError) else str(error)
    return text[:1].lower() + text[1:]
