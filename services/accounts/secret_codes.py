"""Random codes (sessions, tokens, invitations) and their hashes.

They carry 238 bits of chance, so a fast hash is enough to keep them and no throttle is needed against guessing.
"""

import hashlib
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 40


def new_code(prefix: str = "") -> str:
    """A fresh secret: `prefix` and 40 letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def digest(code: str) -> str:
    """SHA-256 of a secret, in hexadecimal; what the database holds."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def is_code(text: str, prefix: str = "") -> bool:
    """True where `text` has the form of a secret made by `new_code(prefix)`; others need no look-up."""
    if not isinstance(text, str) or len(text) != len(prefix) + _LENGTH or not text.startswith(prefix):
        return False
    return text.isascii() and text[len(prefix) :].isalnum()
