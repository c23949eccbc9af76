"""The schema at schema/, Swagger UI at docs/ and ReDoc at redoc/. Scripts and styles come from installed packages:
no page asks another host for anything.
"""

from importlib.resources import files
from typing import Any

import flask_openapi3_redoc
import flask_openapi3_swagger
import orjson
from flask import Blueprint, Response, current_app
from werkzeug.exceptions import NotFound

from app.api.document import openapi_document

docs = Blueprint("api_docs", __name__, url_prefix="/api")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Both viewers write their styles at run time; scripts are files of ours only."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · ELK Vision</title>
<link rel="icon" href="data:,">
<style>body {{ margin: 0; }}</style>
{styles}
</head>
<body>
<div id="viewer"></div>
{scripts}
</body>
</html>
"""

_START_SWAGGER = """
function csrfToken() {
  const pair = document.cookie.split("; ").find((each) => each.startsWith("_csrf_token="));
  return pair ? decodeURIComponent(pair.slice("_csrf_token=".length)) : null;
}
window.ui = SwaggerUIBundle({
  url: "/api/schema/",
  dom_id: "#viewer",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  requestInterceptor: (request) => {
    const token = csrfToken();
    if (token) request.headers["X-CSRFToken"] = token;
    return request;
  },
});
"""

_START_REDOC = """
Redoc.init("/api/schema/", { disableSearch: false }, document.getElementById("viewer"));
"""

_ASSETS = {
    "swagger-ui.css": (flask_openapi3_swagger, "templates/swagger/css/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (flask_openapi3_swagger, "templates/swagger/js/swagger-ui-bundle.js", "text/javascript"),
    "redoc.standalone.js": (flask_openapi3_redoc, "templates/redoc/js/redoc.standalone.js", "text/javascript"),
}
_SCRIPTS = {"start-swagger.js": _START_SWAGGER, "start-redoc.js": _START_REDOC}
_FOREIGN_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


@docs.get("/schema/", strict_slashes=False)
def get_schema() -> Response:
    """The OpenAPI document."""
    return Response(orjson.dumps(openapi_document(current_app)), content_type="application/json")  # type: ignore[arg-type]


@docs.get("/docs/", strict_slashes=False)
def show_swagger() -> Response:
    """Swagger UI, to read and to try."""
    return _page("API", ["swagger-ui.css"], ["swagger-ui-bundle.js", "start-swagger.js"])


@docs.get("/redoc/", strict_slashes=False)
def show_redoc() -> Response:
    """ReDoc, to read."""
    return _page("API reference", [], ["redoc.standalone.js", "start-redoc.js"])


@docs.get("/docs/assets/<name>")
def get_docs_asset(name: str) -> Response:
    """A script or style of the two viewers."""
    if name in _SCRIPTS:
        return _file(_SCRIPTS[name].encode(), "text/javascript")
    if name not in _ASSETS:
        raise NotFound
    package, path, kind = _ASSETS[name]
    return _file(_read(package, path), kind)


def _read(package: Any, path: str) -> bytes:
    content = files(package).joinpath(path).read_bytes()
    return content.replace(_FOREIGN_LOGO, b"data:,")


def _file(content: bytes, kind: str) -> Response:
    response = Response(content, content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


def _page(title: str, styles: list[str], scripts: list[str]) -> Response:
    page = _PAGE.format(
        title=title,
        styles="\n".join(f'<link rel="stylesheet" href="/api/docs/assets/{name}">' for name in styles),
        scripts="\n".join(f'<script src="/api/docs/assets/{name}"></script>' for name in scripts),
    )
    return Response(page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CSP})
