"""API tokens: the table, and a new one's secret, shown once."""

from collections.abc import Sequence
from datetime import datetime

from dash import html

from components.icons import icon
from components.log_text import visible
from components.times import ago, short
from services.accounts.views import Token

REVOKE = "settings-revoke"
"""Type of the ids of the buttons, one per token."""


def token_table(tokens: Sequence[Token], *, zone: str, now: datetime) -> html.Div:
    """Name, beginning, scopes, ages; and the way to end each."""
    if not tokens:
        return html.Div("No tokens yet. A program that sends or reads logs needs one.", className="ev-hint ev-inset")
    head = html.Thead(html.Tr([html.Th(name) for name in ("Name", "Token", "May", "Made", "Last used", "Ends", "")]))
    body = html.Tbody([_row(token, zone, now) for token in tokens])
    return html.Div(html.Table([head, body], className="ev-dt"), className="ev-scroll")


def _row(token: Token, zone: str, now: datetime) -> html.Tr:
    return html.Tr(
        [
            html.Td(html.Div(visible(token.name), className="ev-clip ev-isolate", style={"maxWidth": "180px"})),
            html.Td(f"{token.prefix}…", className="ev-mono ev-t2"),
            html.Td(", ".join(token.scopes)),
            html.Td(ago(token.created, now), title=short(token.created, zone)),
            html.Td(ago(token.last_used, now), title=short(token.last_used, zone) if token.last_used else "never"),
            html.Td(_ends(token, zone)),
            html.Td(
                html.Button(
                    "Revoke", id={"type": REVOKE, "token": token.id}, type="button", className="ev-btn ev-s ev-danger"
                ),
                className="ev-r",
            ),
        ]
    )


def _ends(token: Token, zone: str) -> str:
    if token.expires:
        return short(token.expires, zone)
    return f"{token.idle_s // 86_400} days unused" if token.idle_s else "never"


def new_token(plain: str) -> html.Div:
    """The secret, once: nobody can show it again."""
    return html.Div(
        [
            html.Div(
                "Your new token. Copy it now: it is not shown again.",
                className="ev-sm ev-b",
                style={"marginBottom": "6px"},
            ),
            html.Div(
                [
                    html.Span(plain, id="settings-new-token", className="ev-sp"),
                    html.Button(
                        [icon("copy"), "Copy"],
                        type="button",
                        className="ev-btn ev-s",
                        **{"data-copy-from": "settings-new-token"},
                    ),
                ],
                className="ev-secret",
            ),
        ],
        role="status",
    )
