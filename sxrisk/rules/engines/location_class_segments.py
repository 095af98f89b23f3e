"""Location classes of pipelines as a partition of their length.

The standards define the class of a window, the strip of some width along some length of the line, placed so that it
holds the greatest number of dwellings. What they leave open is which piece of the line a class belongs to. Here:

1. The window [c, c + L] holds a dwelling when the distance from the dwelling's outer edge to this piece of the line,
   its ends included, is at most the half width.
2. A window belongs to class k or a higher one when what it holds reaches the number of class k. The values of c for
   which it does are unbroken ranges; each range is one place of class k.
3. The segment of such a place goes from the boundary distance before the first to the boundary distance beyond the last
   dwelling that any of its windows holds, measured along the line from the places straight beside the dwelling's outer
   edge; and where the line bends, at least as far as the line is nearer than the half width. So no boundary is nearer
   than that to the outer edge of a dwelling that made the class, and no piece is in it that has none of them beside it.
4. Where segments of several classes lie over each other the higher class holds.

Numbers may be known only between a low and a high one: positions have an accuracy, and an area with households may lie
in the strip with a part of it. The partition is that of the high numbers; each segment also tells the low one.

A building whose households nobody stated counts for one in both. How many more it holds has no bound, so every window
that holds one may be of class 3: where no class 2 is counted, the segment of such windows is one of class 1 that may be
class 3, and where class 2 is, it is marked so.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.reach import (
    Outlines,
    PipelineRuns,
    WindowSweep,
    covered_outlines,
    held_from_to,
    near_stretches,
    sweep_windows,
    wholly_held_from_to,
)
from sxrisk.rules.engines.location_class_settings import LocationClassSettings
from sxrisk.rules.judge import Z_95

__all__ = ["CLASSES", "class_of_number", "classify_runs", "merge_segments"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Classes, lowest first.
CLASSES = ("1-1", "1-2", "2", "3", "4")
_LOW, _HIGH, _FOUR, _KNOWN, _UNBOUNDED = range(5)
#: Levels of the partition, lowest first, and the class of each.
_LEVELS = {"1-1": "1-1", "1-2": "1-2", "unbounded": "1-2", "2": "2", "3": "3", "4": "4"}


def class_of_number(number: float, class_2_above: float, class_3_from: float) -> str:
    """Class of a window that holds so many dwellings; class 4 is not decided by a number.

    Examples
    --------
    >>> [class_of_number(number, 15, 100) for number in (0, 15, 16, 99, 100)]
    ['1-1', '1-2', '2', '2', '3']
    """
    if number >= class_3_from:
        return "3"
    if number > class_2_above:
        return "2"
    return "1-2" if number > 0 else "1-1"


@dataclass(frozen=True)
class _Windows:
    """The windows of all runs, and what they hold."""

    sweep: WindowSweep
    near: pd.DataFrame
    number: Array


def classify_runs(
    runs: PipelineRuns,
    dwellings: pd.DataFrame,
    line_sigma_m: Array,
    settings: LocationClassSettings,
    class_2_above: float,
    *,
    gathering: Outlines | None = None,
    class_4_confirmed: bool = False,
) -> pd.DataFrame:
    """The whole length of every run in segments of one class.

    Parameters
    ----------
    runs : PipelineRuns
    dwellings : DataFrame of n rows
        Rows of :class:`sxrisk.rules.engines.location_class_counts.Dwellings`.
    line_sigma_m : ndarray of one value for each line
        1 sigma of position, m; 0 where it is not known.
    settings : LocationClassSettings
    class_2_above : float
        Number above which class 2 begins.
    gathering : Outlines, optional
        Outdoor gathering places, for standards that put the line beside them in class 3.
    class_4_confirmed : bool
        The user says that there is heavy traffic and much underground wherever high buildings prevail.

    Returns
    -------
    DataFrame
        Sorted by run and from_m: run, from_m, to_m, location_class, class_low, low and high (greatest numbers that a
        window of the segment's class holds), class_3_possible (a lower class by what is counted, beside buildings
        without a number of households), unnumbered (how many of them a window holds at most), class_4_possible,
        near_gathering, junction (windows that meet it end where the run does, at other lines: what stands beside those
        is in none of them), assumed, coarse and unplaced (whether dwellings without a number, villages drawn as points,
        or positions of unknown accuracy are beside the segment).
    """
    windows = _windows(runs, dwellings, line_sigma_m, settings)
    held = windows.sweep.held
    high = held[:, _HIGH]
    unbounded = held[:, _UNBOUNDED] > 0
    tall = (held[:, _FOUR] > 0) & (held[:, _FOUR] >= settings.prevailing_share * held[:, _KNOWN])
    prevail = tall & (high >= settings.class_3_from)
    dense = {"1-2": high > 0, "2": high > class_2_above, "3": high >= settings.class_3_from, "4": prevail}
    levels = {name: _segments(runs, windows, met, settings) for name, met in dense.items()}
    levels["unbounded"] = _segments(runs, windows, unbounded, settings)
    possible = merge_segments(
        pd.concat([levels["4"], _segments(runs, windows, tall & unbounded, settings)], ignore_index=True)
    )
    if not class_4_confirmed:
        levels["4"] = levels["4"].iloc[:0]
    beside = _beside(runs, gathering, settings, line_sigma_m)
    levels["3"] = merge_segments(pd.concat([levels["3"], beside], ignore_index=True))
    pieces = _partition(runs, levels)
    pieces["class_3_possible"] = (
        _meets(pieces, levels["unbounded"]) & pieces["location_class"].isin(["1-2", "2"]).to_numpy()
    )
    pieces["class_4_possible"] = _meets(pieces, possible) & (pieces["location_class"] != "4")
    pieces["near_gathering"] = _meets(pieces, beside)
    run, length = pieces["run"].to_numpy(dtype=np.intp), runs.length_m
    at_start = runs.at_junction[run, 0] & (pieces["from_m"].to_numpy() < settings.unit_length_m)
    at_end = runs.at_junction[run, 1] & (pieces["to_m"].to_numpy() > length[run] - settings.unit_length_m)
    pieces["junction"] = at_start | at_end
    return _with_numbers(pieces, windows, dense, settings, class_2_above, dwellings)


def merge_segments(segments: pd.DataFrame, gap_m: float = 0.0) -> pd.DataFrame:
    """Segments of a run that overlap, or lie no farther apart than a gap, taken together.

    Parameters
    ----------
    segments : DataFrame
        Columns run, from_m, to_m.
    gap_m : float

    Returns
    -------
    DataFrame
        run, from_m, to_m; sorted, apart.
    """
    rows = segments[["run", "from_m", "to_m"]].sort_values(["run", "from_m"], ignore_index=True)
    if not len(rows):
        return rows
    reached = rows.groupby("run")["to_m"].cummax().shift()
    fresh = (rows["run"] != rows["run"].shift()) | (rows["from_m"] > reached + gap_m)
    return (
        rows.groupby(fresh.cumsum())
        .agg(run=("run", "first"), from_m=("from_m", "min"), to_m=("to_m", "max"))
        .reset_index(drop=True)
    )


def _windows(
    runs: PipelineRuns, dwellings: pd.DataFrame, line_sigma_m: Array, settings: LocationClassSettings
) -> _Windows:
    number = dwellings["number"].to_numpy(dtype=np.float64)
    least = dwellings["least"].to_numpy(dtype=np.float64)
    partial, unbounded = (dwellings[name].to_numpy(dtype=bool) for name in ("partial", "unbounded"))
    storeys = dwellings["storeys"].to_numpy(dtype=np.float64)
    sigma = dwellings["sigma"].fillna(0.0).to_numpy(dtype=np.float64)
    outlines = Outlines(dwellings["geometry"].to_numpy(dtype=object), sigma)
    reach, length, unit = settings.half_width_m, runs.length_m, settings.unit_length_m
    exact = not (sigma.any() or line_sigma_m.any())
    near = near_stretches(runs, outlines, reach, line_sigma_m, z=0.0 if exact else Z_95)
    surely = near if exact else near_stretches(runs, outlines, reach, line_sigma_m, z=-Z_95)
    some = partial[surely["object"].to_numpy()]
    shapes = outlines.geometries.copy()
    shapes[~partial] = None
    areas = Outlines(shapes, sigma)
    whole = covered_outlines(runs, areas, reach, line_sigma_m, z=0.0 if exact else -Z_95) if some.any() else set()
    keys = zip(surely["run"], surely["object"], strict=True)
    covered = (
        np.fromiter((key in whole for key in keys), dtype=bool, count=len(surely)) if whole else np.zeros_like(some)
    )
    high = held_from_to(near, length, unit).assign(high=True, low=False)
    parts = [high, wholly_held_from_to(surely[some & covered], length, unit).assign(high=False, low=True)]
    if exact:
        high["low"] = ~partial[high["object"].to_numpy()]
    else:
        parts.append(held_from_to(surely[~some], length, unit).assign(high=False, low=True))
    places = pd.concat(parts, ignore_index=True)
    item, is_high, is_low = (
        places["object"].to_numpy(dtype=np.intp),
        places["high"].to_numpy(),
        places["low"].to_numpy(),
    )
    known = np.isfinite(storeys)
    weights = np.column_stack(
        [
            least[item] * is_low,
            number[item] * is_high,
            (known & (storeys >= settings.class_4_storeys))[item] & is_high,
            known[item] & is_high,
            unbounded[item] & is_high,
        ]
    )
    return _Windows(sweep_windows(places, weights), near, number)


def _segments(runs: PipelineRuns, windows: _Windows, met: Mask, settings: LocationClassSettings) -> pd.DataFrame:
    """Segments of a class: for each range of windows, as far as what they hold, and the boundary distance beyond."""
    ranges = windows.sweep.placements(met)
    if not len(ranges):
        return ranges[["run", "from_m", "to_m"]]
    near = windows.near
    run = near["run"].to_numpy()
    # Runs side by side on one axis, so that one search serves all; the gap is wider than a window.
    offset = np.concatenate([[0.0], np.cumsum(runs.length_m + 2.0 * settings.unit_length_m)])
    start, stop = ranges["from_m"].to_numpy() + offset[ranges["run"]], ranges["to_m"].to_numpy() + offset[ranges["run"]]
    hair = 1e-6
    first = np.searchsorted(stop, near["from_m"].to_numpy() - settings.unit_length_m + offset[run] - hair)
    last = np.searchsorted(start, near["to_m"].to_numpy() + offset[run] + hair, side="right")
    count = np.maximum(last - first, 0)
    row = np.repeat(np.arange(len(near)), count)
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + first[row]
    low, high = np.full(len(ranges), np.inf), np.full(len(ranges), -np.inf)
    begin, end = _widened(near, settings.boundary_m)
    np.minimum.at(low, place, begin[row])
    np.maximum.at(high, place, end[row])
    found = ranges[["run"]].assign(from_m=np.maximum(low, 0.0), to_m=np.minimum(high, runs.length_m[ranges["run"]]))
    return merge_segments(found)


def _widened(near: pd.DataFrame, boundary_m: float) -> tuple[Array, Array]:
    begin, end, first, last = (near[name].to_numpy() for name in ("from_m", "to_m", "foot_from_m", "foot_to_m"))
    return np.minimum(begin, first - boundary_m), np.maximum(end, last + boundary_m)


def _beside(
    runs: PipelineRuns, gathering: Outlines | None, settings: LocationClassSettings, line_sigma_m: Array
) -> pd.DataFrame:
    if gathering is None or settings.gathering_place_m is None:
        return pd.DataFrame({"run": np.empty(0, dtype=np.intp), "from_m": np.empty(0), "to_m": np.empty(0)})
    return merge_segments(near_stretches(runs, gathering, settings.gathering_place_m, line_sigma_m))


def _partition(runs: PipelineRuns, levels: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The whole length of every run; of classes that lie over each other the highest."""
    parts: list[pd.DataFrame] = []
    by_level = [dict(iter(levels[name].groupby("run"))) for name in list(_LEVELS)[1:]]
    for run, length in enumerate(runs.length_m):
        mine = [groups.get(run) for groups in by_level]
        ends = [group[["from_m", "to_m"]].to_numpy().ravel() for group in mine if group is not None]
        cuts = np.unique(np.concatenate([[0.0, length], *ends]))
        middle = 0.5 * (cuts[1:] + cuts[:-1])
        level = np.zeros(len(middle), dtype=np.intp)
        for rank, group in enumerate(mine, 1):
            if group is not None:
                at = np.searchsorted(group["from_m"].to_numpy(), middle) - 1
                level[(at >= 0) & (middle < group["to_m"].to_numpy()[np.maximum(at, 0)])] = rank
        keep = np.concatenate([[True], np.diff(level) != 0])
        begin = cuts[:-1][keep]
        parts.append(
            pd.DataFrame(
                {
                    "run": run,
                    "from_m": begin,
                    "to_m": np.append(begin[1:], length),
                    "location_class": [list(_LEVELS.values())[k] for k in level[keep]],
                }
            )
        )
    columns = ["run", "from_m", "to_m", "location_class"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _meets(pieces: pd.DataFrame, segments: pd.DataFrame) -> Mask:
    """Which pieces share a length with any of some segments, which lie apart from each other."""
    if not len(segments) or not len(pieces):
        return np.zeros(len(pieces), dtype=bool)
    span = 1.0 + max(pieces["to_m"].max(), segments["to_m"].max())
    ends = segments["to_m"].to_numpy() + segments["run"].to_numpy() * span
    begins = segments["from_m"].to_numpy() + segments["run"].to_numpy() * span
    shift = pieces["run"].to_numpy() * span
    at = np.searchsorted(ends, pieces["from_m"].to_numpy() + shift, side="right")
    found = np.append(begins, np.inf)[at] < pieces["to_m"].to_numpy() + shift
    return np.asarray(found, dtype=bool)


def _with_numbers(
    pieces: pd.DataFrame,
    windows: _Windows,
    dense: dict[str, Mask],
    settings: LocationClassSettings,
    class_2_above: float,
    dwellings: pd.DataFrame,
) -> pd.DataFrame:
    """Add the greatest numbers of each segment, over the windows that meet it and are of no higher class."""
    above: dict[str, Mask | None] = {"1-1": ~dense["1-2"], "1-2": ~dense["2"], "2": ~dense["3"], "3": None, "4": None}
    low, high, unnumbered = (np.zeros(len(pieces)) for _ in range(3))
    columns = (pieces[name].tolist() for name in ("location_class", "run", "from_m", "to_m"))
    for k, (name, run, begin, end) in enumerate(zip(*columns, strict=True)):
        for column, found in ((_LOW, low), (_HIGH, high), (_UNBOUNDED, unnumbered)):
            found[k] = windows.sweep.greatest(run, begin - settings.unit_length_m, end, column, above[name])
    low = np.minimum(low, high)
    pieces = pieces.assign(low=low, high=high, unnumbered=np.where(pieces["class_3_possible"], unnumbered, 0.0))
    pieces["class_low"] = [class_of_number(value, class_2_above, settings.class_3_from) for value in low]
    marks = {"assumed": dwellings["assumed"], "coarse": dwellings["coarse"], "unplaced": dwellings["sigma"].isna()}
    for name, mark in marks.items():
        marked = mark.to_numpy(dtype=bool)[windows.near["object"].to_numpy()]
        pieces[name] = _meets(pieces, merge_segments(windows.near[marked]))
    return pieces
