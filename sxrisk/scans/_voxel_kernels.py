"""Compiled loop of thinning: the best point of each voxel, by one pass with a hash table."""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit

__all__ = ["best_in_voxels"]

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: neighbouring keys land far apart


@njit(cache=True)
def _slot(key, shift):
    return np.int64((np.uint64(key) * _MIX) >> np.uint64(shift))


@njit(cache=True)
def _grown(table, shift):
    size = 2 * len(table)
    larger = np.full((size, 4), -1, np.int64)
    for i in range(len(table)):
        if table[i, 0] >= 0:
            s = _slot(table[i, 0], shift)
            while larger[s, 0] >= 0:
                s = (s + 1) & (size - 1)
            larger[s] = table[i]
    return larger


@njit(cache=True)
def best_in_voxels(xyz, voxel, low, span):
    """Row of the point nearest to the middle of each voxel, in the order of the voxels (x, then y, then z).

    Parameters
    ----------
    xyz : (n, 3) float64
        Points.
    voxel : float
        Edge.
    low : (3,) float64
        Least voxel number along each axis.
    span : (3,) int64
        Number of voxels along each axis; their product is below 2**63.
    """
    bits = 10
    while 4 << bits < len(xyz):
        bits += 1
    # Voxel, row and distance stand beside each other, so that a look-up touches one line of the cache. The square of
    # a distance is kept as its bits: those of numbers that are not negative rise as the numbers do.
    table = np.full((1 << bits, 4), -1, np.int64)
    used, shift = 0, 64 - bits
    for i in range(len(xyz)):
        a, b, c = xyz[i, 0] / voxel, xyz[i, 1] / voxel, xyz[i, 2] / voxel
        fa, fb, fc = math.floor(a), math.floor(b), math.floor(c)
        key = (np.int64(fa - low[0]) * span[1] + np.int64(fb - low[1])) * span[2] + np.int64(fc - low[2])
        a, b, c = a - fa - 0.5, b - fb - 0.5, c - fc - 0.5
        d = np.float64(a * a + b * b + c * c).view(np.int64)
        s = _slot(key, shift)
        while table[s, 0] >= 0 and table[s, 0] != key:
            s = (s + 1) & (len(table) - 1)
        if table[s, 0] < 0:
            table[s, 0], table[s, 1], table[s, 2] = key, i, d
            used += 1
            if 10 * used > 7 * len(table):
                shift -= 1
                table = _grown(table, shift)
        elif d < table[s, 2]:
            table[s, 1], table[s, 2] = i, d
    keys, rows = np.empty(used, np.int64), np.empty(used, np.int64)
    k = 0
    for i in range(len(table)):
        if table[i, 0] >= 0:
            keys[k], rows[k] = table[i, 0], table[i, 1]
            k += 1
    return rows[np.argsort(keys)]
