"""Where a link inside the product leads nowhere."""

from dash import html

from components.states import state

TITLE = "Not found – ELK Vision"


def layout(**_query: str) -> html.Div:
    """A sentence and the way back."""
    back = html.A("Go to Explore", href="/explorer", className="ev-btn ev-pri", **{"data-nav": "true"})
    return html.Div(state("There is nothing at this address", "The link may be old, or mistyped.", [back]))
