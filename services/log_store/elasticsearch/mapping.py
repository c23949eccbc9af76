"""What a document of a log record looks like to Elasticsearch: mapping and analysis, in one place.

Names are those of ECS (https://www.elastic.co/docs/reference/ecs) where ECS has one. What only we need stands under
`elkvision`. Nothing is mapped by itself but `numbers.*` and `ips.*`, whose keys the writer chooses and counts.

- `message`, `event.original`, `elkvision.problem` hold the first `TEXT_LIMIT` characters, which is what queries look at; what
  lies beyond is kept in `elkvision.rest`.
- `attributes` is what groups are made of: dotted path -> texts. `elkvision.attributes` is the JSON text as it came.
- `elkvision.terms` answers every question about attributes exactly, however many paths there are; see `attribute_terms`.
"""

from typing import Any

from services.log_store.elasticsearch.token_characters import token_pattern

VERSION = 1
"""Of mapping and settings: raised with each change, so that a running cluster is upgraded once."""

MAX_KEYWORD = 8_191
"""Characters of a keyword that is indexed: Lucene's limit is 32,766 bytes, and a character has up to four."""

MAX_TOKEN = 8_000
"""Characters of a token that are compared; the same limit."""

DERIVED = ("elkvision.terms", "numbers", "ips")
"""Fields that are made of others and not kept in `_source`."""

_KEYWORD = {"type": "keyword", "ignore_above": MAX_KEYWORD}
_TEXT = {"type": "text", "analyzer": "elkvision_text", "norms": False}
_KEPT = {"type": "object", "enabled": False}

ANALYSIS: dict[str, Any] = {
    "tokenizer": {"elkvision_tokens": {"type": "simple_pattern", "pattern": token_pattern()}},
    "filter": {"elkvision_cut": {"type": "truncate", "length": MAX_TOKEN}},
    "analyzer": {
        "elkvision_text": {"type": "custom", "tokenizer": "elkvision_tokens", "filter": ["lowercase", "elkvision_cut"]}
    },
}
"""A token is a run of letters, digits and underscore, folded one character for one (`services.query.language`).

On Java 17 (Unicode 13) 40 capitals of Unicode 14 stay as they are (Vithkuqi, and some of Latin and Glagolitic).
"""


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


MAPPINGS: dict[str, Any] = {
    "dynamic": False,
    "_source": {"excludes": ["elkvision.terms", "numbers", "numbers.*", "ips", "ips.*"]},
    "dynamic_templates": [
        {"numbers": {"path_match": "numbers.*", "mapping": {"type": "double"}}},
        {"addresses": {"path_match": "ips.*", "mapping": {"type": "ip"}}},
    ],
    "properties": {
        "@timestamp": {"type": "date_nanos", "format": "strict_date_optional_time_nanos"},
        "message": _TEXT,
        "tags": _KEYWORD,
        "log": _object(level=_KEYWORD),
        "service": _object(name=_KEYWORD, environment=_KEYWORD),
        "host": _object(name=_KEYWORD),
        "trace": _object(id=_KEYWORD),
        "span": _object(id=_KEYWORD),
        "labels": _object(source=_KEYWORD),
        "event": _object(sequence={"type": "long"}, original=_TEXT),
        "attributes": {"type": "flattened", "ignore_above": MAX_KEYWORD, "depth_limit": 20},
        "numbers": {"type": "object", "subobjects": False, "dynamic": True},
        "ips": {"type": "object", "subobjects": False, "dynamic": True},
        "elkvision": _object(
            organisation=_KEYWORD,
            upload_id=_KEYWORD,
            problem=_TEXT,
            shape={"type": "integer"},
            terms={"type": "keyword", "doc_values": False},
            checksum={"type": "keyword", "index": False, "doc_values": False},
            attributes=_KEPT,
            rest=_KEPT,
        ),
    },
}

SETTINGS: dict[str, Any] = {
    "index.codec": "best_compression",
    "index.sort.field": ["@timestamp", "event.sequence"],
    "index.sort.order": ["desc", "desc"],
    "index.mapping.ignore_malformed": True,
    "analysis": ANALYSIS,
}
"""Settings that do not depend on the installation; shards, replicas, refresh and the field limit come from configuration."""
