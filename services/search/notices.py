"""Why a search may have found nothing: a field that no record has, and the query with the name that was meant."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.log_store.interface import FieldsResult
from services.query.fields import Kind, near_miss, resolve
from services.query.tree import And, Exists, Field, Network, Not, Or, Query, Range, Regex, Wildcard

MAX_NOTICES = 5
_CLOSE = 0.7


@dataclass(frozen=True)
class Notice:
    """A remark about the query. position and length in characters; `suggestion` is a whole query, where one can be made."""

    message: str
    position: int
    length: int
    suggestion: str | None


def attributes_in(query: Query) -> set[str]:
    """The names in a query that stand for attributes, as they are written."""
    return {name for name in _names(query) if resolve(name).kind is Kind.ATTRIBUTE}


def notices(text: str, names: Iterable[str], there: FieldsResult) -> list[Notice]:
    """What to say of the `names` in the query `text`, where `there` are the fields that records have."""
    missing = sorted((_place(text, name), name) for name in names if not _is_there(resolve(name).name, there))
    return [_notice(text, name, position, there) for position, name in missing[:MAX_NOTICES]]


def _is_there(path: str, there: FieldsResult) -> bool:
    """Whether a field has that path, or one inside of it, or it may lead into a list."""
    for each in there.fields:
        inner = path.startswith(each.name + ".") and "list" in each.types
        if each.name == path or each.name.startswith(path + ".") or inner:
            return True
    return False


def _notice(text: str, name: str, position: int, there: FieldsResult) -> Notice:
    near = near_miss(name)
    close = [near] if near else difflib.get_close_matches(name, [each.name for each in there.fields], 1, _CLOSE)
    sees_all = there.read_records == there.total and not there.has_more
    who = "No record has" if sees_all else "Hardly any record has"
    found = text[position : position + len(name)] == name
    meant = f"; did you mean {close[0]}?" if close else "."
    corrected = text[:position] + close[0] + text[position + len(name) :] if close and found else None
    return Notice(f"{who} the field {name}{meant}", position, len(name) if found else 0, corrected)


def _place(text: str, name: str) -> int:
    """Where `name` stands as a field's name; 0 where it is written with escapes."""
    written = re.search(rf"(?<![\w.]){re.escape(name)}(?=\s*(:|[<>]))|(?<=_exists_:){re.escape(name)}(?![\w.])", text)
    return written.start() if written else 0


def _names(query: Query) -> Iterator[str]:
    match query:
        case Field(name=name) | Wildcard(name=name) | Regex(name=name) | Range(name=name) | Exists(name=name):
            yield name
        case Network(name=name):
            yield name
        case And(children) | Or(children):
            for child in children:
                yield from _names(child)
        case Not(child):
            yield from _names(child)
