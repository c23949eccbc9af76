"""Random trees of queries: such as a text can say, with any characters in names and values."""

from hypothesis import strategies as st

from services.query.fields import is_number, resolve
from services.query.language import (
    And,
    Exists,
    Field,
    MatchAll,
    Network,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Wildcard,
    Word,
)
from services.query.leaves import MAX_READINGS
from services.query.printing import canonical

ODD = "aZ09_é日ς .,:;-+!?*\"'\\/()[]{}<>=&|^~@#\n\t\u00a0\u200b\x1f"
_TRAPS = [
    "AND",
    "OR",
    "NOT",
    "TO",
    "10.0.0.0/8",
    "::1/128",
    "-5",
    "+5",
    "now-1d/d",
    "T12:30",
    "a.b",
    "//",
    "_x_",
    "a!=1",
    "a>5",
    "fe80::1",
    "2026-01-01T10:00:00Z",
    "*",
    "**",
    "||",
    "&&",
    "1e5",
]
texts = st.one_of(
    st.text(alphabet=ODD, max_size=8),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
    st.sampled_from(_TRAPS),
)
names = st.one_of(
    st.sampled_from(
        ["f", "user.id", "host", "service.name", "tags", "attributes.level", "a", "T12", "AND", "_f_", "404"]
    ),
    texts.filter(lambda name: bool(resolve(name).name) and resolve(name).name.count(".") < 4),
).filter(lambda name: resolve(name).kind.value in ("keyword", "tags", "attribute"))


wildcards = st.builds(
    lambda before, wild, after: _escaped(before) + wild + _escaped(after), texts, st.sampled_from("*?"), texts
).filter(lambda pattern: bool(pattern.strip("*")))
token_wildcards = st.text(alphabet="aé日_9*?", min_size=1, max_size=8).filter(
    lambda pattern: bool(pattern.strip("*")) and ("*" in pattern or "?" in pattern)
)
regexes = st.one_of(
    st.sampled_from(["a", "a/b", r"\d+", "a b", 'say "a"', "(a|b)", "[/]", r"\\", "a:b"]),
    texts.filter(lambda text: bool(text)).map(lambda text: text.replace("\\", "\\\\")),
)
numbers = st.sampled_from(["0", "-5", "1.5", "2e3", "404"])
bounds = st.one_of(
    st.tuples(numbers, numbers),
    st.tuples(texts, texts).filter(lambda pair: not any(is_number(text) for text in pair)),
)
times = st.sampled_from(["2026-01-01", "now-2h/d", "2026-01-01T10:00:00Z", "2026-01-01 10:00", "1700000000", "now"])


def _escaped(text: str) -> str:
    return "".join("\\" + character if character in "*?\\" else character for character in text)


def _range(name: str, pair: tuple[str, str], sides: int, low: bool, high: bool) -> Range:
    return Range(name, pair[0] if sides != 1 else None, pair[1] if sides != 2 else None, low, high)


leaves: st.SearchStrategy[Query] = st.one_of(
    st.builds(Word, texts.filter(lambda text: bool(text))),
    st.builds(Phrase, texts),
    st.builds(Field, names, texts, st.booleans()),
    st.builds(Field, st.just("message"), texts),
    st.builds(Field, st.just("timestamp"), times),
    st.builds(Field, st.just("level"), st.sampled_from(["error", "WARN"])),
    st.builds(Wildcard, names, wildcards),
    st.builds(Wildcard, st.sampled_from(["message", "raw"]), token_wildcards),
    st.builds(Regex, st.one_of(names, st.just("message")), regexes),
    st.builds(_range, names, bounds, st.integers(0, 2), st.booleans(), st.booleans()),
    st.builds(_range, st.just("timestamp"), st.tuples(times, times), st.integers(0, 2), st.booleans(), st.booleans()),
    st.builds(Exists, names),
    st.builds(Network, names, st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "::/0", "0.0.0.0/0"])),
    st.just(MatchAll()),
)


def _joined(children: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(children, min_size=1, max_size=4).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, children))


trees = st.recursive(leaves, _joined, max_leaves=12).filter(lambda tree: readings(tree) <= MAX_READINGS)


def readings(query: Query) -> int:
    """What the dotted names of a tree cost."""
    match canonical(query):
        case And(children) | Or(children):
            return sum(readings(child) for child in children)
        case Not(child):
            return readings(child)
        case Field(name=name) | Wildcard(name=name) | Regex(name=name) | Range(name=name) | Exists(name=name):
            return 2 ** resolve(name).name.count(".")
    return 0
