"""What container runtimes put before the lines of a container."""

from services.ingest.formats.line_format import LineFormat
from services.ingest.levels import LEVEL_WORD

CRI = LineFormat(
    "Kubernetes CRI",
    r"(?P<time>\d{4}-\d\d-\d\dT\S+) (?P<stream>stdout|stderr) (?P<flag>[FP])(?::\S*)?(?: |$)",
    notations=("iso",),
)
"""Lines marked P go on in the next line of their stream.

https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

COMPOSE = LineFormat(
    "docker compose",
    rf"(?P<service>[A-Za-z][\w.-]*?)(?:[-_]\d+)? +\| (?:\[?(?P<time>TIME)\]? +)?(?:\[?(?P<level>{LEVEL_WORD})\]?:? +)?",
)

FORMATS = (CRI, COMPOSE)
