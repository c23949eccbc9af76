"""How levels are written and ordered on the screen."""

from dash import html

TAGS = {
    "critical": "CRIT",
    "error": "ERROR",
    "warning": "WARN",
    "info": "INFO",
    "debug": "DEBUG",
    "trace": "TRACE",
    "unknown": "—",
}
"""The tag of each level, worst first."""

WORDS = {"warning": "warn"} | {level: level for level in TAGS if level != "warning"}


def level_tag(level: str) -> html.Span:
    """The tag in the level's colour; the word stands beside the colour, never the colour alone."""
    return html.Span(
        html.Span(TAGS.get(level, "—"), className="ev-lp"), className=f"ev-lv-{level}", title=WORDS.get(level, level)
    )
