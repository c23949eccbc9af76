"""Stub."""

from dash import html

PATH = "/upload"
TITLE = "upload"


def layout(**_q: str) -> html.Div:
    return html.Div("upload")
