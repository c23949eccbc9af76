"""Error logs of web servers."""

from services.ingest.formats.line_format import LineFormat

APACHE_ERROR = LineFormat(
    "Apache error log",
    r"\[(?P<time>TIME)\] \[(?:(?P<logger>[\w-]*):)?(?P<level>\w+)\] (?:\[pid (?P<pid>\d+)(?::tid (?P<tid>\d+))?\] )?",
    notations=("ctime", "c time"),
    stages=(
        (
            "peer",
            "regexp_extract(m, '^(?:\\(\\d+\\)[^\\[]*)?\\[(?:client|remote) ([^\\]]+?)(?::(\\d+))?\\]', ['ip', 'port'])",
        ),
    ),
    attributes={"client.ip": ("peer.ip", "text"), "client.port": ("peer.port", "number")},
)
"""https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat; the client stays in the message, where readers look for it."""


def _named(name: str) -> str:
    return f"regexp_extract(m, ', {name}: \"?([^\",]+)', 1)"


NGINX_ERROR = LineFormat(
    "nginx error log",
    r"(?P<time>TIME) \[(?P<level>\w+)\] (?P<pid>\d+)#(?P<tid>\d+): (?:\*(?P<connection>\d+) )?",
    notations=("iso",),
    stages=(
        ("request", "regexp_extract(m, ', request: \"([A-Z]+) (\\S+)', ['method', 'path'])"),
        ("named", "contains(m, ', client: ')"),
    ),
    attributes={
        "client.ip": (f"CASE WHEN named THEN {_named('client')} END", "text"),
        "server.domain": (f"CASE WHEN named THEN {_named('server')} END", "text"),
        "http.request.method": ("request.method", "text"),
        "url.path": ("request.path", "text"),
        "nginx.connection": ("h.connection", "number"),
    },
)

FORMATS = (APACHE_ERROR, NGINX_ERROR)
