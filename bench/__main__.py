"""`make bench`: everything in one run; ratios mean something on a shared machine, absolute times little.

`python -m bench [part ...] [records] [more records]`: some of the parts (`PARTS`, all when none is named) with so many
records instead of 2,000,000 and 10,000,000. With one number nothing larger is measured: `python -m bench search 200000`.
The part `elasticsearch` needs a server, and is only measured when it is named.
"""

import sys
import time
from collections.abc import Callable, Sequence

from bench import elastic, ingest, ingest_store, live_filter, patterns, search
from bench.report import say

RECORDS, MORE_RECORDS = 2_000_000, 10_000_000
MOST_INGESTED = 1_000_000

Part = Callable[[int, int | None], None]

PARTS: dict[str, Part] = {
    "ingest": lambda size, larger: ingest.main(min(size, MOST_INGESTED)),
    "index": lambda size, larger: ingest_store.main(min(size, MOST_INGESTED)),
    "search": search.main,
    "patterns": lambda size, larger: patterns.main(),
    "live": lambda size, larger: live_filter.main(),
    "elasticsearch": lambda size, larger: elastic.main(size),
}
EMBEDDED = [name for name in PARTS if name != "elasticsearch"]


def main(arguments: Sequence[str]) -> None:
    """Print the parts that are named. Ends with a sentence where an argument is none of them and no number."""
    names = [each for each in arguments if not each.isdigit()] or EMBEDDED
    sizes = [int(each) for each in arguments if each.isdigit()] or [RECORDS, MORE_RECORDS]
    if unknown := set(names) - PARTS.keys():
        sys.exit(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    began = time.monotonic()
    for name in names:
        say(f"\n== {name}")
        PARTS[name](sizes[0], sizes[1] if len(sizes) > 1 else None)
    say(f"\n{(time.monotonic() - began) / 60:.1f} minutes in all")


if __name__ == "__main__":
    main(sys.argv[1:])
