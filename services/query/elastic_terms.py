"""How values are written as terms of `elkvision.terms`: one place for the writer of documents and for the compiler.

`key` is the canonical name of a field (`services.query.fields.canonical_name`), without NUL.
- `key`            the attribute is there, and not null
- `key NUL n text` a value that is a number, written as in the record
- `key NUL t text` any other value
- `key NUL d hex`  a number as 16 hex digits that sort like doubles
- `key NUL i hex`  an address as 32 hex digits, IPv4 in ::ffff:0:0/96

Queries read prefixes and ranges of them; terms sort by their UTF-8 bytes, which is by code point.
"""

import re
import struct
from ipaddress import IPv4Address, IPv6Address

SEPARATOR = "\x00"
NUMBER_TEXT = "n"
OTHER_TEXT = "t"
DOUBLE = "d"
ADDRESS = "i"

MAX_FIELD_NAME = 200

_FIELD_NAME = re.compile(r"[A-Za-z_@][\w@-]*(?:\.[\w@-]+)*", re.ASCII)
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_MAPPED = 0xFFFF << 32
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_LOOKS_LIKE_IPV6 = re.compile(r"[0-9a-fA-F:.]+(?:%.*)?", re.DOTALL)


def is_field_name(key: str) -> bool:
    """Whether `numbers` and `ips` may have a field of this key: ASCII letters, digits, `_`, `@`, `-`, joined by dots."""
    return len(key) <= MAX_FIELD_NAME and _FIELD_NAME.fullmatch(key) is not None


def double_hex(number: float) -> str:
    """16 hex digits that sort as text like the doubles; -0 is 0. Never for NaN."""
    bits = int.from_bytes(struct.pack(">d", number + 0.0), "big")
    return f"{bits ^ (_ALL if bits & _SIGN else _SIGN):016x}"


def address_hex(number: int) -> str:
    """32 hex digits that sort as text like the addresses."""
    return f"{number:032x}"


def is_address(text: str) -> bool:
    """Whether the text is an address as Python's `ipaddress` reads it."""
    if ":" not in text:
        return text.count(".") == 3 and _IPV4.fullmatch(text) is not None
    return _LOOKS_LIKE_IPV6.fullmatch(text) is not None and _is_ipv6(text)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def address_of(text: str) -> int:
    """The number of an address, IPv4 in ::ffff:0:0/96, a zone left out. `ValueError` where it is none."""
    return int(IPv6Address(text)) if ":" in text else _MAPPED | int(IPv4Address(text))


def address_text(number: int) -> str:
    """The address as an `ip` field reads it."""
    return str(IPv4Address(number & 0xFFFFFFFF)) if number >> 32 == 0xFFFF else str(IPv6Address(number))
