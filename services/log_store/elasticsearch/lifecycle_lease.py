"""One runner at a time over all processes of all machines that share a cluster: a lease, kept as a document there.

A lease ends by itself when its holder dies. Taking it is a compare-and-set on the document's sequence number, so two
processes never hold it together while their clocks agree to within its length; what it guards stays harmless beyond.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from elasticsearch import ApiError, ConflictError, Elasticsearch, NotFoundError

from services.clock import Clock
from services.log_store.elasticsearch.client_errors import error_types

_PRIORITY = 700
_MAPPINGS = {"dynamic": False, "properties": {"owner": {"type": "keyword"}, "until": {"type": "date"}}}
_SETTINGS = {"index.hidden": True, "index.number_of_shards": 1, "index.auto_expand_replicas": "0-1"}


class Lease:
    """The right to do one kind of work, `owner` being this process. `index` is made when it is first asked for."""

    def __init__(self, es: Elasticsearch, clock: Clock, index: str, work: str, owner: str, *, length_s: float = 600):
        self._es = es
        self._clock = clock
        self._index = index
        self._work = work
        self._owner = owner
        self._length = timedelta(seconds=length_s)
        self._place: tuple[int, int] | None = None

    def take(self) -> bool:
        """Hold it from now for its length; False where another process holds it. Raises the client's errors."""
        found = self._es.options(ignore_status=404).get(index=self._index, id=self._work)
        if found.meta.status == 404:
            self._make_index()
            return self._write(op_type="create")
        held = found["_source"]
        if held["owner"] != self._owner and datetime.fromisoformat(held["until"]) > self._clock.now():
            return False
        return self._write(if_seq_no=found["_seq_no"], if_primary_term=found["_primary_term"])

    def release(self) -> None:
        """Let others have it at once, where it is held. Raises the client's errors."""
        if self._place is None:
            return
        seq_no, primary_term = self._place
        self._place = None
        with suppress(ConflictError, NotFoundError):
            self._es.delete(index=self._index, id=self._work, if_seq_no=seq_no, if_primary_term=primary_term)

    def _write(self, **condition: Any) -> bool:
        until = (self._clock.now() + self._length).isoformat()
        document = {"owner": self._owner, "until": until}
        self._place = None
        try:
            written = self._es.index(index=self._index, id=self._work, document=document, **condition)
        except ConflictError:
            return False
        self._place = (written["_seq_no"], written["_primary_term"])
        return True

    def _make_index(self) -> None:
        """A template of its own first: the name may fit `logs-*-*` of the server, which makes nothing but data streams."""
        made = {"settings": _SETTINGS, "mappings": _MAPPINGS}
        self._es.indices.put_index_template(
            name=self._index, index_patterns=[self._index], priority=_PRIORITY, template=made
        )
        try:
            self._es.indices.create(index=self._index)
        except ApiError as error:
            if "resource_already_exists_exception" not in error_types(error):
                raise
