"""Pipelines as runs with chainage (桩号): what touches end to end is one run, every edge measured on the ellipsoid."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sxrisk.crs import DEGREE_M, geodesic_distance_m
from sxrisk.errors import ParameterError

__all__ = ["PipelineRuns", "stake_text"]

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Geometries = NDArray[np.object_]

# 0.00135 degrees are at most 150 m: the chord of so much of a parallel leaves it by less than 0.4 mm at 41 north.
_MAX_EDGE_DEG = 0.00135
# Ends no farther apart than this are one joint.
_JOINT_M = 0.01
# The direction of a line at its end is that to the place so far along it, about 20 m: vertices may lie a hair apart.
_HEADING_DEG = 2e-4


def stake_text(chainage_m: float) -> str:
    """Chainage as it stands on a stake: kilometres, plus metres to the decimetre.

    Parameters
    ----------
    chainage_m : float
        Metres along the pipeline, 0 or more.

    Returns
    -------
    str

    Raises
    ------
    ParameterError
        If the chainage is negative or not finite.

    Examples
    --------
    >>> stake_text(12345.6), stake_text(999.96), stake_text(7)
    ('K12+345.6', 'K1+000.0', 'K0+007.0')
    """
    if not 0 <= chainage_m < np.inf:
        raise ParameterError(f"the chainage is {chainage_m} m", where="chainage_m", expected="a finite number from 0")
    kilometres, decimetres = divmod(round(chainage_m * 10), 10_000)
    return f"K{kilometres}+{decimetres // 10:03d}.{decimetres % 10}"


@dataclass(frozen=True)
class PipelineRuns:
    """Lines joined where their ends touch, each run with the position of its vertices in metres.

    A file may hold one pipeline in many features; a window of 2 km does not stop where a feature does. So positions on
    a run go on over joints, while chainage belongs to a feature: it begins at 0 at its first vertex, and goes on over
    its parts without counting the gaps between them. Where more than two ends meet, the two that go on the straightest
    are joined, then those of what is left; a run ends where no other end is left, or only such as turn back.

    Parameters
    ----------
    first : ndarray of shape (n_runs + 1,)
        Where each run's vertices begin.
    lonlat : ndarray of shape (n_vertices, 2)
        Degrees; edges of at most 150 m, straight in longitude and latitude.
    position_m : ndarray of shape (n_vertices,)
        Metres from the run's start, on the ellipsoid.
    owner : ndarray of shape (n_vertices,)
        Which geometry the edge after each vertex belongs to; -1 after the last vertex of a run.
    spans : DataFrame
        One row for each unbroken stretch of a geometry on a run: run, owner, from_m and to_m (positions on the run),
        chainage_m (of the geometry at from_m), direction (1 or -1).
    at_junction : ndarray of bool, shape (n_runs, 2)
        Whether the start and the end of each run touch other lines of its group all the same.

    Examples
    --------
    >>> lines = shapely.from_wkt(["LINESTRING (112 37, 112 37.01)", "LINESTRING (112 37.02, 112 37.01)"])
    >>> runs = PipelineRuns.of(lines)
    >>> len(runs), runs.length_m.round(1).tolist()
    (1, [2219.6])
    >>> runs.spans[["owner", "chainage_m", "direction"]].round(1).values.tolist()
    [[0.0, 0.0, 1.0], [1.0, 1109.8, -1.0]]
    """

    first: Index
    lonlat: Array
    position_m: Array
    owner: Index
    spans: pd.DataFrame
    at_junction: NDArray[np.bool_]

    @classmethod
    def of(cls, geometries: Geometries, groups: NDArray[np.object_] | None = None) -> "PipelineRuns":
        """Runs of line geometries; what is not a line, or has no length, has no run.

        Parameters
        ----------
        geometries : ndarray of shape (n,)
            LineStrings and MultiLineStrings in longitude and latitude, degrees.
        groups : ndarray of shape (n,), optional
            Only geometries of the same group are joined to each other; the parts of one geometry always are.

        Returns
        -------
        PipelineRuns
        """
        geometries = np.asarray(geometries, dtype=object)
        is_line = np.isin(shapely.get_type_id(geometries), (1, 5))
        parts, owner = shapely.get_parts(shapely.force_2d(geometries[is_line]), return_index=True)
        owner = np.flatnonzero(is_line)[owner]
        long = shapely.length(parts) > 0
        parts, owner = shapely.segmentize(parts[long], _MAX_EDGE_DEG), owner[long]
        names = np.zeros(len(geometries), dtype=object) if groups is None else groups
        ordered, at_junction = _joined(parts, pd.factorize(pd.Series(list(names), dtype=object)[owner])[0])
        return _assemble(parts, owner.astype(np.intp), ordered, at_junction)

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def length_m(self) -> Array:
        """Length of each run, shape (n_runs,)."""
        return self.position_m[self.first[1:] - 1] if len(self) else np.empty(0)

    def places(self, run: int, position_m: Array) -> Array:
        """Longitude and latitude of positions on a run, shape (n, 2)."""
        part = slice(self.first[run], self.first[run + 1])
        axis = self.position_m[part]
        return np.column_stack([np.interp(position_m, axis, self.lonlat[part, k]) for k in (0, 1)])

    def stretch(self, run: int, from_m: float, to_m: float) -> shapely.LineString:
        """The piece of a run between two positions."""
        part = slice(self.first[run], self.first[run + 1])
        axis = self.position_m[part]
        inner = slice(np.searchsorted(axis, from_m, side="right"), np.searchsorted(axis, to_m, side="left"))
        ends = self.places(run, np.array([from_m, to_m]))
        return shapely.LineString(np.vstack([ends[:1], self.lonlat[part][inner], ends[1:]]))

    def owner_at(self, run: Index, position_m: Array) -> Index:
        """Which geometry the places at positions on runs belong to, shape (n,)."""
        # Runs side by side on one axis, so that one search serves all.
        width = 1.0 + self.length_m.max(initial=0.0)
        starts = self.spans["from_m"].to_numpy() + self.spans["run"].to_numpy() * width
        found = np.searchsorted(starts, position_m + run * width, side="right") - 1
        return self.spans["owner"].to_numpy(dtype=np.intp)[np.maximum(found, 0)]

    def by_owner(self, segments: pd.DataFrame) -> pd.DataFrame:
        """Segments of runs cut where the geometry changes, with the geometry's own chainage.

        Parameters
        ----------
        segments : DataFrame
            Columns run, from_m, to_m, and any others, which are kept.

        Returns
        -------
        DataFrame
            With owner, from_chainage_m, to_chainage_m and geometry (in the direction of the chainage) added, sorted by
            owner and chainage.
        """
        cut = segments.merge(self.spans, on="run", suffixes=("", "_span"))
        low = np.maximum(cut["from_m"], cut["from_m_span"])
        high = np.minimum(cut["to_m"], cut["to_m_span"])
        cut = cut.assign(from_m=low, to_m=high)[high > low].reset_index(drop=True)
        ahead = (cut["direction"] > 0).to_numpy()
        near = np.where(ahead, cut["from_m"] - cut["from_m_span"], cut["from_m_span"] - cut["to_m"])
        start = cut["chainage_m"].to_numpy() + near
        lines: Geometries = np.empty(len(cut), dtype=object)
        for k, (run, begin, end, forward) in enumerate(zip(cut["run"], cut["from_m"], cut["to_m"], ahead, strict=True)):
            line = self.stretch(int(run), float(begin), float(end))
            lines[k] = line if forward else line.reverse()
        cut["from_chainage_m"] = np.maximum(start, 0.0)
        cut["to_chainage_m"] = cut["from_chainage_m"] + (cut["to_m"] - cut["from_m"])
        cut["geometry"] = lines
        dropped = ["from_m_span", "to_m_span", "chainage_m", "direction"]
        return cut.drop(columns=dropped).sort_values(["owner", "from_chainage_m"], ignore_index=True)


def _joined(parts: Geometries, group: Index) -> tuple[list[list[tuple[int, bool]]], NDArray[np.bool_]]:
    """Runs as lists of (part, whether it is walked backwards), and whether their ends touch others.

    A run takes the direction of its first part in order. End k of the parts is the start of part k, end count + k its
    end.
    """
    count = len(parts)
    joint = _joints(parts, group)
    partner = _partners(parts, joint)
    met_by_others = (np.bincount(joint)[joint] > 1) & (partner < 0)
    taken = np.zeros(count, dtype=bool)
    runs: list[list[tuple[int, bool]]] = []
    open_ends: list[tuple[int, int]] = []
    for seed in range(count):
        if taken[seed]:
            continue
        taken[seed] = True
        run = [(seed, False)]
        last = [seed, seed + count]
        for side, forward in ((1, True), (0, False)):
            met = int(partner[last[side]])
            while met >= 0 and not taken[met % count]:
                part = met % count
                taken[part] = True
                # Walking on, one enters a part at its start and leaves at its end, unless it lies the other way round.
                run.insert(len(run) if forward else 0, (part, (met >= count) == forward))
                last[side] = part if met >= count else part + count
                met = int(partner[last[side]])
        runs.append(run)
        open_ends.append((last[0], last[1]))
    return runs, met_by_others[np.array(open_ends, dtype=np.intp).reshape(-1, 2)]


def _joints(parts: Geometries, group: Index) -> Index:
    """The joint of each of the 2 n ends: those of one group within a centimetre of each other, or of one between."""
    ends = shapely.get_coordinates(np.concatenate([shapely.get_point(parts, k) for k in (0, -1)]))
    of = np.tile(group, 2)
    if not len(ends):
        return np.empty(0, dtype=np.intp)
    scale = np.array([np.cos(np.radians(ends[:, 1].mean())), 1.0]) * DEGREE_M
    # One scale for all is right to some per cent in a province: wider first, then by the ellipsoid.
    pair = cKDTree((ends - ends[0]) * scale).query_pairs(1.2 * _JOINT_M, output_type="ndarray")
    one, other = ends[pair[:, 0]], ends[pair[:, 1]]
    near = geodesic_distance_m(one[:, 0], one[:, 1], other[:, 0], other[:, 1]) <= _JOINT_M
    pair = pair[near & (of[pair[:, 0]] == of[pair[:, 1]])]
    graph = coo_array((np.ones(len(pair)), (pair[:, 0], pair[:, 1])), shape=(len(ends), len(ends)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)


def _partners(parts: Geometries, joint: Index) -> Index:
    """The end that each of the 2 n ends goes on with, -1 where there is none."""
    count = len(parts)
    partner = np.full(2 * count, -1, dtype=np.intp)
    order = np.argsort(joint, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(joint[order])) + 1):
        if len(members) == 2 and members[0] % count != members[1] % count:
            partner[members] = members[::-1]
        elif len(members) > 2:
            one, other = np.triu_indices(len(members), 1)
            heading = _headings(parts, members)
            # The cosine of the angle between the two: -1 where one goes straight on, above 0 where one turns back.
            along = (heading[one] * heading[other]).sum(axis=1)
            for k in np.argsort(along, kind="stable"):
                a, b = members[one[k]], members[other[k]]
                if along[k] < 0 and partner[a] < 0 and partner[b] < 0 and a % count != b % count:
                    partner[a], partner[b] = b, a
    return partner


def _headings(parts: Geometries, ends: Index) -> Array:
    """Unit vectors east and north from ends of parts into them, shape (n, 2)."""
    lines = parts[ends % len(parts)]
    step = np.minimum(_HEADING_DEG, 0.5 * shapely.length(lines))
    at_end = ends >= len(parts)
    here = shapely.get_coordinates(np.where(at_end, shapely.get_point(lines, -1), shapely.get_point(lines, 0)))
    there = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.where(at_end, -step, step)))
    vector = (there - here) * np.column_stack([np.cos(np.radians(here[:, 1])), np.ones(len(here))])
    return vector / np.maximum(np.hypot(*vector.T), np.finfo(float).tiny)[:, None]


def _assemble(
    parts: Geometries, owner: Index, ordered: list[list[tuple[int, bool]]], at_junction: NDArray[np.bool_]
) -> PipelineRuns:
    vertices = [shapely.get_coordinates(part) for part in parts]
    first: list[int] = [0]
    points: list[Array] = []
    positions: list[Array] = []
    owners: list[Index] = []
    spans: list[dict[str, float]] = []
    for number, run in enumerate(ordered):
        at = 0.0
        pieces: list[tuple[int, bool, float, float]] = []
        line: list[Array] = []
        for part, backwards in run:
            xy = vertices[part][::-1] if backwards else vertices[part]
            step = geodesic_distance_m(xy[:-1, 0], xy[:-1, 1], xy[1:, 0], xy[1:, 1])
            along = at + np.concatenate([[0.0], np.cumsum(step)])
            pieces.append((part, backwards, at, float(along[-1])))
            at = float(along[-1])
            # The next part begins with this part's last vertex.
            line.append(np.column_stack([xy, along, np.full(len(xy), owner[part])])[:-1])
        line.append(np.array([[*xy[-1], at, -1.0]]))
        whole = np.vstack(line)
        moved = np.concatenate([(np.diff(whole[:, :2], axis=0) != 0).any(axis=1), [True]])
        whole = whole[moved]
        points.append(whole[:, :2])
        positions.append(whole[:, 2])
        owners.append(whole[:, 3].astype(np.intp))
        first.append(first[-1] + len(whole))
        spans += _spans(number, pieces, owner)
    table = pd.DataFrame(spans, columns=["run", "owner", "from_m", "to_m", "part", "direction"])
    return PipelineRuns(
        np.asarray(first, dtype=np.intp),
        np.concatenate(points) if points else np.empty((0, 2)),
        np.concatenate(positions) if positions else np.empty(0),
        np.concatenate(owners) if owners else np.empty(0, dtype=np.intp),
        _with_chainage(table),
        at_junction,
    )


def _spans(run: int, pieces: list[tuple[int, bool, float, float]], owner: Index) -> list[dict[str, float]]:
    """Neighbouring pieces of one geometry on a run taken together; the lowest part says which way chainage goes."""
    spans: list[dict[str, float]] = []
    for part, backwards, begin, end in pieces:
        direction = -1 if backwards else 1
        if spans and spans[-1]["owner"] == owner[part]:
            span = spans[-1]
            if part < span["part"]:
                span.update(part=part, direction=direction)
            span["to_m"] = end
        else:
            spans.append(
                {"run": run, "owner": owner[part], "from_m": begin, "to_m": end, "part": part, "direction": direction}
            )
    return spans


def _with_chainage(spans: pd.DataFrame) -> pd.DataFrame:
    spans = spans.astype({"from_m": np.float64, "to_m": np.float64}).sort_values("part", ignore_index=True)
    length = spans["to_m"] - spans["from_m"]
    begin = length.groupby(spans["owner"]).cumsum() - length
    # The chainage where the run enters the span: its far end where the two go opposite ways.
    spans["chainage_m"] = np.where(spans["direction"] > 0, begin, begin + length)
    spans = spans.astype({"run": np.intp, "owner": np.intp, "direction": np.intp})
    return spans.drop(columns="part").sort_values(["run", "from_m"], ignore_index=True)
