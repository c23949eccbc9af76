"""IP networks by own arithmetic: DuckDB's `inet` is an extension, and none is loaded.

What is an address is what Python's `ipaddress` takes for one: four decimal numbers without leading zeros, or the forms of
RFC 4291 §2.2 with one `::`, an embedded IPv4 address at the end, and a zone (`fe80::1%eth0`, RFC 4007), which is not
looked at. An IPv4 address mapped into IPv6 counts as the IPv4 address, and only so.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network

from services.errors import InvalidQuery
from services.query.sql_condition import Condition

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_HEXTET = "[0-9a-fA-F]{1,4}"
_SIDE = f"(?:{_HEXTET}(?::{_HEXTET})*)?"
_END = f"(?:(?:{_HEXTET}:)*(?:{_HEXTET}|{_IPV4}))?"
_ZONE = "(?:%[^%/]+)?"
_IPV6 = f"(?:{_SIDE}::{_END}|{_HEXTET}(?::{_HEXTET})*:(?:{_HEXTET}|{_IPV4})){_ZONE}"
"""How an IPv6 address looks; how many parts it has is counted."""

_MAPPED = 0xFFFF << 32
"""::ffff:0:0/96, the IPv4 addresses inside IPv6 (RFC 4291 §2.5.5.2)."""

# The hextets of one side of `::`; an embedded IPv4 address is two.
_HEXTETS = """flatten(list_transform(CASE WHEN side = '' THEN [] ELSE string_split(side, ':') END,
    lambda part: CASE WHEN contains(part, '.')
        THEN list_transform([string_split(part, '.')::UINTEGER[]], lambda o: [o[1] * 256 + o[2], o[3] * 256 + o[4]])[1]
        ELSE [('0x' || part)::UINTEGER] END))"""

# The address as a number; NULL where it has not eight hextets, or `::` stands for none. `list_transform` over a list of
# one names what the rest needs more than once: planning takes as long as the expression is.
_NUMBER = f"""list_reduce(list_transform([list_transform(
        string_split(regexp_replace({{text}}, '%.*', '', 's'), '::'), lambda side: {_HEXTETS})],
    lambda h: CASE WHEN len(h) = 1 AND len(h[1]) = 8 THEN h[1]
        WHEN len(h) = 2 AND len(h[1]) + len(h[2]) <= 7
        THEN list_concat(list_resize(h[1], 8 - len(h[2]), 0::UINTEGER), h[2]) END)[1]::UHUGEINT[],
    lambda high, low: high * 65536 + low)"""


def in_network(text: str, network: str) -> Condition:
    """Whether the SQL expression `text` is an address inside `network`. Raises `InvalidQuery` for what is no network."""
    wanted = network_of(network)
    number = _NUMBER.format(text=text)
    looks = f"CASE WHEN regexp_full_match({text}, '{_IPV6}')"
    if isinstance(wanted, IPv6Network):
        inside = number_in_network("n", network)
        sql = f"({looks} THEN list_transform([{number}], lambda n: {inside.sql})[1] ELSE false END)"
        return Condition(sql, inside.values)
    bounds = [str(_MAPPED + int(address)) for address in (wanted[0], wanted[-1])]
    sql = f"""(CASE WHEN contains({text}, ':') THEN
        {looks} THEN {number} BETWEEN ?::UHUGEINT AND ?::UHUGEINT ELSE false END
        ELSE regexp_full_match({text}, ?) END)"""
    return Condition(sql, [*bounds, ipv4_regex(wanted)])


def ipv4_regex(network: IPv4Network) -> str:
    """RE2 that the addresses of the network match as a whole: one look at the text, where arithmetic takes ten."""
    octets = network.network_address.packed
    whole, rest = divmod(network.prefixlen, 8)
    parts = [str(octet) for octet in octets[:whole]]
    if rest:
        numbers = range(octets[whole], octets[whole] + (1 << (8 - rest)))
        parts.append(f"(?:{'|'.join(str(number) for number in numbers)})")
    return r"\.".join([*parts, *[_OCTET] * (4 - len(parts))])


def address_number(text: str) -> str:
    """SQL: the address that the SQL expression `text` is, as one number with IPv4 in `::ffff:0:0/96`; NULL for none."""
    octets = f"list_transform(string_split({text}, '.'), lambda octet: octet::UHUGEINT)"
    return f"""CASE WHEN regexp_full_match({text}, '{_IPV4}')
        THEN {_MAPPED}::UHUGEINT + list_reduce({octets}, lambda high, low: high * 256 + low)
        WHEN regexp_full_match({text}, '{_IPV6}') THEN {_NUMBER.format(text=text)} END"""


def number_in_network(number: str, network: str) -> Condition:
    """Whether the number that `address_number` gives lies inside `network`. Raises `InvalidQuery` for what is no network."""
    wanted = network_of(network)
    low, high = int(wanted[0]), int(wanted[-1])
    if isinstance(wanted, IPv4Network):
        return Condition(f"({number} BETWEEN ?::UHUGEINT AND ?::UHUGEINT)", [str(_MAPPED + low), str(_MAPPED + high)])
    sql = f"""({number} BETWEEN ?::UHUGEINT AND ?::UHUGEINT
        AND {number} NOT BETWEEN {_MAPPED}::UHUGEINT AND {_MAPPED + 0xFFFFFFFF}::UHUGEINT)"""
    return Condition(sql, [str(low), str(high)])


def network_of(text: str) -> IPv4Network | IPv6Network:
    """The network. Raises `InvalidQuery`."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise InvalidQuery(f"{text!r} is no network.", expected="a network like 10.0.0.0/8 or fd00::/8") from error
