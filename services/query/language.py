"""The query language: text in, a small tree out.

`parse(text)` gives the tree that both compilers (`sql`, later `elastic`) read. The tree knows nothing of SQL.

Written like Lucene's (https://lucene.apache.org/core/9_0_0/queryparser/org/apache/lucene/queryparser/classic/):
- `timeout`, `"connection lost"`, `level:error`, `service:"my shop"`, `user.id:42`, `level:(error OR critical)`
- AND OR NOT (also `&&`, `||`, `!`), `-` before what must not match, `+` before what must, parentheses.
- AND binds tighter than OR. Words side by side mean AND, exactly as if it were written.
- A backslash takes the meaning from the character behind it; inside quotes only `\\"` and `\\\\` need one.

Semantics, for every engine:
- A token is a run of letters, digits and underscore (`[\\pL\\pN_]`), folded by simple lower-casing.
- `Word` matches a record whose message has that token; `Phrase` one whose message has those tokens in a row.
  A text without any token (`"-->"`) matches where the message holds it as it stands.
- Words are looked for in the first 32,768 characters of a message; attributes longer than that are kept, not searched.
- `Field` compares a column or a dotted attribute path with one value; keyword columns compare exactly, level by its
  canonical word; `message`, `raw` and `problem` look for tokens as words and phrases do.
- `Not` matches every record that its child does not match (a leaf is true or false, never unknown).

Wildcards, ranges, patterns, fuzzy words and boosts are refused, with the place and what to write instead.
"""

from services.query.lucene import read
from services.query.tree import And, Field, MatchAll, Not, Or, Phrase, Query, Word

__all__ = ["And", "Field", "MatchAll", "Not", "Or", "Phrase", "Query", "Word", "parse"]


def parse(text: str) -> Query:
    """The tree of a query text; `MatchAll` for an empty one. Raises `InvalidQuery` with position and mend."""
    return read(text)
