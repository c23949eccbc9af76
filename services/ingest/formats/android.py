"""Android's logcat."""

from services.ingest.formats.line_format import LineFormat

THREADTIME = LineFormat(
    "logcat",
    r"(?P<time>(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9}) +(?P<pid>\d+) +(?P<tid>\d+) (?P<level>[VDIWEFA]) (?P<logger>[^:]*?) *: ?",
    notations=("iso", "mm-dd"),
)
BRIEF = LineFormat(
    "logcat brief",
    r"(?:(?P<time>(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9}) +)?(?P<level>[VDIWEFA])/(?P<logger>[^(]*?) *\( *(?P<pid>\d+)\): ",
    notations=("iso", "mm-dd"),
)
"""https://developer.android.com/tools/logcat#outputFormat"""

FORMATS = (THREADTIME, BRIEF)
