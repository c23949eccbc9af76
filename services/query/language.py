"""The query language: text in, a small tree out.

`parse(text)` gives the tree that all compilers (`sql`, the live filter, later `elastic`) read; `tests/services/query/reference.py`
is the same meaning in slow plain Python. The tree knows nothing of SQL.

Written like Lucene's (https://lucene.apache.org/core/9_0_0/queryparser/org/apache/lucene/queryparser/classic/), as Kibana's
users write it:
- `timeout`, `"connection lost"`, `time*`, `/regex/`, `level:error`, `service:"my shop"`, `level:(error OR critical)`
- `level>=warning`, `duration_ms>=100`, `duration_ms:>100`, `duration_ms:[10 TO 20}`, `timestamp:>=now-2h/d`
- `client.ip:10.0.0.0/8`, `user.id:*` and `_exists_:user.id`, `pattern:17`, `id:…`
- AND OR NOT (also `&&`, `||`, `!`), `-` before what must not match, `+` before what must, parentheses.
- AND binds tighter than OR. Words side by side mean AND, exactly as if it were written.
- A backslash takes the meaning from the character behind it; inside quotes only `\\"` and `\\\\` need one.
- What is in quotes is never a wildcard, a network or an operator.

`lexing` says where a value begins and ends (`/var/log` and `/regex/`, `a>5` and `List<String>`). In the tree a field
bears its shortest name (`fields.canonical_name`), ANDs inside ANDs are one AND (ORs as well), and the pattern of a
level is in lower case. Relative times stay as they are written until `dates.resolve_times` makes them absolute;
`printing` writes a tree as text, `edits` changes clauses of a text, `highlights` finds what a message was matched by.

Semantics, for every engine:
- A token is a run of letters, digits and underscore (`[\\pL\\pN_]`, Unicode's categories L and N), folded by simple
  lower-casing (one character for one character). Combining marks separate tokens.
- `Word` matches a record whose message has that token; `Phrase` one whose message has those tokens in a row.
  A text without any token (`"-->"`) matches where the message holds it as it stands, folded.
- Texts (`message`, `raw`, `problem`) are looked at in their first 32,768 characters; attributes longer than that are
  kept, not searched.
- The *values* of a field of a record: of a keyword column its text, or none; of `tags` each tag; of an attribute path
  every string, number, true or false that a reading of the path leads to (a dot separates two keys or stands inside
  one), each element where it leads to a list. A number's text is what the JSON says; true and false are such words.
- A value *is a number* where its whole text is a decimal number (`-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?`, ASCII digits).
- `Field` holds where one value equals the asked one as text, case and all, or both are numbers, equal as doubles, and
  smaller than 2^53. Level compares by its canonical word, time by moment (a bare date means its whole day), texts look
  for tokens as words and phrases do.
- `Wildcard` on a text holds where one of its tokens matches (folded; `*` and `?` stand for token characters only); on
  other fields where a whole value matches, case and all; on level where its canonical word does.
- `Regex` holds where it matches anywhere in a value or text, as written (RE2, case and all); on level in the canonical word.
- `Range` with bounds that are numbers compares the values that are numbers, as doubles; with other bounds the values that
  are not numbers, by code point. Level compares by severity, unknown lowest; time by moment (a day or a
  rounded time as `dates` says). Two bounds are of one sort.
- `Exists` holds where the column is not NULL, the list of tags not empty, or a reading of the path leads to anything but
  null (an object or a list counts).
- `Network` holds where a value is an IP address inside it, as Python's `ipaddress` reads addresses; an IPv4 address mapped
  into IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 address.
- `pattern:<id>` holds for the records of that pattern, `id:<id>` for one record.
- `Not` matches every record that its child does not match (a leaf is true or false, never unknown).

Refused with the place and what to write instead: boosts, fuzzy words and phrases with a distance (results are ordered by
time, and engines expand fuzziness differently), ranges and networks on texts, wildcards and regexes on times and ids, a
wildcard beside characters that separate tokens on a text (`conn-*`: it could never match one token).
"""

from services.query.lucene import read
from services.query.tree import (
    And,
    Exists,
    Field,
    MatchAll,
    Network,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Wildcard,
    Word,
)

__all__ = [
    "And",
    "Exists",
    "Field",
    "MatchAll",
    "Network",
    "Not",
    "Or",
    "Phrase",
    "Query",
    "Range",
    "Regex",
    "Wildcard",
    "Word",
    "parse",
]


def parse(text: str) -> Query:
    """The tree of a query text; `MatchAll` for an empty one. Raises `InvalidQuery` with position and mend."""
    return read(text)
