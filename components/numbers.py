"""Counts, sizes and durations as people read them."""


def count(number: int) -> str:
    """`48,213`."""
    return f"{number:,}"


def plural(number: int, word: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def size(size_bytes: int) -> str:
    """`41.8 MB`; decimal units, as file managers show them."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}".replace(".0 ", " ")
        amount /= 1000
    return ""


def took(took_ms: float) -> str:
    """`38 ms`, `2.4 s`."""
    return f"{max(1, round(took_ms))} ms" if took_ms < 1000 else f"{took_ms / 1000:.1f} s"


def width(interval_s: int) -> str:
    """The width of a histogram's bar: `10 s`, `5 min`, `1 h`, `1 day`."""
    for unit_s, word in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if interval_s >= unit_s and interval_s % unit_s == 0:
            number = interval_s // unit_s
            return f"{number} {word}s" if word == "day" and number > 1 else f"{number} {word}"
    return f"{interval_s} s"


def duration(seconds: float) -> str:
    """How long something takes or waits: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 days 4 h`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s".replace("0.0 s", "0 s")
    whole = round(seconds)
    for unit_s, word, smaller_s, smaller in ((86_400, "day", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit_s:
            number, rest = divmod(whole, unit_s)
            name = f"{word}s" if word == "day" and number > 1 else word
            return f"{number} {name}" + (f" {rest // smaller_s} {smaller}" if rest >= smaller_s else "")
    return f"{whole} s"
