"""The frame around every page: rail (a bottom bar on phones), profile menu, stores that all pages share."""

from dataclasses import dataclass

import dash_bootstrap_components as dbc
from dash import dcc, html, page_container

from components.charts import templates
from components.icons import icon

THEME = "shell-theme"
PREFERENCE = "shell-preference"
TEMPLATES = "shell-templates"
TOAST = "shell-toast"
SAVED = "shell-saved"
NAVIGATED = "shell-navigated"

PAGES = (("/explorer", "Explore", "list-columns-reverse"), ("/upload", "Upload", "cloud-arrow-up"))
LATER = (("/settings", "Settings", "sliders"),)
DELIVERY = ("/delivery", "Delivery", "send-check")
"""For those who administer, where records are delivered to a server; on a phone it is in the profile menu alone."""


@dataclass(frozen=True)
class Visitor:
    """What the frame shows of who is signed in."""

    username: str
    organisation: str
    role: str
    theme: str
    csrf_token: str
    sees_delivery: bool = False


def shell(visitor: Visitor) -> html.Div:
    """The whole page for a member; the page's own part comes in `page_container`."""
    return html.Div(
        [
            html.A("Skip to content", href="#main", className="ev-skip ev-btn"),
            _rail(visitor),
            html.Div(visitor.organisation, className="ev-org ev-el ev-isolate", title="Your organisation"),
            html.Main(page_container, id="main", className="ev-main", tabIndex="-1"),
            *_stores(visitor),
        ],
        className="ev-app",
    )


def _stores(visitor: Visitor) -> list[dcc.Store | html.Div]:
    return [
        dcc.Store(id=PREFERENCE, data=visitor.theme),
        dcc.Store(id=THEME),
        dcc.Store(id=TEMPLATES, data=templates()),
        dcc.Store(id=TOAST),
        dcc.Store(id=SAVED),
        dcc.Store(id=NAVIGATED),
    ]


def _rail(visitor: Visitor) -> html.Nav:
    return html.Nav(
        [
            html.A(
                html.Span(className="ev-logo", **{"aria-hidden": "true"}),
                href="/explorer",
                className="ev-logo-link",
                **{"data-nav": "true", "aria-label": "ELK Vision: Explore"},
            ),
            *[_link(*page) for page in PAGES],
            html.Div(className="ev-sp"),
            html.A([icon("question-circle"), "Help"], href="/api/docs/", title="How to send and search by REST"),
            *([_link(*DELIVERY, class_name="ev-not-phone")] if visitor.sees_delivery else []),
            *[_link(*page) for page in LATER],
            _profile(visitor),
        ],
        className="ev-rail",
        **{"aria-label": "Main"},
    )


def _link(path: str, name: str, symbol: str, class_name: str = "") -> html.A:
    """A link of the rail. The script marks the open page by the address: one frame serves all pages."""
    return html.A([icon(symbol), name], href=path, className=class_name, **{"data-path": path, "data-nav": "true"})


def _profile(visitor: Visitor) -> html.Details:
    initials = (visitor.username[:2] or "?").upper()
    return html.Details(
        [
            html.Summary(initials, className="ev-avatar", title="Profile", **{"aria-label": "Profile menu"}),
            html.Div(
                [
                    html.Div(
                        [
                            html.Div(visitor.username, className="ev-b ev-isolate"),
                            html.Div(
                                f"{visitor.organisation}, {visitor.role}",
                                className="ev-sm ev-t2 ev-isolate",
                                title=visitor.organisation,
                            ),
                        ],
                        className="ev-who",
                    ),
                    html.Div(
                        [html.Span("Theme", className="ev-sp ev-sm ev-t2"), theme_choice()], className="ev-row ev-theme"
                    ),
                    html.Hr(),
                    *([_menu_link(*DELIVERY)] if visitor.sees_delivery else []),
                    _menu_link(*LATER[0]),
                    _sign_out(visitor.csrf_token),
                ],
                className="ev-pop",
            ),
        ],
        className="ev-menu",
    )


def _menu_link(path: str, name: str, symbol: str) -> html.A:
    return html.A([icon(symbol), name], href=path, className="ev-pi", **{"data-nav": "true"})


def _sign_out(csrf_token: str) -> html.Form:
    return html.Form(
        [
            dbc.Input(type="hidden", name="csrf_token", value=csrf_token),
            html.Button([icon("box-arrow-right"), "Sign out"], type="submit", className="ev-pi"),
        ],
        action="/logout",
        method="POST",
    )


def theme_choice(*, words: bool = False) -> html.Div:
    """Light, dark, or as the system is; the script applies it at once and the choice is saved."""
    choices = (("light", "Light", "sun"), ("dark", "Dark", "moon"), ("system", "System", "circle-half"))
    return html.Div(
        [
            html.Button(
                [icon(symbol), html.Span(name, className="" if words else "ev-sr")],
                type="button",
                title=name,
                **{"data-theme-choice": value, "aria-pressed": "false", "data-fresh": "true"},
            )
            for value, name, symbol in choices
        ],
        className="ev-seg",
        role="group",
        **{"aria-label": "Theme"},
    )
