"""Oslo log, the format of OpenStack's services."""

from services.ingest.formats.line_format import LineFormat
from services.ingest.levels import LEVEL_WORD

_HEADER = (
    rf"(?P<time>TIME) (?P<pid>\d+) (?P<level>{LEVEL_WORD}) (?P<logger>[\w.-]+)"
    r" \[(?:(?P<request>(?:None )?req-[\w-]+)(?: [^\]]*)?|-)\] ?"
)
_SERVICE = {"service": "nullif(split_part(h.logger, '.', 1), '')"}

OSLO = LineFormat("OpenStack", _HEADER, notations=("iso",), columns=_SERVICE)
"""https://docs.openstack.org/oslo.log: time, pid, level, name, `[request id and user identity]`, message."""

OSLO_COLLECTED = LineFormat("OpenStack", rf"(?P<file>\S+) {_HEADER}", notations=("iso",), columns=_SERVICE)
"""The same with the name of the file before, as collectors write it."""

FORMATS = (OSLO, OSLO_COLLECTED)
