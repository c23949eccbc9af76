"""The pages that need no account and no JavaScript: landing, sign in, register, and signing out."""

from typing import Any

from flask import Blueprint, Flask, current_app, redirect, render_template, request
from flask_wtf.csrf import generate_csrf

from app import __version__
from app.auth import check_csrf, current_principal, from_loopback, optional_principal, services, sign_in, sign_out
from app.page_head import STYLESHEETS, THEME_SCRIPT, asset_address
from app.public_sample import sample_bars, sample_rows
from services.errors import CallerError, Forbidden, InvalidInput, QuotaExceeded, Unauthenticated

START_PAGE = "/explorer"

public = Blueprint("public", __name__)


def register_public_pages(server: Flask) -> None:
    """Add these pages; call it before Dash takes every address that is left."""
    server.register_blueprint(public)


@public.app_context_processor
def _page_values() -> dict[str, Any]:
    """What the templates need: addresses of assets, theme, version, the anonymous sample beside the forms."""
    theme = request.cookies.get("ev_theme", "")
    return {
        "asset": asset_address,
        "stylesheets": (*STYLESHEETS, "css/public.css"),
        "theme_script": THEME_SCRIPT,
        "theme": theme if theme in ("light", "dark") else "light",
        "version": __version__,
        "csrf": generate_csrf,
        "bars": sample_bars,
        "sample_rows": sample_rows,
        "mode": current_app.extensions["elkvision_config"].REGISTRATION,
    }


@public.get("/")
def landing() -> Any:
    """What this is, for visitors; members go on to their start page."""
    return redirect(START_PAGE) if optional_principal() else render_template("landing.html")


@public.route("/login", methods=["GET", "POST"])
def login() -> Any:
    """The sign-in form, and what it sends."""
    following = safe_address(request.values.get("next", ""))
    if request.method != "POST":
        return redirect(following) if optional_principal() else _login_form(following)
    form = request.form
    try:
        check_csrf(request)
        principal = services().accounts.sign_in(
            form.get("username", ""), form.get("password", ""), address=request.remote_addr or ""
        )
        sign_in(principal, remember="remember" in form)
    except CallerError as error:
        return _refusal(_login_form(following, str(error)), error)
    return redirect(following, 303)


@public.route("/register", methods=["GET", "POST"])
def register() -> Any:
    """The form for a new account, and what it sends; whoever registers is signed in."""
    if request.method != "POST":
        return redirect(START_PAGE) if optional_principal() else _register_form({})
    try:
        check_csrf(request)
        sign_in(_new_account(request.form), remember=False)
    except InvalidInput as error:
        return _refusal(_register_form({error.field or "form": str(error)}), error)
    except CallerError as error:
        return _refusal(_register_form({"form": str(error)}), error)
    return redirect(START_PAGE, 303)


@public.post("/logout")
def logout() -> Any:
    """End this session, on the server too."""
    try:
        current_principal()
    except Unauthenticated:
        return redirect("/login", 303)
    except Forbidden:
        return redirect(START_PAGE, 303)
    sign_out()
    return redirect("/login", 303)


def _new_account(form: Any) -> Any:
    if form.get("password", "") != form.get("again", ""):
        raise InvalidInput("The two passwords differ. Type the same one twice.", field="again")
    return services().accounts.register(
        form.get("username", "").strip(),
        form.get("email", "").strip(),
        form.get("password", ""),
        organisation=form.get("organisation", "").strip() or None,
        from_loopback=from_loopback(),
        setup_code=form.get("setup_code", "").strip() or None,
        invitation=form.get("invitation", "").strip() or None,
    )


def _login_form(following: str, fault: str = "") -> str:
    return render_template("login.html", fault=fault, following=following, username=request.form.get("username", ""))


def _register_form(faults: dict[str, str]) -> str:
    asks_code = services().accounts.needs_setup() and not from_loopback()
    given = request.form if request.method == "POST" else request.args
    return render_template("register.html", faults=faults, given=given, asks_code=asks_code)


def _refusal(page: str, error: CallerError) -> Any:
    """The form again, with a status for those who read it."""
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, QuotaExceeded) else {}
    status = 429 if isinstance(error, QuotaExceeded) else 401 if isinstance(error, Unauthenticated) else 422
    return page, status, headers


def safe_address(address: str) -> str:
    """`address` where it lies on this server, else the start page: nobody is sent elsewhere by a link to us."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\", "/login", "/register", "/_", "/api"))
    return address if inside and address.isprintable() and "\\" not in address and address != "/" else START_PAGE
