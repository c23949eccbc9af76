"""Names that reach Elasticsearch inside an address: every one is made or checked here.

No text of a request becomes part of an index expression but the id of an organisation, which is checked; patterns of
other tools' indices come from the settings.
"""

import re

_ORGANISATION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_PATTERN = re.compile(r"[a-z0-9][a-z0-9_.-]*\*?(?:,[a-z0-9][a-z0-9_.-]*\*?)*")


def stream_of(prefix: str, organisation_id: str) -> str:
    """The data stream of an organisation; two ids never share one. Raises `ValueError` for an id that names nothing.

    Names of streams are lower case. An id with capitals is written small, and after a dot, which no id holds, stand the
    places of its capitals: `Ab` is `ab.1`, `aB` is `ab.2`.
    """
    if not _ORGANISATION.fullmatch(organisation_id):
        raise ValueError("an organisation id has 1 to 64 letters, digits, - or _")
    capitals = sum(1 << at for at, letter in enumerate(organisation_id) if letter.isupper())
    name = organisation_id.lower() + (f".{capitals:x}" if capitals else "")
    return f"{checked_prefix(prefix)}-{name}"


def organisation_of(prefix: str, stream: str) -> str | None:
    """The organisation whose stream has that name, or None where it is none of ours."""
    name, _, capitals = stream.removeprefix(f"{prefix}-").partition(".")
    if not stream.startswith(f"{prefix}-") or not re.fullmatch(r"[0-9a-f]{0,16}", capitals):
        return None
    places = int(capitals or "0", 16)
    organisation_id = "".join(letter.upper() if places >> at & 1 else letter for at, letter in enumerate(name))
    is_ours = _ORGANISATION.fullmatch(organisation_id) and stream_of(prefix, organisation_id) == stream
    return organisation_id if is_ours else None


def checked_prefix(prefix: str) -> str:
    """`prefix`, which can begin the name of a stream. Raises `ValueError` where it cannot."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(
            "a stream prefix has 1 to 100 small letters, digits, - _ or . and begins with a letter or digit"
        )
    return prefix


def checked_pattern(patterns: str) -> str:
    """`patterns`, index names with commas, each at most with one * at its end. Raises `ValueError` for anything else.

    A name begins with a letter or digit: so nobody names hidden indices, exclusions or all indices of a server.
    """
    if not _PATTERN.fullmatch(patterns):
        raise ValueError(
            "an index pattern is a name in small letters that may end with *, such as filebeat-*; several with commas"
        )
    return patterns


def external_expression(patterns: str, prefix: str) -> str:
    """The index expression of `patterns` without the streams of ours that a * stands for.

    A name that is written out, and an alias, the server takes whatever is left out: `external_candidates.Scope` sees to those.
    """
    own = checked_prefix(prefix)
    return f"{checked_pattern(patterns)},-{own}-*,-.ds-{own}-*"
