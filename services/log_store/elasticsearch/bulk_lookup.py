"""What a server has under given ids: the content of records that may have been stored by an attempt without an answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from services.log_store.elasticsearch.documents import checksum_of

_AT_ONCE = 5_000
"""Ids of one request; a search answers at most 10,000 hits."""

_CHECKSUM = "elkvision.checksum"


def checksums_in(es: Elasticsearch, places: Mapping[str, str]) -> dict[str, str]:
    """id -> checksum of the documents at `places` (id -> index, "" unknown), also of those that no search finds yet.

    An id that is not there, or cannot be read, is left out. Raises what the client raises.
    """
    found: dict[str, str] = {}
    wanted = [{"_index": index, "_id": identity} for identity, index in places.items() if index]
    for at in range(0, len(wanted), _AT_ONCE):
        answer = es.options(max_retries=0).mget(
            docs=wanted[at : at + _AT_ONCE], source_includes=[_CHECKSUM], filter_path="docs._id,docs.found,docs._source"
        )
        found |= _read(answer.body.get("docs", []))
    return found


def checksums_in_stream(es: Elasticsearch, stream: str, ids: Sequence[str]) -> dict[str, str]:
    """id -> checksum of those of the documents that any index of the stream has. Raises what the client raises.

    The stream is refreshed first: everything that was stored before the call is found.
    """
    client = es.options(max_retries=0)
    client.indices.refresh(index=stream)
    found: dict[str, str] = {}
    for at in range(0, len(ids), _AT_ONCE):
        part = list(ids[at : at + _AT_ONCE])
        answer = client.search(
            index=stream,
            query={"ids": {"values": part}},
            size=2 * len(part),
            source_includes=[_CHECKSUM],
            sort="_doc",
            track_total_hits=False,
            allow_partial_search_results=False,
            filter_path="hits.hits._id,hits.hits._source",
        )
        found |= _read(answer.body.get("hits", {}).get("hits", []))
    return found


def _read(documents: Sequence[Any]) -> dict[str, str]:
    """`found` is only in answers to `mget`. A document without a checksum is none of ours: it has no content that fits."""
    return {
        each["_id"]: _checksum(each.get("_source", {})) for each in documents if each.get("found", "_source" in each)
    }


def _checksum(source: Mapping[str, Any]) -> str:
    return checksum_of(source) if "checksum" in source.get("elkvision", {}) else ""
