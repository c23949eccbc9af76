"""Empty, failed and odd states: each says what is so and what to do about it."""

from collections.abc import Sequence
from typing import Any

from dash import html

from components.icons import icon


def state(
    title: str, text: str | list[Any], actions: Sequence[html.Button | html.A] = (), *, failed: bool = False
) -> html.Div:
    """A sentence or two where the rows would be, and the ways out."""
    mark = [icon("x-octagon-fill", class_name="ev-bad-mark")] if failed else []
    return html.Div(
        [html.H2([*mark, title]), html.P(text), html.Div(list(actions), className="ev-acts") if actions else None],
        className="ev-state",
        role="alert" if failed else "status",
    )


def note(text: str, *, symbol: str = "info-circle", kind: str = "ev-info") -> html.Div:
    """A bar with a remark; kind "" is a warning, "ev-bad" an error."""
    return html.Div([icon(symbol), html.Div(text)], className=f"ev-note {kind}".strip())


def fault(text: str) -> html.Div:
    """A sentence under a form field."""
    return html.Div([icon("exclamation-circle-fill"), html.Span(text)], className="ev-fault", role="alert")


def button(text: str, *, primary: bool = False, small: bool = False, **attributes: str) -> html.Button:
    """A push button; `attributes` are an id or an action."""
    names = ["ev-btn", "ev-pri" if primary else "", "ev-s" if small else ""]
    return html.Button(text, type="button", className=" ".join(filter(None, names)), **attributes)
