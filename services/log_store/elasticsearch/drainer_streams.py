"""What the drainer knows of each organisation's stream: that it is there, and which attributes have fields of their own."""

import threading

from elasticsearch import Elasticsearch

from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.names import stream_of
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.elasticsearch.templates import ensure_stream


class Streams:
    """Safe to use from any thread. What is asked of the server is asked once for each organisation, and after `forget`."""

    def __init__(self, es: Elasticsearch, settings: ElasticSettings):
        self._es = es
        self._settings = settings
        self._lock = threading.Lock()
        self._ready: set[str] = set()
        self._promotions: dict[str, Promotion] = {}

    def name(self, organisation_id: str) -> str:
        """What its stream is called."""
        return stream_of(self._settings.prefix, organisation_id)

    def ready(self, organisation_id: str) -> str:
        """The name of its stream, which is there. Raises what the client raises, and `services.errors`."""
        name = self.name(organisation_id)
        if organisation_id in self._ready:
            return name
        ensure_stream(self._es, self._settings, organisation_id)
        write_index = self._es.indices.get_data_stream(name=name)["data_streams"][0]["indices"][-1]["index_name"]
        mapping = self._es.indices.get_mapping(index=write_index).body[write_index]["mappings"]
        self.promotion(organisation_id).learn(mapping)
        with self._lock:
            self._ready.add(organisation_id)
        return name

    def forget(self, organisation_id: str) -> None:
        """It is not there any more: make sure of it before the next bulk."""
        with self._lock:
            self._ready.discard(organisation_id)

    def promotion(self, organisation_id: str) -> Promotion:
        """Which of its attributes have fields of their own."""
        with self._lock:
            if organisation_id not in self._promotions:
                self._promotions[organisation_id] = Promotion(self._settings.number_fields, self._settings.ip_fields)
            return self._promotions[organisation_id]
