"""Times as people read them, in the zone that they chose."""

from datetime import datetime
from zoneinfo import ZoneInfo


def local(moment: datetime, zone: str) -> datetime:
    """`moment` (aware) in the zone of that IANA name."""
    return moment.astimezone(ZoneInfo(zone))


def clock_parts(moment: datetime, zone: str, *, with_date: bool) -> tuple[str, str]:
    """A log time as ("14:32:07", ".418"), with "2026-11-23 " before it where `with_date`."""
    shown = local(moment, zone)
    day = f"{shown:%Y-%m-%d} " if with_date else ""
    return f"{day}{shown:%H:%M:%S}", f".{shown.microsecond // 1000:03d}"


def full(moment: datetime, zone: str) -> str:
    """`23 Nov 2026 14:32:07.418`."""
    shown = local(moment, zone)
    return f"{shown.day} {shown:%b %Y %H:%M:%S}.{shown.microsecond // 1000:03d}"


def short(moment: datetime, zone: str) -> str:
    """`23 Nov 2026 14:32`."""
    shown = local(moment, zone)
    return f"{shown.day} {shown:%b %Y %H:%M}"


def naive(moment: datetime, zone: str) -> str:
    """`2026-11-23T14:32:07.418` in the zone, without an offset: what charts and the range fields hold."""
    return local(moment, zone).replace(tzinfo=None).isoformat(timespec="milliseconds")


def offset_words(now: datetime, zone: str) -> str:
    """`Europe/Berlin, UTC+01:00`; `UTC` alone for UTC."""
    if zone == "UTC":
        return "UTC"
    shown = f"{local(now, zone):%z}"
    return f"{zone}, UTC{shown[:3]}:{shown[3:]}"


def ago(moment: datetime | None, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `12 days ago`; `never` for None."""
    if moment is None:
        return "never"
    seconds = max(0, (now - moment).total_seconds())
    for unit_s, words in ((86_400, "days"), (3_600, "h"), (60, "min")):
        count = int(seconds // unit_s)
        if count:
            return f"{count} {'day' if words == 'days' and count == 1 else words} ago"
    return "just now"
