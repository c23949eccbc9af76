"""Public identifiers of what the product keeps: random, so nobody finds another organisation's by counting."""

import secrets

_ID_BYTES = 10


def new_id() -> str:
    """A fresh public identifier: 20 hexadecimal digits, safe in file names, addresses and index names."""
    return secrets.token_hex(_ID_BYTES)


def is_id(text: str) -> bool:
    """True where `text` has the form of an identifier made by `new_id`; others name nothing and need no look-up."""
    return isinstance(text, str) and len(text) == 2 * _ID_BYTES and set(text) <= set("0123456789abcdef")
