"""Which passwords are taken, and how they are kept and compared: argon2id (RFC 9106).

Parameters are the smallest that OWASP's password storage sheet recommends (19 MiB, 2 passes, 1 lane): two comparisons at once
then take 38 MiB, and a sign-in about 50 ms. Raise them and accounts move over as their owners sign in.
"""

import base64
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.database import is_storable
from services.errors import InvalidInput, QuotaExceeded

MIN_LENGTH = 8
MAX_LENGTH = 1024
_AT_ONCE = 2
_WAITING = 6  # each holds one of the threads that serve everybody
_WAIT_S = 10.0
_BUSY = "Too many people are signing in at this moment."

# Those of eight and more characters at the top of the published lists (NCSC 2019, NordPass 2019-2024).
_COMMONEST = frozenset(
    """
    password password1 password12 password123 password1234 passw0rd p@ssw0rd p@ssword 12345678 123456789 1234567890
    0123456789 0987654321 987654321 87654321 123123123 12341234 11223344 1q2w3e4r 1q2w3e4r5t 1qaz2wsx qwertyui qwertyuiop
    qwerty12 qwerty123 qwertyuiop123 asdfghjkl zaq12wsx q1w2e3r4 abcd1234 abc12345 abcdefgh a1b2c3d4 iloveyou iloveyou1
    sunshine princess football baseball superman batman123 trustno1 welcome1 welcome123 letmein1 letmein123 changeme
    changeme123 administrator admin123 admin1234 adminadmin test1234 testtest computer internet whatever starwars
    michelle jennifer charlie1 liverpool chocolate
    """.split()  # noqa: SIM905 a column of words reads better than a column of quotes
)


class Passwords:
    """Hashes and compares; at most two at once, so that a flood of sign-ins can exhaust neither memory nor cores."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self._places = threading.BoundedSemaphore(_AT_ONCE + _WAITING)
        self._nobody = _hash_of_nothing(self._hasher)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one of the two places. Raises `QuotaExceeded` at once where six wait already, and after 10 s. Not
        re-entrant.
        """
        if not self._places.acquire(blocking=False):
            raise QuotaExceeded(_BUSY, retry_after_s=5)
        try:
            if not self._slots.acquire(timeout=_WAIT_S):
                raise QuotaExceeded(_BUSY, retry_after_s=5)
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._places.release()

    def hash(self, password: str) -> str:
        """The hash of a password that `check_new` accepted."""
        with self.turn():
            return self._hasher.hash(_normal(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one of the hash `stored`. None (nobody of this name) costs the same and is False.

        Call it inside `turn()`.
        """
        fitting = len(password) <= MAX_LENGTH and is_storable(password)
        try:
            self._hasher.verify(stored or self._nobody, _normal(password) if fitting else "")
        except (VerificationError, InvalidHashError):
            return False
        return fitting and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def rehash(self, password: str) -> str:
        """As `hash`, for a caller that is inside `turn()`."""
        return self._hasher.hash(_normal(password))


def check_new(password: str, *names: str, field: str = "password") -> None:
    """Raise `InvalidInput` unless `password` may become one: 8 to 1,024 characters, not among the commonest, not a name
    of its owner (`names`), not one character over and over."""
    if not isinstance(password, str) or not is_storable(password):
        raise InvalidInput("The password must be a text without NUL characters.", field=field)
    if len(password) < MIN_LENGTH:
        raise InvalidInput(f"The password needs at least {MIN_LENGTH} characters.", field=field)
    if len(password) > MAX_LENGTH:
        raise InvalidInput(f"The password has more than {MAX_LENGTH} characters.", field=field)
    plain = _normal(password).casefold()
    if plain in _COMMONEST or len(set(plain)) == 1:
        raise InvalidInput("This password is among the first that an attacker tries. Choose another.", field=field)
    if plain in {name.casefold() for name in names}:
        raise InvalidInput("The password must differ from your username and e-mail address.", field=field)


def _normal(password: str) -> str:
    """NFKC, as NIST SP 800-63B §3.1.1.2 advises: keyboards write the same character in different ways."""
    return unicodedata.normalize("NFKC", password)


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A hash with the hasher's parameters that no password is known for: made of random bytes, which costs nothing."""

    def random(length: int) -> str:
        return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")

    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${parameters}${random(hasher.salt_len)}${random(hasher.hash_len)}"
