"""What the Settings page does: profile, display, tokens, password."""

from collections.abc import Callable
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update

from components.states import fault
from components.times import offset_words
from components.tokens import REVOKE, new_token, token_table
from services.accounts.views import UserView
from services.errors import CallerError, InvalidInput
from services.principal import Principal
from services.services import Services

OPENED = "settings-opened"
WHO = "settings-who"
USERNAME = "settings-username"
EMAIL = "settings-email"
SAVE_PROFILE = "settings-save-profile"
PROFILE_NOTE = "settings-profile-note"
ZONE = "settings-zone"
ZONE_NOTE = "settings-zone-note"
USE_BROWSER = "settings-use-browser"
TOKENS = "settings-tokens"
TOKEN_NAME = "settings-token-name"  # noqa: S105
TOKEN_SCOPES = "settings-token-scopes"  # noqa: S105
MAKE_TOKEN = "settings-make-token"  # noqa: S105
NEW_TOKEN = "settings-new-token-place"  # noqa: S105
TOKEN_NOTE = "settings-token-note"  # noqa: S105
REVOKING = "settings-revoking"
CHANGED = "settings-tokens-changed"
MODAL = "settings-revoke-modal"
CANCEL = "settings-revoke-cancel"
CONFIRM = "settings-revoke-confirm"
OLD_PASSWORD = "settings-old-password"  # noqa: S105
NEW_PASSWORD = "settings-new-password"  # noqa: S105
AGAIN_PASSWORD = "settings-again-password"  # noqa: S105
SAVE_PASSWORD = "settings-save-password"  # noqa: S105
PASSWORD_NOTE = "settings-password-note"  # noqa: S105

Caller = Callable[[], Principal]


def register(app: Dash, services: Services, caller: Caller) -> None:
    """Every input and output of the Settings page."""
    _register_profile(app, services, caller)
    _register_display(app, services, caller)
    _register_tokens(app, services, caller)
    _register_password(app, services, caller)


def _register_profile(app: Dash, services: Services, caller: Caller) -> None:
    @app.callback(
        Output(WHO, "children"),
        Output(USERNAME, "value"),
        Output(EMAIL, "value"),
        Output(ZONE, "value"),
        Input(OPENED, "data"),
    )
    def opened(_opened: Any) -> Any:
        user = services.accounts.user(caller())
        return who(user), user.username, user.email, services.preferences.get(caller()).timezone

    @app.callback(
        Output(PROFILE_NOTE, "children"),
        Input(SAVE_PROFILE, "n_clicks"),
        State(USERNAME, "value"),
        State(EMAIL, "value"),
        prevent_initial_call=True,
    )
    def save(_clicks: int, username: str, email: str) -> Any:
        return told(lambda: services.accounts.update_profile(caller(), username=username, email=email), "Saved.")


def _register_display(app: Dash, services: Services, caller: Caller) -> None:
    app.clientside_callback(
        ClientsideFunction("settings", "browser_zone"), Output(USE_BROWSER, "children"), Input(OPENED, "data")
    )
    app.clientside_callback(
        ClientsideFunction("settings", "use_browser_zone"),
        Output(ZONE, "value", allow_duplicate=True),
        Input(USE_BROWSER, "n_clicks"),
        prevent_initial_call=True,
    )

    @app.callback(Output(ZONE_NOTE, "children"), Input(ZONE, "value"), prevent_initial_call=True)
    def choose_zone(zone: str | None) -> Any:
        if not zone or zone == services.preferences.get(caller()).timezone:
            return no_update
        words = f"Saved. Times are shown in {offset_words(services.clock.now(), zone)}."
        return told(lambda: services.preferences.put(caller(), timezone=zone), words)


def _register_tokens(app: Dash, services: Services, caller: Caller) -> None:
    @app.callback(Output(TOKENS, "children"), Input(OPENED, "data"), Input(CHANGED, "data"))
    def listed(_opened: Any, _changed: Any) -> Any:
        zone = services.preferences.get(caller()).timezone
        return token_table(services.accounts.tokens(caller()), zone=zone, now=services.clock.now())

    @app.callback(
        Output(NEW_TOKEN, "children"),
        Output(TOKEN_NOTE, "children"),
        Output(CHANGED, "data"),
        Output(TOKEN_NAME, "value"),
        Input(MAKE_TOKEN, "n_clicks"),
        State(TOKEN_NAME, "value"),
        State(TOKEN_SCOPES, "value"),
        prevent_initial_call=True,
    )
    def make(clicks: int, name: str, scopes: list[str]) -> Any:
        try:
            return new_token(issued(services, caller(), name, scopes)), None, clicks, ""
        except CallerError as error:
            return None, fault(str(error)), no_update, no_update

    @app.callback(
        Output(MODAL, "is_open"),
        Output(REVOKING, "data"),
        Output(CHANGED, "data", allow_duplicate=True),
        Output(NEW_TOKEN, "children", allow_duplicate=True),
        Input({"type": REVOKE, "token": ALL}, "n_clicks"),
        Input(CANCEL, "n_clicks"),
        Input(CONFIRM, "n_clicks"),
        State(REVOKING, "data"),
        prevent_initial_call=True,
    )
    def revoke(clicks: list[int | None], _cancel: Any, confirmed: int | None, revoking: str | None) -> Any:
        if isinstance(ctx.triggered_id, dict):
            return (True, ctx.triggered_id["token"], no_update, no_update) if any(clicks) else (no_update,) * 4
        if ctx.triggered_id == CONFIRM and revoking:
            services.accounts.revoke_token(caller(), revoking)
            return False, None, f"revoked {revoking}", None  # the secret on the screen may be of this very token
        return False, None, no_update, no_update


def _register_password(app: Dash, services: Services, caller: Caller) -> None:
    @app.callback(
        Output(PASSWORD_NOTE, "children"),
        Output(OLD_PASSWORD, "value"),
        Output(NEW_PASSWORD, "value"),
        Output(AGAIN_PASSWORD, "value"),
        Input(SAVE_PASSWORD, "n_clicks"),
        State(OLD_PASSWORD, "value"),
        State(NEW_PASSWORD, "value"),
        State(AGAIN_PASSWORD, "value"),
        prevent_initial_call=True,
    )
    def change(_clicks: int, old: str, new: str, again: str) -> Any:
        try:
            change_password(services, caller(), old or "", new or "", again or "")
        except CallerError as error:
            return fault(str(error)), no_update, no_update, no_update
        return done("The password is changed."), "", "", ""


def who(user: UserView) -> list[Any]:
    """Organisation and role in a sentence."""
    rights = " You administer this installation." if user.is_superadmin else ""
    return ["You are ", html.B(user.role.word), " of ", html.B(user.organisation, className="ev-isolate"), f".{rights}"]


def issued(services: Services, principal: Principal, name: str, scopes: list[str]) -> str:
    """The secret of a new token. Raises `InvalidInput` where it could do nothing, or has no name."""
    if not scopes:
        raise InvalidInput("Tick at least one thing that the token may do.", field="scopes")
    if not (name or "").strip():
        raise InvalidInput("Give the token a name, so that you know it later.", field="name")
    return services.accounts.issue_token(principal, name=name.strip(), scopes=scopes)[1]


def change_password(services: Services, principal: Principal, old: str, new: str, again: str) -> None:
    """Change it. Raises `InvalidInput`, also where the two new ones differ."""
    if new != again:
        raise InvalidInput("The two new passwords differ. Type the same one twice.", field="new_password")
    services.accounts.change_password(principal, old, new)


def told(act: Callable[[], Any], words: str) -> html.Div:
    """What to say after `act`: `words`, or why not."""
    try:
        act()
    except CallerError as error:
        return fault(str(error))
    return done(words)


def done(words: str) -> html.Div:
    """A quiet word of success."""
    return html.Div(words, className="ev-done")
