"""Several searches over the same records: those that match at one moment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from services.errors import BackendTimeout, BackendUnavailable, ElkVisionError
from services.log_store.elasticsearch.aggregation_fields import Clause
from services.log_store.elasticsearch.aggregation_ranking import Ask
from services.log_store.elasticsearch.cancelling import TOO_LONG, NoStream, Question
from services.log_store.elasticsearch.client_errors import is_busy

_KEEP_ALIVE = "1m"
"""Between two requests; the server forgets a moment by itself when nobody asks for so long."""
_CLOSE_S = 2.0


@contextmanager
def at_one_moment(question: Question, scope: Mapping[str, Any]) -> Iterator[Ask]:
    """What searches the records of `scope` as they are now, whatever is stored meanwhile.

    Raises like `Question.search`: an index that is removed meanwhile ends the moment (`client_errors.is_removed`).
    """
    opened = question.send(
        question.remaining_s,
        lambda client: client.open_point_in_time(
            index=question.stream, keep_alive=_KEEP_ALIVE, preference=question.stream
        ),
    )
    moment = _Moment(question, scope, opened["id"])
    try:
        yield moment
    finally:
        moment.close()


class _Moment:
    def __init__(self, question: Question, scope: Mapping[str, Any], id: str):
        self._question = question
        self._scope = dict(scope)
        self._id = id

    @property
    def used_share(self) -> float:
        return self._question.used_share

    def __call__(self, body: Clause) -> dict[str, Any]:
        return self._question.twice(lambda: self._asked(body), is_busy)

    def _asked(self, body: Clause) -> dict[str, Any]:
        left = self._question.remaining_s
        query = {"bool": {"filter": [self._scope, body["query"]]}} if "query" in body else self._scope
        whole = {
            **body,
            "query": query,
            "pit": {"id": self._id, "keep_alive": _KEEP_ALIVE},
            "timeout": f"{max(1, int(left * 1000))}ms",
        }
        answer = self._question.send(left, lambda client: client.search(body=whole, allow_partial_search_results=False))
        self._id = answer.get("pit_id", self._id)
        if answer.get("timed_out"):
            raise BackendTimeout(TOO_LONG)
        if answer["_shards"]["failed"]:
            raise BackendUnavailable("Elasticsearch could not read all of the records. Try again in a moment.")
        return answer

    def close(self) -> None:
        with suppress(ElkVisionError, NoStream):  # the server forgets it by itself
            self._question.send(_CLOSE_S, lambda client: client.close_point_in_time(id=self._id))
