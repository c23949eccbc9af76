"""The logs of database servers, and Ruby's logger, which looks like none of the others."""

from services.ingest.formats.line_format import LineFormat

POSTGRES = LineFormat(
    "PostgreSQL",
    r"(?P<time>TIME) \[(?P<pid>\d+)(?:-\d+)?\] (?:(?P<user>[^@\s]*)@(?P<database>\S*) )?"
    r"(?P<level>DEBUG[1-5]|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION): +",
)
"""https://www.postgresql.org/docs/current/runtime-config-logging.html, the default and the distributions' line prefix."""

MYSQL = LineFormat(
    "MySQL",
    r"(?P<time>TIME) (?P<tid>\d+) \[(?P<level>\w+)\] (?:\[(?P<code>MY-\d+)\] )?(?:\[(?P<logger>\w+)\] )?",
)
REDIS = LineFormat(
    "Redis",
    r"(?P<pid>\d+):(?P<role>[XCSM]) (?P<time>TIME) (?P<mark>[.*#-]) ",
    columns={"level": "CASE h.mark WHEN '#' THEN 'warning' WHEN '*' THEN 'info' ELSE 'debug' END"},
    attributes={"redis.role": ("h.role", "text")},
)
"""Marks are debug `.`, verbose `-`, notice `*` and warning `#`."""

MONGODB = LineFormat("MongoDB", r"(?P<time>TIME) (?P<level>[FEWID])\d? +(?P<logger>[A-Z]+|-) +\[(?P<thread>[^\]]*)\] ")
RUBY = LineFormat("Ruby logger", r"[DIWEFA], \[(?P<time>TIME) #(?P<pid>\d+)\] +(?P<level>\w+) -- (?P<logger>[^:]*): ?")

FORMATS = (POSTGRES, MYSQL, REDIS, MONGODB, RUBY)
