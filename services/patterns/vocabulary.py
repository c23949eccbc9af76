"""Words whose role in a log line is the same whatever program wrote it. Nothing here is of one system."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = _words(
    "a about after again all already also an and any are as at be because been before but by can cannot could did "
    "do does due during either every for from had has have if in into is it its may more must no nor not now of off "
    "on once only or other out over per shall should since so some such than that the their then there these this "
    "through to too under until up upon via was we were when where which while will with within without would yet "
    "you your"
)
"""Words of grammar: they are never a value."""

OUTCOMES = _words(
    "abort aborted accepted active added allowed available closed complete completed connected created deleted denied "
    "disabled disconnected done down enabled error errors exited expired fail failed failure failures false fatal "
    "finished found idle ignored inactive initialized invalid killed local loaded lost missing offline ok online open "
    "opened paused ready refused registered rejected remote removed restarted resumed running skipped start started "
    "starting stop stopped stopping succeeded success successful successfully terminated true unavailable unknown "
    "unsuccessful updated valid warning waiting written"
)
"""Words that say what happened. Two lines that differ in one of them are two events, never two values of one."""

NAMING_NOUNS = frozenset({"account", "host", "hostname", "login", "user", "username"})
"""What follows one of these nouns is mostly a name."""

EVENT_KEYS = _words(
    "action code err error event kind level message method msg op operation reason result severity state status type"
)
"""In `key=value`, the values of these keys say what happened."""

ABSENT_OR_BOOLEAN = frozenset({"true", "false", "null", "none", "nil", "yes", "no", "n/a", "undefined"})
LITERALS = frozenset({"null", "nil", "NULL", "true", "false"})
"""Words that are values wherever they stand."""

UNITS = _words("B KB MB GB TB PB kB KiB MiB GiB TiB K M G ns us µs ms s sec secs min mins h hr hrs Hz kHz MHz GHz")
"""What may stand behind a number and changes with its size."""

_DAYS = "Mon Tue Wed Thu Fri Sat Sun Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_MONTHS = (
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec January February March April June July August September October "
    "November December"
)
DATE_WORDS = _words(f"{_DAYS} {_MONTHS} AM PM am pm UTC GMT CET CEST EST EDT CST CDT MST MDT PST PDT")
"""Beside a number these are part of a date."""

DOMAINS = _words("com net org edu gov mil info biz arpa local localdomain lan internal")
"""A dotted name that ends with one of these is a host (Java packages begin with them)."""

SECOND_DOMAINS = _words("ac co com edu go gov gob ne net or org")
"""Before a country's two letters these make a host name certain."""
