"""What the drainer knows of each organisation's stream: that it is there, and which attributes have fields of their own."""

import threading
import time

from elasticsearch import Elasticsearch

from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.names import stream_of
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.elasticsearch.templates import ensure_stream, is_ours

KEPT_S = 10.0
"""A stream that somebody removes with our template is made anew by the next bulk, from whatever template fits its name, and
a server may come back empty: so it is looked at again after this time."""


class Streams:
    """Safe to use from any thread. What is known of a stream holds for `KEPT_S`, or until `forget`."""

    def __init__(self, es: Elasticsearch, settings: ElasticSettings):
        self._es = es
        self._settings = settings
        self._lock = threading.Lock()
        self._ready: dict[str, float] = {}
        self._promotions: dict[str, Promotion] = {}

    def name(self, organisation_id: str) -> str:
        """What its stream is called."""
        return stream_of(self._settings.prefix, organisation_id)

    def ready(self, organisation_id: str) -> str:
        """The name of its stream, which is there and ours. Raises what the client raises, and `services.errors`."""
        name = self.name(organisation_id)
        now = time.monotonic()
        looked_at = self._ready.get(organisation_id)
        if looked_at is not None and now < looked_at + KEPT_S:
            return name
        if looked_at is None or not is_ours(self._es, self._settings, name):
            self._make_sure(organisation_id, name)
        with self._lock:
            self._ready[organisation_id] = now
        return name

    def _make_sure(self, organisation_id: str, name: str) -> None:
        ensure_stream(self._es, self._settings, organisation_id)
        write_index = self._es.indices.get_data_stream(name=name)["data_streams"][0]["indices"][-1]["index_name"]
        mapping = self._es.indices.get_mapping(index=write_index).body[write_index]["mappings"]
        self.promotion(organisation_id).learn(mapping)

    def forget(self, organisation_id: str) -> None:
        """It is not there any more: make sure of it before the next bulk."""
        with self._lock:
            self._ready.pop(organisation_id, None)

    def forget_all(self) -> None:
        """The server was away: whatever comes back may be empty."""
        with self._lock:
            self._ready.clear()

    def promotion(self, organisation_id: str) -> Promotion:
        """Which of its attributes have fields of their own."""
        with self._lock:
            if organisation_id not in self._promotions:
                self._promotions[organisation_id] = Promotion(self._settings.number_fields, self._settings.ip_fields)
            return self._promotions[organisation_id]
