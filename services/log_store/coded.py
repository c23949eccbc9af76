"""Columns of texts as dictionaries: each different text once, and a number for every record."""

import pyarrow as pa
import pyarrow.compute as pc


def encoded(column: pa.ChunkedArray | pa.Array) -> pa.DictionaryArray:
    """The column as a dictionary of the texts that occur in it, each once. One that is a dictionary already may hold
    more, and the same twice; both are put right without looking at the records' texts.
    """
    array = whole(column)
    if not pa.types.is_dictionary(array.type):
        return array.dictionary_encode()
    words = array.dictionary.dictionary_encode()
    numbers = words.indices.take(array.indices)
    used = pc.drop_null(pc.unique(numbers))
    if len(used) < len(words.dictionary):
        return pa.DictionaryArray.from_arrays(pc.index_in(numbers, value_set=used), words.dictionary.take(used))
    return pa.DictionaryArray.from_arrays(numbers, words.dictionary)


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column in one piece; copied only where it has several."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
