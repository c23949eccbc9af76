"""Keys and uploads of a spool's writes, exchanged with the database by one thread for all that wait.

A write with an idempotency key is reserved there before it goes to the writer. What became durable is noted there
afterwards: a caller with an upload waits for that, one with a key does not, as the key is known here meanwhile. What
the database does not take is offered again, and found in the frames after a restart.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from services.errors import BackendUnavailable, Conflict, ElkVisionError
from services.log_store.elasticsearch.bookkeeping import KEY_LIFETIME, Bookkeeping, KeyOf, KeyState
from services.log_store.elasticsearch.spool_group import Placed, Write
from services.log_store.interface import Appended, UploadProgress

ELSEWHERE_WAIT_S = 10.0
"""How long a key is asked for again that another process is storing at this moment."""
_ASK_AGAIN_S = 0.1
_RETRY_S = 0.5

log = logging.getLogger(__name__)

Place = tuple[str, str]


@dataclass
class Wish:
    """A write whose key is to be reserved. It is asked for again at `at`, no more after `until` (both monotonic)."""

    write: Write
    key: KeyOf
    until: float
    at: float = 0.0


@dataclass
class Work:
    """What one exchange with the database is about."""

    stored: list[Placed] = field(default_factory=list)
    released: list[Place] = field(default_factory=list)
    wanted: list[Wish] = field(default_factory=list)


class SpoolKeys:
    """Thread and queues. The thread starts with the first key or upload.

    forward(write) is called for a write whose key is reserved; settled(segment) when the database knows of a member.
    """

    def __init__(
        self, bookkeeping: Bookkeeping, spool: str, forward: Callable[[Write], None], settled: Callable[[int], None]
    ):
        self._bookkeeping = bookkeeping
        self._spool = spool
        self._forward = forward
        self._settled = settled
        self._in_flight: dict[Place, Write] = {}
        self._uploads: dict[Place, list[UploadProgress]] = {}
        self._work = Work()
        self._later: list[Wish] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._ending = False
        self._is_asking = False
        self._is_failing = False
        self._retry_at = 0.0

    def want(self, write: Write, key: KeyOf) -> None:
        """Reserve the key of a write and forward it, or answer it: as a repetition, or with `Conflict`."""
        with self._changed:
            if self._closing:
                raise BackendUnavailable("The log store is closing.")
            first = self._in_flight.get(key.place)
            if first is None or write.at - first.at >= KEY_LIFETIME:  # whatever the database knows of it by now
                self._in_flight[key.place] = write
                self._work.wanted.append(Wish(write, key, time.monotonic() + ELSEWHERE_WAIT_S))
                self._wake()
                return
        if first.key is None or first.key.payload != key.payload:
            write.answer.set_exception(_conflict())
        else:
            first.answer.add_done_callback(lambda answer: _repeat(answer, write))

    def durable(self, placed: Iterable[Placed]) -> None:
        """Writes are on the disk: note what the database is to know; the callers of uploads are answered then."""
        with self._changed:
            for each in placed:
                if each.stored is not None:
                    self._work.stored.append(each)
                    if each.write.upload is not None:
                        place = (each.write.organisation_id, each.write.upload.upload_id)
                        self._uploads.setdefault(place, []).append(each.write.upload)
            self._wake()

    def failed(self, write: Write) -> None:
        """A write with a key was not stored: give the key back."""
        if write.key is not None:
            with self._changed:
                self._in_flight.pop(write.key.place, None)
                self._work.released.append(write.key.place)
                self._wake()

    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """The last progress that is durable."""
        with self._changed:
            if unsettled := self._uploads.get((organisation_id, upload_id)):
                return unsettled[-1]
        return self._bookkeeping.upload_progress(organisation_id, upload_id)

    def finish_wanted(self) -> None:
        """Take no more keys; return when all that were wanted are forwarded or answered."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._work.wanted or self._later or self._is_asking))

    def close(self, timeout_s: float) -> None:
        """Offer to the database once more what it does not know yet, and end the thread."""
        with self._changed:
            self._closing = self._ending = True
            self._is_failing = False
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    # -- the thread ----------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._thread is None and not self._is_idle():
            self._thread = threading.Thread(target=self._run, name="spool-keys", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _is_idle(self) -> bool:
        return not (self._work.stored or self._work.released or self._work.wanted or self._later)

    def _run(self) -> None:
        while (work := self._next_work()) is not None:
            try:
                self._exchange(work)
            except Exception:  # the thread lives on: others wait
                log.exception("the keys of the log spool failed on an answer")
            with self._changed:
                self._is_asking = False
                self._changed.notify_all()

    def _next_work(self) -> Work | None:
        """What waits; None when the thread is to end."""
        with self._changed:
            while True:
                self._recall()
                if self._ending and (self._is_failing or self._is_idle()):
                    return None
                if self._work.wanted or ((self._work.stored or self._work.released) and not self._is_resting()):
                    work, self._work = self._work, Work()
                    self._is_asking = True
                    return work
                self._changed.wait(_ASK_AGAIN_S if self._later or self._is_failing else None)

    def _recall(self) -> None:
        """Keys that are to be asked for again, now or because no time is left."""
        now = time.monotonic()
        self._work.wanted += [wish for wish in self._later if self._closing or wish.at <= now]
        self._later = [wish for wish in self._later if not self._closing and wish.at > now]

    def _is_resting(self) -> bool:
        return self._is_failing and time.monotonic() < self._retry_at

    def _exchange(self, work: Work) -> None:
        try:
            states = self._bookkeeping.exchange(
                self._spool,
                stored=[each.stored for each in work.stored if each.stored is not None],
                released=work.released,
                wanted=[wish.key for wish in work.wanted],
            )
        except ElkVisionError as error:
            self._postpone(work, error)
        except Exception as error:  # one of them cannot be noted: the others are
            self._exchange_singly(work, error)
        else:
            self._finish(work, states)

    def _exchange_singly(self, work: Work, error: Exception) -> None:
        parts = [Work(stored=[each]) for each in work.stored]
        parts += [Work(released=[each]) for each in work.released]
        parts += [Work(wanted=[each]) for each in work.wanted]
        if len(parts) > 1:
            for part in parts:
                self._exchange(part)
            return
        log.error("the database did not take a key or an upload of the log spool", exc_info=error)
        for wish in work.wanted:
            self._refuse(wish, BackendUnavailable("The log store failed on this idempotency key."))
        self._settle(work.stored)

    def _postpone(self, work: Work, error: ElkVisionError) -> None:
        """The database could not be asked: what is durable stays so, and is offered again."""
        with self._changed:
            if not self._is_failing:
                log.warning("the database did not take keys and uploads of the log spool: %s", error)
            self._is_failing, self._retry_at = True, time.monotonic() + _RETRY_S
            self._work.stored = work.stored + self._work.stored
            self._work.released = work.released + self._work.released
        for wish in work.wanted:
            self._refuse(wish, error)
        for each in work.stored:
            _answer(each)

    def _finish(self, work: Work, states: dict[Place, KeyState]) -> None:
        with self._changed:
            self._is_failing = False
        self._settle(work.stored)
        for wish in work.wanted:
            self._judge(wish, states.get(wish.key.place))

    def _settle(self, stored: list[Placed]) -> None:
        for each in stored:
            with self._changed:
                self._forget(each.write)
                if each.write.upload is not None:
                    place = (each.write.organisation_id, each.write.upload.upload_id)
                    self._uploads[place].remove(each.write.upload)
                    if not self._uploads[place]:
                        del self._uploads[place]
            self._settled(each.segment)
            _answer(each)

    def _judge(self, wish: Wish, state: KeyState | None) -> None:
        if state is None:
            self._refuse(wish, BackendUnavailable("The log store failed on this idempotency key."))
        elif state.payload != wish.key.payload:
            self._refuse(wish, _conflict())
        elif state.is_mine:
            self._pass_on(wish)
        elif state.answer is not None:
            with self._changed:
                self._forget(wish.write)
            wish.write.answer.set_result(state.answer)
        elif self._closing or time.monotonic() >= wish.until:
            self._refuse(wish, BackendUnavailable("Another process is storing this at the moment. Try again shortly."))
        else:
            with self._changed:
                self._later.append(Wish(wish.write, wish.key, wish.until, time.monotonic() + _ASK_AGAIN_S))

    def _pass_on(self, wish: Wish) -> None:
        try:
            self._forward(wish.write)
        except ElkVisionError as error:
            self.failed(wish.write)
            wish.write.answer.set_exception(error)

    def _refuse(self, wish: Wish, error: ElkVisionError) -> None:
        with self._changed:
            self._forget(wish.write)
        wish.write.answer.set_exception(error)

    def _forget(self, write: Write) -> None:
        if write.key is not None and self._in_flight.get(write.key.place) is write:
            del self._in_flight[write.key.place]


def _conflict() -> Conflict:
    return Conflict("This idempotency key was used with another payload.")


def _answer(placed: Placed) -> None:
    if not placed.write.answer.done():
        placed.write.answer.set_result(placed.answer)


def _repeat(first: "Future[Appended]", write: Write) -> None:
    """Answer a write as the first one with its key was."""
    error = first.exception()
    if error is not None:
        write.answer.set_exception(error)
    else:
        answer = first.result()
        write.answer.set_result(Appended(answer.count, answer.first_seq, answer.ids, replayed=True))
