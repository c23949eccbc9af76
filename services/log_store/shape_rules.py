"""Which shape of a message gets a number, whatever keeps the dictionary.

Python looks at distinct shapes only, never at records. Text without structure would blow the dictionary up, so a source
whose messages hardly repeat gets no shapes at all (`shape_id` NULL), and neither does anything after the organisation's
limit. The idea is CLP's (Rodrigues et al., OSDI 2021).
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.coded import encoded

WINDOW_ROWS = 10_000
NEW_SHARE = 0.10
"""A source with more than this share of new shapes over a window has no structure worth a dictionary."""
MAX_SHAPES = 50_000
MAX_SHAPE_BYTES = 4_096
"""With 1,024, one message in twelve of up to 2 kB had no shape, and every search for a word read those: 5 ms became 60."""
MAX_DICTIONARY_BYTES = 16 << 20
"""Of all shapes of an organisation together: 50,000 of 300 bytes."""
MANY_SOURCES = 500
"""A batch with more is judged as a whole: 20,000 sources one by one took 5 s."""
_MEMORY_ENTRIES = 20_000

Read = Callable[[list[str]], dict[str, int]]
"""The numbers of those of these shapes that the dictionary holds."""


@dataclass(frozen=True)
class Window:
    """What was seen of one source since its window began."""

    rows: int = 0
    new: int = 0

    @property
    def is_full(self) -> bool:
        return self.rows >= WINDOW_ROWS

    @property
    def is_shapeless(self) -> bool:
        return self.is_full and self.new > NEW_SHARE * self.rows


@dataclass(frozen=True)
class Filling:
    """How full a dictionary is: shapes that count against the limit, the next number, bytes of their texts."""

    count: int = 0
    next_id: int = 0
    size_bytes: int = 0


@dataclass
class Plan:
    """What one batch adds to the dictionary: new shapes with their numbers, and sources without structure."""

    shapes: dict[str, int] = field(default_factory=dict)
    shapeless: set[str | None] = field(default_factory=set)
    windows: dict[str | None, Window] = field(default_factory=dict)
    shape_bytes: int = 0

    @property
    def is_empty(self) -> bool:
        """Nothing has to be written down."""
        return not self.shapes and not self.shapeless


class ShapeAssigner:
    """Gives shapes their numbers: what is recently used in memory, the rest asked of the dictionary. One thread at a time.

    What `assign` decides is `plan` until `settle` says that it is written down, or the next `assign` throws it away.
    """

    def __init__(self, filling: Filling, shapeless: set[str | None]):
        self._filling = filling
        self._shapeless = shapeless
        self._known: OrderedDict[str, int] = OrderedDict()
        self._windows: dict[str | None, Window] = {}
        self.plan = Plan()

    def assign(self, sources: pa.ChunkedArray, shapes: pa.ChunkedArray, read: Read) -> pa.Array:
        """The number of every record's shape (int32, NULL without one); what is new stands in `plan` afterwards."""
        self.plan = Plan()
        per_shape, per_source = encoded(shapes), encoded(sources)
        indices, words = per_shape.indices, per_shape.dictionary
        is_one = len(per_source.dictionary) <= 1 and not (len(per_source.dictionary) and per_source.null_count)
        if is_one or len(per_source.dictionary) > MANY_SOURCES:
            source = per_source.dictionary[0].as_py() if is_one and len(per_source.dictionary) else None
            return pc.take(self._of_source(source, len(shapes), words, read), indices)
        return self._of_many(per_source, indices, words, read)

    def settle(self) -> None:
        """The plan of the last `assign` is written down."""
        plan, self.plan = self.plan, Plan()
        self._windows.update(plan.windows)
        while len(self._windows) > _MEMORY_ENTRIES:
            self._windows.pop(next(iter(self._windows)))
        self._shapeless |= plan.shapeless
        self._filling = self.filling_with(plan)
        self._remember(plan.shapes)

    def filling_with(self, plan: Plan) -> Filling:
        """How full the dictionary is with what `plan` adds."""
        before, new = self._filling, len(plan.shapes)
        return Filling(before.count + new, before.next_id + new, before.size_bytes + plan.shape_bytes)

    def refresh(self, filling: Filling, shapeless: set[str | None]) -> None:
        """Others have written to the dictionary."""
        self._filling = filling
        self._shapeless |= shapeless

    def _of_many(self, sources: pa.DictionaryArray, indices: pa.Array, words: pa.Array, read: Read) -> pa.Array:
        found = pa.nulls(len(indices), pa.int32())
        source_numbers = pc.fill_null(sources.indices, -1)
        for number in pc.unique(source_numbers).to_pylist():
            mask = pc.equal(source_numbers, number)
            own = indices.filter(mask)
            used = pc.drop_null(pc.unique(own))
            source = None if number < 0 else sources.dictionary[number].as_py()
            ids = self._of_source(source, len(own), words.take(used), read)
            position = pc.index_in(own, value_set=used)
            found = pc.replace_with_mask(found, mask, pc.take(ids, position))
        return found

    def _of_source(self, source: str | None, rows: int, words: pa.Array, read: Read) -> pa.Array:
        """The number of each distinct shape of one source; all NULL where the source has no structure."""
        nothing = pa.nulls(len(words), pa.int32())
        if source in self._shapeless or source in self.plan.shapeless:
            return nothing
        if rows >= WINDOW_ROWS and len(words) > MAX_SHAPES:
            self.plan.shapeless.add(source)
            return nothing
        texts = words.to_pylist()
        known = self._look_up(texts, read)
        new = [text for text in texts if text not in known and len(text.encode()) <= MAX_SHAPE_BYTES]
        if self._becomes_shapeless(source, rows, len(new)):
            return nothing
        for text in new[: max(0, MAX_SHAPES - self._filling.count - len(self.plan.shapes))]:
            if self._filling.size_bytes + self.plan.shape_bytes > MAX_DICTIONARY_BYTES:
                break
            known[text] = self.plan.shapes[text] = self._filling.next_id + len(self.plan.shapes)
            self.plan.shape_bytes += len(text.encode())
        return pa.array([known.get(text) for text in texts], pa.int32())

    def _becomes_shapeless(self, source: str | None, rows: int, new: int) -> bool:
        before = self.plan.windows.get(source) or self._windows.get(source) or Window()
        window = replace(before, rows=before.rows + rows, new=before.new + new)
        self.plan.windows[source] = Window() if window.is_full else window
        if window.is_shapeless:
            self.plan.shapeless.add(source)
        return window.is_shapeless

    def _look_up(self, texts: list[str], read: Read) -> dict[str, int]:
        found = {text: self._known[text] for text in texts if text in self._known}
        for text in found:
            self._known.move_to_end(text)
        found.update({text: self.plan.shapes[text] for text in texts if text in self.plan.shapes})
        missing = [text for text in texts if text not in found]
        if missing and self._filling.count > len(self._known):
            read_now = read(missing)
            self._remember(read_now)
            found.update(read_now)
        return found

    def _remember(self, shapes: dict[str, int]) -> None:
        self._known.update(shapes)
        while len(self._known) > _MEMORY_ENTRIES:
            self._known.popitem(last=False)
