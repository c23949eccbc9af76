"""What container runtimes put before the lines of a container."""

from services.ingest.formats.line_format import LineFormat
from services.ingest.levels import LEVEL_WORD

_CAPITALS = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL|PANIC"
_INNER_LEVELS = (
    "CASE WHEN starts_with(m, '{') THEN regexp_extract(m, '\"(?i:level|severity|lvl|log\\.level|levelname)\" *: *\"(\\w+)\"', 1) END",
    "regexp_extract(m, '^([IWEF])\\d{4} \\d\\d:\\d\\d:\\d\\d\\.\\d', 1)",
    "regexp_extract(m, '(?:^| )(?:level|lvl|severity)=\"?(\\w+)', 1)",
    f"regexp_extract(m, '^[^a-z]{{0,48}}?\\b({_CAPITALS})\\b', 1)",
)
"""A container's own level: of JSON, klog and logfmt lines, or in capitals behind a time and marks."""

_LEVEL = "coalesce(" + ", ".join(f"nullif({each}, '')" for each in _INNER_LEVELS) + ")"

CRI = LineFormat(
    "Kubernetes CRI",
    r"(?P<time>\d{4}-\d\d-\d\dT\S+) (?P<stream>stdout|stderr) (?P<flag>[FP])(?::\S*)?(?: |$)",
    notations=("iso",),
    columns={"word": _LEVEL},
)
"""Lines marked P go on in the next line of their stream.

https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

COMPOSE = LineFormat(
    "docker compose",
    rf"(?P<service>[A-Za-z][\w.-]*?)(?:[-_]\d+)? +\| (?:\[?(?P<time>TIME)\]? +)?(?:\[?(?P<level>{LEVEL_WORD})\]?:? +)?",
)

FORMATS = (CRI, COMPOSE)
