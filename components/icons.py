"""Bootstrap Icons by name."""

from dash import html


def icon(name: str, *, class_name: str = "") -> html.I:
    """An icon for the eye only: the control that holds it carries the words."""
    return html.I(className=f"bi bi-{name} {class_name}".strip(), **{"aria-hidden": "true"})
