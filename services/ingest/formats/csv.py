"""Comma-separated values and their relatives (RFC 4180)."""

from services.ingest.formats.json import JsonLines
from services.ingest.options import ParseOptions


def detect_csv(text: str, *, said: str | None, options: ParseOptions) -> JsonLines | None:
    """The reader for a text that begins so, or None where it is no table."""
    return None
