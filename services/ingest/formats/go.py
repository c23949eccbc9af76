"""Go's loggers: klog and glog, zap on a console, capnslog, logrus on a terminal."""

from services.ingest.formats.line_format import LineFormat
from services.ingest.levels import LEVEL_WORD

KLOG = LineFormat(
    "klog",
    r"(?P<level>[IWEFD])(?P<time>(?:\d{4})?\d{4} \d\d:\d\d:\d\d\.\d{1,9}) +(?P<tid>\d+) (?P<file>[^\s\]:]+):(?P<lineno>\d+)\] ?",
    notations=("mmdd h:m:s.f", "yyyymmdd-h:m:s"),
)
"""https://github.com/kubernetes/klog: `Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg`, glog's with the year."""

_REST = "regexp_extract(m, '^(.*?)\\s*(\\{.*\\})?$', ['text', 'fields'])"

ZAP = LineFormat(
    "zap console",
    rf"(?P<time>TIME)\t(?P<level>{LEVEL_WORD})\t(?:(?P<logger>[A-Za-z][\w.\-/]*)\t)?(?:(?P<file>[\w./@-]+\.go):(?P<lineno>\d+)\t)?",
    evidence=r"\t(?:[\w./@-]+\.go:\d+\t|\{.*\}$)",
    stages=(("z", _REST), ("fields", "CASE WHEN json_valid(z.fields) THEN z.fields END")),
    columns={"message": "CASE WHEN fields IS NULL THEN m ELSE z.text END"},
    attributes={"fields": ("fields", "json")},
)
CAPNSLOG = LineFormat("capnslog", r"(?P<time>TIME) (?P<level>[CEWNIDT]) \| (?P<logger>[\w/.-]+): ")
LOGRUS = LineFormat("logrus on a terminal", r"(?P<level>[A-Z]{4})\[(?:\d{4,}|(?P<time>TIME))\] ")

FORMATS = (KLOG, ZAP, CAPNSLOG, LOGRUS)
