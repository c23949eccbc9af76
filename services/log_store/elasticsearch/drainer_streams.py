"""What the drainer knows of each organisation's stream: that it is there, which index it writes to, which fields it has."""

import threading
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.elasticsearch.templates import ensure_stream, stream_of


@dataclass(frozen=True)
class StreamState:
    """A stream as it was when it was last looked at. `indices` oldest first; the last one was written to."""

    name: str
    indices: tuple[str, ...]

    @property
    def write_index(self) -> str:
        return self.indices[-1]


class Streams:
    """Safe to use from any thread. What is asked of the server is asked once for each organisation, and after `forget`."""

    def __init__(self, es: Elasticsearch, settings: ElasticSettings):
        self._es = es
        self._settings = settings
        self._lock = threading.Lock()
        self._known: dict[str, StreamState] = {}
        self._promotions: dict[str, Promotion] = {}

    def ready(self, organisation_id: str) -> StreamState:
        """The stream, made where it is missing. Raises what the client raises, and `services.errors`."""
        known = self._known.get(organisation_id)
        if known is not None:
            return known
        ensure_stream(self._es, self._settings, organisation_id)
        state = self.look(organisation_id)
        mapping = self._es.indices.get_mapping(index=state.write_index).body[state.write_index]["mappings"]
        self.promotion(organisation_id).learn(mapping)
        return state

    def look(self, organisation_id: str) -> StreamState:
        """The stream as it is now. Raises what the client raises."""
        name = stream_of(self._settings.prefix, organisation_id)
        answer = self._es.indices.get_data_stream(name=name)
        indices = tuple(index["index_name"] for index in answer["data_streams"][0]["indices"])
        state = StreamState(name, indices)
        with self._lock:
            self._known[organisation_id] = state
        return state

    def forget(self, organisation_id: str) -> None:
        """It is not there any more: make sure of it before the next bulk."""
        with self._lock:
            self._known.pop(organisation_id, None)

    def promotion(self, organisation_id: str) -> Promotion:
        """Which of its attributes have fields of their own."""
        with self._lock:
            if organisation_id not in self._promotions:
                self._promotions[organisation_id] = Promotion(self._settings.number_fields, self._settings.ip_fields)
            return self._promotions[organisation_id]
