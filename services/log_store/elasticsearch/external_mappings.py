"""The mappings of other tools' indices, asked for now and then."""

import threading
import time

from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.external_fields import IndexFields

KEPT_S = 30.0
"""An index that is made meanwhile, with fields mapped otherwise, is taken for like the others so long at most."""


class Mappings:
    """What is known of the fields, by index expression. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, IndexFields]] = {}

    def of(self, question: Question) -> IndexFields:
        """The fields of the indices that a question is about. Raises like `Question.search`."""
        with self._lock:
            asked_at, known = self._known.get(question.stream, (0.0, None))
        if known is not None and time.monotonic() - asked_at < KEPT_S:
            return known
        found = _read(question)
        with self._lock:
            self._known[question.stream] = (time.monotonic(), found)
        return found


def _read(question: Question) -> IndexFields:
    answer = question.send(
        question.remaining_s,
        lambda client: client.indices.get_mapping(index=question.stream, ignore_unavailable=True),
    )
    settings = question.send(
        question.remaining_s,
        lambda client: client.indices.get_settings(
            index=question.stream, name="index.analysis.analyzer.default*", ignore_unavailable=True, flat_settings=True
        ),
    )
    is_plain = not any(each.get("settings") for each in settings.values())
    return IndexFields([each["mappings"] for each in answer.values()], is_plain)
