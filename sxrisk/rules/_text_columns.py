"""Columns of text in Arrow's memory: each text once, and a number for each row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["chosen", "fixed", "from_bytes", "plain", "taken", "text_bytes", "text_frame"]

Codes = NDArray[np.integer[Any]]


def chosen(codes: Codes, texts: Sequence[str] | pa.Array) -> pa.DictionaryArray:
    """Text ``texts[code]`` of each row."""
    indices = pa.array(np.ascontiguousarray(codes, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, type=pa.large_string()), safe=False)


def fixed(text: str, zeros: pa.Array) -> pa.DictionaryArray:
    """The same text in as many rows as there are `zeros` (int32), which such columns share."""
    return pa.DictionaryArray.from_arrays(zeros, pa.array([text], type=pa.large_string()), safe=False)


def taken(column: pd.Series, positions: pa.Array, zeros: pa.Array) -> pa.DictionaryArray:
    """Text of a column at some positions (int32)."""
    array = _arrow(column)
    if len(array) and pc.all(pc.equal(array, array[0])).as_py():
        return fixed(array[0].as_py(), zeros)
    return pa.DictionaryArray.from_arrays(positions, array, safe=False)


def from_bytes(letters: NDArray[np.uint8]) -> pa.LargeStringArray:
    """Texts of one length: their UTF-8 of shape (n, length)."""
    count, length = letters.shape
    starts = np.arange(count + 1, dtype=np.int64) * length
    buffers = [None, pa.py_buffer(starts), pa.py_buffer(np.ascontiguousarray(letters))]
    return pa.Array.from_buffers(pa.large_string(), count, buffers)


def text_bytes(column: pd.Series | Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All texts as UTF-8, one after the other, with eight zeros behind; and where each begins (and the last ends)."""
    array = _arrow(column)
    if not len(array):
        return np.zeros(8, np.uint8), np.zeros(1, np.int64)
    _, starts, letters = array.buffers()
    begin = np.frombuffer(starts, np.int64)[array.offset : array.offset + len(array) + 1]
    held = np.empty(int(begin[-1] - begin[0]) + 8, np.uint8)
    held[-8:] = 0
    if letters is not None:
        held[:-8] = np.frombuffer(letters, np.uint8)[begin[0] : begin[-1]]
    return held, begin - begin[0]


def plain(array: pa.Array) -> pa.Array:
    """The array itself, or the text of each row of a dictionary-encoded one."""
    if not pa.types.is_dictionary(array.type):
        return array
    if len(array.dictionary) == 1:
        text = array.dictionary[0].as_py().encode()
        return from_bytes(np.tile(np.frombuffer(text, np.uint8), (len(array), 1)))
    return array.dictionary_decode()


def text_frame(columns: Mapping[str, pa.Array]) -> pd.DataFrame:
    """Columns as pandas has them; those that say the same in every row share their memory."""
    told: dict[str, pd.Series] = {}
    made: dict[str, Any] = {}
    for name, array in columns.items():
        if pa.types.is_dictionary(array.type) and len(array.dictionary) == 1:
            text = array.dictionary[0].as_py()
            if text not in told:
                told[text] = _series(plain(array))
            made[name] = told[text]
        elif pa.types.is_floating(array.type):
            made[name] = array.to_numpy()
        else:
            made[name] = _series(plain(array))
    return pd.DataFrame(made, copy=False)


def _arrow(column: pd.Series | Sequence[str]) -> pa.LargeStringArray:
    array = pa.array(column, type=pa.large_string(), from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _series(array: pa.Array) -> pd.Series:
    return pd.Series(pd.array(array, dtype="str"), copy=False)
