"""LZF, the compression of PCD files: literal runs, and copies of what was written before."""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["decompress"]


def decompress(packed: npt.NDArray[np.uint8], length: int) -> npt.NDArray[np.uint8] | None:
    """The `length` bytes that LZF data unpack to, or None if they are damaged.

    Parameters
    ----------
    packed : ndarray of uint8, shape (n,)
        Compressed bytes.
    length : int
        Bytes before compression.

    References
    ----------
    Lehmann, M.: LibLZF, the format notes.

    Examples
    --------
    >>> import numpy as np
    >>> bytes(decompress(np.array([1, 65, 66, 32, 1], dtype=np.uint8), 5))
    b'ABABA'
    """
    # No run is longer than 264 bytes for 3: more cannot come out, however the header lies.
    if length > 264 * max(len(packed), 1):
        return None
    out = np.empty(length, dtype=np.uint8)
    return out if _unpack(packed, out) else None


@numba.njit(cache=True, nogil=True)
def _unpack(packed: Any, out: Any) -> bool:
    at, end, done, room = np.int64(0), len(packed), np.int64(0), len(out)
    while at < end:
        control = np.int64(packed[at])
        at += 1
        if control < 32:
            run = control + 1
            if at + run > end or done + run > room:
                return False
            for i in range(run):
                out[done + i] = packed[at + i]
            at += run
            done += run
            continue
        run = control >> 5
        if run == 7:
            if at >= end:
                return False
            run += np.int64(packed[at])
            at += 1
        if at >= end:
            return False
        start = done - ((control & 31) << 8) - np.int64(packed[at]) - 1
        at += 1
        run += 2
        if start < 0 or done + run > room:
            return False
        for i in range(run):
            out[done + i] = out[start + i]
        done += run
    return done == room
