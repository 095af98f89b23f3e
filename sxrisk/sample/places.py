"""Where people live: villages along the roads, their houses, schools and hospitals."""

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree, affinity
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from sxrisk.sample.frame import MARK_ZH, random_stream
from sxrisk.sample.network import Network
from sxrisk.sample.terrain import Terrain

__all__ = ["Building", "Place", "Settlements", "blob", "build_houses", "fill_villages", "house", "place_services"]

Array = NDArray[np.float64]

_FIRST = "柳杨槐榆枣杏桃梨松柏石青白黄红龙凤虎马羊牛金银铁玉清温冷寒阳阴南北东西上下前后大小新旧高平安兴永福康和"
_LAST = ("沟", "庄", "坪", "峪", "洼", "岭", "湾", "坡", "堡", "寨", "滩", "窑", "圪垛", "垣", "掌", "崖底")


@dataclass(frozen=True)
class Place:
    """A village: key, name, outline (EPSG:4547), households."""

    key: str
    name: str
    outline: Polygon
    households: int


@dataclass(frozen=True)
class Building:
    """A building: key, outline (EPSG:4547), storeys, structure."""

    key: str
    outline: Polygon
    storeys: int
    structure: str


@dataclass
class Settlements:
    """All places and what stands in them."""

    villages: list[Place] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    schools: list[tuple[str, str, Point, int]] = field(default_factory=list)
    hospitals: list[tuple[str, str, Point, int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def new_name(self, rng: np.random.Generator) -> str:
        """A village name that was not given yet, marked as made up."""
        while True:
            name = "".join(rng.choice(list(_FIRST), size=2, replace=False)) + str(rng.choice(_LAST))
            if name not in self.names:
                self.names.append(name)
                return f"{name}村{MARK_ZH}"

    def add_village(self, rng: np.random.Generator, outline: Polygon, households: int) -> Place:
        """Append a village with the next key."""
        village = Place(f"C-{len(self.villages) + 1:03d}", self.new_name(rng), outline, households)
        self.villages.append(village)
        return village

    def add_building(self, outline: Polygon, storeys: int = 1, structure: str = "砖混") -> Building:
        """Append a building with the next key."""
        building = Building(f"B-{len(self.buildings) + 1:04d}", outline, storeys, structure)
        self.buildings.append(building)
        return building


def blob(rng: np.random.Generator, radius_m: float, stretch: float = 1.25, waviness: float = 0.13) -> Polygon:
    """A rounded irregular outline about the origin; corners to the centimetre."""
    turn = np.linspace(0.0, 2.0 * np.pi, 33)[:-1]
    reach = np.ones(turn.size)
    for k in (2, 3, 4, 5):
        reach += waviness * rng.uniform(-1, 1) / k**0.5 * np.cos(k * turn + rng.uniform(0, 6.28))
    ring = radius_m * reach[:, None] * np.column_stack([np.cos(turn) * stretch, np.sin(turn) / stretch])
    return Polygon(np.round(np.asarray(affinity.rotate(Polygon(ring), rng.uniform(0, 180)).exterior.coords), 2))


def house(length_m: float = 12.0, width_m: float = 7.0) -> Polygon:
    """A rectangular house about the origin."""
    a, b = length_m / 2, width_m / 2
    return Polygon([(-a, -b), (a, -b), (a, b), (-a, b)])


def fill_villages(
    settlements: Settlements,
    terrain: Terrain,
    network: Network,
    seed: int,
    county: Polygon,
    keep_off: list[tuple[BaseGeometry, float]],
    count: int,
) -> None:
    """Villages beside the roads on gentle ground, until there are `count`.

    Parameters
    ----------
    settlements : Settlements
        Filled in place.
    terrain, network : Terrain, Network
        Ground and roads.
    seed : int
        Seed of the sample.
    county : Polygon
        Outline.
    keep_off : list of (geometry, distance)
        What villages stay away from, and by how much (m).
    count : int
        Number of villages in the end.
    """
    rng = random_stream(seed, "villages")
    slope = terrain.slope
    inner = county.buffer(-500.0)
    roads = [road.line for road in network.roads]
    seat_count = len(network.seats)
    tries = 0
    while len(settlements.villages) < count and tries < 6_000:
        tries += 1
        placed = len(settlements.villages)
        if tries <= 40 * seat_count and placed < count:
            # each seat first tries to become a large place
            seat = network.seats[(tries - 1) % seat_count]
            if any(v.outline.centroid.distance(Point(seat)) < 900 and v.households > 300 for v in settlements.villages):
                continue
            main = (tries - 1) % seat_count == 0
            spot = seat + rng.normal(0, 160.0, 2)
            radius, households = (310.0, 2600) if main else (165.0, int(rng.integers(330, 620)))
            steep = 0.30
        else:
            line = roads[int(rng.integers(len(roads)))]
            s = rng.uniform(0, line.length)
            a, b = (np.array(line.interpolate(k).coords[0]) for k in (s, min(s + 5.0, line.length)))
            ahead = b - a
            if not np.hypot(*ahead) > 0:
                continue
            side = rng.choice([-1.0, 1.0]) * np.array([-ahead[1], ahead[0]]) / np.hypot(*ahead)
            radius = float(rng.uniform(55.0, 120.0))
            spot = a + side * (1.25 * radius + rng.uniform(12.0, 60.0))
            households = int(rng.uniform(0.8, 1.4) * 1.1 * radius)
            steep = 0.24
        outline = affinity.translate(blob(rng, radius), *np.round(spot, 2))
        if not inner.contains(outline) or float(slope[terrain.index(spot[None])][0]) > steep:
            continue
        if any(v.outline.distance(outline) < 420.0 for v in settlements.villages):
            continue
        if any(geometry.distance(outline) < gap for geometry, gap in keep_off):
            continue
        if min(road.distance(outline) for road in roads) < 6.0 and radius < 150.0:
            continue
        settlements.add_village(rng, outline, households)


def build_houses(settlements: Settlements, network: Network, seed: int, total: int, keep_off: BaseGeometry) -> None:
    """Rows of houses in every village, about `total` in all, none on a road or in `keep_off`."""
    rng = random_stream(seed, "houses")
    weights = np.array([village.households**0.6 for village in settlements.villages])
    counts = np.maximum(np.round(weights / weights.sum() * total), 6).astype(int)
    roads = STRtree([road.line.buffer(9.0) for road in network.roads])
    blocks = [road.line.buffer(9.0) for road in network.roads]
    for village, wanted in zip(settlements.villages, counts, strict=True):
        angle = rng.uniform(0, 180)
        spacing = np.sqrt(0.62 * village.outline.area / wanted)
        middle = village.outline.centroid
        west, south, east, north = affinity.rotate(village.outline, -angle, origin=middle).bounds
        u, v = np.meshgrid(
            np.arange(west + 8, east - 8, 1.35 * spacing), np.arange(south + 6, north - 6, spacing / 1.35)
        )
        spots = np.column_stack([u.ravel(), v.ravel()]) + rng.normal(0, 1.0, (u.size, 2))
        placed = 0
        for spot in spots[rng.permutation(len(spots))]:
            if placed == wanted:
                break
            shape = affinity.translate(house(rng.uniform(8.5, 14.0), rng.uniform(5.5, 8.0)), *spot)
            shape = affinity.rotate(shape, angle, origin=middle)
            if not village.outline.contains(shape) or shape.intersects(keep_off):
                continue
            if any(blocks[k].intersects(shape) for k in roads.query(shape)):
                continue
            tall = village.households > 1_000 and rng.random() < 0.35
            outline = Polygon(np.round(np.asarray(shape.exterior.coords), 2))
            storeys = int(rng.integers(4, 12)) if tall else int(rng.integers(1, 3))
            structure = "框架" if tall else str(rng.choice(["砖混", "砖木", "土木", "窑洞"]))
            settlements.add_building(outline, storeys, structure)
            placed += 1


def place_services(settlements: Settlements, seed: int, avoid: BaseGeometry) -> None:
    """Schools in the larger villages, hospitals in the largest; points, EPSG:4547."""
    rng = random_stream(seed, "services")
    ranked = sorted(settlements.villages, key=lambda village: (-village.households, village.key))
    houses = STRtree([building.outline for building in settlements.buildings])

    def free_spot(village: Place) -> Point | None:
        west, south, east, north = village.outline.bounds
        for _ in range(200):
            point = Point(round(rng.uniform(west, east), 2), round(rng.uniform(south, north), 2))
            if village.outline.contains(point) and point.distance(avoid) > 150:
                near = houses.geometries[houses.nearest(point)]
                if shapely.distance(near, point) > 4.0:
                    return point
        return None

    for village in [ranked[0], ranked[0], *ranked[1:16]]:
        point = free_spot(village)
        if point is not None:
            number = len(settlements.schools) + 1
            kind = "中学" if number in (1, 4, 7) else "小学"
            name = village.name.replace(f"村{MARK_ZH}", f"{kind}{MARK_ZH}")
            pupils = int(village.households * rng.uniform(0.3, 0.7))
            settlements.schools.append((f"XX-{number:02d}", name, point, pupils))
    for village in [ranked[0], ranked[0], *ranked[1:8]]:
        point = free_spot(village)
        if point is not None:
            number = len(settlements.hospitals) + 1
            kind = ("县人民医院", "县中医院")[number - 1] if number < 3 else "卫生院"
            name = village.name.replace(f"村{MARK_ZH}", f"{kind}{MARK_ZH}")
            beds = int(rng.integers(20, 60)) * (6 if number < 3 else 1)
            settlements.hospitals.append((f"YY-{number:02d}", name, point, beds))
