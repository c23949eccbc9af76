"""What an organisation's records take, and whether the server can serve at all."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch

from services.errors import BackendUnavailable, StorageFull
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.client_errors import translated
from services.log_store.elasticsearch.paging import hits_of, ordered
from services.log_store.interface import Usage
from services.model import EARLIEST

CHECK_TIMEOUT_S = 5.0

_ONLY_DELETE = frozenset({"12", "13"})
"""Blocks `read_only_allow_delete` of an index and of the cluster: the server sets the first where a disk is nearly full."""
_READ_ONLY = frozenset({"5", "6"})


def usage(question: Question, scope: Mapping[str, Any]) -> Usage:
    """Records of `scope`, which are all of an organisation's, their span, and the bytes of its stream with all copies.

    Raises like `Question.search`.
    """
    newest = question.search(ordered(scope, 1, newest_first=True, source=False, total=True))
    oldest = question.search(ordered(scope, 1, newest_first=False, source=False))
    stored = question.send(
        question.remaining_s, lambda client: client.indices.stats(index=question.stream, metric="store")
    )
    size_bytes = int(stored["_all"]["total"]["store"]["size_in_bytes"])
    return Usage(newest["hits"]["total"]["value"], size_bytes, _time_of(oldest), _time_of(newest))


def _time_of(answer: Mapping[str, Any]) -> datetime | None:
    hits = hits_of(answer)
    return EARLIEST + timedelta(microseconds=hits[0].position[0]) if hits else None


def check(es: Elasticsearch, prefix: str) -> None:
    """Return quietly when the server can store and find records of streams that begin with `prefix`.

    Raises `StorageFull` where it takes no more records, `BackendUnavailable` where it cannot be reached or has lost some.
    """
    client = es.options(request_timeout=CHECK_TIMEOUT_S)
    with translated():
        blocks = client.cluster.state(metric="blocks", filter_path="blocks").body.get("blocks", {})
        health = client.cluster.health(index=f"{prefix}-*", expand_wildcards="all", timeout="0s").body
    _check_blocks(blocks, prefix)
    if health["status"] == "red":
        raise BackendUnavailable("Elasticsearch misses some of the records: shards of the log streams have no copy.")


def _check_blocks(blocks: Mapping[str, Any], prefix: str) -> None:
    own = [each for name, each in blocks.get("indices", {}).items() if name.startswith(f".ds-{prefix}-")]
    set_blocks = {number: block for each in (blocks.get("global", {}), *own) for number, block in each.items()}
    for number, block in set_blocks.items():
        if number in _ONLY_DELETE:
            raise StorageFull(f"Elasticsearch takes no more records: {block.get('description', 'it is read-only')}.")
        if number in _READ_ONLY:
            raise BackendUnavailable(f"Elasticsearch is read-only: {block.get('description', '')}.")
