"""Settings: who you are, your password, how pages look, tokens for programs."""

from zoneinfo import available_timezones

import dash_bootstrap_components as dbc
from dash import dcc, html

from callbacks import settings as ids
from components.icons import icon
from components.shell import theme_choice

PATH = "/settings"
TITLE = "Settings – ELK Vision"

SCOPES = (("ingest", "send logs"), ("read", "search and read"), ("admin", "administer"))


def layout(**_query: str) -> html.Div:
    """The page without data."""
    return html.Div(
        [
            html.Header([html.H1("Settings")], className="ev-top"),
            html.Div(
                html.Div([_profile(), _display(), _tokens(), _password()], className="ev-settings-in"),
                className="ev-settings ev-sp",
            ),
            _confirm(),
            dcc.Store(id=ids.OPENED, data=1),
            dcc.Store(id=ids.REVOKING),
            dcc.Store(id=ids.CHANGED, data=0),
        ],
        style={"display": "flex", "flexDirection": "column", "minHeight": "0"},
    )


def _card(title: str, *parts: object) -> html.Section:
    return html.Section(
        [html.Div(html.H2(title), className="ev-ch"), html.Div(list(parts), className="ev-inset ev-stack")],
        className="ev-card",
    )


def _profile() -> html.Section:
    return _card(
        "Profile",
        html.Div(id=ids.WHO, className="ev-t2"),
        html.Div(
            [_text(ids.USERNAME, "Username", "username"), _text(ids.EMAIL, "Email", "email")], className="ev-grid2"
        ),
        _action(ids.SAVE_PROFILE, "Save profile", ids.PROFILE_NOTE),
    )


def _display() -> html.Section:
    zone = html.Div(
        [
            html.Label("Time zone of all times", htmlFor=ids.ZONE, className="ev-label"),
            dbc.Select(
                id=ids.ZONE,
                options=[{"value": name, "label": name} for name in sorted(available_timezones())],
                className="ev-select",
            ),
            html.Button("", id=ids.USE_BROWSER, type="button", className="ev-link ev-sm", style={"marginTop": "6px"}),
        ]
    )
    theme = html.Div([html.Div("Theme", className="ev-label"), theme_choice(words=True)])
    return _card("Display", html.Div([zone, theme], className="ev-grid2"), html.Div(id=ids.ZONE_NOTE, role="status"))


def _tokens() -> html.Section:
    scopes = dbc.Checklist(
        id=ids.TOKEN_SCOPES,
        options=[{"value": value, "label": label} for value, label in SCOPES],
        value=["ingest"],
        inline=True,
    )
    return html.Section(
        [
            html.Div([html.H2("Tokens for programs")], className="ev-ch"),
            html.Div(id=ids.TOKENS),
            html.Div(
                [
                    html.Div(id=ids.NEW_TOKEN),
                    html.Div(
                        [
                            html.Div(
                                _text(ids.TOKEN_NAME, "Name of a new token", "off", example="nightly import"),
                                className="ev-sp",
                            ),
                            html.Fieldset([html.Legend("It may", className="ev-label"), scopes]),
                        ],
                        className="ev-row ev-g16 ev-token-form",
                    ),
                    _action(ids.MAKE_TOKEN, "Create a token", ids.TOKEN_NOTE, symbol="key"),
                ],
                className="ev-inset ev-stack",
                style={"paddingTop": "14px"},
            ),
        ],
        className="ev-card",
    )


def _password() -> html.Section:
    return _card(
        "Password",
        html.Div(
            [
                _text(ids.OLD_PASSWORD, "Current password", "current-password", kind="password"),
                html.Div(),
                _text(ids.NEW_PASSWORD, "New password", "new-password", kind="password"),
                _text(ids.AGAIN_PASSWORD, "New password again", "new-password", kind="password"),
            ],
            className="ev-grid2",
        ),
        html.Div("It ends your other sessions and sign-in tokens. Tokens for programs go on.", className="ev-hint"),
        _action(ids.SAVE_PASSWORD, "Change password", ids.PASSWORD_NOTE),
    )


def _text(component_id: str, label: str, autocomplete: str, *, kind: str = "text", example: str = "") -> html.Div:
    control = dbc.Input(
        id=component_id, type=kind, autocomplete=autocomplete, placeholder=example, value="", className="ev-input"
    )
    return html.Div([html.Label(label, htmlFor=component_id, className="ev-label"), control])


def _action(button_id: str, text: str, note_id: str, symbol: str = "") -> html.Div:
    words = [icon(symbol), text] if symbol else [text]
    return html.Div(
        [html.Button(words, id=button_id, type="button", className="ev-btn"), html.Div(id=note_id, role="status")],
        className="ev-row ev-g12",
    )


def _confirm() -> dbc.Modal:
    return dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle("Revoke this token?"), close_button=False),
            dbc.ModalBody("Programs that use it are refused from now on. This cannot be undone."),
            dbc.ModalFooter(
                [
                    html.Button("Cancel", id=ids.CANCEL, type="button", className="ev-btn"),
                    html.Button("Revoke token", id=ids.CONFIRM, type="button", className="ev-btn ev-danger-full"),
                ]
            ),
        ],
        id=ids.MODAL,
        centered=True,
        is_open=False,
    )
