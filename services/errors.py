"""Every error that leaves the service layer.

    ElkVisionError
    ├── CallerError            the request cannot be served as it is: saying it again will not help
    │   ├── InvalidQuery       the query text or a search argument; carries position, length and what to write
    │   ├── InvalidInput       any other argument or body; `field` names it
    │   ├── Unauthenticated    no credential, or one that is not (or no longer) good
    │   ├── Forbidden          a good credential without the right to do this
    │   ├── NotFound           no such object in the caller's organisation
    │   ├── Conflict           the object exists already, or an idempotency key came with another payload
    │   ├── TooLarge           over a limit; `limit` names it
    │   ├── UnsupportedMedia   a content type or encoding that we do not read
    │   ├── QuotaExceeded      too often or too much at once; `retry_after_s` says when to come back
    │   └── Cancelled          somebody stopped it before it was done
    ├── BackendError           the request was fine
    │   ├── BackendUnavailable a store cannot be reached or is closing; retryable
    │   ├── StorageFull        the disk holds no more; nothing of the request was stored
    │   └── BackendTimeout     the time limit of the call passed; retryable
    └── ConfigError            at start only: names the variable and what to set

HTTP status codes live in `app/api/errors.py`, nowhere else.
"""


class ElkVisionError(Exception):
    """Root of the tree. `str(error)` is a sentence for the person who made the request."""


class CallerError(ElkVisionError):
    """The caller's request cannot be served as it is."""


class InvalidQuery(CallerError):
    """The query or a search argument is wrong.

    position and length count characters of the query text; `expected` says what would fit there;
    `suggestion` is a whole corrected query, where one can be made.
    """

    def __init__(
        self, message: str, *, position: int = 0, length: int = 0, expected: str = "", suggestion: str | None = None
    ):
        super().__init__(message)
        self.position = position
        self.length = length
        self.expected = expected
        self.suggestion = suggestion


class InvalidInput(CallerError):
    """An argument or a body is wrong; `field` names the argument (dotted path), empty for the body as a whole."""

    def __init__(self, message: str, *, field: str = ""):
        super().__init__(message)
        self.field = field


class Unauthenticated(CallerError):
    """No credential, or one that is unknown, expired or revoked."""


class Forbidden(CallerError):
    """A good credential that does not carry the right to do this."""


class NotFound(CallerError):
    """No such object in the caller's organisation (another organisation's object is not found, never forbidden)."""


class Conflict(CallerError):
    """It exists already, or an idempotency key was used with another payload."""


class TooLarge(CallerError):
    """Over a limit; `limit` is the name of the setting and its value, for people."""

    def __init__(self, message: str, *, limit: str = ""):
        super().__init__(message)
        self.limit = limit


class UnsupportedMedia(CallerError):
    """A content type or content encoding that is not read here."""


class QuotaExceeded(CallerError):
    """Too often, or too much at once. `retry_after_s` is whole seconds, at least 1."""

    def __init__(self, message: str, *, retry_after_s: int = 1):
        super().__init__(message)
        self.retry_after_s = max(1, retry_after_s)


class Cancelled(CallerError):
    """The work was stopped on request before it was done."""


class BackendError(ElkVisionError):
    """The request was fine; a part of the system was not."""


class BackendUnavailable(BackendError):
    """A store cannot be reached, or is closing. The same request may succeed later."""


class StorageFull(BackendError):
    """The disk holds no more. Nothing of the request was stored."""


class BackendTimeout(BackendError):
    """The time limit of the call passed and the work was interrupted."""


class ConfigError(ElkVisionError):
    """A setting is wrong; the text names the variable and what to set. Raised at start only."""
