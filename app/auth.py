"""Who makes a Flask request: the session cookie of a browser, or a token in the Authorization header.

The cookie is accepted for an unsafe method only together with the CSRF token (double submit: cookie `_csrf_token`,
header `X-CSRFToken` or form field `csrf_token`), and that is checked exactly where the cookie is accepted.
"""

from datetime import timedelta

import flask_login
from flask import Flask, Request, Response, current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from wtforms import ValidationError

from services.errors import Forbidden, Unauthenticated
from services.principal import Principal
from services.services import Services

CSRF_COOKIE = "_csrf_token"
CSRF_HEADER = "X-CSRFToken"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
REMEMBER_DAYS = 30
LOOPBACK = ("127.0.0.1", "::1")
PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


class Member(flask_login.UserMixin):
    """What flask-login keeps for a request: its id is the server-side session, so sign-out ends it for good."""

    def __init__(self, session_id: str, principal: Principal):
        self.id = session_id
        self.principal = principal


class _Cookies(SecureCookieSessionInterface):
    """Session cookies are `Secure` whenever the request came by TLS, also through a proxy that says so."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def services() -> Services:
    """The services of the running application."""
    found: Services = current_app.extensions["elkvision"]
    return found


def install_auth(server: Flask) -> None:
    """Sign-in by session for `server`, whose `extensions["elkvision"]` is there already."""
    server.session_interface = _Cookies()
    server.config.update(
        SESSION_COOKIE_NAME="elkvision",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=REMEMBER_DAYS),
        WTF_CSRF_TIME_LIMIT=None,  # it ends with the session
    )
    manager = flask_login.LoginManager()
    manager.session_protection = None
    manager.init_app(server)
    manager.user_loader(_load_member)
    server.after_request(_show_csrf_token)


def _load_member(session_id: str) -> Member | None:
    try:
        return Member(session_id, services().accounts.session_principal(session_id))
    except Unauthenticated:
        return None


def current_principal() -> Principal:
    """The principal of this request, CSRF checked where the cookie is the credential. Raises `Unauthenticated`."""
    principal = principal_of_request()
    if principal.credential == "session" and request.method not in SAFE_METHODS:
        check_csrf(request)
    return principal


def principal_of_request() -> Principal:
    """The principal of this request, looked up once; for a change use `current_principal`."""
    if "principal" not in g:
        g.principal = _find_principal()
    found: Principal = g.principal
    return found


def optional_principal() -> Principal | None:
    """The principal of this request, or None for a visitor."""
    try:
        return principal_of_request()
    except Unauthenticated:
        return None


def _find_principal() -> Principal:
    if "Authorization" in request.headers:
        scheme, _, token = request.headers["Authorization"].partition(" ")
        if scheme.lower() not in ("token", "bearer") or not token.strip():
            raise Unauthenticated("Write the header as: Authorization: Bearer <token>.")
        return services().accounts.token_principal(token.strip())
    user = flask_login.current_user
    if user and user.is_authenticated:
        found: Principal = user.principal
        return found
    raise Unauthenticated("Sign in, or send a token in the Authorization header.")


def from_loopback() -> bool:
    """True where the request comes from this machine and through no proxy."""
    return request.remote_addr in LOOPBACK and not any(name in request.headers for name in PROXY_HEADERS)


def check_csrf(request: Request) -> None:
    """Raise `Forbidden` unless the request carries the token that our own page was given."""
    token = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD)
    try:
        validate_csrf(token)
    except (CSRFError, ValidationError) as error:
        raise Forbidden("This page is out of date. Reload it and try again.") from error


def sign_in(principal: Principal, *, remember: bool) -> None:
    """Open a new session for this browser; whatever session it had is not used again."""
    old = session.get("_user_id")
    if old:
        services().accounts.close_session(old)
    session.clear()
    session.permanent = remember
    session_id = services().accounts.open_session(principal, remember=remember)
    flask_login.login_user(Member(session_id, principal))
    g.principal = principal


def sign_out() -> None:
    """End the session of this browser, on the server as well."""
    session_id = session.get("_user_id")
    if session_id:
        services().accounts.close_session(session_id)
    flask_login.logout_user()
    session.clear()
    g.pop("principal", None)


def _show_csrf_token(response: Response) -> Response:
    """Our pages read the token from a cookie and send it back in a header; a foreign page can do neither."""
    if response.mimetype == "text/html" and response.status_code < 400:
        response.set_cookie(CSRF_COOKIE, generate_csrf(), samesite="Lax", secure=request.is_secure)
    return response
