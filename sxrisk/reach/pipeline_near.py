"""Which stretches of pipelines lie within reach of which objects, by the true distance to each place of the line."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from sxrisk.crs import LEAST_DEGREE_M
from sxrisk.reach.pipeline_chainage import PipelineRuns

__all__ = ["Outlines", "covered_outlines", "near_stretches"]

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
Geometries = NDArray[np.object_]

_MAX_EDGE_DEG = 0.00135
_EDGES_PER_CHUNK = 32
_EDGES_PER_PIECE = 8
_HAIR_M = 1e-6


@dataclass(frozen=True)
class Outlines:
    """Points, lines and outlines of areas as edges, in chunks that an index can hold.

    Parameters
    ----------
    geometries : ndarray of shape (n,)
        Any geometries in longitude and latitude, degrees; None and empty ones have no edge.
    sigma_m : ndarray of shape (n,)
        1 sigma of position, m, 0 where it is taken as exact.
    """

    geometries: Geometries
    sigma_m: Array

    @cached_property
    def edges(self) -> tuple[Array, Index, Index, Index]:
        """Vertices (m, 2), edges (k, 2), chunks of edges (c, 2), and the geometry of each chunk (c,)."""
        shapes, owner = self.geometries, np.arange(len(self.geometries))
        while (shapely.get_type_id(shapes) > 3).any():
            shapes, index = shapely.get_parts(shapes, return_index=True)
            owner = owner[index]
        kept = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        shapes, owner = shapes[kept], owner[kept]
        if shapely.has_z(shapes).any():
            shapes = shapely.force_2d(shapes)
        area = shapely.get_type_id(shapes) == 3
        rings, index = shapely.get_rings(shapes[area], return_index=True)
        shapes = np.concatenate([shapes[~area], rings])
        owner = np.concatenate([owner[~area], owner[area][index]])
        linear = shapely.get_dimensions(shapes) == 1
        # Most outlines are short enough as they are: only the others are cut.
        size = shapely.bounds(shapes)
        long = linear & (np.maximum(size[:, 2] - size[:, 0], size[:, 3] - size[:, 1]) > _MAX_EDGE_DEG)
        shapes[long] = shapely.segmentize(shapes[long], _MAX_EDGE_DEG)
        order = np.argsort(owner, kind="stable")
        shapes, owner = shapes[order], owner[order]
        xy = shapely.get_coordinates(shapes)
        count = shapely.get_num_coordinates(shapes)
        last = np.cumsum(count) - 1
        start = np.arange(len(xy))
        # A point is an edge from its vertex to itself; a line has one edge less than vertices.
        ends_line = np.zeros(len(xy), dtype=bool)
        ends_line[last[count > 1]] = True
        start = start[~ends_line]
        single = np.zeros(len(xy), dtype=bool)
        single[last[count == 1]] = True
        edges = np.column_stack([start, start + ~single[start]]).astype(np.intp)
        edge_owner = np.repeat(owner, np.maximum(count - 1, 1))
        fresh = np.concatenate([[True], np.diff(edge_owner) != 0]) if len(edge_owner) else np.empty(0, dtype=bool)
        begin = np.flatnonzero(fresh)
        number = np.diff(np.append(begin, len(edge_owner)))
        chunks = _runs(begin, number, _EDGES_PER_CHUNK)
        return xy, edges, chunks, edge_owner[chunks[:, 0]]

    @cached_property
    def boxes(self) -> Geometries:
        """The box of each chunk."""
        xy, edges, chunks, _ = self.edges
        if not len(chunks):
            return np.empty(0, dtype=object)
        low, high = np.minimum(xy[edges[:, 0]], xy[edges[:, 1]]), np.maximum(xy[edges[:, 0]], xy[edges[:, 1]])
        least, most = np.minimum.reduceat(low, chunks[:, 0]), np.maximum.reduceat(high, chunks[:, 0])
        # Points need no box, and are made much faster.
        return shapely.points(least) if (least == most).all() else shapely.box(*least.T, *most.T)


def near_stretches(
    runs: PipelineRuns, outlines: Outlines, reach_m: ArrayLike, line_sigma_m: ArrayLike, *, z: float = 0.0
) -> pd.DataFrame:
    """Every stretch of a run whose places lie within reach of an object.

    A place of the line is within reach when its distance to the object, 0 inside an area, is at most the reach. The
    ends of the stretches come from the crossing of edges with capsules, not from samples, right to about 1 mm.

    Parameters
    ----------
    runs : PipelineRuns
    outlines : Outlines of n objects
    reach_m, line_sigma_m : float or array_like of one value for each of the lines that the runs were made of
        Reach, and 1 sigma of position, of each line, m.
    z : float
        The reach is widened by so many sigmas of both positions together, or narrowed where negative.

    Returns
    -------
    DataFrame
        Sorted by run, object and start: run, object, from_m and to_m (positions on the run), foot_from_m and foot_to_m
        (between the places straight beside the object's outermost points within reach), distance_m (least distance),
        nearest_m (where).

    References
    ----------
    The cut of a line with a capsule: any text on computational geometry, e.g. C. Ericson, Real-Time Collision Detection
    (2005), ch. 4 and 5.

    Examples
    --------
    >>> runs = PipelineRuns.of(shapely.from_wkt(["LINESTRING (112 37, 112 37.05)"]))
    >>> house = Outlines(shapely.points([[112.0, 37.02]]), np.zeros(1))
    >>> near_stretches(runs, house, 200.0, 0.0)[["from_m", "to_m", "foot_from_m"]].round(1).values.tolist()
    [[2019.6, 2419.6, 2219.6]]
    """
    reach, sigma = (_by_edge(runs, value) for value in (reach_m, line_sigma_m))
    xy, edges, chunks, chunk_owner = outlines.edges
    noise = np.asarray(outlines.sigma_m, dtype=np.float64)[chunk_owner]
    pieces, piece_run = _pieces(runs)
    pair_piece, pair_chunk = _candidates(runs, pieces, reach, sigma, outlines.boxes, noise, z)
    columns = ["from_m", "to_m", "foot_from_m", "foot_to_m", "distance_m", "nearest_m"]
    from sxrisk.reach.pipeline_kernels import outline_stretches

    raw = outline_stretches(
        runs.lonlat, runs.position_m, reach, sigma, pieces, xy, edges, chunks, pair_piece, pair_chunk, noise, z
    )
    pair = raw[:, 0].astype(np.intp)
    found = pd.DataFrame(raw[:, 1:], columns=columns)
    found.insert(0, "run", piece_run[pair_piece[pair]])
    found.insert(1, "object", chunk_owner[pair_chunk[pair]])
    found = _merged(found)
    inside = _inside(runs, outlines, found, reach, sigma, z)
    if len(inside):
        found = _merged(pd.concat([found, inside], ignore_index=True))
    # Where nothing of the object lies straight beside the line (outside a bend), its nearest place is the foot.
    lost = found["foot_from_m"] > found["foot_to_m"]
    for name in ("foot_from_m", "foot_to_m"):
        found[name] = found[name].where(~lost, found["nearest_m"])
    return found


def covered_outlines(
    runs: PipelineRuns, outlines: Outlines, reach_m: ArrayLike, line_sigma_m: ArrayLike, *, z: float = 0.0
) -> set[tuple[int, int]]:
    """Runs and objects whose whole outline lies within reach of the run.

    Parameters
    ----------
    runs, outlines, reach_m, line_sigma_m, z
        See :func:`near_stretches`.

    Returns
    -------
    set of (run, object)
    """
    from sxrisk.reach.pipeline_kernels import outline_cover

    reach, sigma = (_by_edge(runs, value) for value in (reach_m, line_sigma_m))
    xy, edges, chunks, chunk_owner = outlines.edges
    noise = np.asarray(outlines.sigma_m, dtype=np.float64)[chunk_owner]
    pieces, piece_run = _pieces(runs)
    pair_piece, pair_chunk = _candidates(runs, pieces, reach, sigma, outlines.boxes, noise, z)
    raw = outline_cover(runs.lonlat, reach, sigma, pieces, xy, edges, chunks, pair_piece, pair_chunk, noise, z)
    if not len(raw):
        return set()
    pair = raw[:, 0].astype(np.intp)
    rows = pd.DataFrame({"run": piece_run[pair_piece[pair]], "edge": raw[:, 1], "from": raw[:, 2], "to": raw[:, 3]})
    rows["object"] = chunk_owner[pair_chunk[pair]]
    rows = rows.sort_values(["run", "edge", "from"], ignore_index=True)
    edge = rows.groupby(["run", "edge"], sort=False)
    reached = edge["to"].cummax()
    gap = rows["from"] > reached.groupby([rows["run"], rows["edge"]], sort=False).shift(fill_value=0.0) + 1e-12
    ends = edge.agg(object=("object", "first"), to=("to", "max")).assign(
        gap=gap.groupby([rows["run"], rows["edge"]]).any()
    )
    whole = ends[(ends["to"] >= 1.0 - 1e-12) & ~ends["gap"]].groupby(["run", "object"]).size()
    wanted = np.bincount(np.repeat(chunk_owner, np.diff(chunks, axis=1)[:, 0]), minlength=len(outlines.geometries))
    found = whole.reset_index(name="edges")
    found = found[found["edges"].to_numpy() == wanted[found["object"].to_numpy(dtype=np.intp)]]
    return set(zip(found["run"].tolist(), found["object"].tolist(), strict=True))


def _by_edge(runs: PipelineRuns, value: ArrayLike) -> Array:
    """A value of each line at the edge after each vertex; NaN where there is no edge."""
    given = np.asarray(value, dtype=np.float64)
    spread = np.full(len(runs.owner), float(given)) if given.ndim == 0 else given[runs.owner]
    return np.where(runs.owner >= 0, spread, np.nan)


def _runs(begin: Index, count: Index, size: int) -> Index:
    """Ranges of at most `size`, (k, 2), that cover ranges given by begin and count."""
    parts = -(-count // size)
    of = np.repeat(np.arange(len(begin)), parts)
    step = np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts, parts)
    first = begin[of] + step * size
    return np.column_stack([first, np.minimum(first + size, (begin + count)[of])]).astype(np.intp)


def _pieces(runs: PipelineRuns) -> tuple[Index, Index]:
    """Short pieces of the runs as ranges of edges (edge k joins vertices k and k + 1), and the run of each."""
    count = np.diff(runs.first) - 1
    pieces = _runs(runs.first[:-1], count, _EDGES_PER_PIECE)
    return pieces, np.repeat(np.arange(len(runs)), -(-count // _EDGES_PER_PIECE)).astype(np.intp)


def _candidates(
    runs: PipelineRuns, pieces: Index, reach: Array, sigma: Array, boxes: Geometries, noise: Array, z: float
) -> tuple[Index, Index]:
    nothing = np.empty(0, dtype=np.intp)
    if not len(pieces) or not len(boxes):
        return nothing, nothing
    # Edge by edge, because the vertex after a piece's last edge belongs to it as well.
    low = np.minimum(runs.lonlat[:-1], runs.lonlat[1:])
    high = np.maximum(runs.lonlat[:-1], runs.lonlat[1:])
    # Vertices that end a run begin no edge: their box spans a gap, and reduceat must not see it.
    void = runs.owner[:-1] < 0
    low[void], high[void] = np.inf, -np.inf
    far = np.nan_to_num(reach[:-1] + max(z, 0.0) * (sigma[:-1] + noise.max(initial=0.0)), nan=-1.0)
    first = pieces[:, 0]
    least, most = np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)
    farthest = np.maximum.reduceat(far, first)
    margin = (farthest + 0.01) / LEAST_DEGREE_M
    known = np.flatnonzero(farthest >= 0)
    east = margin * 1.02 / np.cos(np.radians(np.maximum(np.abs(least[:, 1]), np.abs(most[:, 1]))))
    wide = shapely.box(least[:, 0] - east, least[:, 1] - margin, most[:, 0] + east, most[:, 1] + margin)[known]
    chunk, piece = shapely.STRtree(wide).query(boxes)
    return known[piece], chunk.astype(np.intp)


def _merged(rows: pd.DataFrame) -> pd.DataFrame:
    """Stretches of one run and object that touch, taken together."""
    rows = rows.sort_values(["run", "object", "from_m"], ignore_index=True)
    if not len(rows):
        return rows
    run, item = rows["run"].to_numpy(), rows["object"].to_numpy()
    begin, end = rows["from_m"].to_numpy(), rows["to_m"].to_numpy()
    fresh = np.concatenate([[True], (run[1:] != run[:-1]) | (item[1:] != item[:-1])])
    reached = rows["to_m"].groupby(np.cumsum(fresh)).cummax().to_numpy() if len(rows) else end
    fresh[1:] |= begin[1:] > reached[:-1] + _HAIR_M
    first = np.flatnonzero(fresh)
    nearest = rows["distance_m"].groupby(np.cumsum(fresh)).idxmin().to_numpy()
    return pd.DataFrame(
        {
            "run": run[first],
            "object": item[first],
            "from_m": begin[first],
            "to_m": np.maximum.reduceat(end, first),
            "foot_from_m": np.minimum.reduceat(rows["foot_from_m"].to_numpy(), first),
            "foot_to_m": np.maximum.reduceat(rows["foot_to_m"].to_numpy(), first),
            "distance_m": rows["distance_m"].to_numpy()[nearest],
            "nearest_m": rows["nearest_m"].to_numpy()[nearest],
        }
    )


def _inside(
    runs: PipelineRuns, outlines: Outlines, found: pd.DataFrame, reach: Array, sigma: Array, z: float
) -> pd.DataFrame:
    """Stretches farther inside an area than the reach: between two stretches near its outline, all or nothing is."""
    area = np.flatnonzero(shapely.get_dimensions(outlines.geometries) == 2)
    size = shapely.bounds(outlines.geometries[area])
    least = float(np.nanmin(np.where(reach >= 0, reach, np.nan), initial=np.inf)) / LEAST_DEGREE_M
    wide = area[np.minimum(size[:, 2] - size[:, 0], size[:, 3] - size[:, 1]) > least]
    rows: list[dict[str, float]] = []
    if not len(wide) or not len(runs):
        return pd.DataFrame(rows)
    lines = shapely.linestrings(runs.lonlat, indices=np.repeat(np.arange(len(runs)), np.diff(runs.first)))
    run_of, item_of = shapely.STRtree(outlines.geometries[wide]).query(lines, predicate="intersects")
    known = dict(iter(found.groupby(["run", "object"])))
    for run, item in zip(run_of, wide[item_of], strict=True):
        near = known.get((run, item))
        ends = near[["from_m", "to_m"]].to_numpy() if near is not None else np.empty((0, 2))
        gaps = np.column_stack([np.append(0.0, ends[:, 1]), np.append(ends[:, 0], runs.length_m[run])])
        gaps = gaps[gaps[:, 1] > gaps[:, 0]]
        middle = gaps.mean(axis=1)
        place = runs.places(int(run), middle)
        edge = runs.first[run] - 1 + np.searchsorted(runs.position_m[runs.first[run] : runs.first[run + 1]], middle)
        asked = reach[edge] + z * np.hypot(sigma[edge], outlines.sigma_m[item]) >= 0
        held = asked & shapely.contains_xy(outlines.geometries[item], place[:, 0], place[:, 1])
        rows += [
            {
                "run": run,
                "object": item,
                "from_m": begin,
                "to_m": end,
                "foot_from_m": begin,
                "foot_to_m": end,
                "distance_m": 0.0,
                "nearest_m": begin,
            }
            for begin, end in gaps[held]
        ]
    return pd.DataFrame(rows)
