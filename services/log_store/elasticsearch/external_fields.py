"""What is known of the fields of other tools' indices: enough to say which questions the server may answer for us.

A field is asked only where every index that has it indexes its values in a way that finds all that we would find, and no
index may hold it without indexing it. Values that the server left out of an index (too long, malformed, too many fields)
are named in `_ignored` of their documents, which are therefore always looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
NUMBERS = frozenset({"long", "integer", "short", "byte", "double", "float", "half_float"})
_KEYWORDS = frozenset({"keyword", "constant_keyword", "wildcard"})
_OPEN = (None, True, "true", "strict")


@dataclass(frozen=True)
class IndexFields:
    """The mappings of all indices of a pattern. `is_plain`: no index has a default analyser of its own."""

    mappings: Sequence[Mapping[str, Any]]
    is_plain: bool

    def words(self, path: str) -> list[str] | None:
        """The fields whose terms hold the words of a text, none where no document has one; None where that is not known."""
        return self._named(path, lambda found: path if self.is_plain and _is_standard_text(found) else None)

    def whole(self, path: str) -> list[str] | None:
        """The fields whose terms are whole values; else as `words`. A number holds no text."""
        return self._named(path, lambda found: "" if found.get("type") in NUMBERS else _keyword_of(path, found))

    def number(self, path: str) -> list[str] | None:
        """The field of numbers; else as `words`."""
        return self._named(path, lambda found: path if found.get("type") in NUMBERS and _is_indexed(found) else None)

    def _named(self, path: str, of: Callable[[Mapping[str, Any]], str | None]) -> list[str] | None:
        """What the indices call it: one may have a text with a keyword beside, another the keyword alone."""
        names: set[str] = set()
        for found in self._definitions(path):
            name = None if found is None else of(found) if found else ""
            if name is None:
                return None
            names.add(name)
        return sorted(names - {""})

    def _definitions(self, path: str) -> list[Mapping[str, Any] | None]:
        """Of each index: the field's definition, empty where no document has it, None where that is not known."""
        parts = path.split(".")
        return [None if path in each.get("runtime", {}) else _definition(each, parts) for each in self.mappings]


def ignored(path: str) -> Json:
    """Documents of which the server left the field at `path` out of its index."""
    parts = path.split(".")
    names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return {"terms": {"_ignored": [*names, f"{path}.keyword"]}}


def _definition(node: Mapping[str, Any], parts: Sequence[str]) -> Mapping[str, Any] | None:
    if node.get("enabled") is False or node.get("type", "object") != "object":
        return None
    properties = node.get("properties", {})
    for end in range(len(parts), 0, -1):
        found = properties.get(".".join(parts[:end]))
        if found is not None:
            if end < len(parts):
                return _definition({"dynamic": node.get("dynamic")} | found, parts[end:])
            return {} if "properties" in found else found
    return {} if node.get("dynamic") in _OPEN else None


def _is_indexed(found: Mapping[str, Any]) -> bool:
    return found.get("index", True) is True and "copy_to" not in found


def _is_standard_text(found: Mapping[str, Any]) -> bool:
    analyzers = {found.get(name, "standard") for name in ("analyzer", "search_analyzer")}
    return found.get("type") == "text" and analyzers == {"standard"} and _is_indexed(found)


def _keyword_of(path: str, found: Mapping[str, Any]) -> str | None:
    if found.get("type") in _KEYWORDS:
        return path if _is_indexed(found) else None
    below = found.get("fields", {}).get("keyword", {})
    is_twin = found.get("type") == "text" and below.get("type") == "keyword" and _is_indexed(below)
    return f"{path}.keyword" if is_twin else None
