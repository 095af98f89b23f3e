"""Change events in a series: where and when the surface moved, how fast and how much."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sxrisk.change._areas import point_areas, typical_spacing
from sxrisk.change._event_fit import fit_motion
from sxrisk.change.detection import Noise, false_discoveries, p_values
from sxrisk.change.series import pair_sigma
from sxrisk.change.smoothing import epoch_noise
from sxrisk.errors import ParameterError
from sxrisk.statistics import Z_95

__all__ = ["change_events"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CHUNK_VALUES = 20_000_000  # tests at a time
# A difference belongs to an event next to it below this probability, and false discoveries held down to the share:
# looser, chance would string separate events together.
_BELONGS = 1e-3
_FALSE_SHARE = 0.05
_LINKED = 2.0  # neighbours up to this many spacings away belong together
_MARGIN_EPOCHS = 4  # seen before and after an event, to know the levels it leads from and to


class _Moves(NamedTuple):
    """Intervals of points that moved: point, interval (from an epoch to the next), direction, certainty; each (k,)."""

    point: Integers
    interval: Integers
    sign: NDArray[np.int8]
    sure: NDArray[np.bool_]


def change_events(
    series: xr.Dataset, *, false_events: float = 0.05, link_m: float | None = None, min_points: int = 3
) -> gpd.GeoDataFrame:
    """
    Change that hangs together in space and time.

    Every point is compared between all epochs that are 1, 2, 4, 8 ... apart: a step shows between neighbours, slow
    motion over a longer time. A difference is put into the shortest span that shows it; spans of neighbouring points
    and of following intervals that move in the same direction hang together. They need a probability below 0.001 and
    to pass with 5 % of false discoveries among all tests (Benjamini and Hochberg); an event must also hold a difference
    so large that where nothing moves one such anywhere has at most the probability `false_events` (Bonferroni), if the
    noise is independent and Gaussian. Begin and end are then those of the motion (level, ramp, level) that fits the
    mean of the event's points best.

    Parameters
    ----------
    series : Dataset
        From :func:`m3c2_series`, any ``against``.
    false_events : float
        Probability of one event or more where nothing moves, above 0 and below 1.
    link_m : float, optional
        Points nearer than this belong together; default twice the spacing of the core points.
    min_points : int
        Smaller events are left out.

    Returns
    -------
    GeoDataFrame
        A row an event, in the order of begin and size: ``event_id``; ``begin`` and ``end`` (UTC, epochs between which
        it happened); ``duration_days``; ``magnitude_m`` (mean along the normal, positive towards the scanner or up),
        ``magnitude_sigma_m`` (from the scatter of the points, and the registration), ``largest_m``; ``rate_m_per_day``;
        ``n_points``; ``area_m2``; ``volume_m3`` (signed) and ``volume_sigma_m3``; geometry: the points (MultiPoint z).

    Raises
    ------
    ParameterError
        If an option is out of range.

    References
    ----------
    Benjamini, Hochberg (1995), J. R. Stat. Soc. B 57, 289-300.

    Examples
    --------
    >>> import numpy as np, sxrisk as sx
    >>> from sxrisk.change import m3c2_series
    >>> rng = np.random.default_rng(1)
    >>> def cloud(day):
    ...     xyz = rng.uniform(0.0, [10.0, 10.0, 0.02], (5000, 3))
    ...     xyz[:, 2] += 0.2 * (day >= 4) * (xyz[:, 0] > 6.0)
    ...     return sx.Scan(xyz, epoch=f"2026-03-{day:02d}T00:00:00Z")
    >>> series = m3c2_series([cloud(day) for day in range(1, 8)], core_spacing_m=1.0, normal_radius_m=1.0,
    ...                      cylinder_radius_m=0.5, max_depth_m=1.0)
    >>> events = change_events(series)
    >>> [str(events[name][0].date()) for name in ("begin", "end")], round(float(events["magnitude_m"][0]), 2)
    (['2026-03-03', '2026-03-04'], 0.2)
    """
    if not 0.0 < false_events < 1.0:
        raise ParameterError(f"false_events is {false_events!r}", expected="a probability above 0 and below 1")
    if min_points < 1 or (link_m is not None and not link_m > 0):
        raise ParameterError(f"min_points {min_points!r}, link_m {link_m!r}", expected="at least 1, a length above 0")
    core = np.column_stack([series[axis].to_numpy() for axis in "xyz"])
    normals = np.column_stack([series[f"normal_{axis}"].to_numpy() for axis in "xyz"])
    position = np.where(
        series["n"].to_numpy() >= series.attrs["min_points"], series["position_m"].to_numpy().astype(np.float64), np.nan
    )
    moves = _moves(series, position, false_events)
    labels = _linked(moves, core, link_m or _LINKED * typical_spacing(core))
    areas = point_areas(core, normals)
    rows = []
    for member in _certain(labels, moves.sure):
        points = np.unique(moves.point[member])
        if len(points) >= min_points:
            first, last = int(moves.interval[member].min()), int(moves.interval[member].max()) + 1
            event = _event(series, position, core, areas, points, first, last)
            if event["n_points"] >= min_points:
                rows.append(event)
    table = gpd.GeoDataFrame(
        pd.DataFrame(rows, columns=list(_COLUMNS)), geometry="geometry", crs=series.attrs["crs"] or None
    )
    table = table.sort_values(["begin", "area_m2"], ascending=[True, False], ignore_index=True)
    table.insert(0, "event_id", np.arange(1, len(table) + 1))
    return table


_COLUMNS = (
    "begin",
    "end",
    "duration_days",
    "magnitude_m",
    "magnitude_sigma_m",
    "largest_m",
    "rate_m_per_day",
    "n_points",
    "area_m2",
    "volume_m3",
    "volume_sigma_m3",
    "geometry",
)


def _moves(series: xr.Dataset, position: Floats, false_events: float) -> _Moves:
    """The shortest spans in which points moved, false discoveries held down over all spans of all points."""
    n_epochs, n_points = position.shape
    noise = epoch_noise(series)
    sigma = series["registration_sigma_m"].to_numpy()
    lags = [2**k for k in range(32) if 2**k < n_epochs]
    kept: list[tuple[Floats, Integers, Integers, Integers, NDArray[np.int8]]] = []
    tests = 0
    step = max(1, _CHUNK_VALUES // max(1, n_epochs))
    for low in range(0, n_points, step):
        part = slice(low, low + step)
        for lag in lags:
            difference = position[lag:, part] - position[:-lag, part]
            a, b = noise.spread[lag:, part] ** 2, noise.spread[:-lag, part] ** 2
            f, g = noise.freedom[lag:, part], noise.freedom[:-lag, part]
            with np.errstate(divide="ignore", invalid="ignore"):
                both = Noise(np.sqrt(a + b), (a + b) ** 2 / (a * a / f + b * b / g))
            pair = pair_sigma(sigma[lag:, None], sigma[:-lag, None], series.attrs)
            p = p_values(difference, both, registration_sigma_m=pair)
            tests += int(np.isfinite(p).sum())
            start, point = np.nonzero(p <= _BELONGS)
            kept.append(
                (
                    p[start, point],
                    start,
                    point + low,
                    np.full(len(start), lag),
                    np.sign(difference[start, point]).astype(np.int8),
                )
            )
    nothing = _Moves(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0, bool))
    if not kept:
        return nothing
    p, start, point, span, sign = (np.concatenate(column) for column in zip(*kept, strict=True))
    # What is less likely is not kept, but counts among the tests.
    called = false_discoveries(p, _FALSE_SHARE, tests=tests)
    if not called.any():
        return nothing
    sure = p <= false_events / tests
    return _shortest(start[called], point[called], span[called], sign[called], sure[called], n_epochs)


def _shortest(
    start: Integers,
    point: Integers,
    span: Integers,
    sign: NDArray[np.int8],
    sure: NDArray[np.bool_],
    n_epochs: int,
) -> _Moves:
    """Intervals of the spans that contain no shorter one of the same point."""
    marked = np.empty(0, np.int64)  # sorted codes point * n_epochs + interval
    signs = np.empty(0, np.int8)
    doubtless = np.empty(0, bool)
    for lag in np.unique(span):
        chosen = span == lag
        code = point[chosen] * n_epochs + start[chosen]
        free = np.searchsorted(marked, code + lag) == np.searchsorted(marked, code)
        every = (code[free, None] + np.arange(lag)).ravel()
        own, certain = np.repeat(sign[chosen][free], lag), np.repeat(sure[chosen][free], lag)
        # Where spans overlap, the one beyond doubt speaks.
        first = np.lexsort((~certain, every))
        every, where = np.unique(every[first], return_index=True)
        joined = np.concatenate([marked, every])
        order = np.argsort(joined, kind="stable")
        marked = joined[order]
        signs = np.concatenate([signs, own[first][where]])[order]
        doubtless = np.concatenate([doubtless, certain[first][where]])[order]
    return _Moves(marked // n_epochs, marked % n_epochs, signs, doubtless)


def _linked(moves: _Moves, core: Floats, link: float) -> NDArray[np.int32]:
    """Number of the event of each move."""
    k = len(moves.point)
    if not k:
        return np.empty(0, np.int32)
    period = int(moves.interval.max()) + 2
    code = moves.point * period + moves.interval
    order = np.argsort(code)
    code = code[order]
    edges = [_pairs(code, code + 1)]
    used = np.unique(moves.point)
    tree = cKDTree(core[used] - core[used].min(axis=0))
    near = used[tree.query_pairs(link, output_type="ndarray")]
    # Each move meets the neighbours of its point in the same interval and the next.
    both = np.concatenate([near, near[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    point = code // period
    low, high = np.searchsorted(both[:, 0], point), np.searchsorted(both[:, 0], point, side="right")
    source = np.repeat(np.arange(k), high - low)
    offset = np.arange(len(source)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    neighbour = both[np.repeat(low, high - low) + offset, 1] * period + (code % period)[source]
    for shift in (0, 1):
        place = np.minimum(np.searchsorted(code, neighbour + shift), k - 1)
        hit = code[place] == neighbour + shift
        edges.append(np.column_stack([source[hit], place[hit]]))
    links = np.concatenate(edges)
    sign = moves.sign[order]
    links = links[sign[links[:, 0]] == sign[links[:, 1]]]
    graph = coo_array((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(k, k))
    labels = np.empty(k, np.int32)
    labels[order] = connected_components(graph, directed=False)[1]
    return labels


def _certain(labels: NDArray[np.int32], sure: NDArray[np.bool_]) -> Iterator[Integers]:
    """The moves of each event that holds one beyond doubt."""
    if not len(labels):
        return
    order = np.argsort(labels, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(labels))])
    for label in np.flatnonzero(np.bincount(labels, sure)):
        yield order[start[label] : start[label + 1]]


def _pairs(code: Integers, target: Integers) -> Integers:
    place = np.minimum(np.searchsorted(code, target), len(code) - 1)
    hit = code[place] == target
    return np.column_stack([np.flatnonzero(hit), place[hit]])


def _event(
    series: xr.Dataset, position: Floats, core: Floats, areas: Floats, points: Integers, first: int, last: int
) -> dict[str, Any]:
    """What happened to some points between two epochs."""
    low, high = max(0, first - _MARGIN_EPOCHS), min(len(position), last + _MARGIN_EPOCHS + 1)
    times = series["time"].to_numpy()[low:high]
    days = (times - times[0]) / np.timedelta64(1, "D")
    begin, end, amount, sigma = fit_motion(days, position[low:high, points], first - low, last - low)
    # Chance hangs points onto the rim that took no part in the motion.
    moved = (np.abs(amount) > Z_95 * sigma) & (np.sign(amount) == np.sign(np.median(amount)))
    points, amount, sigma = points[moved], amount[moved], sigma[moved]
    own = np.nan_to_num(areas[points])
    area = float(own.sum())
    volume = float((own * amount).sum())
    pair = pair_sigma(
        series["registration_sigma_m"].to_numpy()[low + begin],
        series["registration_sigma_m"].to_numpy()[low + end],
        series.attrs,
    )
    magnitude = volume / area if area > 0 else float(np.nan)
    spread = float(np.sqrt(((own * sigma) ** 2).sum())) / area if area > 0 else float(np.nan)
    magnitude_sigma = float(np.hypot(spread, pair))
    duration = float(days[end] - days[begin])
    return {
        "begin": pd.Timestamp(times[begin], tz="UTC"),
        "end": pd.Timestamp(times[end], tz="UTC"),
        "duration_days": duration,
        "magnitude_m": magnitude,
        "magnitude_sigma_m": magnitude_sigma,
        "largest_m": float(amount[np.argmax(np.abs(amount))]) if len(amount) else float(np.nan),
        "rate_m_per_day": magnitude / duration,
        "n_points": len(points),
        "area_m2": area,
        "volume_m3": volume,
        "volume_sigma_m3": area * magnitude_sigma,
        "geometry": shapely.MultiPoint(core[points]),
    }
