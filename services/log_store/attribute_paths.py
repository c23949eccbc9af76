"""Which paths into the attributes are served, in every store."""

from services.errors import InvalidQuery
from services.query.fields import MAX_PATH_PARTS

MAX_PATH_LENGTH = 1_000


def is_served(path: str) -> bool:
    """Whether a dotted path can be asked for."""
    return 0 < len(path) <= MAX_PATH_LENGTH and path.count(".") < MAX_PATH_PARTS and "\x00" not in path


def check_path(path: str) -> None:
    """Raise `InvalidQuery` for a path that is not served."""
    if not is_served(path):
        expected = f"at most {MAX_PATH_PARTS} names joined by dots, {MAX_PATH_LENGTH:,} characters in all"
        raise InvalidQuery("This is no path into the attributes.", expected=expected)
