"""What a document of a log record looks like to Elasticsearch: mapping and analysis, in one place.

Names are those of ECS (https://www.elastic.co/docs/reference/ecs) where ECS has one. What only we need stands under
`elkvision`. Nothing is mapped by itself but `numbers.*` and `ips.*`, whose keys the writer chooses and counts.

- `message`, `event.original`, `elkvision.problem` hold the first `TEXT_LIMIT` characters, which is what queries look at; what
  lies beyond is kept in `elkvision.rest`.
- `attributes` is what groups are made of: dotted path -> texts. `elkvision.attributes` is the JSON text as it came.
- `elkvision.terms` answers every question about attributes exactly, however many paths there are; see `attribute_terms`.
"""

from typing import Any

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

_NEWER_LETTERS = (
    "870-887 889-88e 8b5 8c8-8c9 c5d cdd 170d 171f 1b4c 2c2f 2c5f 9ffd-9fff a7c0-a7c1 a7d0-a7d1 a7d3 "
    "a7d5-a7d9 a7f2-a7f4 10570-1057a 1057c-1058a 1058c-10592 10594-10595 10597-105a1 105a3-105b1 "
    "105b3-105b9 105bb-105bc 10780-10785 10787-107b0 107b2-107ba 10f70-10f81 11071-11072 11075 "
    "1123f-11240 11740-11746 11ab0-11abf 11f02 11f04-11f10 11f12-11f33 11f50-11f59 12f90-12ff0 1342f "
    "13441-13446 16a70-16abe 16ac0-16ac9 1aff0-1aff3 1aff5-1affb 1affd-1affe 1b11f-1b122 1b132 1b155 "
    "1d2c0-1d2d3 1df00-1df1e 1df25-1df2a 1e030-1e06d 1e290-1e2ad 1e4d0-1e4eb 1e4f0-1e4f9 1e7e0-1e7e6 "
    "1e7e8-1e7eb 1e7ed-1e7ee 1e7f0-1e7fe 2a6de-2a6df 2b735-2b739 31350-323af"
)
"""Letters and numbers of Unicode 14 and 15, which Java 17 (Unicode 13) does not know and DuckDB does: code points, hexadecimal.

There, 40 capitals among them (Vithkuqi, and some of Latin and Glagolitic) stay as they are; servers with a newer Java fold them.
"""

_SEPARATORS_OF_ASCII = r"\x00-/:-@\[-\^`{-\x7f"
"""Said first, so that the long list is looked through for few characters only."""


def _no_token() -> str:
    """The pattern of what stands between tokens, for Java."""
    pairs = (each.split("-") for each in _NEWER_LETTERS.split())
    newer = "".join("-".join(f"\\x{{{code}}}" for code in pair) for pair in pairs)
    return rf"[{_SEPARATORS_OF_ASCII}[^\p{{L}}\p{{N}}_{newer}]]+"


ANALYSIS: dict[str, Any] = {
    "tokenizer": {"elkvision_tokens": {"type": "pattern", "pattern": _no_token()}},
    "filter": {"elkvision_cut": {"type": "truncate", "length": MAX_TOKEN}},
    "analyzer": {
        "elkvision_text": {"type": "custom", "tokenizer": "elkvision_tokens", "filter": ["lowercase", "elkvision_cut"]}
    },
}
"""A token is a run of letters, digits and underscore, folded one character for one (`services.query.language`)."""


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
