"""What a bench prints: lines at once (a long run is watched), aligned tables, aims met or not met."""

from collections.abc import Sequence


def say(text: str = "") -> None:
    """Print at once."""
    print(text, flush=True)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest text; the first one is flush left, the others right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        say("  " + "  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())


def at_most(value: float, limit: float | None, unit: str) -> str:
    """How a figure that is to stay small stands to its aim; empty without one."""
    return "" if limit is None else f"<= {limit:g}{unit}: {'met' if value <= limit else 'NOT MET'}"


def at_least(value: float, limit: float) -> str:
    """How a figure that is to be large stands to its aim."""
    return f">= {limit:g}: {'met' if value >= limit else 'NOT MET'}"


def ms(value: float) -> str:
    """Milliseconds to three digits or so."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
