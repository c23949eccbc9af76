"""Mounts the Dash pages on the Flask application: who may see them, what they may load, what happens when one fails."""

import logging
from typing import Any
from urllib.parse import quote

from dash import Dash, page_registry, register_page, set_props
from dash import html as components
from flask import Flask, Response, has_request_context, make_response, redirect, render_template, request
from flask_wtf.csrf import generate_csrf

import callbacks.delivery
import callbacks.explorer
import callbacks.settings
import callbacks.shell
import callbacks.upload
import pages.delivery
import pages.explorer
import pages.not_found
import pages.settings
import pages.upload
from app.auth import current_principal, optional_principal
from app.page_head import ASSETS, head_tags, script_tags
from components.shell import TOAST, Visitor, shell
from services.errors import BackendError, CallerError, Unauthenticated
from services.services import Services

log = logging.getLogger(__name__)

MEMBER_PAGES = (pages.explorer, pages.upload, pages.delivery, pages.settings)
START_PAGE = pages.explorer.PATH
MOVED = {"/dashboard": START_PAGE}
"""Addresses that open another page until they have one of their own."""

CALLBACKS = (callbacks.shell, callbacks.explorer, callbacks.upload, callbacks.delivery, callbacks.settings)

_INDEX = """<!doctype html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
HEAD
{%css%}
</head>
<body>
<noscript><p style="padding:24px">These pages need JavaScript. The REST API under /api/docs/ does not.</p></noscript>
{%app_entry%}
<footer>{%config%}SCRIPTS{%scripts%}{%renderer%}</footer>
</body>
</html>"""


def mount_dashboard(server: Flask, services: Services) -> Dash:
    """The Dash application on `server`, for members only; every other address that nobody answers is a 404."""
    app = Dash(
        "elkvision",
        server=server,
        assets_folder=str(ASSETS),
        include_assets_files=False,  # our own tags name them in order and with fingerprints
        use_pages=True,
        pages_folder="",
        use_async=False,
        title="ELK Vision",
        update_title="",
        add_log_handler=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        index_string=_INDEX.replace("HEAD", head_tags()).replace("SCRIPTS", script_tags()),
        on_error=_tell_in_toast,
    )
    _register_pages()
    app.layout = lambda: _frame(services)
    for each in CALLBACKS:
        each.register(app, services, current_principal)
    _guard(server, app)
    return app


def _register_pages() -> None:
    """The registry belongs to the process: what an earlier application of it left is replaced."""
    page_registry.clear()
    for page in MEMBER_PAGES:
        register_page(page.__name__, path=page.PATH, title=page.TITLE, layout=page.layout)
    register_page("pages.not_found_404", path="/404", title=pages.not_found.TITLE, layout=pages.not_found.layout)


def _frame(services: Services) -> components.Div:
    """The shell for whoever asks; Dash also asks once for nobody, to check the ids."""
    principal = optional_principal() if has_request_context() else None
    if principal is None:
        return shell(Visitor(username="", organisation="", role="", theme="", csrf_token=""))
    user = services.accounts.user(principal)
    preferences = services.preferences.get(principal)
    return shell(
        Visitor(
            username=user.username,
            organisation=user.organisation,
            role=user.role.word,
            theme=preferences.theme,
            csrf_token=generate_csrf(),
            sees_delivery=services.deliveries.is_active and services.deliveries.may_see(principal),
        )
    )


def _guard(server: Flask, app: Dash) -> None:
    paths = {page.PATH for page in MEMBER_PAGES}

    @server.before_request
    def members_only() -> Any:
        path = request.path.rstrip("/") or "/"
        if path.startswith("/_"):  # everything of Dash itself
            current_principal()
        elif path in MOVED:
            return redirect(MOVED[path])
        elif path in paths:
            return _sign_in_first()
        elif _is_catch_all():
            return make_response(render_template("not_found.html"), 404)
        return None

    @server.after_request
    def secure(response: Response) -> Response:
        if response.mimetype == "text/html" and not request.path.startswith("/api"):
            response.headers.setdefault("Content-Security-Policy", _policy(app))
            response.headers.setdefault("Cache-Control", "no-store")
        elif request.path.startswith("/assets/") and response.status_code == 200:
            _cache(response)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        return response


def _is_catch_all() -> bool:
    """True where only Dash's own route for any path would answer."""
    rule = request.url_rule.rule if request.url_rule else ""
    return rule == "/<path:path>"


def _sign_in_first() -> Any:
    try:
        current_principal()
    except Unauthenticated:
        return redirect("/login?next=" + quote(request.full_path.rstrip("?")))
    return None


def _cache(response: Response) -> None:
    """A fingerprinted file never changes; what stylesheets name (fonts) has none and is asked for once a day."""
    seconds = 31_536_000 if "v" in request.args else 86_400
    response.headers["Cache-Control"] = f"public, max-age={seconds}" + (", immutable" if "v" in request.args else "")


def _policy(app: Dash) -> str:
    """The Content-Security-Policy. Asked for every page: Dash adds a script of its own at its first request."""
    scripts = " ".join(["'self'", *app.csp_hashes()])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
        " font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    )


def _tell_in_toast(error: Exception) -> None:
    """What a callback could not do, as one sentence in the corner; an accident of ours is logged with its trace."""
    if isinstance(error, CallerError | BackendError):
        text = str(error)
    else:
        log.error("a page's callback failed", exc_info=error)
        text = "Something went wrong here. It is in the server's log. Try again, or reload the page."
    set_props(TOAST, {"data": {"text": text, "bad": True}})
