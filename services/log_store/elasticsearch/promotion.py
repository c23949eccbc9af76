"""Which attributes get fields of their own: numbers that can be summed, addresses that networks are asked of.

Every other attribute is answered by `elkvision.terms`. The sets are capped, because each key is a field of the mapping
for ever; a key that comes later, or whose name is no safe field name, is served by terms alone.
"""

import threading
from collections.abc import Mapping
from typing import Any

from services.query.elastic_terms import is_field_name


class Promotion:
    """The keys of `numbers.*` and `ips.*`. Safe to use from several threads; keys are added and never taken away."""

    def __init__(self, number_fields: int, ip_fields: int):
        self._lock = threading.Lock()
        self._numbers = _Keys(number_fields)
        self._addresses = _Keys(ip_fields)

    def is_number(self, key: str) -> bool:
        """Whether numbers of this key go to `numbers.<key>`; takes the key up while there is room."""
        return key in self._numbers.taken or (self._numbers.may_take(key) and self._take(self._numbers, key))

    def is_address(self, key: str) -> bool:
        """Whether addresses of this key go to `ips.<key>`; takes the key up while there is room."""
        return key in self._addresses.taken or (self._addresses.may_take(key) and self._take(self._addresses, key))

    def learn(self, mapping: Mapping[str, Any]) -> None:
        """Take up what a mapping (`{"properties": ...}` of one index) has already, whatever the caps."""
        properties = mapping.get("properties", {})
        with self._lock:
            self._numbers.taken |= _names(properties, "numbers")
            self._addresses.taken |= _names(properties, "ips")

    def numbers(self) -> frozenset[str]:
        """The keys of `numbers.*`."""
        return self._numbers.taken

    def addresses(self) -> frozenset[str]:
        """The keys of `ips.*`."""
        return self._addresses.taken

    def _take(self, keys: "_Keys", key: str) -> bool:
        with self._lock:
            if keys.may_take(key):
                keys.taken |= {key}
            return key in keys.taken


class _Keys:
    """A capped set that is replaced and never changed, so that reading it needs no lock."""

    def __init__(self, cap: int):
        self.taken: frozenset[str] = frozenset()
        self._cap = cap

    def may_take(self, key: str) -> bool:
        return len(self.taken) < self._cap and is_field_name(key)


def _names(properties: Mapping[str, Any], of: str) -> frozenset[str]:
    return frozenset(properties.get(of, {}).get("properties", {}))
