"""What people may be called: usernames, e-mail addresses, names of organisations and tokens.

Usernames go through NFKC (Unicode Annex 15) first, so full-width letters sign in as plain ones, and are then plain ASCII:
two names that look alike are the same name.
"""

import re
import unicodedata

from services.errors import InvalidInput

_USERNAME = re.compile(r"[A-Za-z0-9._@+-]{3,64}")
# A sanity check, not RFC 5322: whether an address exists only a message to it can tell.
_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\\\]]{1,64}@[^@\s\"(),:;<>\[\\\]]{1,189}")
_MAX_EMAIL = 254
_MAX_TITLE = 100


def username(text: str) -> str:
    """`text` as a username. Raises `InvalidInput` naming the field."""
    name = _normal(text, "username")
    if not _USERNAME.fullmatch(name):
        raise InvalidInput("A username has 3 to 64 characters out of A–Z, a–z, 0–9 and . _ @ + -", field="username")
    return name


def email(text: str) -> str:
    """`text` as an e-mail address, as it was written. Raises `InvalidInput` naming the field."""
    address = _normal(text, "email")
    if len(address) > _MAX_EMAIL or not _EMAIL.fullmatch(address) or not _is_printable(address):
        raise InvalidInput("Write an e-mail address like name@example.org.", field="email")
    if address.rpartition("@")[2].strip(".") != address.rpartition("@")[2] or ".." in address:
        raise InvalidInput("Write an e-mail address like name@example.org.", field="email")
    return address


def title(text: str, field: str) -> str:
    """`text` as the name of a thing: 1 to 100 printable characters in any script. Raises `InvalidInput`."""
    name = _text(text, field).strip()
    if not 1 <= len(name) <= _MAX_TITLE or not _is_printable(name):
        raise InvalidInput(f"A name has 1 to {_MAX_TITLE} printable characters.", field=field)
    return name


def login_key(text: str) -> str:
    """What is compared when somebody signs in: `text` without regard to case and compatibility forms.

    Any text gives a key, also one that cannot be a name; it is then nobody's.
    """
    return unicodedata.normalize("NFKC", text[:_MAX_EMAIL]).strip().casefold()[:_MAX_EMAIL]


def _normal(text: str, field: str) -> str:
    return unicodedata.normalize("NFKC", _text(text, field)).strip()


def _text(text: str, field: str) -> str:
    if not isinstance(text, str):
        raise InvalidInput(f"{field} must be a text.", field=field)
    return text


def _is_printable(text: str) -> bool:
    """No control, format, surrogate or private characters: they hide or turn around what a page shows."""
    return not any(unicodedata.category(character).startswith("C") for character in text)
