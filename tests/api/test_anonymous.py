"""What answers without a credential, as a list."""

import re
from typing import Any

from flask.testing import FlaskClient

OPEN = {
    "/",
    "/login",
    "/register",
    "/api/auth/login/",
    "/api/auth/register/",
    "/api/docs/",
    "/api/docs/assets/<name>",
    "/api/health/",
    "/api/health/live/",
    "/api/health/ready/",
    "/api/redoc/",
    "/api/schema/",
}
STATIC = ("/assets/", "/static/", "/_dash-component-suites/", "/_favicon.ico", "/favicon.ico", "/robots.txt")
METRICS = "/metrics"
"""Open to loopback only, and tested with the metrics."""

ANYWHERE = "/<path:path>"
"""The pages' own route for every other address: 404 where there is no such page."""


def test_exactly_the_listed_addresses_answer_visitors(server: Any) -> None:
    opened = set()
    for rule in server.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "0" * 16 + "-" + "0" * 16, rule.rule)
        if path.startswith(STATIC) or rule.rule == METRICS:
            continue
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            answer = server.test_client().open(path, method=method)
            to_sign_in = answer.status_code in (302, 303) and "/login" in answer.headers["Location"]
            nowhere = rule.rule == ANYWHERE and answer.status_code == 404
            if answer.status_code not in (401, 403) and not to_sign_in and not nowhere:
                opened.add(rule.rule)
    assert opened == OPEN


def test_assets_of_the_documentation_are_the_known_files_only(visitor: FlaskClient) -> None:
    for name in ("..%2f..%2fdocs.py", "swagger.svg", "__init__.py"):
        assert visitor.get(f"/api/docs/assets/{name}").status_code == 404
