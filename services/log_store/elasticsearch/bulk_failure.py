"""A bulk that got no answer about its documents: whose trouble that is, and whether they may be stored all the same."""

from dataclasses import dataclass
from typing import Literal

from elastic_transport import TransportError
from elasticsearch import ApiError
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from services.errors import ElkVisionError
from services.log_store.elasticsearch.client_errors import error_types, reason_of
from services.log_store.elasticsearch.templates import ForeignStream


@dataclass(frozen=True)
class Failure:
    """What went wrong.

    scope       everybody waits for the server; or only this organisation, whose stream has the trouble
    is_unknown  the documents may be stored: the request was on its way when it failed
    is_for_size_or_content  the request as such was refused: a smaller one may pass
    """

    scope: Literal["server", "organisation"]
    reason: str
    is_unknown: bool = False
    is_busy: bool = False
    is_too_large: bool = False
    is_malformed: bool = False
    is_missing_stream: bool = False

    @property
    def is_for_size_or_content(self) -> bool:
        return self.is_too_large or self.is_malformed


def failure_of(error: Exception) -> Failure:
    """What an error of the client, or one of ours that was made of it, means for the documents that were sent."""
    if isinstance(error, ForeignStream):
        return Failure("organisation", str(error))
    if isinstance(error, ElkVisionError):
        cause = error.__cause__
        return failure_of(cause) if isinstance(cause, ApiError | TransportError) else Failure("server", str(error))
    if isinstance(error, ApiError):
        return _answered(error)
    was_connected = not isinstance(error.__cause__, NewConnectionError | ConnectTimeoutError)
    return Failure("server", _text(error), is_unknown=was_connected)


def _answered(error: ApiError) -> Failure:
    """Of an error that Elasticsearch itself did not make (a proxy did) only 413 and 429 mean what they say."""
    status, types, reason = error.status_code, error_types(error), f"{error.status_code} {reason_of(error)}"
    if status == 413:  # its body is empty, or a proxy's page
        return Failure("organisation", "413 the request is too large (http.max_content_length)", is_too_large=True)
    if status == 429:
        return Failure("server", reason, is_busy=True)
    if "cluster_block_exception" in types:
        return Failure("organisation", reason)
    if "index_not_found_exception" in types:
        return Failure("organisation", reason, is_missing_stream=True)
    if status == 400 and types:
        return Failure("organisation", reason, is_malformed=True)
    return Failure("server", reason, is_unknown=status not in (401, 403))


def _text(error: Exception) -> str:
    """The words of what failed first: the client wraps them in its own, twice."""
    while isinstance(error, TransportError) and error.errors:
        error = error.errors[0]
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
