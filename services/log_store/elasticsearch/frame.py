"""One frame of the spool: a batch of one organisation, and what its writers are to be answered again.

    magic, version, header length, payload length, checksum of the payload, checksum of all before and the header,
    header (JSON), payload (an Arrow IPC stream)

Checksums are 64 bits of BLAKE2b, keyed by the segment's salt: bytes that a client wrote into a message are never taken
for a frame when the spool looks for the next one behind damage.
"""

import base64
import json
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.interface import UploadProgress
from services.log_store.sequence import seq_column, seq_of
from services.model import LOG_SCHEMA, LogBatch

MAGIC = b"EvFr"
VERSION = 1
_PREFIX = struct.Struct("<4sHIQ8s")
CHECK_BYTES = 8
PREFIX_BYTES = _PREFIX.size + CHECK_BYTES
_COMPRESS_BYTES = 16 << 10
"""Below this, compressing single buffers makes a batch larger."""
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")
_PLAIN = pa.ipc.IpcWriteOptions()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Member:
    """What one write of a frame left to remember: `rows` records from row `at`, its key or its upload or both.

    key, payload  SHA-256 as hex; None where the write had no idempotency key
    times         `packed_times` of its records where it had one
    """

    at: int
    rows: int
    key: str | None = None
    payload: str | None = None
    times: bytes = b""
    upload: UploadProgress | None = None


@dataclass(frozen=True)
class FrameHeader:
    """What a frame says of its batch. The records' seq are those of consecutive ticks from `first_tick`.

    size_bytes  of the batch in memory
    """

    organisation_id: str
    first_tick: int
    worker: int
    rows: int
    size_bytes: int
    stored_at: datetime
    members: tuple[Member, ...] = ()

    @property
    def first_seq(self) -> int:
        return seq_of(self.first_tick, self.worker)

    @property
    def last_seq(self) -> int:
        """Seq of the last record; of the tick before the first where there is none."""
        return seq_of(self.first_tick + self.rows - 1, self.worker)


@dataclass(eq=False)
class Frame:
    """A frame that was taken from the spool: to be delivered, then given to `Spool.done`.

    in_doubt  it may have been sent before: an earlier process wrote it
    segment, offset, length  where it lies
    """

    header: FrameHeader
    records: LogBatch
    in_doubt: bool
    segment: int
    offset: int
    length: int

    @cached_property
    def batch(self) -> pa.Table:
        """The records, `LOG_SCHEMA` or `CODED_SCHEMA` and `seq` (int64), in the order of their seq."""
        seqs = seq_column(self.header.first_tick, self.header.rows, self.header.worker)
        return self.records.append_column(pa.field("seq", pa.int64()), seqs)

    @property
    def place(self) -> tuple[int, int]:
        """What tells it from all other frames."""
        return self.segment, self.offset

    @property
    def organisation_id(self) -> str:
        return self.header.organisation_id

    @property
    def rows(self) -> int:
        return self.header.rows

    @property
    def size_bytes(self) -> int:
        """Of the batch in memory."""
        return self.header.size_bytes

    @property
    def last_seq(self) -> int:
        return self.header.last_seq


@dataclass(frozen=True)
class Lengths:
    """The parts of a frame, as its prefix says."""

    header: int
    payload: int
    payload_check: bytes

    @property
    def whole(self) -> int:
        return PREFIX_BYTES + self.header + self.payload


def checksum(salt: bytes, *parts: bytes | memoryview) -> bytes:
    """64 bits over all parts."""
    digest = blake2b(digest_size=CHECK_BYTES, key=salt)
    for part in parts:
        digest.update(part)
    return digest.digest()


def packed(header: FrameHeader, batch: LogBatch, salt: bytes) -> list[bytes | memoryview]:
    """The bytes of a frame, in pieces that are written one after the other."""
    payload = _payload(batch)
    described = json.dumps(_as_json(header), separators=(",", ":")).encode()
    prefix = _PREFIX.pack(MAGIC, VERSION, len(described), len(payload), checksum(salt, payload))
    return [prefix, checksum(salt, prefix, described), described, payload]


def lengths_of(prefix: bytes) -> Lengths | None:
    """What a prefix of `PREFIX_BYTES` says, unchecked; None where it is none."""
    if len(prefix) < PREFIX_BYTES:
        return None
    magic, version, header, payload, check = _PREFIX.unpack_from(prefix)
    return Lengths(header, payload, check) if (magic, version) == (MAGIC, VERSION) else None


def header_of(prefix: bytes, described: bytes, salt: bytes) -> FrameHeader | None:
    """The header, or None where its bytes or those of the prefix are not what was written."""
    if checksum(salt, prefix[: _PREFIX.size], described) != prefix[_PREFIX.size :]:
        return None
    return _from_json(json.loads(described))


def records_of(payload: bytes, lengths: Lengths, salt: bytes) -> LogBatch | None:
    """The batch, or None where its bytes are not what was written."""
    if checksum(salt, payload) != lengths.payload_check:
        return None
    with pa.ipc.open_stream(payload) as stream:
        return stream.read_all()


def packed_times(timestamps: pa.ChunkedArray) -> bytes:
    """Timestamps in a few bytes each: what ids are made from, besides seq."""
    times = timestamps.cast(pa.int64()).combine_chunks()
    if isinstance(times, pa.ChunkedArray):  # without any chunk
        times = pa.array([], pa.int64())
    if len(times) == 0:
        return b""
    steps = pa.concat_arrays([times[:1], pc.subtract(times[1:], times[:-1])])
    return zlib.compress(steps.buffers()[1].to_pybytes()[: 8 * len(steps)], 1)


def unpacked_times(packed_bytes: bytes) -> pa.ChunkedArray:
    """The timestamps, as a column of `LOG_SCHEMA`."""
    kind = LOG_SCHEMA.field("timestamp").type
    if not packed_bytes:
        return pa.chunked_array([], kind)
    steps = zlib.decompress(packed_bytes)
    array = pa.Array.from_buffers(pa.int64(), len(steps) // 8, [None, pa.py_buffer(steps)])
    return pa.chunked_array([pc.cumulative_sum(array).cast(kind)])


def _payload(batch: LogBatch) -> memoryview:
    options = _PLAIN if batch.nbytes < _COMPRESS_BYTES else _COMPRESSED
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_table(batch)
    return memoryview(sink.getvalue())


def _as_json(header: FrameHeader) -> dict[str, Any]:
    described: dict[str, Any] = {
        "organisation": header.organisation_id,
        "tick": header.first_tick,
        "worker": header.worker,
        "rows": header.rows,
        "size": header.size_bytes,
        "stored_us": (header.stored_at - _EPOCH) // timedelta(microseconds=1),
    }
    if header.members:
        described["members"] = [_member_as_json(member) for member in header.members]
    return described


def _member_as_json(member: Member) -> dict[str, Any]:
    upload = member.upload
    return {
        "at": member.at,
        "rows": member.rows,
        "key": member.key,
        "payload": member.payload,
        "times": base64.b64encode(member.times).decode(),
        "upload": [upload.upload_id, upload.position, upload.rows, upload.problems] if upload else None,
    }


def _from_json(described: dict[str, Any]) -> FrameHeader:
    members = described.get("members", [])
    return FrameHeader(
        organisation_id=described["organisation"],
        first_tick=described["tick"],
        worker=described["worker"],
        rows=described["rows"],
        size_bytes=described["size"],
        stored_at=_EPOCH + timedelta(microseconds=described["stored_us"]),
        members=tuple(_member_from_json(member) for member in members),
    )


def _member_from_json(described: dict[str, Any]) -> Member:
    upload = described["upload"]
    return Member(
        described["at"],
        described["rows"],
        described["key"],
        described["payload"],
        base64.b64decode(described["times"]),
        UploadProgress(*upload) if upload else None,
    )
