"""Oslo log, the format of OpenStack's services."""

from services.ingest.formats.line_format import LineFormat
from services.ingest.levels import LEVEL_WORD

OSLO = LineFormat(
    "OpenStack",
    rf"(?:(?P<file>\S+\.log\S*) )?(?P<time>TIME) (?P<pid>\d+) (?P<level>{LEVEL_WORD}) (?P<logger>[\w.-]+)"
    r" \[(?:(?P<request>(?:None )?req-[\w-]+)[^\]]*|-)\] ?",
    notations=("iso",),
    columns={"service": "nullif(split_part(h.logger, '.', 1), '')"},
)
"""https://docs.openstack.org/oslo.log: time, pid, level, name, `[request id and user identity]`, message."""

FORMATS = (OSLO,)
