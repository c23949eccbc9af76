"""Errors of the Elasticsearch client as ours: one place, by what the server says its error is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elastic_transport import ConnectionError as NoConnection
from elastic_transport import ConnectionTimeout, SerializationError, TlsError, TransportError
from elasticsearch import ApiError, UnsupportedProductError

from services.errors import (
    BackendTimeout,
    BackendUnavailable,
    Cancelled,
    ElkVisionError,
    InvalidQuery,
    QuotaExceeded,
    StorageFull,
)

_TOO_COMPLEX = (
    "too_many_clauses",
    "too_many_nested_clauses",
    "too_many_buckets_exception",
    "too_complex_to_determinize",
)
_TOO_COMPLEX_TEXTS = ("maxclausecount", "determiniz", "too many nested clauses", "length of regex", "max_regex_length")
_BUSY = frozenset({"circuit_breaking_exception", "es_rejected_execution_exception"})
_REMOVED = frozenset({"index_not_found_exception", "search_context_missing_exception", "shard_not_found_exception"})
_TOO_LONG = "The search took too long and was stopped. Narrow the time range or the query."


@contextmanager
def translated() -> Iterator[None]:
    """Turn every error of the client into one of ours; the text says what to do where that is known."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise translate(error) from error


def translate(error: ApiError | TransportError) -> ElkVisionError:
    """Our error for one of the client's."""
    if isinstance(error, UnsupportedProductError):
        return BackendUnavailable("ELASTICSEARCH_HOSTS leads to a server that is not Elasticsearch.")
    if isinstance(error, ApiError):
        return _answered(error)
    if isinstance(error, ConnectionTimeout):
        return BackendTimeout("Elasticsearch did not answer in time. Try again, or narrow the time range.")
    if isinstance(error, TlsError):
        return BackendUnavailable("Elasticsearch cannot be reached: its certificate does not verify.")
    if isinstance(error, NoConnection):
        return BackendUnavailable("Elasticsearch cannot be reached.")
    if isinstance(error, SerializationError):
        return BackendUnavailable("Elasticsearch gave an answer that cannot be read.")
    return BackendUnavailable(f"Elasticsearch cannot be asked ({type(error).__name__}).")


def _answered(error: ApiError) -> ElkVisionError:
    status, types = error.status_code, error_types(error)
    if "task_cancelled_exception" in types:
        return Cancelled("The search was cancelled.")
    if "circuit_breaking_exception" in types:
        return BackendUnavailable("The search needs more memory than Elasticsearch may use. Narrow the time range.")
    if is_too_complex(error):
        return InvalidQuery("The query is too complex for Elasticsearch: use fewer or simpler patterns.")
    if status == 507 or ("cluster_block_exception" in types and "flood-stage" in " ".join(_reasons(error.body))):
        return StorageFull("The disks of Elasticsearch are full.")
    if status in (408, 504) or types & {"timeout_exception", "receive_timeout_transport_exception"}:
        return BackendTimeout(_TOO_LONG)
    if status == 429 or "es_rejected_execution_exception" in types:
        return QuotaExceeded("Elasticsearch is busy. Try again in a moment.", retry_after_s=1)
    if is_removed(error):
        return BackendUnavailable("Records were removed while they were read (retention). Try again.")
    if status in (401, 403):
        return BackendUnavailable(
            f"Elasticsearch refuses the credentials of this server ({status}): check ELASTICSEARCH_API_KEY, or"
            " ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD, and the privileges behind them."
        )
    return BackendUnavailable(f"Elasticsearch could not do it: {status} {reason_of(error)}")


def is_too_complex(error: ApiError) -> bool:
    """Whether the server refused what was asked for the number or the shape of its parts."""
    if error_types(error) & set(_TOO_COMPLEX):
        return True
    texts = " ".join(_reasons(error.body)).lower()
    return any(text in texts for text in _TOO_COMPLEX_TEXTS)


def is_busy(error: BaseException | None) -> bool:
    """Whether the server had no memory or no room for the request, which a moment later may be otherwise."""
    return isinstance(error, ApiError) and bool(error_types(error) & _BUSY)


def is_removed(error: BaseException | None) -> bool:
    """Whether an index that was being read is gone: what is asked anew reads those that are left."""
    return isinstance(error, ApiError) and bool(error_types(error) & _REMOVED)


def error_types(error: ApiError) -> set[str]:
    """Every `type` that the server names in an error: of the error, its causes and its shards."""
    return {str(part["type"]) for part in _parts(error.body) if "type" in part}


def reason_of(error: ApiError) -> str:
    """The server's words about an error, in one line of at most 300 characters."""
    body: Any = error.body
    cause = body.get("error") if isinstance(body, dict) else None
    roots = cause.get("root_cause") if isinstance(cause, dict) else None
    first = roots[0] if isinstance(roots, list) and roots else cause
    text = first.get("reason") if isinstance(first, dict) else cause
    return " ".join(str(text or error.message).split())[:300]


def _reasons(body: Any) -> Iterator[str]:
    return (str(part["reason"]) for part in _parts(body) if isinstance(part.get("reason"), str))


def _parts(body: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every object inside an error body."""
    if depth > 12:
        return
    if isinstance(body, dict):
        yield body
        body = list(body.values())
    if isinstance(body, list):
        for each in body:
            yield from _parts(each, depth + 1)
