"""What happens on every page: theme, navigation, messages."""

from collections.abc import Callable
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output

from components.shell import NAVIGATED, PREFERENCE, SAVED, THEME, TOAST
from services.principal import Principal
from services.services import Services

LOCATION = "_pages_location"
"""Dash's own id of the address of its pages."""


def register(app: Dash, services: Services, caller: Callable[[], Principal]) -> None:
    """Every input and output of the frame."""
    for name, output, source in (
        ("start", Output(THEME, "data"), Input(PREFERENCE, "data")),
        ("navigated", Output(NAVIGATED, "data"), Input(LOCATION, "pathname")),
    ):
        app.clientside_callback(ClientsideFunction("shell", name), output, source)
    app.clientside_callback(ClientsideFunction("shell", "toast"), Input(TOAST, "data"), prevent_initial_call=True)

    @app.callback(Output(SAVED, "data"), Input(THEME, "data"), prevent_initial_call=True)
    def keep_theme(theme: dict[str, Any] | None) -> Any:
        chosen = (theme or {}).get("preference")
        if chosen and chosen != services.preferences.get(caller()).theme:
            services.preferences.put(caller(), theme=chosen)
        return chosen
