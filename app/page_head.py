"""What every page loads, by address with a fingerprint: a changed file is fetched anew, an unchanged one never."""

import hashlib
from functools import lru_cache
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"

STYLESHEETS = (
    "vendor/bootstrap/bootstrap.min.css",
    "vendor/bootstrap-icons/bootstrap-icons.min.css",
    "css/fonts.css",
    "css/tokens.css",
    "css/base.css",
    "css/shell.css",
    "css/explorer.css",
    "css/upload.css",
    "css/delivery.css",
)
"""In this order: Bootstrap, then our tokens over it, then what is drawn with them."""

THEME_SCRIPT = "js/theme.js"

SCRIPTS = (
    "js/session.js",
    "js/shell.js",
    "js/rows.js",
    "js/query.js",
    "js/explorer.js",
    "js/upload.js",
    "js/settings.js",
)
"""In this order, before the renderer of Dash starts."""


@lru_cache(maxsize=64)
def asset_address(name: str) -> str:
    """The address of a file under assets/, with a fingerprint of its content."""
    digest = hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:12]
    return f"/assets/{name}?v={digest}"


def head_tags() -> str:
    """The tags that stand in the head of the Dash page."""
    links = "".join(f'<link rel="stylesheet" href="{asset_address(name)}">' for name in STYLESHEETS)
    icon = f'<link rel="icon" type="image/svg+xml" href="{asset_address("favicon.svg")}">'
    return f'{icon}{links}<script src="{asset_address(THEME_SCRIPT)}"></script>'


def script_tags() -> str:
    """The tags of our own scripts."""
    return "".join(f'<script src="{asset_address(name)}"></script>' for name in SCRIPTS)
