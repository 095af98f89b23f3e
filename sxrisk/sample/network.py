"""Roads and pipelines by least cost over the ground, and the county's outline and townships."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from shapely import affinity
from shapely.geometry import LineString, Point, Polygon
from shapely.ops import substring

from sxrisk.sample.frame import CELL_M, DEM_SHAPE, EAST_MIN, NORTH_MAX, NORTH_MIN, random_stream
from sxrisk.sample.terrain import Terrain, fractal_noise

__all__ = ["Network", "Pipeline", "Road", "county_outline", "make_network", "smooth_line", "townships"]

Array = NDArray[np.float64]
_COARSE = 2
_STEPS = [(0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (2, -1), (1, -2)]
NATIONAL, PROVINCIAL, COUNTY, TOWNSHIP = "国道", "省道", "县道", "乡道"


@dataclass(frozen=True)
class Road:
    """A road: class (the CAD layer it is drawn on), number, line in EPSG:4547."""

    road_class: str
    number: str
    line: LineString


@dataclass(frozen=True)
class Pipeline:
    """A pipeline or a part of one; line in EPSG:4547."""

    key: str
    name: str
    medium: str
    diameter_mm: int
    pressure_mpa: float
    tunnel: bool
    line: LineString


@dataclass
class Network:
    """Seats of government, roads and pipelines."""

    seats: Array
    roads: list[Road] = field(default_factory=list)
    pipelines: list[Pipeline] = field(default_factory=list)

    @property
    def tunnel(self) -> Pipeline:
        """The part of a pipeline that runs in its own tunnel."""
        return next(pipe for pipe in self.pipelines if pipe.tunnel)


class _Ground:
    """Travel cost over cells of 60 m."""

    def __init__(self, terrain: Terrain, blocked: Array, river_cost: float, steepness: float) -> None:
        self.cell = terrain.cell_m * _COARSE
        rows, cols = DEM_SHAPE[0] // _COARSE, DEM_SHAPE[1] // _COARSE
        self.shape = (rows, cols)
        self.z = terrain.z.reshape(rows, _COARSE, cols, _COARSE).mean(axis=(1, 3))
        river = np.ones(self.shape, dtype=np.bool_)
        points = np.array([terrain.river.interpolate(s).coords[0] for s in np.arange(0, terrain.river.length, 20)])
        river[self.index(points)] = False
        near_river = ndimage.distance_transform_edt(river, sampling=self.cell) < 100
        self.weight = 1.0 + river_cost * near_river
        for east, north, radius in blocked:
            r, c = np.indices(self.shape)
            x, y = EAST_MIN + (c + 0.5) * self.cell, NORTH_MAX - (r + 0.5) * self.cell
            self.weight += 60.0 * (np.hypot(x - east, y - north) < radius)
        # a road keeps off the very edge of the model
        edge = np.zeros(self.shape)
        edge[:6], edge[-6:], edge[:, :6], edge[:, -6:] = 4, 4, 4, 4
        self.weight += edge * 0.1
        self.steepness = steepness
        self._built: sparse.csr_matrix | None = None

    def index(self, xy: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        row = np.clip(((NORTH_MAX - xy[:, 1]) / self.cell).astype(np.int64), 0, self.shape[0] - 1)
        col = np.clip(((xy[:, 0] - EAST_MIN) / self.cell).astype(np.int64), 0, self.shape[1] - 1)
        return row, col

    def graph(self) -> sparse.csr_matrix:
        if self._built is None:
            rows, cols = self.shape
            ids = np.arange(rows * cols).reshape(self.shape)
            tails, heads, costs = [], [], []
            for dr, dc in _STEPS:
                a = (slice(0, rows - dr), slice(max(0, -dc), cols - max(0, dc)))
                b = (slice(dr, rows), slice(max(0, dc), cols - max(0, -dc)))
                run = self.cell * np.hypot(dr, dc)
                grade = np.abs(self.z[a] - self.z[b]) / run
                cost = run * (1.0 + (grade / self.steepness) ** 2) * 0.5 * (self.weight[a] + self.weight[b])
                tails.append(ids[a].ravel())
                heads.append(ids[b].ravel())
                costs.append(cost.ravel())
            n = rows * cols
            there = np.concatenate([*tails, *heads]), np.concatenate([*heads, *tails])
            self._built = sparse.csr_matrix((np.concatenate([*costs, *costs]), there), shape=(n, n))
        return self._built

    def path(self, start: Array, goals: Array) -> Array:
        """Cheapest way from a point to the nearest (by cost) of several goals, as cell centres (n, 2)."""
        row, col = self.index(np.vstack([start[None], goals]))
        flat = row * self.shape[1] + col
        cost, before = csgraph.dijkstra(self.graph(), indices=flat[0], return_predecessors=True)
        cell = int(flat[1:][np.argmin(cost[flat[1:]])])
        cells = [cell]
        while before[cell] >= 0:
            cell = int(before[cell])
            cells.append(cell)
        way = np.array(cells[::-1])
        r, c = way // self.shape[1], way % self.shape[1]
        return np.column_stack([EAST_MIN + (c + 0.5) * self.cell, NORTH_MAX - (r + 0.5) * self.cell])


def smooth_line(points: Array, tolerance_m: float, rounds: int = 2) -> LineString:
    """A drawn line from a staircase of cells: thinned, corners cut (Chaikin), rounded to centimetres."""
    xy = np.asarray(LineString(points).simplify(tolerance_m).coords)
    for _ in range(rounds):
        if len(xy) > 2:
            a, b = xy[:-1], xy[1:]
            cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
            xy = np.vstack([xy[:1], cut[1:-1], xy[-1:]])
    return LineString(np.round(xy, 2))


def county_outline(seed: int) -> Polygon:
    """The county's outline, 0.5 to 1.4 km inside the elevation model."""
    rng = random_stream(seed, "outline")
    turn = np.linspace(0, 2 * np.pi, 241)[:-1]
    half = np.array([DEM_SHAPE[1], DEM_SHAPE[0]]) * CELL_M / 2
    middle = np.array([EAST_MIN + half[0], NORTH_MIN + half[1]])
    shape = (np.abs(np.cos(turn)) ** 5 + np.abs(np.sin(turn)) ** 5) ** (-1 / 5)
    wave = sum(
        rng.uniform(0.5, 1.0) * 420.0 / k**0.6 * np.sin(k * turn + rng.uniform(0, 6.28)) for k in (3, 5, 8, 13, 21, 34)
    )
    reach = np.clip(1.0 - (900.0 - 0.8 * wave) / half[1], 0.0, 1.0 - 420.0 / half[1]) * shape
    ring = middle + np.column_stack([reach * half[0] * np.cos(turn), reach * half[1] * np.sin(turn)])
    return Polygon(np.round(ring, 1))


def townships(seed: int, outline: Polygon, seats: Array) -> list[Polygon]:
    """Townships that part the county without gap or overlap, one a seat, with wavering borders."""
    import shapely
    from rasterio import features
    from rasterio.transform import Affine
    from shapely.geometry import shape as to_shape

    rng = random_stream(seed, "townships")
    cell = 60.0
    rows, cols = int(DEM_SHAPE[0] * CELL_M / cell) + 1, int(DEM_SHAPE[1] * CELL_M / cell) + 1
    east = EAST_MIN + (np.arange(cols) + 0.5) * cell + 650.0 * fractal_noise(rng, (rows, cols), 36.0, 5, 0.6)
    north = (NORTH_MAX - (np.arange(rows) + 0.5) * cell)[:, None]
    north = north + 650.0 * fractal_noise(rng, (rows, cols), 36.0, 5, 0.6)
    label = np.argmin(np.hypot(east[..., None] - seats[:, 0], north[..., None] - seats[:, 1]), axis=-1)
    # keep the largest part of each: islands go to the neighbour that surrounds them
    for k in range(len(seats)):
        parts, count = ndimage.label(label == k)
        if count > 1:
            sizes = ndimage.sum(label == k, parts, np.arange(1, count + 1))
            stray = (label == k) & (parts != 1 + int(np.argmax(sizes)))
            other = np.where(label == k, 0, label + 1)
            index = ndimage.distance_transform_edt(other == 0, return_distances=False, return_indices=True)
            label[stray] = other[index[0][stray], index[1][stray]] - 1
    transform = Affine(cell, 0, EAST_MIN, 0, -cell, NORTH_MAX)
    pieces: list[list[Polygon]] = [[] for _ in seats]
    for geometry, value in features.shapes(label.astype(np.int16), transform=transform):
        pieces[int(value)].append(to_shape(geometry))
    whole = [max(part, key=lambda p: p.area) for part in pieces]
    smooth = shapely.coverage_simplify(np.array(whole), 90.0)
    return [piece.intersection(outline) for piece in smooth]


def make_network(terrain: Terrain, seed: int, outline: Polygon, blocked: Array) -> Network:
    """Seats, the classified roads between them, and three pipelines.

    Parameters
    ----------
    terrain : Terrain
        The county with its sites.
    seed : int
        Seed of the sample.
    outline : Polygon
        The county.
    blocked : (n, 3) float64
        Places to go around: easting, northing, radius.

    Returns
    -------
    Network
        With national, provincial and county roads; township roads come with the villages.
    """
    seats = _choose_seats(terrain, outline)
    network = Network(seats)
    ground = _Ground(terrain, blocked, river_cost=2.5, steepness=0.045)
    river = np.asarray(terrain.river.coords)
    beside = np.array([0.0, 260.0])
    west = ground.path(seats[0], (river[-1] + beside)[None])
    east = ground.path(seats[0], (river[0] + beside)[None])
    national = np.vstack([west[::-1], east[1:]])
    network.roads.append(Road(NATIONAL, "G3907", smooth_line(national, 55.0)))
    north = ground.path(seats[0], np.array([[EAST_MIN + 11_400.0, NORTH_MAX - 60.0]]))
    south = ground.path(seats[0], np.array([[EAST_MIN + 14_600.0, NORTH_MIN + 60.0]]))
    network.roads.append(Road(PROVINCIAL, "S517", smooth_line(np.vstack([north[::-1], south[1:]]), 55.0)))
    for number, seat in enumerate(seats[1:], start=1):
        goals = np.vstack([np.asarray(road.line.segmentize(50.0).coords) for road in network.roads])
        way = ground.path(seat, goals)
        if len(way) > 4:
            way[-1] = goals[np.argmin(np.hypot(*(goals - way[-1]).T))]
            network.roads.append(Road(COUNTY, f"X{700 + number}", smooth_line(way, 50.0)))
    towns = np.column_stack([seats, np.full(len(seats), 900.0)])
    pipe_ground = _Ground(terrain, np.vstack([blocked, towns]), river_cost=0.2, steepness=0.16)

    def route(start: tuple[float, float], goals: Array) -> LineString:
        corner = np.array([EAST_MIN, NORTH_MIN])
        return smooth_line(pipe_ground.path(corner + start, goals + corner), 75.0, rounds=1)

    width, height = DEM_SHAPE[1] * CELL_M, DEM_SHAPE[0] * CELL_M
    trunk = route((60.0, 14_600.0), np.array([[width - 60.0, 10_300.0]]))
    # the gathering line ends where it meets the trunk
    on_trunk = np.asarray(trunk.segmentize(60.0).coords)[60:-60] - [EAST_MIN, NORTH_MIN]
    gathering = route((7_200.0, 60.0), on_trunk)
    oil = route((19_300.0, height - 60.0), np.array([[18_800.0, 60.0]]))
    network.pipelines = [
        Pipeline("GD-01", "合山输气干线", "天然气", 813, 10.0, False, trunk),
        Pipeline("GD-02", "合山煤层气集输管线", "煤层气", 406, 4.0, False, gathering),
        *_with_tunnel(terrain, outline, Pipeline("GD-03", "合山原油管线", "原油", 529, 6.3, False, oil)),
    ]
    return network


def _with_tunnel(terrain: Terrain, outline: Polygon, whole: Pipeline) -> list[Pipeline]:
    """Three parts of a pipeline: before, in, and after a straight tunnel under the highest ridge on its way."""
    line = whole.line
    chainage = np.arange(1_500.0, line.length - 1_500.0, 30.0)
    points = np.array([line.interpolate(s).coords[0] for s in chainage])
    inside = np.array([outline.buffer(-2_600).contains(Point(p)) for p in points])
    top = chainage[np.argmax(np.where(inside, terrain.at(points), -np.inf))]
    before, after = substring(line, 0.0, top - 450.0), substring(line, top + 450.0, line.length)
    ends = np.round(np.array([before.coords[-1], after.coords[0]]), 2)
    before = LineString([*before.coords[:-1], ends[0]])
    after = LineString([ends[1], *after.coords[1:]])
    parts = (("北段", before, False), ("隧道段", LineString(ends), True), ("南段", after, False))
    return [
        replace(whole, key=f"{whole.key}-{number}", name=whole.name + part, line=piece, tunnel=tunnel)
        for number, (part, piece, tunnel) in enumerate(parts, start=1)
    ]


def _choose_seats(terrain: Terrain, outline: Polygon) -> Array:
    """The county town beside the middle of the river, and eight further seats on valley floors well apart."""
    half = terrain.river.interpolate(0.52, normalized=True)
    ahead = terrain.river.interpolate(0.53, normalized=True)
    direction = np.array([ahead.x - half.x, ahead.y - half.y])
    direction /= np.hypot(*direction)
    sides = [np.array([half.x, half.y]) + s * 420.0 * np.array([-direction[1], direction[0]]) for s in (1, -1)]
    slope = ndimage.uniform_filter(terrain.slope, 21)
    town = min(sides, key=lambda p: float(slope[terrain.index(p[None])][0]))
    _, area = terrain.drainage
    valley = (area.reshape(terrain.z.shape) > 2.5e6) & (slope < 0.32)
    row, col = np.nonzero(valley)
    spots = terrain.centre(row, col)
    inner = affinity.scale(outline, 0.88, 0.88)
    spots = spots[[inner.contains(Point(p)) for p in spots]]
    seats = [town]
    apart = np.hypot(*(spots - town).T)
    while len(seats) < 8:
        pick = spots[np.argmax(apart)]
        seats.append(pick)
        apart = np.minimum(apart, np.hypot(*(spots - pick).T))
    # off the stream bed, onto the bank
    return np.array([seats[0], *(seat + np.array([70.0, 50.0]) for seat in seats[1:])])


def add_township_roads(
    network: Network, terrain: Terrain, targets: Array, blocked: Array, first_number: int = 1
) -> None:
    """A township road from each target to the network as it then is, appended in place."""
    ground = _Ground(terrain, blocked, river_cost=2.5, steepness=0.07)
    for number, target in enumerate(targets, start=first_number):
        goals = np.vstack([np.asarray(road.line.segmentize(50.0).coords) for road in network.roads])
        way = ground.path(target, goals)
        if len(way) > 3:
            way[0] = target
            way[-1] = goals[np.argmin(np.hypot(*(goals - way[-1]).T))]
            network.roads.append(Road(TOWNSHIP, f"Y{number:03d}", smooth_line(way, 40.0)))
