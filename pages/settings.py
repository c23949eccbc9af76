"""Stub."""

from dash import html

PATH = "/settings"
TITLE = "settings"


def layout(**_q: str) -> html.Div:
    return html.Div("settings")
