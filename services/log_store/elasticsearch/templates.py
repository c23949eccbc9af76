"""Data streams and the templates that they are made from: named, installed, upgraded.

A template says which `mapping.VERSION` it has and, as a fingerprint, which settings. A process that starts replaces what
is older or set differently, and leaves alone what a newer version of the product made: of several versions on one
cluster the newest rules. Living streams are upgraded without a pause: their write index gets the fields that are new
(mappings can only be added to); what cannot be added to it comes with the next index (see `lifecycle`).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from services.errors import BackendUnavailable
from services.log_store.elasticsearch import mapping
from services.log_store.elasticsearch.client_errors import error_types, translated
from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.names import checked_prefix, stream_of

__all__ = [
    "ForeignStream",
    "Stream",
    "changeable",
    "ensure_stream",
    "install",
    "is_ours",
    "stream_of",
    "streams",
    "version_of",
]

PRODUCT = "elk-vision"

_PRIORITY = 500
"""Above every template that Elasticsearch brings (`logs` has 100); the length of the prefix is added, so that of two
prefixes that both fit a stream the longer one rules."""


class ForeignStream(BackendUnavailable):
    """A stream has the name of one of ours, and was not made from our template."""


@dataclass(frozen=True)
class Stream:
    """A data stream of ours. `indices` oldest first: the last one is written to."""

    name: str
    indices: tuple[str, ...]

    @property
    def write_index(self) -> str:
        return self.indices[-1]


def install(es: Elasticsearch, settings: ElasticSettings) -> list[str]:
    """Bring templates and living streams to this version and these settings; says what was done, nothing if nothing was.

    Safe to call again, and in several processes at once. Raises `services.errors` for a server that is away or refuses.
    """
    with translated():
        installed = _installed(es, settings.prefix)
        if installed is not None and installed[0] > mapping.VERSION:
            return []
        done = []
        if installed != (mapping.VERSION, _fingerprint(settings)):
            _put_templates(es, settings)
            done.append(f"templates {settings.prefix}: version {mapping.VERSION}")
            done.extend(_reset(es, settings, stream) for stream in streams(es, settings.prefix))
        return done + _upgrade_all(es, settings)


def ensure_stream(es: Elasticsearch, settings: ElasticSettings, organisation_id: str) -> bool:
    """Make the stream of an organisation, its templates first where there are none; False where it was there.

    Without our template a stream of that name would be made from `logs-*-*`, which every Elasticsearch brings. Raises
    `ForeignStream` where there is such a stream: it belongs to somebody else.
    """
    with translated():
        if _installed(es, settings.prefix) is None:
            install(es, settings)
        name = stream_of(settings.prefix, organisation_id)
        try:
            es.indices.create_data_stream(name=name)
        except ApiError as error:
            if "resource_already_exists_exception" not in error_types(error):
                raise
            _refuse_foreign(es, settings, name)
            return False
        return True


def is_ours(es: Elasticsearch, settings: ElasticSettings, name: str) -> bool:
    """Whether that stream is there, made from our template.

    Its index must say so: the server tells the template that fits a stream now, not the one that it was made from.
    """
    answer = es.options(ignore_status=404).indices.get_data_stream(name=name)
    found = answer.body.get("data_streams", [])
    if len(found) != 1 or found[0]["template"] != settings.prefix:
        return False
    return version_of(es, found[0]["indices"][-1]["index_name"]) > 0


def _refuse_foreign(es: Elasticsearch, settings: ElasticSettings, name: str) -> None:
    if not is_ours(es, settings, name):
        raise ForeignStream(
            f"The data stream {name} was made from a template that is not ours: set another ELASTICSEARCH_STREAM_PREFIX,"
            " or remove it."
        )


def streams(es: Elasticsearch, prefix: str) -> list[Stream]:
    """Every stream that was made from our template, by name."""
    answer = es.indices.get_data_stream(name=f"{checked_prefix(prefix)}-*", expand_wildcards="all")
    found = [each for each in answer["data_streams"] if each["template"] == prefix]
    return sorted(
        (Stream(each["name"], tuple(index["index_name"] for index in each["indices"])) for each in found),
        key=lambda stream: stream.name,
    )


def version_of(es: Elasticsearch, index: str) -> int:
    """The `mapping.VERSION` that an index was made or upgraded with; 0 where it does not say."""
    answer = es.indices.get_mapping(index=index, filter_path="*.mappings._meta")
    meta = answer.body.get(index, {}).get("mappings", {}).get("_meta", {})
    version = meta.get("version")
    return version if isinstance(version, int) else 0


# -- templates -------------------------------------------------------------------------------------------------------


def changeable(settings: ElasticSettings) -> dict[str, Any]:
    """The settings of an index that can be changed while it lives."""
    replicas: dict[str, Any] = (
        {"index.auto_expand_replicas": "0-1"}
        if settings.replicas == "auto"
        else {"index.auto_expand_replicas": False, "index.number_of_replicas": settings.replicas}
    )
    return replicas | {
        "index.refresh_interval": settings.refresh_interval,
        "index.mapping.total_fields.limit": settings.field_limit,
    }


def _bodies(settings: ElasticSettings) -> dict[str, dict[str, Any]]:
    """The parts. What the mapping names (analysis) stands beside it: a part is checked by itself."""
    own = {name: value for name, value in mapping.SETTINGS.items() if name != "analysis"}
    fixed = {"index.number_of_shards": settings.shards, "index.codec": settings.codec}
    return {
        "mappings": {
            "mappings": mapping.MAPPINGS | {"_meta": _mapping_meta()},
            "settings": {"analysis": mapping.ANALYSIS},
        },
        "settings": {"settings": own | fixed | changeable(settings)},
    }


def _mapping_meta() -> dict[str, Any]:
    return {"product": PRODUCT, "version": mapping.VERSION}


def _fingerprint(settings: ElasticSettings) -> str:
    text = json.dumps(_bodies(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _installed(es: Elasticsearch, prefix: str) -> tuple[int, str] | None:
    """(version, fingerprint) of the template on the server; None where there is none."""
    answer = es.options(ignore_status=404).indices.get_index_template(name=checked_prefix(prefix))
    if answer.meta.status == 404:
        return None
    meta = answer["index_templates"][0]["index_template"].get("_meta", {})
    return int(meta.get("version", 0)), str(meta.get("fingerprint", ""))


def _put_templates(es: Elasticsearch, settings: ElasticSettings) -> None:
    """Parts first: a template names parts that exist. The template itself says that all of it is there."""
    meta = {"product": PRODUCT, "version": mapping.VERSION, "fingerprint": _fingerprint(settings)}
    for part, template in _bodies(settings).items():
        es.cluster.put_component_template(
            name=f"{settings.prefix}-{part}", template=template, version=mapping.VERSION, meta=meta
        )
    es.indices.put_index_template(
        name=settings.prefix,
        index_patterns=[f"{settings.prefix}-*"],
        composed_of=[f"{settings.prefix}-mappings", f"{settings.prefix}-settings"],
        data_stream={},
        priority=_PRIORITY + len(settings.prefix),
        version=mapping.VERSION,
        meta=meta,
    )


# -- living streams --------------------------------------------------------------------------------------------------


def _reset(es: Elasticsearch, settings: ElasticSettings, stream: Stream) -> str:
    """Give every index of a stream what can be changed while it lives."""
    es.indices.put_settings(index=stream.name, settings=changeable(settings))
    return f"stream {stream.name}: settings"


def _upgrade_all(es: Elasticsearch, settings: ElasticSettings) -> list[str]:
    found = streams(es, settings.prefix)
    versions = _versions(es, settings.prefix)
    old = [stream for stream in found if versions.get(stream.write_index, 0) < mapping.VERSION]
    return [_upgrade(es, stream) for stream in old]


def _versions(es: Elasticsearch, prefix: str) -> dict[str, int]:
    """index -> version, of all indices of all streams, in one request."""
    answer = es.indices.get_mapping(
        index=f"{prefix}-*", expand_wildcards="all", ignore_unavailable=True, filter_path="*.mappings._meta.version"
    )
    return {index: int(each["mappings"]["_meta"]["version"]) for index, each in answer.body.items()}


def _upgrade(es: Elasticsearch, stream: Stream) -> str:
    """Add what is new to the write index; where that is refused, the next index of the stream will have it."""
    try:
        es.indices.put_mapping(index=stream.name, write_index_only=True, body=_additions())
    except ApiError as error:
        if error.status_code != 400:
            raise
        return f"stream {stream.name}: version {mapping.VERSION} with its next index"
    return f"stream {stream.name}: version {mapping.VERSION}"


def _additions() -> dict[str, Any]:
    """The mapping as an index takes it later: without the time, which nobody may change in a data stream."""
    fields = {name: each for name, each in mapping.MAPPINGS["properties"].items() if name != "@timestamp"}
    return mapping.MAPPINGS | {"properties": fields, "_meta": _mapping_meta()}
