"""Attributes as they are read: JSON whose numbers keep their digits, and how DuckDB writes those anew."""

import json
from decimal import Decimal
from math import isinf
from typing import Any

import orjson


class WrittenNumber(str):
    """A number as the JSON text writes it."""

    __slots__ = ()


def parsed(text: str) -> Any:
    """The object; None for no JSON. Numbers are Python's where those are written just so, otherwise `WrittenNumber`.

    What reads and writes again to the same text, spaces aside, has no member twice and no number written otherwise.
    Beyond a thousand brackets in each other it has to do that it reads.
    """
    try:
        members = orjson.loads(text)
        again = orjson.dumps(members).decode()
    except orjson.JSONDecodeError:
        return _parsed_slowly(text, None)
    except orjson.JSONEncodeError:
        return _parsed_slowly(text, members)
    if again == text or _without_spaces(again) == _without_spaces(text):
        return members
    return _parsed_slowly(text, members)


def _without_spaces(text: str) -> str:
    return text.replace(" ", "").replace("\n", "")


def _parsed_slowly(text: str, too_deep: Any) -> Any:
    try:
        members = json.loads(
            text,
            parse_int=WrittenNumber,
            parse_float=WrittenNumber,
            parse_constant=_refused,
            object_pairs_hook=_first_of_each,
        )
        if "\\ud" in text.lower():
            json.dumps(members, ensure_ascii=False).encode()
    except RecursionError:
        return too_deep
    except ValueError:  # half a surrogate pair is a UnicodeEncodeError
        return None
    return members


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def grouped_number(text: str) -> str:
    """A JSON number as DuckDB writes it anew: doubles by their shortest digits, whole numbers as they are, -0 as 0.

    Beyond all doubles as written; exponents below 1e-6 and from 1e21 (measured, DuckDB 2.0).
    """
    if not any(mark in text for mark in ".eE"):
        return "0" if text == "-0" else str(text)
    number = float(text)
    if isinf(number):
        return str(text)
    shortest = repr(number)
    if "e" not in shortest:
        return shortest
    digits, exponent = shortest.split("e")
    if -7 < int(exponent) < 21:
        positional = format(Decimal(shortest), "f")
        return positional if "." in positional else positional + ".0"
    return f"{digits}e{int(exponent)}"
