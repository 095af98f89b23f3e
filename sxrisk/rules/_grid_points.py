"""The compiled search between points: no pieces, no edges, one counting sort, and the geodesic of what remains.

It finds the pairs of :mod:`sxrisk.rules._grid_search` with the same distances, to a nanometre.
"""

# mypy: allow-untyped-defs
# Numba infers the types of compiled functions; their docstrings state them.

import math

import numpy as np
from numba import njit

from sxrisk.rules._grid_metric import MEET_M, geodesic_m, least_scales

__all__ = ["points_within", "put_rows", "sort_points"]

# Added to every bound, so that rounding loses no pair.
_ROUNDING_M = 1e-6
_ENTRIES_PER_CELL = 3.0
_LEAST_CELL_DEG = 1e-7
_MOST_CELLS_PER_POINT = 4
# Below so many keys the buckets cost more than they save.
_FEW, _BUCKETS = 12, 64


@njit(cache=True, nogil=True, error_model="numpy")
def sort_points(lon, lat):
    """Points sorted by the cell of a uniform grid, row after row.

    Parameters
    ----------
    lon, lat : (n,) float64
        Degrees, n > 0.

    Returns
    -------
    point : (n,) int32
        Positions in the order of the cells, ascending within a cell.
    x, y : (n,) float64
        Their coordinates.
    start : (cells + 1,) int32
        First entry of each cell.
    frame : (4,) float64
        Corner `x0, y0` and cells per degree east and north.
    columns : int
    """
    west = south = math.inf
    east = north = -math.inf
    for k in range(len(lon)):
        west, east = min(west, lon[k]), max(east, lon[k])
        south, north = min(south, lat[k]), max(north, lat[k])
    narrow = math.cos(math.radians(min(abs(0.5 * (south + north)), 80.0)))
    wide, tall = max((east - west) * narrow, _LEAST_CELL_DEG), max(north - south, _LEAST_CELL_DEG)
    cell = max(math.sqrt(wide * tall * _ENTRIES_PER_CELL / len(lon)), _LEAST_CELL_DEG)
    # Points on a line: cells no smaller than lets them stay as many as the points.
    while (wide / cell + 1.0) * (tall / cell + 1.0) > _MOST_CELLS_PER_POINT * len(lon) + 16.0:
        cell *= 2.0
    per_x, per_y = narrow / cell, 1.0 / cell
    columns, rows = math.floor((east - west) * per_x) + 1, math.floor((north - south) * per_y) + 1
    start = np.zeros(columns * rows + 1, np.int32)
    code = np.empty(len(lon), np.int32)
    for k in range(len(lon)):
        code[k] = int((lat[k] - south) * per_y) * columns + int((lon[k] - west) * per_x)
        start[code[k] + 1] += 1
    for c in range(columns * rows):
        start[c + 1] += start[c]
    # Filling moves each start to its cell's end, which is the next one's start: shifted back afterwards.
    point, x, y = np.empty(len(lon), np.int32), np.empty(len(lon)), np.empty(len(lon))
    for k in range(len(lon)):
        p = start[code[k]]
        start[code[k]] = p + 1
        point[p], x[p], y[p] = k, lon[k], lat[k]
    for c in range(columns * rows, 0, -1):
        start[c] = start[c - 1]
    start[0] = 0
    return point, x, y, start, np.array([west, south, per_x, per_y]), columns


@njit(cache=True, error_model="numpy", inline="always")
def _rows_of(y, tall, south, per_y, rows):
    """First and last row of cells that a window may touch."""
    row0 = max(0.0, math.floor((y - tall - south) * per_y))
    return int(row0), int(min(rows - 1.0, math.floor((y + tall - south) * per_y)))


@njit(cache=True, error_model="numpy", inline="always")
def _columns_of(row, x, y, reach, sx, sy, frame, columns):
    """First and last column of a row of cells that a circle may touch; none where the first is greater."""
    low = frame[1] + row / frame[3]
    # A cell's rim is rounded: a hair is left on both sides.
    gap = max(0.0, low - y - 1e-12, y - low - 1.0 / frame[3] - 1e-12) * sy
    left = reach * reach - gap * gap
    if left < 0.0:
        return 1, 0
    if not sx > 0.0:
        return 0, columns - 1
    wide = math.sqrt(left) / sx + 1e-12
    column0 = max(0.0, math.floor((x - wide - frame[0]) * frame[2]))
    return int(column0), int(min(columns - 1.0, math.floor((x + wide - frame[0]) * frame[2])))


@njit(cache=True, error_model="numpy")
def _sort(keys, count, spare, place, shift):
    """Sort the first few of an array: into buckets by their upper bits, then by insertion."""
    if count > _FEW:
        place[:] = 0
        for k in range(count):
            place[(keys[k] >> shift) + 1] += 1
        for bucket in range(len(place) - 1):
            place[bucket + 1] += place[bucket]
        for k in range(count):
            bucket = keys[k] >> shift
            spare[place[bucket]] = keys[k]
            place[bucket] += 1
        keys[:count] = spare[:count]
    for k in range(1, count):
        key = keys[k]
        at = k - 1
        while at >= 0 and keys[at] > key:
            keys[at + 1] = keys[at]
            at -= 1
        keys[at + 1] = key


@njit(cache=True, nogil=True, error_model="numpy")
def points_within(subjects, lon, lat, limit, point, x, y, start, frame, columns):
    """All pairs of some points with the points within their limits.

    Parameters
    ----------
    subjects : (m,) int64
        Subjects to search for, in this order.
    lon, lat, limit : (n_left,) float64
        Degrees; metres, NaN and negative ones take part in no pair.
    point, x, y, start, frame, columns
        From :func:`sort_points` of the objects.

    Returns
    -------
    count : (m,) int64
        Pairs of each subject.
    right : (k,) int32
        Objects, ascending within a subject.
    distance : (k,) float64
        Metres.
    """
    rows = (len(start) - 1) // columns
    # What the windows hold is no less than what is found.
    most = room = 0
    for i in subjects:
        if not limit[i] >= 0.0:
            continue
        reach = limit[i] + _ROUNDING_M
        sx, sy, _ = least_scales(lat[i], lat[i], reach)
        row0, row1 = _rows_of(lat[i], reach / sy + 1e-12, frame[1], frame[3], rows)
        held = 0
        for row in range(row0, row1 + 1):
            column0, column1 = _columns_of(row, lon[i], lat[i], reach, sx, sy, frame, columns)
            if column0 <= column1:
                held += start[row * columns + column1 + 1] - start[row * columns + column0]
        most = max(most, held)
        room += held
    right, distance = np.empty(room, np.int32), np.empty(room)
    entry, keys, spare = np.empty(most + 1, np.int32), np.empty(most, np.int64), np.empty(most, np.int64)
    there_x, there_y, length = np.empty(most), np.empty(most), np.empty(most)
    shift = 32
    while len(point) >> (shift - 32) >= _BUCKETS:
        shift += 1
    place = np.empty(_BUCKETS + 1, np.int32)
    count = np.zeros(len(subjects), np.int64)
    n = 0
    for m in range(len(subjects)):
        i = subjects[m]
        r, here_x, here_y = limit[i], lon[i], lat[i]
        if not r >= 0.0:
            continue
        reach = r + _ROUNDING_M
        sx, sy, _ = least_scales(here_y, here_y, reach)
        bound = reach * reach
        row0, row1 = _rows_of(here_y, reach / sy + 1e-12, frame[1], frame[3], rows)
        near = 0
        for row in range(row0, row1 + 1):
            column0, column1 = _columns_of(row, here_x, here_y, reach, sx, sy, frame, columns)
            if column0 > column1:
                continue
            for k in range(start[row * columns + column0], start[row * columns + column1 + 1]):
                gx, gy = (x[k] - here_x) * sx, (y[k] - here_y) * sy
                # Written always, kept where it counts: no branch to mispredict.
                entry[near] = k
                near += gx * gx + gy * gy <= bound
        for c in range(near):
            keys[c] = (np.int64(point[entry[c]]) << 32) | np.int64(entry[c])
        _sort(keys, near, spare, place, shift)
        for c in range(near):
            k = keys[c] & 0xFFFFFFFF
            there_x[c], there_y[c] = x[k], y[k]
        for c in range(near):
            length[c] = geodesic_m(here_x, here_y, there_x[c], there_y[c])
        first = n
        for c in range(near):
            right[n] = keys[c] >> 32
            distance[n] = length[c] if length[c] >= MEET_M else 0.0
            n += length[c] <= r
        count[m] = n - first
    return count, right[:n], distance[:n]


@njit(cache=True, nogil=True)
def put_rows(first, count, other, distance, all_other, all_distance):
    """Copy the pairs of some subjects to where they belong: subject `m` begins at ``first[m]``."""
    n = 0
    for m in range(len(first)):
        for k in range(count[m]):
            all_other[first[m] + k] = other[n]
            all_distance[first[m] + k] = distance[n]
            n += 1
