"""Compiled loops of thinning: the best point of each voxel.

Points come in any order: they are first parted into bands of voxels, whose hash tables then fit into the cache. A band
is a range of voxel numbers, so that the bands one after the other are the voxels in order.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit, prange

__all__ = ["best_in_voxels"]

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: neighbouring keys land far apart
_MOST_BANDS = 512  # more streams of writing than this wait for memory themselves
_BAND_POINTS = 4096
_CHUNK = 250_000  # points that a thread parts at a time
_DIGIT = 11  # bits that a round of sorting looks at


@njit(cache=True, parallel=True, nogil=True)
def _part(xyz, voxel, low, span, bits, n_bands, number, off, keys, away, rows):
    """Voxel, squared distance from its middle and row of each point, band by band; the start of each band.

    `number` and `off` are room to work in; `keys`, `away` and `rows` are filled, in the order of the points in a band.
    """
    n = len(xyz)
    n_chunks = (n + _CHUNK - 1) // _CHUNK
    place = np.zeros((n_bands, n_chunks), np.int64)
    for chunk in prange(n_chunks):
        first, last = chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)
        for i in range(first, last):
            a, b, c = xyz[i, 0] / voxel, xyz[i, 1] / voxel, xyz[i, 2] / voxel
            fa, fb, fc = math.floor(a), math.floor(b), math.floor(c)
            number[i] = (np.int64(fa - low[0]) * span[1] + np.int64(fb - low[1])) * span[2] + np.int64(fc - low[2])
            a, b, c = a - fa - 0.5, b - fb - 0.5, c - fc - 0.5
            off[i] = a * a + b * b + c * c
        tally = np.zeros(n_bands, np.int64)
        for i in range(first, last):
            tally[number[i] >> bits] += 1
        place[:, chunk] = tally
    start = np.zeros(n_bands + 1, np.int64)
    total = 0
    for band in range(n_bands):
        for chunk in range(n_chunks):
            here = place[band, chunk]
            place[band, chunk] = total
            total += here
        start[band + 1] = total
    for chunk in prange(n_chunks):
        at = place[:, chunk].copy()
        for i in range(chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)):
            band = number[i] >> bits
            k = at[band]
            keys[k], away[k], rows[k] = number[i], off[i], i
            at[band] += 1
    return start


@njit(cache=True, nogil=True)
def _best(keys, away, rows):
    """Keep the first of the nearest points of each voxel, at the front of the three; how many there are."""
    shift = 60
    while 1 << (64 - shift) < 2 * len(keys):
        shift -= 1
    size = 1 << (64 - shift)
    table = np.full(size, -1, np.int32)
    used = 0
    for i in range(len(keys)):
        key = keys[i]
        slot = np.int64((np.uint64(key) * _MIX) >> np.uint64(shift))
        # What is kept stands in front of what is still to come, and is dense: a look-up touches little memory.
        while table[slot] >= 0 and keys[table[slot]] != key:
            slot = (slot + 1) & (size - 1)
        k = table[slot]
        if k < 0:
            table[slot] = used
            keys[used], away[used], rows[used] = key, away[i], rows[i]
            used += 1
        elif away[i] < away[k]:
            away[k], rows[k] = away[i], rows[i]
    return used


@njit(cache=True, nogil=True)
def _sort(keys, rows, bits):
    """Sort both by the lower `bits` of the keys, digit by digit."""
    n = len(keys)
    other_keys, other_rows = np.empty_like(keys), np.empty_like(rows)
    for low in range(0, bits, _DIGIT):
        mask = (1 << min(_DIGIT, bits - low)) - 1
        behind = np.zeros(mask + 2, np.int64)
        for i in range(n):
            behind[((keys[i] >> low) & mask) + 1] += 1
        for k in range(mask):
            behind[k + 1] += behind[k]
        for i in range(n):
            digit = (keys[i] >> low) & mask
            other_keys[behind[digit]], other_rows[behind[digit]] = keys[i], rows[i]
            behind[digit] += 1
        keys[:], rows[:] = other_keys, other_rows


@njit(cache=True, parallel=True, nogil=True)
def _thin(start, bits, keys, away, rows):
    """Number of voxels of each band; their rows, in the order of the voxels, at the front of the band's."""
    used = np.zeros(len(start) - 1, np.int64)
    for band in prange(len(used)):
        mine = slice(start[band], start[band + 1])
        n = _best(keys[mine], away[mine], rows[mine])
        _sort(keys[mine][:n], rows[mine][:n], bits)
        used[band] = n
    return used


def best_in_voxels(xyz, voxel, low, span):
    """Row of the point nearest to the middle of each voxel, in the order of the voxels (x, then y, then z).

    Parameters
    ----------
    xyz : (n, 3) float64
        Points, at least one.
    voxel : float
        Edge.
    low : (3,) float64
        Least voxel number along each axis.
    span : (3,) int64
        Number of voxels along each axis; their product is below 2**63.

    Returns
    -------
    (m,) int64
    """
    n, last = len(xyz), math.prod(span.tolist()) - 1
    bits = max(last.bit_length() - min(_MOST_BANDS, 1 + n // _BAND_POINTS).bit_length() + 1, 0)
    # Made here: numpy asks for large pages of memory, numba does not.
    (number, keys), (off, away) = np.empty((2, n), np.int64), np.empty((2, n))
    rows = np.empty(n, np.int64)
    start = _part(xyz, voxel, low, span, bits, (last >> bits) + 1, number, off, keys, away, rows)
    used = _thin(start, bits, keys, away, rows)
    return np.concatenate([rows[first : first + m] for first, m in zip(start.tolist(), used.tolist(), strict=False)])
