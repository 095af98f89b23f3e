"""Hazards that are put where a criterion is broken, nearly broken, or too close to call."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from sxrisk.errors import GeometryError
from sxrisk.sample.frame import MARK_ZH, random_stream
from sxrisk.sample.network import COUNTY, NATIONAL, PROVINCIAL, TOWNSHIP, Network, Road
from sxrisk.sample.places import Settlements, blob, house
from sxrisk.sample.terrain import Terrain

__all__ = ["POSITION_SIGMA_M", "Hazard", "Hazards", "Plan", "Planted", "at_distance", "plant"]

Array = NDArray[np.float64]

POSITION_SIGMA_M = {
    "enterprises": 5.0,
    "pipelines": 0.3,
    "tailings": 2.0,
    "pits": 1.0,
    "quarries": 1.0,
    "blasting": 1.0,
    "dumps": 1.0,
    "goafs": 1.0,
    "villages": 2.0,
    "buildings": 0.3,
    "schools": 0.3,
    "hospitals": 5.0,
    "roads": 0.5,
    "chemical_sites": 1.0,
    "chemical_units": 5.0,
    "power_lines": 0.5,
    "gas_pipes": 0.2,
}
"""1 sigma of a position by layer, m; the project file states the same."""


@dataclass(frozen=True)
class Hazard:
    """A pit, quarry or blasting site: key, name, kind, place (EPSG:4547), depth (m), state."""

    key: str
    name: str
    kind: str
    place: BaseGeometry
    depth_m: float
    state: str = "生产"


@dataclass(frozen=True)
class Planted:
    """A pair that was put at a chosen distance: rule, both ends, distance aimed at (m), expected status."""

    rule_id: str
    layer_a: str
    id_a: str
    layer_b: str
    id_b: str
    aim_m: float
    limit_m: float
    expected: str
    note: str = ""


@dataclass
class Hazards:
    """Everything that was planted."""

    pits: list[Hazard] = field(default_factory=list)
    quarries: list[Hazard] = field(default_factory=list)
    blasting: list[Hazard] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)

    def all_places(self) -> list[BaseGeometry]:
        """Outlines and points of all of them."""
        return [hazard.place for hazard in (*self.pits, *self.quarries, *self.blasting)]


@dataclass(frozen=True)
class Plan:
    """One hazard to plant: what it is, what it lies near, how near, and what that means."""

    kind: str
    near: str
    aim_m: float
    rule_id: str
    limit_m: float
    expected: str


PLANS = (
    Plan("pits", "pipeline", 150.0, "P-35c", 200.0, "permit_to_be_shown"),
    Plan("quarries", "pipeline", 199.7, "P-35c", 200.0, "too_close_to_call"),
    Plan("quarries", "pipeline", 212.0, "P-35c", 200.0, "none"),
    Plan("blasting", "pipeline", 120.0, "P-35c", 200.0, "permit_to_be_shown"),
    Plan("quarries", "tunnel", 870.0, "P-33", 1000.0, "violation"),
    Plan("quarries", "tunnel", 1000.4, "P-33", 1000.0, "too_close_to_call"),
    Plan("quarries", "tunnel", 1025.0, "P-33", 1000.0, "none"),
    Plan("pits", COUNTY, 62.0, "OP-1", 100.0, "violation"),
    Plan("quarries", PROVINCIAL, 100.3, "OP-1", 100.0, "too_close_to_call"),
    Plan("pits", NATIONAL, 108.0, "OP-1", 100.0, "none"),
    Plan("blasting", PROVINCIAL, 75.0, "OP-1", 100.0, "violation"),
    Plan("quarries", TOWNSHIP, 31.0, "OP-2", 50.0, "violation"),
    Plan("quarries", TOWNSHIP, 50.3, "OP-2", 50.0, "too_close_to_call"),
    Plan("pits", TOWNSHIP, 57.0, "OP-2", 50.0, "none"),
)


def at_distance(shape: BaseGeometry, line: BaseGeometry, start: Array, away: Array, aim_m: float) -> BaseGeometry:
    """Move a shape along a direction until it lies `aim_m` from a line.

    Parameters
    ----------
    shape : geometry
        About the origin, EPSG:4547.
    line : geometry
        What it shall be near.
    start : (2,) float64
        Point of the line to start from.
    away : (2,) float64
        Unit vector away from the line.
    aim_m : float
        Wanted distance in the plane of EPSG:4547, m.

    Returns
    -------
    geometry

    Examples
    --------
    >>> road = LineString([(0, 0), (100, 0)])
    >>> round(at_distance(house(), road, np.array([50.0, 0.0]), np.array([0.0, 1.0]), 7.5).distance(road), 6)
    7.5
    """
    span = max(shape.bounds[2] - shape.bounds[0], shape.bounds[3] - shape.bounds[1], 1.0)
    low, high = 0.0, aim_m + span
    while affinity.translate(shape, *(start + high * away)).distance(line) < aim_m:
        high *= 2.0
    for _ in range(60):
        step = 0.5 * (low + high)
        moved = affinity.translate(shape, *(start + step * away))
        low, high = (step, high) if moved.distance(line) < aim_m else (low, step)
    return affinity.translate(shape, *(start + high * away))


def plant(
    terrain: Terrain,
    network: Network,
    settlements: Settlements,
    seed: int,
    county: Polygon,
    sites: list[BaseGeometry],
    scanned_pit: Hazard,
) -> Hazards:
    """Put the planned pits, quarries, blasting sites, houses and roads in place.

    Parameters
    ----------
    terrain : Terrain
        The county.
    network : Network
        Gets the planted roads.
    settlements : Settlements
        Gets the planted houses.
    seed : int
        Seed of the sample.
    county : Polygon
        Outline.
    sites : list of geometry
        Ponds, dumps and the pit that was scanned.
    scanned_pit : Hazard
        The pit that was scanned; it opens the list.

    Returns
    -------
    Hazards
    """
    rng = random_stream(seed, "planted")
    hazards = Hazards(pits=[scanned_pit])
    _plant_roads(network, settlements, hazards, county, sites)
    _plant_houses(network, settlements, hazards, county, sites)
    for plan in PLANS:
        _plant_one(plan, rng, terrain, network, settlements, hazards, county, sites)
    return hazards


def _plant_one(
    plan: Plan,
    rng: np.random.Generator,
    terrain: Terrain,
    network: Network,
    settlements: Settlements,
    hazards: Hazards,
    county: Polygon,
    sites: list[BaseGeometry],
) -> None:
    pipes = [(pipe.key, pipe.line) for pipe in network.pipelines if not pipe.tunnel]
    tunnel = network.tunnel
    roads = [(road.number, road.line, road.road_class) for road in network.roads]
    if plan.near == "pipeline":
        targets = pipes
    elif plan.near == "tunnel":
        targets = [(tunnel.key, tunnel.line)]
    else:
        targets = [(number, line) for number, line, road_class in roads if road_class == plan.near]
    radius = 0.5 if plan.kind == "blasting" else float(rng.uniform(55.0, 85.0))
    shape = Point(0.0, 0.0) if plan.kind == "blasting" else blob(rng, radius)
    slope = terrain.slope
    inner = county.buffer(-300.0)
    for _ in range(4_000):
        key, line = targets[int(rng.integers(len(targets)))]
        s = rng.uniform(0.02, 0.98) * line.length
        a, b = (np.array(line.interpolate(k).coords[0]) for k in (s, s + 1.0))
        away = np.array([a[1] - b[1], b[0] - a[0]]) * rng.choice([-1.0, 1.0])
        away /= np.hypot(*away)
        if plan.near == "tunnel":
            turn = rng.uniform(-1.2, 1.2)
            away = np.array(
                [np.cos(turn) * away[0] - np.sin(turn) * away[1], np.sin(turn) * away[0] + np.cos(turn) * away[1]]
            )
        place = at_distance(shape, line, a, away, plan.aim_m)
        place = _rounded(place)
        # rounding to the centimetre must not spoil the aim
        if abs(place.distance(line) - plan.aim_m) > 0.03 or not inner.contains(place):
            continue
        if float(slope[terrain.index(np.array(place.centroid.coords))][0]) > 0.42:
            continue
        others = [other for _, other, road_class in roads if other is not line and road_class == TOWNSHIP]
        majors = [other for _, other, road_class in roads if other is not line and road_class != TOWNSHIP]
        clear = (
            all(other.distance(place) > 70.0 for other in others)
            and all(other.distance(place) > 135.0 for other in majors)
            and all(other.distance(place) > 260.0 for _, other in pipes if other is not line)
            and (line is tunnel.line or tunnel.line.distance(place) > 1_080.0)
            and all(v.outline.distance(place) > (900.0 if v.households > 300 else 170.0) for v in settlements.villages)
            and all(building.outline.distance(place) > 170.0 for building in settlements.buildings)
            and all(other.distance(place) > 350.0 for other in (*sites, *hazards.all_places()))
        )
        if not clear:
            continue
        _record(plan, key, place, radius, rng, settlements, hazards)
        return
    raise GeometryError(
        f"no place was found for a planted {plan.kind} at {plan.aim_m:g} m from {plan.near}",
        remedy="Use another seed",
    )


def _record(
    plan: Plan,
    key: str,
    place: BaseGeometry,
    radius: float,
    rng: np.random.Generator,
    settlements: Settlements,
    hazards: Hazards,
) -> None:
    group = getattr(hazards, plan.kind)
    prefix = {"pits": "KC", "quarries": "CS", "blasting": "BP"}[plan.kind]
    title = {"pits": "露天矿", "quarries": "采石场", "blasting": "爆破作业点"}[plan.kind]
    identity = f"{prefix}-{len(group) + 1:02d}"
    stem = settlements.new_name(rng).replace(f"村{MARK_ZH}", "")
    depth = 0.0 if plan.kind == "blasting" else round(0.35 * radius, 1)
    group.append(Hazard(identity, f"{stem}{title}{MARK_ZH}", plan.kind, place, depth))
    layer_b = "pipelines" if plan.near in ("pipeline", "tunnel") else "roads"
    hazards.planted.append(
        Planted(plan.rule_id, plan.kind, identity, layer_b, key, plan.aim_m, plan.limit_m, plan.expected)
    )


def _straight_places(network: Network, county: Polygon, need_m: float) -> list[tuple[str, LineString, Array, Array]]:
    """Middles of long straight stretches of the gas pipelines: key, stretch, middle, unit vector to its left."""
    found = []
    inner = county.buffer(-600.0)
    for pipe in network.pipelines:
        xy = np.asarray(pipe.line.coords)
        for a, b in pairwise(xy):
            length = float(np.hypot(*(b - a)))
            if length < need_m or pipe.tunnel or not inner.contains(LineString([a, b])):
                continue
            ahead = (b - a) / length
            found.append((pipe.key, LineString([a, b]), 0.5 * (a + b), np.array([-ahead[1], ahead[0]])))
    return found


def _plant_roads(
    network: Network, settlements: Settlements, hazards: Hazards, county: Polygon, sites: list[BaseGeometry]
) -> None:
    """Three new township roads beside pipelines: within 50 m, at 50 m, and beyond."""
    cases = ((30.0, "permit_to_be_shown"), (50.25, "too_close_to_call"), (56.0, "none"))
    stretches = sorted(_straight_places(network, county, 420.0), key=lambda item: -item[1].length)
    used: list[Array] = []
    for number, (aim, expected) in enumerate(cases, start=1):
        for key, _, middle, left in stretches:
            ahead = np.array([left[1], -left[0]])
            if any(np.hypot(*(middle - other)) < 800 for other in used):
                continue
            for side in (1.0, -1.0):
                line = LineString(
                    np.round([middle + side * aim * left + k * ahead for k in (-150.0, -50.0, 60.0, 150.0)], 3)
                )
                far = [other.line for other in network.roads] + [v.outline for v in settlements.villages] + sites
                pipes = [pipe.line for pipe in network.pipelines if pipe.key != key]
                if all(line.distance(k) > 90.0 for k in far) and all(line.distance(k) > 120.0 for k in pipes):
                    name = f"Y9{number:02d}"
                    network.roads.append(Road(TOWNSHIP, name, line))
                    hazards.planted.append(
                        Planted("P-35b", "roads", name, "pipelines", key, aim, 50.0, expected, "new road")
                    )
                    used.append(middle)
                    break
            else:
                continue
            break
    if len(used) < len(cases):
        raise GeometryError("no straight pipeline was found for the planted roads", remedy="Use another seed")


def _plant_houses(
    network: Network, settlements: Settlements, hazards: Hazards, county: Polygon, sites: list[BaseGeometry]
) -> None:
    """Lone houses on, in, at the edge of and outside the 5 m strip of pipelines."""
    cases = (
        (0.0, "violation"),
        (2.0, "violation"),
        (4.85, "too_close_to_call"),
        (5.2, "too_close_to_call"),
        (7.5, "none"),
    )
    stretches = [item for item in _straight_places(network, county, 60.0) if item[0] in ("GD-01", "GD-02")]
    used: list[Array] = []
    for aim, expected in cases:
        for key, stretch, middle, left in stretches[3::2]:
            ahead = np.array([left[1], -left[0]])
            if any(np.hypot(*(middle - other)) < 500 for other in used):
                continue
            turned = affinity.rotate(house(), float(np.degrees(np.arctan2(ahead[1], ahead[0]))), origin=(0, 0))
            shape = (
                affinity.translate(turned, *(middle + 1.5 * left))
                if aim == 0.0
                else at_distance(turned, stretch, middle, left, aim)
            )
            shape = Polygon(np.round(np.asarray(shape.exterior.coords), 3))
            far = [road.line for road in network.roads] + [v.outline for v in settlements.villages] + sites
            others = [pipe.line for pipe in network.pipelines if pipe.key != key]
            if all(shape.distance(k) > 25.0 for k in far) and all(shape.distance(k) > 60.0 for k in others):
                building = settlements.add_building(shape)
                hazards.planted.append(
                    Planted("P-30c", "buildings", building.key, "pipelines", key, aim, 5.0, expected)
                )
                used.append(middle)
                break
    if len(used) < len(cases):
        raise GeometryError("no straight pipeline was found for the planted houses", remedy="Use another seed")


def _rounded(shape: BaseGeometry) -> BaseGeometry:
    if isinstance(shape, Polygon):
        return Polygon(np.round(np.asarray(shape.exterior.coords), 3))
    return Point(np.round(np.asarray(shape.coords[0]), 3))
