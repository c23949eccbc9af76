"""log4j, logback and relatives: Hadoop and its family, ZooKeeper, Spring Boot, Tomcat, Kafka, Elasticsearch."""

from services.ingest.formats.line_format import LineFormat
from services.ingest.levels import LEVEL_WORD

_LEVEL = rf"(?P<level>{LEVEL_WORD})"
_THREAD = r"\[(?P<thread>[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]"
"""A thread name may hold one more pair of brackets: `[QuorumPeer[myid=1]/0:0:2181]`."""

_LOGGER = r"(?P<logger>[A-Za-z_][\w$.\-/]*(?:\[[\w.$/-]*\])?)"
_TIME = r"(?P<time>TIME)"

ZOOKEEPER = LineFormat(
    "log4j, ZooKeeper style",
    rf"{_TIME} +(?:\[(?P<node>[^\[\]]*)\] *)?- *{_LEVEL} *\[(?P<where>[^\[\]@]*(?:\[[^\[\]@]*\][^\[\]@]*)*)@(?P<lineno>\d+)\] *(?:- ?)?",
    stages=(("logger", "split_part(h.where, ':', -1)"),),
    attributes={
        "log.logger": ("logger", "text"),
        "process.thread.name": ("h.where[: -(length(logger) + 2)]", "text"),
    },
)
SPRING = LineFormat(
    "Spring Boot",
    rf"{_TIME} +{_LEVEL} +(?:\[(?P<service>[^,\]]*)(?:,(?P<trace_id>\w*),(?P<span_id>\w*)(?:,\w*)?)?\] +)?"
    rf"(?P<pid>\d+) --- (?:\[(?P<node>[^\]]*)\] )?\[ *(?P<thread>[^\]]*)\] +(?:\[[^\]]*\] +)?(?P<logger>\S+) *: ",
)
THREAD_LOGGER = LineFormat(
    "log4j with thread",
    rf"\[?{_TIME}\]? +{_LEVEL} +{_THREAD} +{_LOGGER}(?: (?:: |- |-$)|:(?: |$))",
)
LOGBACK = LineFormat(
    "logback",
    rf"\[?{_TIME}\]? +{_THREAD} +{_LEVEL} +{_LOGGER}(?:\((?P<lineno>\d+)\))?(?: +(?:- |: |-$)|: |:$|- |-$)",
)
LOGBACK_BRACKETS = LineFormat(
    "logback",
    rf"\[?{_TIME}\]? +{_THREAD} +\[{_LEVEL} *\] +{_LOGGER}(?:\((?P<lineno>\d+)\))?(?: +(?:- |: |-$)|: |:$|- |-$)",
)
_LOGGER_ENDS = r"(?: (?:: |- |-$)|:(?: |$))"
LOGGER = LineFormat("log4j", rf"\[?{_TIME}\]? +(?:(?P<pid>\d+) +)?{_LEVEL} +{_LOGGER}{_LOGGER_ENDS}")
LOGGER_BRACKETS = LineFormat("log4j", rf"\[?{_TIME}\]? +(?:(?P<pid>\d+) +)?\[{_LEVEL} *\] +{_LOGGER}{_LOGGER_ENDS}")
KAFKA = LineFormat(
    "log4j, Kafka style",
    rf"\[{_TIME}\] {_LEVEL} (?:\[(?P<thread>[^\]]*)\]:? )?",
    evidence=r" \([\w.$]+\)\s*$",
    stages=(("logger", "regexp_extract(m, ' \\(([\\w.$]+)\\)$', 1)"),),
    columns={"message": "CASE WHEN logger = '' THEN m ELSE m[:-(length(logger) + 4)] END"},
    attributes={"log.logger": ("logger", "text")},
)
ELASTICSEARCH = LineFormat(
    "log4j, Elasticsearch style",
    rf"\[{_TIME}\]\[{_LEVEL} *\]\[(?P<logger>[^\]]*?) *\] ?(?:\[(?P<node>[^\]]*)\] ?)?",
)
CASSANDRA = LineFormat(
    "logback, level first",
    rf"{_LEVEL} +(?:{_THREAD} +)?\[?{_TIME}\]?,? +(?:(?P<file>[\w$.-]+\.(?:java|scala|kt|groovy|py|go|cc|rs)):(?P<lineno>\d+) +|{_LOGGER} *(?:- |: ))- ?",
)
JUL = LineFormat(
    "java.util.logging",
    r"(?P<time>TIME) (?P<logger>[\w$]+(?:\.[\w$<>]+)+)(?: (?P<function>[\w$<>]+))?$",
    notations=("word day year",),
    follows=rf"^(?P<level>{LEVEL_WORD}): ",
)
"""Two lines a record: the level stands at the head of the second one."""

FORMATS = (
    ZOOKEEPER,
    SPRING,
    THREAD_LOGGER,
    LOGBACK,
    LOGBACK_BRACKETS,
    KAFKA,
    ELASTICSEARCH,
    CASSANDRA,
    JUL,
    LOGGER,
    LOGGER_BRACKETS,
)
