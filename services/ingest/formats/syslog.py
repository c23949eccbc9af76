"""Syslog as daemons write it and as `journalctl` prints it."""

from services.ingest.formats.line_format import LineFormat

_PROGRAM = (
    r"(?:-- )?(?P<program>[^:\[\]]{1,60}?)"
    r"(?:\[(?P<pid>\d+)\]|\[[^\]\s]*\]| \d[\w.]*)(?: \([\w.\[\]-]+\))?: ?"
)
"""`syslogd 1.4.1: `, `Some Program[3]: `, `-- root[2]: `: what is rarer."""

_SIMPLE_PROGRAM = r"(?P<program>[^\s:\[\]]+)(?:\[(?P<pid>\d+)\])?(?: \([\w.\[\]-]+\))?: ?"
"""`sshd[1]: `, `su(pam_unix)[2]: `, `a.launchd[1] (b.agent): `."""

_PRI = r"(?:<(?P<pri>\d{1,3})>)"

_ADDRESS = (
    r"'(?:rhost=|from |client |host )\[?([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F.]*)', 1"
)
_USER = (
    r"'(?:(?:Failed|Accepted|Postponed) \S+ for (?:invalid user |illegal user )?|[Ii](?:nvalid|llegal) user |"
    r"session (?:opened|closed) for user |[; (](?:r?user|logname)=|authenticating user |name=)([\w.@$-]+)', 1"
)
_PORT = r"' port (\d{1,5})\b', 1"

_STAGES = (
    ("login", "regexp_matches(h.program, '^(?:sshd|sudo|su|login|ftpd|vsftpd|proftpd|dovecot|passwd|useradd)')"),
    ("address", f"CASE WHEN login THEN regexp_extract(m, {_ADDRESS}) END"),
    ("account", f"CASE WHEN login THEN regexp_extract(m, {_USER}) END"),
    ("port", f"CASE WHEN login AND address <> '' THEN regexp_extract(m, {_PORT}) END"),
)
"""Programs that let people in: whom they name, and where from."""

_ACCESS = {
    "source.ip": ("address", "text"),
    "source.port": ("port", "number"),
    "user.name": ("account", "text"),
}

_TIMES = ("rfc3164", "word day", "word day year")

RFC3164 = LineFormat(
    "syslog RFC 3164",
    rf"{_PRI}?(?P<time>TIME) (?P<host>[^\s\[\]|]+) +{_SIMPLE_PROGRAM}",
    notations=_TIMES,
    stages=_STAGES,
    attributes=_ACCESS,
    also=(
        LineFormat(
            "syslog RFC 3164, rarer programs",
            rf"{_PRI}?(?P<time>TIME) (?P<host>[^\s\[\]|]+) +(?:{_PROGRAM})?",
            notations=_TIMES,
        ),
    ),
)
"""RFC 3164 §4.1, with or without PRI, without a program too (`last message repeated 2 times`)."""

_ZONED = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"

ISO_SYSLOG = LineFormat(
    "syslog with ISO 8601 times",
    rf"{_PRI}?(?P<time>{_ZONED}) (?P<host>[^\s\[\]|]+) {_SIMPLE_PROGRAM}",
    notations=("iso",),
    stages=_STAGES,
    attributes=_ACCESS,
)
"""What rsyslog writes by RSYSLOG_FileFormat, and `journalctl -o short-iso`."""

JOURNAL_FULL = LineFormat(
    "journald short-full",
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<time>TIME) (?P<host>[^\s\[\]|]+) {_SIMPLE_PROGRAM}",
    notations=("iso", "year first"),
    stages=_STAGES,
    attributes=_ACCESS,
)

JOURNAL_UNIX = LineFormat(
    "journald short-unix",
    rf"(?P<time>\d{{9,10}}\.\d{{6}}) (?P<host>[^\s\[\]|]+) {_SIMPLE_PROGRAM}",
    notations=("epoch",),
    stages=_STAGES,
    attributes=_ACCESS,
)

_ELEMENT = r"\[[^\s\]=\"]+(?: [^\s\]=\"]+=\"(?:[^\"\\]|\\.)*\")*\]"
_PAIRS = (
    'list_transform(regexp_extract_all(e, \'[^\\s\\]="]+="(?:[^"\\\\]|\\\\.)*"\'), lambda p:'
    " to_json(split_part(p, '=', 1)) || ':' || to_json(regexp_replace(substr(p, instr(p, '=') + 2, length(p) -"
    " instr(p, '=') - 2), '\\\\([\"\\\\\\]])', '\\1', 'g')))"
)

RFC5424 = LineFormat(
    "syslog RFC 5424",
    rf"{_PRI}1 (?P<time>-|\d{{4}}-\S+) (?P<host>\S+) (?P<program>\S+) (?P<pid>\S+) (?P<msgid>\S+)"
    rf" (?P<data>-|(?:{_ELEMENT})+) ?\x{{FEFF}}?",
    notations=("iso",),
    stages=(
        ("elements", f"CASE WHEN h.data <> '-' THEN regexp_extract_all(h.data, '{_ELEMENT}') END"),
        (
            "structured",
            "CASE WHEN elements IS NOT NULL THEN '{' || array_to_string(list_transform(elements, lambda e:"
            " to_json(regexp_extract(e, '^\\[([^\\s\\]]+)', 1)) || ':{' ||"
            f" array_to_string({_PAIRS}, ',') || '}}'), ',') || '}}' END",
        ),
    ),
    columns={
        "time": "CASE h.time WHEN '-' THEN '' ELSE h.time END",
        "service": "nullif(nullif(h.program, ''), '-')",
        "host": "nullif(nullif(h.host, ''), '-')",
    },
    attributes={
        "process.name": ("nullif(h.program, '-')", "text"),
        "process.pid": ("nullif(h.pid, '-')", "number"),
        "log.syslog.msgid": ("nullif(h.msgid, '-')", "text"),
        "log.syslog.structured_data": ("structured", "json"),
    },
)
"""RFC 5424 §6: a `-` says that a field is missing."""

KERNEL = LineFormat(
    "kernel messages",
    r"(?:<(?P<pri>\d{1,3})>)?\[ *(?P<uptime>\d+\.\d{6})\] (?:(?P<logger>[\w-]+(?: [0-9a-f:.]+)?): )?",
    attributes={"log.uptime": ("h.uptime", "number")},
)
"""`dmesg`: seconds since the machine started, no date."""

FORMATS = (RFC5424, RFC3164, ISO_SYSLOG, JOURNAL_FULL, JOURNAL_UNIX, KERNEL)
