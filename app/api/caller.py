"""Who calls, and the services that answer: what every view needs of the request."""

from flask import current_app, g

from app.auth import current_principal
from services.principal import Principal
from services.services import Services


def caller() -> Principal:
    """The authenticated caller. Raises `Unauthenticated`, and `Forbidden` where a cookie comes without its CSRF token."""
    if "api_caller" not in g:
        g.api_caller = current_principal()
    return g.api_caller


def services() -> Services:
    """The one object that holds the product."""
    return current_app.extensions["elkvision"]
