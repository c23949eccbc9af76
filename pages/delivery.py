"""Delivery, for the people who run the installation: what is on its way to the server, and what it refused."""

import dash_bootstrap_components as dbc
from dash import dcc, html

from callbacks import delivery as ids
from components.icons import icon

PATH = "/delivery"
TITLE = "Delivery – ELK Vision"


def layout(**_query: str) -> html.Div:
    """The page without data."""
    return html.Div(
        [
            html.Header(
                [
                    html.H1("Delivery"),
                    html.Span(id=ids.PILL, role="status"),
                    html.Span(id=ids.SCOPE, className="ev-sm ev-t2"),
                ],
                className="ev-top ev-g12",
            ),
            html.Div(
                [html.Div(id=ids.OVERVIEW, className="ev-stack"), html.Div(id=ids.LETTERS), _pager()],
                className="ev-pg ev-delivery",
            ),
            _confirm(),
            dcc.Interval(id=ids.TICK, interval=ids.TICK_MS),
            dcc.Store(id=ids.SHOWN),
            dcc.Store(id=ids.CHANGED, data=0),
            dcc.Store(id=ids.OFFSET, data=0),
            dcc.Store(id=ids.CHOSEN),
        ],
        style={"display": "flex", "flexDirection": "column", "minHeight": "0"},
    )


def _pager() -> html.Nav:
    return html.Nav(
        [
            html.Button([icon("chevron-left"), "Newer"], id=ids.NEWER, type="button", className="ev-btn ev-s"),
            html.Button(["Older", icon("chevron-right")], id=ids.OLDER, type="button", className="ev-btn ev-s"),
        ],
        id=ids.PAGER,
        hidden=True,
        className="ev-row ev-g8",
        **{"aria-label": "Pages of dead letters"},
    )


def _confirm() -> dbc.Modal:
    return dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle("Discard for good?"), close_button=False),
            dbc.ModalBody(id=ids.QUESTION),
            dbc.ModalFooter(
                [
                    html.Button("Cancel", id=ids.CANCEL, type="button", className="ev-btn"),
                    html.Button("Discard", id=ids.CONFIRM, type="button", className="ev-btn ev-danger-full"),
                ]
            ),
        ],
        id=ids.MODAL,
        centered=True,
        is_open=False,
    )
